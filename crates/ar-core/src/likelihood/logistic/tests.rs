use super::*;

fn mixture(components: usize, channels: usize, levels: usize) -> LogisticMixture {
    LogisticMixture {
        components,
        channels,
        levels,
    }
}

/// Uniform in -1 .. 1.
fn noise(state: &mut u64) -> f32 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*state >> 40) as f32 / (1 << 23) as f32 - 1.0
}

/// Log-scales in `low .. low + span`, anything else in -2 .. 2.
fn random(mix: LogisticMixture, low: f32, span: f32, state: &mut u64) -> Vec<f32> {
    let mut p: Vec<f32> = (0..mix.parameters()).map(|_| 2.0 * noise(state)).collect();
    for c in 0..mix.channels {
        mix.rows(&mut p, c)
            .1
            .iter_mut()
            .for_each(|v| *v = low + span * (*v + 2.0) / 4.0);
    }
    p
}

fn reference(mix: LogisticMixture, p: &[f64], levels: &[u32]) -> f64 {
    let (m, h) = (mix.components, 1.0 / (mix.levels - 1) as f64);
    let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
    let sum = |v: &[f64]| {
        let top = v.iter().fold(f64::MIN, |a, &b| a.max(b));
        top + v.iter().map(|x| (x - top).exp()).sum::<f64>().ln()
    };
    let x: Vec<f64> = levels.iter().map(|&l| 2.0 * l as f64 * h - 1.0).collect();
    let mut joint = p[..m].to_vec();
    for (i, c) in (0..m * x.len()).map(|i| (i % m, i / m)) {
        let row = 1 + 2 * mix.channels + c * c.saturating_sub(1) / 2;
        let pull = |b: usize| p[(row + b) * m + i].tanh() * x[b];
        let mean = p[(1 + 2 * c) * m + i] + (0..c).map(pull).sum::<f64>();
        let rate = (-p[(2 + 2 * c) * m + i].max(-7.0)).exp();
        let (a, b) = ((x[c] - mean + h) * rate, (x[c] - mean - h) * rate);
        joint[i] += match levels[c] as usize {
            0 => -softplus(-a),
            level if level == mix.levels - 1 => -softplus(b),
            _ => (-(-2.0 * rate * h).exp_m1()).ln() - softplus(-a) - softplus(b),
        };
    }
    sum(&p[..m]) - sum(&joint)
}

fn table(mix: LogisticMixture, p: &[f32], before: &[u32]) -> Vec<f64> {
    let mut out = Vec::new();
    mix.logits_into(p, before, &mut out);
    assert!(out.iter().all(|v| v.is_finite()) && out.len() == mix.levels);
    let sum: f64 = out.iter().map(|&v| f64::from(v).exp()).sum();
    out.iter().map(|&v| f64::from(v) - sum.ln()).collect()
}

#[test]
fn levels_sum_to_one_and_tables_agree() {
    let cases = [
        (2, -9.0),
        (5, -9.0),
        (256, -8.0),
        (256, -5.0),
        (65536, -8.0),
        (65536, 0.0),
    ];
    for (seed, (levels, low)) in cases.into_iter().enumerate() {
        let mix = mixture(3, 1, levels);
        let mut p = random(mix, low, 4.0, &mut (seed as u64));
        let mut sum = 0.0;
        for (level, logit) in table(mix, &p, &[]).iter().enumerate() {
            let log = -mix.nll(&mut p, &[level as u32], None);
            sum += log.exp();
            assert!(
                log < -25.0 || (log - logit).abs() < 1e-5,
                "{levels}: {log} {logit}"
            );
        }
        assert!((sum - 1.0).abs() < 1e-5, "{levels}: {sum}");
    }
}

