//! Sounds as a picture: each a waveform above its spectrogram, all on one scale of time and loudness.

use anyhow::Result;
use realfft::RealFftPlanner;

use super::axes::label;
use super::canvas::Picture;
use super::heat::heat;
use super::text::words;

const PAPER: [u8; 3] = [255; 3];
/// Where a shorter sound has ended.
const AFTER: [u8; 3] = [240; 3];
const INK: [u8; 3] = [38, 70, 120];
const ZERO: [u8; 3] = [190; 3];
/// Heights of the two parts of a sound and of the line between them, pixels.
const WAVE: usize = 64;
const SPECTRUM: usize = 96;
const LINE: usize = 2;
/// Of the surprise under a waveform.
const STRIP: usize = 64;
const SURPRISE: [u8; 3] = [213, 94, 0];
/// Around the two: scales to the left and below, half a number to the right, what holds for all at the top.
const LEFT: usize = 52;
const RIGHT: usize = 30;
const FOOT: usize = 28;
const HEAD: usize = 28;
/// Of the letters, and of the lines from a scale to its numbers.
const LETTER: usize = 13;
const TICK: usize = 4;
/// What is this far below a sine at full scale is as dark as silence.
const FLOOR_DB: f32 = -80.0;
/// If all are quieter, the waveforms stay flat rather than show the rounding.
const QUIETEST: f32 = 0.01;

/// Of a recording alone, pixel columns.
const ALONE: usize = 480;

/// Draws recordings of 16 bits, silence at 32768, of `rate` samples a second; several are numbered from 1.
///
/// # Errors
/// Never for what fits in memory.
pub(crate) fn sounds(recordings: &[&[u16]], rate: u32) -> Result<Picture> {
    draw(recordings, rate, None)
}

/// Draws a recording as [`sounds`] does, and under its waveform how astonished a model was: [`columns_of`] its
/// bits, `most` at the upper edge.
///
/// # Errors
/// Never for what fits in memory.
pub(crate) fn astonishing(
    recording: &[u16],
    columns: &[f64],
    most: f64,
    rate: u32,
) -> Result<Picture> {
    draw(&[recording], rate, Some((columns, most)))
}

/// The mean in each pixel column of what is told of each sample of a recording.
pub(crate) fn columns_of(samples: &[f64]) -> Vec<f64> {
    let pace = Pace::of(samples.len(), ALONE);
    let own = |x| &samples[pace.start(x)..pace.start(x + 1).min(samples.len())];
    let mean = |some: &[f64]| some.iter().sum::<f64>() / some.len().max(1) as f64;
    (0..pace.width(samples.len()))
        .map(|x| mean(own(x)))
        .collect()
}

fn draw(recordings: &[&[u16]], rate: u32, surprise: Option<(&[f64], f64)>) -> Result<Picture> {
    let (columns, width) = match recordings.len() {
        0..=3 => (1, ALONE),
        4..=8 => (2, 400),
        _ => (4, 280),
    };
    let rate = f64::from(rate.max(1));
    let longest = recordings.iter().map(|sound| sound.len()).max();
    let pace = Pace::of(longest.unwrap_or(0), width);
    let seconds = pace.samples as f64 / rate;
    let all = recordings.iter().copied().flatten();
    let peak = all.fold(QUIETEST, |peak, &s| peak.max(amplitude(s).abs()));

    let strip = surprise.map_or(0, |_| LINE + STRIP);
    let (across, down) = (LEFT + width + RIGHT, WAVE + strip + LINE + SPECTRUM + FOOT);
    let rows = recordings.len().div_ceil(columns);
    let mut page = Picture::filled(columns * across, HEAD + rows * down, PAPER).to_colour();
    draw_key(&mut page, peak);
    for (at, sound) in recordings.iter().enumerate() {
        let (left, top) = (LEFT + at % columns * across, HEAD + at / columns * down);
        let middle = top + WAVE + strip + LINE;
        let below = middle + SPECTRUM;
        if let Some((columns, most)) = surprise {
            draw_surprise(&mut page, columns, most, [left, top + WAVE + LINE]);
        }
        page.paste(&Picture::filled(width, WAVE, AFTER), left, top);
        page.paste(&Picture::filled(width, SPECTRUM, AFTER), left, middle);
        page.paste(&waveform(sound, pace, peak), left, top);
        page.paste(&spectrogram(sound, pace, rate)?, left, middle);

        if recordings.len() > 1 {
            let number = words(&format!("{}", at + 1), PAPER[0]);
            let x = left.saturating_sub(2 * TICK + number.width());
            page.paste(&number, x, top + (WAVE - LETTER) / 2);
        }
        for (share, text) in ticks(rate / 2000.0, SPECTRUM / (LETTER + 5), " kHz") {
            let y = below - 1 - (share * (SPECTRUM - 1) as f64).round() as usize;
            page.paste(&Picture::filled(TICK, 1, INK), left - TICK, y);
            let text = words(&text, PAPER[0]);
            let x = left.saturating_sub(TICK + 2 + text.width());
            page.paste(&text, x, y - LETTER / 2);
        }
        for (share, text) in ticks(seconds, width / 60, " s") {
            let x = left + (share * (width - 1) as f64).round() as usize;
            page.paste(&Picture::filled(1, TICK, INK), x, below);
            // The number stands in the middle, not the number with its unit.
            let half = words(text.trim_end_matches(" s"), PAPER[0]).width() / 2;
            page.paste(
                &words(&text, PAPER[0]),
                x.saturating_sub(half),
                below + TICK + 1,
            );
        }
    }
    Ok(page)
}

