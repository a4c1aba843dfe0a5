//! Recordings as a data set: a folder of WAVs, one file, or the built-in vowels.

use std::path::Path;

use rayon::prelude::*;

use super::resample::resampled;
use super::{Bands, ClassPattern, NamePattern, Recording, read_wav, tones};
use crate::assemble::{Found, Sound};
use crate::formats::{Files, file_name, first_file};
use crate::native::Nature;
use crate::pile::{Picture, Pile};
use crate::{Error, Framing, LoadOptions, Result, Shape, hold_out};

/// How recordings are read and seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoundOptions {
    /// Samples a second that recordings are resampled to; without it, those of the first.
    pub rate: Option<u32>,
    /// Samples of a window that count in training.
    pub crop: usize,
    /// Samples before them that they are given: as many as a model's conditionals depend on.
    pub context: usize,
    /// How the names of files say the class, where folders do not.
    pub classes: Option<ClassPattern>,
    /// Whose names are for the test alone, such as those of a speaker.
    pub hold_out: Option<NamePattern>,
    /// Built-in recordings for training.
    pub tones: usize,
    /// What a model is told of each window, if it is.
    pub bands: Option<Bands>,
}

impl Default for SoundOptions {
    fn default() -> Self {
        Self {
            rate: None,
            crop: 4000,
            context: 0,
            classes: None,
            hold_out: None,
            tones: 2000,
            bands: None,
        }
    }
}

impl SoundOptions {
    fn framing(&self) -> Result<Framing> {
        const MOST: usize = 1 << 24;
        if !(1..=MOST).contains(&self.crop) || self.context > MOST {
            return Err(Error::Option {
                option: "--crop",
                must: "from 1 to 16777216 samples",
            });
        }
        if self.bands.is_some_and(|bands| bands.every > self.crop) {
            return Err(Error::Option {
                option: "--crop",
                must: "at least as many samples as a stretch that --bands tells something of",
            });
        }
        Ok(Framing {
            resize: None,
            crop: Some([1, self.crop + self.context]),
        })
    }

    fn pile(&self) -> Result<Pile> {
        Ok(Pile::of_recordings(self.framing()?, self.context))
    }

    fn described(&self, rate: u32) -> Sound {
        let (crop, context) = (self.crop, self.context);
        Sound {
            rate,
            crop,
            context,
        }
    }
}

/// Whether a file is a recording, by its name.
pub(crate) fn is_wav(path: &Path) -> bool {
    let of_file = path.extension();
    of_file.is_some_and(|end| end.eq_ignore_ascii_case("wav")) && path.is_file()
}

/// The samples of a WAV, resampled to `rate` samples a second.
///
/// # Errors
/// As [`read_wav`](crate::read_wav).
pub fn samples_of(path: &Path, rate: u32) -> Result<Vec<u16>> {
    Ok(resampled(path, read_wav(path)?, rate)?.samples)
}

fn picture(recording: Recording) -> Result<Picture> {
    let shape = Shape::new(1, 1, recording.samples.len());
    Picture::new(Framing::default(), shape, recording.samples)
}

/// A folder of WAVs, with `train`, `validation` and `test` below it or without; folders are classes.
pub(crate) fn find_sounds(dir: &Path, options: &LoadOptions) -> Result<Found> {
    let sound = &options.sound;
    let rate = match (sound.rate, first_file(dir, is_wav)) {
        (Some(rate), _) => rate,
        (None, Some(first)) => read_wav(&first)?.rate,
        (None, None) => tones::RATE,
    };
    let framing = sound.framing()?;
    let files = Files {
        is: is_wav,
        called: ["a recording", "recordings", "no recording"],
        expected: "*.wav, or a folder of them for every class",
        classes: sound.classes.as_ref(),
        test: sound.hold_out.as_ref(),
        read: &|path| picture(resampled(path, read_wav(path)?, rate)?),
        empty: &|| Pile::of_recordings(framing, sound.context),
    };
    let found = files.find(dir, Nature::Sound)?;
    Ok(Found {
        sound: Some(sound.described(rate)),
        ..found
    })
}

/// A single WAV.
pub(crate) fn find_sound(path: &Path, options: &LoadOptions) -> Result<Found> {
    let recording = read_wav(path)?;
    let rate = options.sound.rate.unwrap_or(recording.rate);
    let mut pile = options.sound.pile()?;
    pile.push(path, picture(resampled(path, recording, rate)?)?)?;
    let said = format!("{}: one recording", path.display());
    Ok(Found {
        sound: Some(options.sound.described(rate)),
        ..Found::only(file_name(path), said, Nature::Sound, pile)
    })
}

/// The same vowels for everybody.
const SEED: u64 = 1;
const MOST: usize = 1_000_000;
/// Between the splits, so that a longer set begins with the shorter.
const RANGE: u64 = 1 << 40;

