//! Sounds as they are seen: each a waveform above its spectrogram, all on one scale of time and loudness.

use anyhow::Result;
use realfft::RealFftPlanner;

use super::canvas::Picture;
use super::text::words;

const PAPER: [u8; 3] = [255; 3];
const INK: [u8; 3] = [38, 70, 120];
const ZERO: [u8; 3] = [200, 204, 210];
/// Pixels of the longest sound.
const WIDTH: usize = 480;
const WAVE: usize = 56;
const SPECTRUM: usize = 88;
/// For the labels to the left, and between sounds.
const MARGIN: usize = 44;
const GAP: usize = 12;
/// What is this far below full scale, in dB, is dark.
const FLOOR: f32 = -80.0;

/// Draws recordings of 16 bits, silence at 32768, of `rate` samples a second.
///
/// # Errors
/// Never for what fits in memory.
pub(crate) fn sounds(recordings: &[&[u16]], rate: u32) -> Result<Picture> {
    let all: Vec<Vec<f32>> = recordings.iter().map(|r| amplitudes(r)).collect();
    let longest = all.iter().map(Vec::len).max().unwrap_or(0).max(1);
    let loudest = all.iter().flatten().fold(0f32, |m, x| m.max(x.abs()));
    let loudest = loudest.max(1e-3);
    let columns = if all.len() > 3 { 2 } else { 1 };
    let (cell, row) = (MARGIN + WIDTH + GAP, WAVE + SPECTRUM + GAP + 4);
    let rows = all.len().div_ceil(columns).max(1);
    let foot = 24;
    let mut sheet = Picture::filled(columns * cell, rows * row + foot, PAPER).to_colour();
    let ladder = format!("{:.1}k", f64::from(rate) / 2000.0);
    for (i, sound) in all.iter().enumerate() {
        let (left, top) = (i % columns * cell + MARGIN, i / columns * row + GAP / 2);
        let width = (sound.len() * WIDTH).div_ceil(longest).clamp(1, WIDTH);
        sheet.paste(&waveform(sound, width, loudest)?, left, top);
        sheet.paste(&spectrogram(sound, width)?, left, top + WAVE + 4);
        let beside = |sheet: &mut Picture, text: &str, y: usize| {
            let label = words(text, PAPER[0]);
            sheet.paste(&label, left.saturating_sub(label.width() + 4), y);
        };
        beside(&mut sheet, &format!("{loudest:.2}"), top);
        beside(&mut sheet, &ladder, top + WAVE + 4);
        beside(&mut sheet, "0", top + WAVE + SPECTRUM - 8);
    }
    let seconds = longest as f64 / f64::from(rate.max(1));
    for column in 0..columns {
        let left = column * cell + MARGIN;
        for quarter in 0..=4 {
            let text = format!("{:.2}", seconds * f64::from(quarter) / 4.0);
            let label = words(&text, PAPER[0]);
            let at = left + WIDTH * quarter as usize / 4;
            let x = at.saturating_sub(label.width() / 2);
            sheet.paste(&label, x.min(left + WIDTH - label.width()), rows * row + 4);
        }
        let unit = words("s", PAPER[0]);
        sheet.paste(&unit, left.saturating_sub(30), rows * row + 4);
    }
    Ok(sheet)
}

/// From -1 to 1.
fn amplitudes(samples: &[u16]) -> Vec<f32> {
    let of = |&sample: &u16| (f32::from(sample) - 32_768.0) / 32_768.0;
    samples.iter().map(of).collect()
}

/// The samples that pixel column `x` of `width` stands for, at least one.
fn column(sound: &[f32], x: usize, width: usize) -> &[f32] {
    let from = (x * sound.len() / width).min(sound.len().saturating_sub(1));
    let to = ((x + 1) * sound.len() / width).clamp(from, sound.len());
    &sound[from..to.max(from + 1).min(sound.len())]
}

/// From the lowest to the highest of each pixel column, `loudest` at the edge.
fn waveform(sound: &[f32], width: usize, loudest: f32) -> Result<Picture> {
    let row = |x: f32| {
        let down = (1.0 - x / loudest) / 2.0 * (WAVE - 1) as f32;
        (down.round() as usize).min(WAVE - 1)
    };
    let mut planes = vec![255u8; 3 * WAVE * width];
    let mut dot = |x: usize, y: usize, colour: [u8; 3]| {
        for (plane, value) in planes.chunks_exact_mut(WAVE * width).zip(colour) {
            plane[y * width + x] = value;
        }
    };
    for x in 0..width {
        dot(x, row(0.0), ZERO);
        let own = column(sound, x, width);
        let (low, high) = own
            .iter()
            .fold((0f32, 0f32), |(low, high), &v| (low.min(v), high.max(v)));
        if high > low {
            (row(high)..=row(low)).for_each(|y| dot(x, y, INK));
        }
    }
    Picture::from_planes((3, WAVE, width), &planes)
}