#[test]
fn gradient_is_that_of_the_reference() {
    let mut state = 2;
    for trial in 0..600 {
        let (channels, levels) = ([1, 3][trial % 2], [2, 4, 256][trial % 3]);
        let mix = mixture(4, channels, levels);
        let mut p = random(mix, [-9.0, -6.0, -2.0, 0.0][trial / 6 % 4], 3.0, &mut state);
        let mut level =
            |_| ((0.5 + noise(&mut state)).clamp(0.0, 1.0) * (levels - 1) as f32) as u32;
        let observed: Vec<u32> = (0..channels).map(&mut level).collect();
        let wide: Vec<f64> = p.iter().map(|&v| v.into()).collect();
        let nll = reference(mix, &wide, &observed);
        assert!((mix.nll(&mut p, &observed, Some(0.5)) - nll).abs() < 1e-5 * (1.0 + nll));
        let slope = |i: usize| {
            let end = |step: f64| {
                let mut moved = wide.clone();
                moved[i] += step;
                reference(mix, &moved, &observed)
            };
            0.5 * (end(1e-6) - end(-1e-6)) / 2e-6
        };
        let slopes: Vec<f64> = (0..p.len()).map(slope).collect();
        let top = slopes.iter().fold(1.0f64, |a, b| a.max(b.abs()));
        for (a, b) in p.iter().zip(&slopes) {
            assert!(
                (f64::from(*a) - b).abs() < 5e-5 * top,
                "{mix:?}: {a} {b} of {top}"
            );
        }
    }
}

#[test]
fn images_sum_to_one_and_tables_chain() {
    let mix = mixture(4, 3, 3);
    let mut p = random(mix, -2.0, 3.0, &mut 3);
    let mut sum = 0.0;
    for pixel in (0..27).map(|i| [i / 9, i / 3 % 3, i % 3]) {
        let nll = mix.nll(&mut p, &pixel, None);
        sum += (-nll).exp();
        let chain = |c: usize| table(mix, &p, &pixel[..c])[pixel[c] as usize];
        assert!((nll + (0..3).map(chain).sum::<f64>()).abs() < 1e-5);
    }
    assert!((sum - 1.0).abs() < 1e-5);
}

#[test]
fn huge_parameters_stay_finite() {
    let mut state = 4;
    for trial in 0..200 {
        let mix = mixture(10, 3, [2, 3, 256, 65536][trial % 4]);
        let mut p = random(mix, 0.0, 0.0, &mut state);
        for v in &mut p {
            *v = 1e4f32.copysign(noise(&mut state));
        }
        for c in 0..3 * (trial / 4 % 2) {
            mix.rows(&mut p, c)
                .1
                .iter_mut()
                .for_each(|v| *v = 50f32.copysign(*v));
        }
        let top = mix.levels as u32 - 1;
        let pixel = [1, 2, 3].map(|c| [0, top / 2, top][trial / c % 3]);
        table(mix, &p, &pixel[..trial % 3]);
        let before = p.clone();
        let nll = mix.nll(&mut p, &pixel, None);
        assert!(p == before && nll.is_finite());
        assert_eq!(mix.nll(&mut p, &pixel, Some(1.0)), nll);
        assert!(p.iter().all(|v| v.is_finite()), "{before:?} {p:?}");
    }
}

#[test]
fn what_is_drawn_directly_is_as_likely_as_by_the_table() {
    const N: usize = 60_000;
    let mixture = LogisticMixture {
        components: 3,
        channels: 2,
        levels: 6,
    };
    let parameters: Vec<f32> = (0..mixture.parameters())
        .map(|i| (i as f32 * 1.7).sin() * 1.5)
        .collect();
    for before in [&[][..], &[4]] {
        let table = crate::Likelihood::LogisticMixture(mixture);
        let table = table.log_probabilities(&parameters, before);
        let mut counts = [0usize; 6];
        for i in 0..N {
            let (level, log) = mixture.draw(&parameters, before, (i as f64 + 0.5) / N as f64);
            counts[level as usize] += 1;
            assert!((log - table[level as usize]).abs() < 1e-4);
        }
        for (count, log) in counts.iter().zip(&table) {
            let share = *count as f64 / N as f64;
            assert!((share - log.exp()).abs() < 1e-3, "{counts:?} {table:?}");
        }
    }
    let mut broken = parameters.clone();
    broken[0] = f32::NAN;
    assert!(!mixture.draw(&broken, &[], 0.3).1.is_finite());
}