/// The built-in vowels: a tenth as many for validation and as many for the test, none of them among those for
/// training.
pub(crate) fn draw_tones(options: &LoadOptions) -> Result<Found> {
    let n = options.sound.tones;
    if !(1..=MOST).contains(&n) {
        return Err(Error::Option {
            option: "tones",
            must: "between 1 and 1000000",
        });
    }
    let rate = options.sound.rate.unwrap_or(tones::RATE);
    let pile = |n: usize, start: u64| -> Result<Pile> {
        let draw = |i: usize| {
            let (samples, class) = tones::draw(SEED, start + i as u64);
            let recording = Recording {
                samples,
                rate: tones::RATE,
                exact: true,
            };
            Ok((
                picture(resampled(Path::new("tones"), recording, rate)?)?,
                class as u32,
            ))
        };
        let drawn: Vec<(Picture, u32)> = (0..n).into_par_iter().map(draw).collect::<Result<_>>()?;
        let (mut pile, mut labels) = (options.sound.pile()?, Vec::new());
        for (picture, class) in drawn {
            pile.push(Path::new("tones"), picture)?;
            labels.push(class);
        }
        Ok(pile.with_labels(Some(labels)))
    };
    let few = |most: usize| hold_out::held_out(n, most);
    let splits = [
        (n, 0),
        (few(options.validation), RANGE),
        (few(options.test), 2 * RANGE),
    ];
    let [train, validation, test] = splits.map(|(n, start)| pile(n, start));
    let said = format!("built-in sung vowels, {n} drawn");
    Ok(Found {
        validation: Some(validation?),
        test: Some(test?),
        classes: tones::CLASSES.map(str::to_owned).to_vec(),
        sound: Some(options.sound.described(rate)),
        ..Found::only("tones".to_owned(), said, Nature::Sound, train?)
    })
}

/// Whether a source is of recordings, by the names of its files alone.
pub fn is_sound(source: &crate::Source) -> bool {
    match source {
        crate::Source::Tones => true,
        crate::Source::Path(path) => is_wav(path) || first_file(path, is_wav).is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{Dataset, Source, load, write_wav};

    fn tones() -> LoadOptions {
        LoadOptions {
            sound: SoundOptions {
                tones: 40,
                crop: 500,
                context: 100,
                ..SoundOptions::default()
            },
            ..LoadOptions::default()
        }
    }

    fn loaded(path: &Path, sound: SoundOptions) -> Result<Dataset> {
        let options = LoadOptions {
            sound,
            ..LoadOptions::default()
        };
        load(&Source::Path(path.to_owned()), &options)
    }

    #[test]
    fn vowels_need_no_file_and_are_the_same_for_everybody() {
        let set = load(&Source::Tones, &tones()).unwrap();
        assert_eq!(
            [set.train.len(), set.validation.len(), set.test.len()],
            [40, 4, 4]
        );
        assert_eq!(
            (set.sample_rate, set.native_levels()),
            (Some(8000), 1 << 16)
        );
        assert_eq!((set.shape().width, set.train.context()), (600, Some(100)));
        let again = load(&Source::Tones, &tones()).unwrap();
        assert_eq!(set.fingerprint, again.fingerprint);
    }

    #[test]
    fn recordings_of_a_folder_have_one_rate_and_the_classes_of_their_names() {
        let dir = tempfile::tempdir().unwrap();
        for (i, name) in ["7_ann_0", "3_ann_1", "7_bob_2", "3_bob_3"]
            .iter()
            .enumerate()
        {
            let samples: Vec<u16> = (0..800).map(|t| 32768 + (t * 37 % 99) as u16).collect();
            let rate = if i == 1 { 16_000 } else { 8000 };
            write_wav(dir.path().join(format!("{name}.wav")), rate, &samples).unwrap();
        }
        assert!(is_sound(&Source::Path(dir.path().to_owned())));
        let by_digit = SoundOptions {
            classes: Some("{digit}_*_*".parse().unwrap()),
            ..SoundOptions::default()
        };
        let set = loaded(dir.path(), by_digit).unwrap();
        assert_eq!(
            (set.sample_rate, &set.classes[..]),
            (Some(16_000), &["3".to_owned(), "7".to_owned()][..])
        );
        let lengths: Vec<usize> = (0..set.train.len()).map(|i| set.train.values(i)).collect();
        assert!(
            lengths.iter().all(|&n| n == 800 || n == 1600),
            "{lengths:?}"
        );
        let other = SoundOptions {
            classes: Some("{digit}-*".parse().unwrap()),
            ..SoundOptions::default()
        };
        let refused = loaded(dir.path(), other).unwrap_err().to_string();
        assert!(refused.contains("--classes-from {digit}-*"), "{refused}");
        // A speaker is for the test alone.
        let held = |names: &str| SoundOptions {
            classes: Some("{digit}_*_*".parse().unwrap()),
            hold_out: Some(names.parse().unwrap()),
            ..SoundOptions::default()
        };
        let set = loaded(dir.path(), held("*_bob_*")).unwrap();
        assert_eq!((set.test.len(), set.classes.len()), (2, 2));
        assert_eq!(set.train.len() + set.validation.len(), 2);
        let refused = loaded(dir.path(), held("*_eve_*")).unwrap_err().to_string();
        assert!(
            refused.contains("no name in it fits --hold-out *_eve_*"),
            "{refused}"
        );
        // One that is broken is named.
        let broken = dir.path().join("5_eve_4.wav");
        fs::write(&broken, b"RIFF\x10\0\0\0WAVEfmt ").unwrap();
        let refused = loaded(dir.path(), SoundOptions::default()).unwrap_err();
        assert!(refused.to_string().contains("5_eve_4.wav"), "{refused}");
    }

    #[test]
    fn one_file_is_one_recording_and_no_image() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.wav");
        write_wav(&file, 8000, &[32768; 50]).unwrap();
        let set = loaded(&file, SoundOptions::default()).unwrap();
        assert_eq!((set.train.len(), set.train.values(0)), (1, 50));
        let refused = crate::read_images(&file, &LoadOptions::default()).unwrap_err();
        assert!(
            refused.to_string().contains("images are wanted"),
            "{refused}"
        );
    }
}