/// The power in dB of a window around each pixel column, high frequencies above.
fn spectrogram(sound: &[f32], width: usize) -> Result<Picture> {
    const WINDOW: usize = 256;
    let transform = RealFftPlanner::<f32>::new().plan_fft_forward(WINDOW);
    let (mut frame, mut spectrum) = (transform.make_input_vec(), transform.make_output_vec());
    let hann: Vec<f32> = (0..WINDOW)
        .map(|i| {
            (std::f32::consts::PI * (i as f32 + 0.5) / WINDOW as f32)
                .sin()
                .powi(2)
        })
        .collect();
    // Of a sine at full scale.
    let full: f32 = hann.iter().sum::<f32>() / 2.0;
    let mut planes = vec![0u8; 3 * SPECTRUM * width];
    for x in 0..width {
        let middle = (2 * x + 1) * sound.len() / (2 * width);
        for (i, (out, hann)) in frame.iter_mut().zip(&hann).enumerate() {
            let at = (middle + i).checked_sub(WINDOW / 2);
            *out = hann * at.and_then(|at| sound.get(at)).copied().unwrap_or(0.0);
        }
        transform.process(&mut frame, &mut spectrum)?;
        for y in 0..SPECTRUM {
            let bin = (SPECTRUM - 1 - y) * (spectrum.len() - 1) / (SPECTRUM - 1);
            let power = spectrum[bin].norm_sqr() / (full * full);
            let decibels = 10.0 * power.max(1e-12).log10();
            let colour = heat((1.0 - decibels / FLOOR).clamp(0.0, 1.0));
            for (plane, value) in planes.chunks_exact_mut(SPECTRUM * width).zip(colour) {
                plane[y * width + x] = value;
            }
        }
    }
    Picture::from_planes((3, SPECTRUM, width), &planes)
}

/// From dark over violet and orange to pale yellow, each step as bright as the others.
fn heat(share: f32) -> [u8; 3] {
    const STOPS: [[f32; 3]; 6] = [
        [2.0, 2.0, 10.0],
        [60.0, 15.0, 110.0],
        [140.0, 40.0, 125.0],
        [220.0, 75.0, 90.0],
        [250.0, 155.0, 90.0],
        [252.0, 250.0, 190.0],
    ];
    let place = share * (STOPS.len() - 1) as f32;
    let below = (place as usize).min(STOPS.len() - 2);
    let part = place - below as f32;
    [0, 1, 2].map(|c: usize| {
        let (a, b) = (STOPS[below][c], STOPS[below + 1][c]);
        (a + part * (b - a)).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hertz: f64, samples: usize) -> Vec<u16> {
        let of = |t: usize| (std::f64::consts::TAU * hertz * t as f64 / 8000.0).sin();
        (0..samples)
            .map(|t| (32_768.0 + 16_000.0 * of(t)) as u16)
            .collect()
    }

    #[test]
    fn a_tone_is_bright_where_it_is_and_silence_dark() {
        let brightest = |samples: &[u16]| {
            let picture = spectrogram(&amplitudes(samples), 60).unwrap();
            let sum = |y: &usize| picture.rgb(30, *y).map(u32::from).iter().sum::<u32>();
            (0..SPECTRUM).max_by_key(sum).map(|y| (y, sum(&y))).unwrap()
        };
        let (row, _) = brightest(&sine(1000.0, 4000));
        let expected = SPECTRUM - 1 - SPECTRUM / 4;
        assert!(row.abs_diff(expected) <= 2, "{row} {expected}");
        assert_eq!(brightest(&[32_768; 4000]).1, 14);
    }

    #[test]
    fn sounds_of_any_length_and_number_are_drawn() {
        let (long, short) = (sine(300.0, 900), sine(300.0, 90));
        let (one, two) = (
            sounds(&[&long], 8000).unwrap(),
            sounds(&[&long, &short], 8000).unwrap(),
        );
        assert!(two.height() > one.height() && two.width() == one.width());
        // The shorter is as much narrower.
        let y = WAVE + SPECTRUM + GAP + 4 + GAP / 2 + WAVE + 20;
        assert_ne!(two.rgb(MARGIN + 20, y), PAPER);
        assert_eq!(two.rgb(MARGIN + WIDTH / 2, y), PAPER);
        for few in [&[32_768u16][..], &[0, 65_535]] {
            sounds(&[few; 5], 8000).unwrap();
        }
        sounds(&[], 8000).unwrap();
    }
}