/// So many samples are drawn in so many pixel columns.
#[derive(Clone, Copy)]
struct Pace {
    samples: usize,
    columns: usize,
}

impl Pace {
    /// The longest sound has so many samples: at least one in each column.
    fn of(longest: usize, columns: usize) -> Self {
        let samples = longest.max(columns);
        Self { samples, columns }
    }

    /// The first sample of column `x`.
    fn start(self, x: usize) -> usize {
        x * self.samples / self.columns
    }

    /// The columns of a sound of so many samples.
    fn width(self, length: usize) -> usize {
        (length * self.columns).div_ceil(self.samples)
    }
}

/// Columns from 0 to `most`, with both and the unit on the left.
fn draw_surprise(page: &mut Picture, columns: &[f64], most: f64, [left, top]: [usize; 2]) {
    page.paste(&Picture::filled(ALONE, STRIP, AFTER), left, top);
    page.paste(&Picture::filled(columns.len(), STRIP, PAPER), left, top);
    for (x, bits) in columns.iter().enumerate() {
        let share = if most > 0.0 { bits / most } else { 0.0 };
        let height = (share.clamp(0.0, 1.0) * (STRIP - 1) as f64).round() as usize;
        let line = Picture::filled(1, height + 1, SURPRISE);
        page.paste(&line, left + x, top + STRIP - 1 - height);
    }
    let texts = [
        label((most * 100.0).round() / 100.0, most),
        "bits".to_owned(),
        "0".to_owned(),
    ];
    for (i, text) in texts.iter().enumerate() {
        let text = words(text, PAPER[0]);
        let x = left.saturating_sub(TICK + 2 + text.width());
        // The last clear of the scale below.
        page.paste(&text, x, top + i * (STRIP - LETTER - TICK) / 2);
    }
}

/// Says what the height of the waveforms and the colours mean.
fn draw_key(page: &mut Picture, peak: f32) {
    let top = (HEAD - LETTER) / 2 - 2;
    let mut x = LEFT;
    let mut put = |picture: &Picture| {
        page.paste(picture, x, top);
        x += picture.width() + TICK + 2;
    };
    let whose = if peak > QUIETEST {
        " (the loudest)"
    } else {
        ""
    };
    let waves = format!("waves ±{peak:.2} of full scale{whose}   {FLOOR_DB} dB");
    put(&words(&waves, PAPER[0]));
    let mut bar = Picture::filled(80, LETTER, PAPER).to_colour();
    for x in 0..bar.width() {
        let colour = heat(x as f32 / (bar.width() - 1) as f32);
        bar.paste(&Picture::filled(1, LETTER, colour), x, 0);
    }
    put(&bar);
    put(&words("0 dB", PAPER[0]));
}

/// Round numbers from 0 to `end` in at most `most` steps, each with its share of `end`; the last has the unit.
fn ticks(end: f64, most: usize, unit: &str) -> Vec<(f64, String)> {
    let finest = end / most as f64;
    let power = 10f64.powf(finest.log10().floor());
    let round = [1.0, 2.0, 5.0].map(|step| step * power);
    let step = round.into_iter().find(|&step| step >= finest * 0.999);
    let step = step.unwrap_or(10.0 * power);
    let last = (end / step * 1.001) as usize;
    let of = |i| {
        let number = label(i as f64 * step, end);
        let unit = if i == last { unit } else { "" };
        ((i as f64 * step / end).min(1.0), number + unit)
    };
    (0..=last).map(of).collect()
}

/// From -1 to 1.
fn amplitude(sample: u16) -> f32 {
    (f32::from(sample) - 32_768.0) / 32_768.0
}

/// From the lowest to the highest sample of each pixel column, `peak` at the edge.
fn waveform(sound: &[u16], pace: Pace, peak: f32) -> Picture {
    let row = |sample: u16| {
        let down = (1.0 - amplitude(sample) / peak) / 2.0;
        (down * (WAVE - 1) as f32).round() as usize
    };
    let width = pace.width(sound.len());
    let mut picture = Picture::filled(width, WAVE, PAPER).to_colour();
    picture.paste(&Picture::filled(width, 1, ZERO), 0, row(32_768));
    for x in 0..width {
        // With the last sample before, so that neighbours touch.
        let from = pace.start(x).saturating_sub(1);
        let to = pace.start(x + 1).min(sound.len());
        let own = || sound[from..to].iter().copied();
        if let (Some(low), Some(high)) = (own().min(), own().max()) {
            let (top, bottom) = (row(high), row(low));
            let line = Picture::filled(1, bottom + 1 - top, INK);
            picture.paste(&line, x, top);
        }
    }
    picture
}

/// The power in dB around each pixel column, 0 Hz in the lowest row and half the rate in the highest.
///
/// Every sample is in at least two windows and every frequency in a row: a pixel has the loudest of its own.
fn spectrogram(sound: &[u16], pace: Pace, rate: f64) -> Result<Picture> {
    let window = ((rate * 0.024) as usize).clamp(2, 1 << 14);
    // Longer than the window, so that no row is without a frequency.
    let length = window.next_power_of_two().max(4 * SPECTRUM);
    let transform = RealFftPlanner::<f32>::new().plan_fft_forward(length);
    let (mut frame, mut spectrum) = (transform.make_input_vec(), transform.make_output_vec());
    let hann: Vec<f32> = (0..window)
        .map(|i| std::f32::consts::PI * (i as f32 + 0.5) / window as f32)
        .map(|angle| angle.sin().powi(2))
        .collect();
    let full_scale = hann.iter().sum::<f32>() / 2.0;

    let width = pace.width(sound.len());
    let mut planes = vec![0; 3 * SPECTRUM * width];
    for x in 0..width {
        let mut loudest = [0f32; SPECTRUM];
        let (from, to) = (pace.start(x), pace.start(x + 1));
        let frames = (2 * (to - from)).div_ceil(window);
        for i in 0..frames {
            let middle = from + (2 * i + 1) * (to - from) / (2 * frames);
            // The transform leaves its input in disorder.
            frame.fill(0.0);
            for (t, (value, hann)) in frame.iter_mut().zip(&hann).enumerate() {
                let at = (middle + t).checked_sub(window / 2);
                let sample = at.and_then(|at| sound.get(at));
                *value = sample.map_or(0.0, |&sample| hann * amplitude(sample));
            }
            transform.process(&mut frame, &mut spectrum)?;
            for (bin, value) in spectrum.iter().enumerate() {
                let row = (bin * SPECTRUM / (spectrum.len() - 1)).min(SPECTRUM - 1);
                loudest[row] = loudest[row].max(value.norm() / full_scale);
            }
        }
        for (row, loudest) in loudest.iter().enumerate() {
            let colour = heat(1.0 - 20.0 * loudest.log10() / FLOOR_DB);
            for (plane, value) in planes.chunks_exact_mut(SPECTRUM * width).zip(colour) {
                plane[(SPECTRUM - 1 - row) * width + x] = value;
            }
        }
    }
    Picture::from_planes((3, SPECTRUM, width), &planes)
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

    fn pace(samples: usize) -> Pace {
        Pace {
            samples,
            columns: 1,
        }
    }

    #[test]
    fn a_tone_lights_its_row_and_silence_none() {
        for hertz in [300.0, 1000.0, 3700.0] {
            let picture = spectrogram(&sine(hertz, 4000), pace(10), 8000.0).unwrap();
            let column = |y: &usize| picture.rgb(200, *y).map(u32::from).iter().sum::<u32>();
            let row = (0..SPECTRUM).max_by_key(column).unwrap();
            let expected = SPECTRUM - 1 - (hertz / 4000.0 * SPECTRUM as f64) as usize;
            assert!(row.abs_diff(expected) <= 1, "{hertz}: {row} {expected}");
            // 6 dB below full scale.
            assert!(picture.rgb(200, row)[1] > 200 && picture.rgb(200, SPECTRUM / 2) == heat(0.0));
        }
        let silence = spectrogram(&[32_768; 4000], pace(10), 8000.0).unwrap();
        assert_eq!(silence, Picture::filled(400, SPECTRUM, heat(0.0)));
    }

    #[test]
    fn a_click_is_seen_however_long_the_sound() {
        let mut samples = vec![32_768; 480_000];
        samples[123_456] = 65_535;
        let picture = spectrogram(&samples, pace(1000), 8000.0).unwrap();
        assert_ne!(picture.rgb(123, 50), heat(0.0));
        let wave = waveform(&samples, pace(1000), 1.0);
        assert_eq!([wave.rgb(123, 0), wave.rgb(122, 0)], [INK, PAPER]);
    }

    #[test]
    fn waves_reach_from_lowest_to_highest() {
        let wave = waveform(&[0, 65_535, 32_768, 32_768], pace(2), 1.0);
        let inked = |x| (0..WAVE).filter(|&y| wave.rgb(x, y) == INK).count();
        assert_eq!((wave.width(), inked(0), inked(1)), (2, WAVE, 33));
    }

    #[test]
    fn lengths_can_be_compared() {
        let (long, short) = (sine(300.0, 9000), sine(300.0, 900));
        let page = sounds(&[&long, &short], 8000).unwrap();
        let down = WAVE + LINE + SPECTRUM + FOOT;
        assert_eq!(
            (page.width(), page.height()),
            (LEFT + 480 + RIGHT, HEAD + 2 * down)
        );
        let at = |x, row| page.rgb(LEFT + x, HEAD + row * down + WAVE / 2);
        assert_eq!([at(47, 1), at(48, 1)], [INK, AFTER]);
        assert_ne!(at(479, 0), AFTER);
    }

    #[test]
    fn sounds_of_any_length_number_and_rate_are_drawn() {
        for sound in [&[][..], &[32_768], &[0, 65_535], &[0; 1000]] {
            for rate in [0, 1, 44_100, u32::MAX] {
                sounds(&[sound], rate).unwrap();
            }
            let widths = [0, 3, 5, 17].map(|n| sounds(&vec![sound; n], 8000).unwrap().width());
            assert_eq!(widths, [562, 562, 964, 1448]);
        }
    }

    #[test]
    fn scales_have_round_numbers() {
        let text =
            |end, most| -> String { ticks(end, most, " s").into_iter().map(|t| t.1).collect() };
        assert_eq!(text(4.0, 5), "01234 s");
        assert_eq!(text(22.05, 5), "05101520 s");
        assert_eq!(text(0.62, 4), "00.20.40.6 s");
    }

    #[test]
    fn surprise_stands_under_its_samples() {
        let sound = sine(300.0, 4800);
        let bits: Vec<f64> = (0..4800).map(|t| f64::from(t / 1200)).collect();
        let columns = columns_of(&bits);
        assert_eq!((columns.len(), columns[0], columns[479]), (480, 0.0, 3.0));
        assert_eq!(columns_of(&[1.0, 2.0]), [1.0, 2.0]);
        assert!(columns_of(&[]).is_empty());
        let page = astonishing(&sound, &columns, 3.0, 8000).unwrap();
        let plain = sounds(&[&sound], 8000).unwrap();
        assert_eq!(page.height(), plain.height() + LINE + STRIP);
        let top = HEAD + WAVE + LINE;
        let height = |x: usize| {
            let own = (0..STRIP).filter(|&y| page.rgb(LEFT + x, top + y) == SURPRISE);
            own.count()
        };
        assert_eq!([height(0), height(130), height(479)], [1, 22, STRIP]);
        astonishing(&[], &[], 0.0, 8000).unwrap();
    }
}
