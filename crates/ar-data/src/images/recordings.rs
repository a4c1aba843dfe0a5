//! Recordings: pictures of one row, of any length, seen through a window that carries what comes before it.

use std::ops::Range;

use super::Images;
use crate::frames::frames;
use crate::{Bands, Error, Result, Shape};

impl Images {
    /// Recordings one after the other in `values`, of these lengths. Training sees windows of `window` values
    /// at random places; the first `context` of each are what the others are given, unless the recording
    /// begins there. A recording that ends before its window is followed by silence, which counts for nothing.
    ///
    /// # Errors
    /// When a recording is empty, the window no longer than the context, or as [`Images::new`].
    pub fn recordings(
        native_levels: usize,
        values: Vec<u16>,
        lengths: &[usize],
        labels: Option<Vec<u32>>,
        [window, context]: [usize; 2],
    ) -> Result<Self> {
        if window <= context || lengths.contains(&0) {
            return Err(Error::Option {
                option: "--crop",
                must: "at least 1, and no recording empty",
            });
        }
        let sizes: Vec<_> = lengths.iter().map(|&length| [1, length]).collect();
        let shape = Shape::new(1, 1, window);
        let all = frames(1, sizes.iter().copied()).0;
        Ok(Self {
            frames: Some(all),
            context: Some(context),
            ..Self::windows(shape, native_levels, values, sizes, labels)?
        })
    }

    /// The same recordings with what a model is told of each of their windows ([`LevelBatch::told`]).
    ///
    /// [`LevelBatch::told`]: crate::LevelBatch::told
    pub fn with_bands(self, bands: Option<Bands>) -> Self {
        Self { bands, ..self }
    }

    /// What is told of the window of recording `i` that begins at `corner`, where stretches begin: of each stretch
    /// what the whole recording says, also where the window ends within it.
    pub(crate) fn told(&self, i: usize, corner: [usize; 2]) -> Option<Vec<f32>> {
        let bands = self.bands?;
        let (mut samples, recording) = (self.window(i, corner).into_owned(), self.recording(i));
        let end = corner[1] + samples.len();
        let whole = corner[1] + samples.len().next_multiple_of(bands.every);
        samples.extend(
            recording
                .get(end..whole.min(recording.len()))
                .unwrap_or(&[]),
        );
        Some(bands.of(&samples))
    }

    /// Windows begin at multiples of so many samples: where what is told of recordings begins anew.
    pub(crate) fn stretch(&self) -> usize {
        self.bands.map_or(1, |bands| bands.every)
    }

    /// How many values of a window there are up to the last that counts, of which the next window goes on.
    fn counted(&self) -> usize {
        let context = self.context.unwrap_or(0);
        let crop = self.shape.width - context;
        context + (crop - crop % self.stretch().min(crop))
    }

    /// Of recordings, how many values of a window are context alone; none of pictures.
    pub const fn context(&self) -> Option<usize> {
        self.context
    }

    /// All samples of recording `i`; of pictures, the values of the whole picture.
    ///
    /// # Panics
    /// When `i >= len()`, as slices do.
    pub fn recording(&self, i: usize) -> &[u16] {
        self.picture(i).0
    }

    /// How many values recording `i` has; of a picture, how many its image has.
    ///
    /// # Panics
    /// When `i >= len()`, as slices do.
    pub fn values(&self, i: usize) -> usize {
        match self.context {
            Some(_) => self.picture(i).0.len(),
            None => self.shape.dims(),
        }
    }

    /// What counts of the window of recording `i` that begins at `start`: what is inside the recording and has
    /// all of its context, or has all there ever was.
    pub(crate) fn scored(&self, i: usize, start: usize) -> Option<Range<usize>> {
        let context = self.context?;
        let first = if start == 0 { 0 } else { context };
        let end = self.values(i).saturating_sub(start).min(self.counted());
        Some(first.min(end)..end)
    }

    /// Where the windows begin that together count every value of recording `i` once.
    pub fn pieces(&self, i: usize) -> impl Iterator<Item = usize> + use<> {
        let (length, context) = (self.values(i), self.context.unwrap_or(0));
        let step = self.counted() - context;
        (0..)
            .map(move |piece| piece * step)
            .take_while(move |&start| start == 0 || start + context < length)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Encoding, Epoch, Traversal};

    const LENGTHS: [usize; 4] = [3, 10, 25, 1];

    fn recordings() -> Arc<Images> {
        let values: Vec<u16> = (0..39).map(|v| v + 1).collect();
        let labels = Some(vec![0, 1, 0, 1]);
        Arc::new(Images::recordings(64, values, &LENGTHS, labels, [10, 4]).unwrap())
    }

    #[test]
    fn the_pieces_of_a_recording_count_every_value_once_with_its_context() {
        let all = recordings();
        for (i, &length) in LENGTHS.iter().enumerate() {
            let mut counted = vec![0; length];
            for start in all.pieces(i) {
                let scored = all.scored(i, start).unwrap();
                assert!(start == 0 || scored.start == 4, "{i} {start}");
                scored.for_each(|t| counted[start + t] += 1);
            }
            assert!(counted.iter().all(|&n| n == 1), "{i}: {counted:?}");
        }
    }

    #[test]
    fn training_sees_nothing_without_its_context_and_all_of_it_sometime() {
        let all = recordings();
        let firsts = [1, 4, 14, 39];
        let mut seen = vec![0; 40];
        for epoch in 0..200 {
            let traversal = Traversal::Shuffled { seed: 1, epoch };
            let native = Encoding::native(64).unwrap();
            let epoch = Epoch::new(Arc::clone(&all), native, 3, traversal).unwrap();
            for batch in (0..epoch.len()).map(|b| epoch.batch(b).unwrap()) {
                let scored = batch.scored.unwrap();
                for ((levels, scored), &i) in
                    batch.levels.chunks(10).zip(scored).zip(&batch.indices)
                {
                    let (i, first) = (i as usize, levels[0]);
                    let begins = first == firsts[i];
                    assert_eq!(scored.start, if begins { 0 } else { 4 });
                    assert!(levels[scored.end..].iter().all(|&l| l == 32), "silence");
                    scored.for_each(|t| {
                        assert_eq!(levels[t], first + t as u32);
                        seen[levels[t] as usize] += 1;
                    });
                }
            }
        }
        assert!(seen[1..].iter().all(|&n| n > 0), "{seen:?}");
    }

    #[test]
    fn what_is_told_of_a_window_is_what_the_whole_recording_says() {
        let bands = Bands {
            count: 3,
            every: 16,
        };
        let length = 503;
        let noise = |t: usize| (t * 7919 % 40_009) as u16;
        let (values, window) = ((0..length).map(noise).collect(), [75, 20]);
        let all = Images::recordings(65_536, values, &[length], None, window).unwrap();
        let all = Arc::new(all.with_bands(Some(bands)));
        let whole = bands.of(all.recording(0));
        let told_as_whole = |start: usize, told: &[f32]| {
            assert_eq!(start % 16, 0);
            for (band, told) in told.chunks_exact(5).enumerate() {
                let whole = &whole[band * 32..][..32];
                for (at, told) in told.iter().enumerate() {
                    assert_eq!(
                        whole.get(start / 16 + at).unwrap_or(&-1.0),
                        told,
                        "{start} {at}"
                    );
                }
            }
        };
        let mut counted = vec![0; length];
        for start in all.pieces(0) {
            told_as_whole(start, &all.told(0, [0, start]).unwrap());
            let scored = all.scored(0, start).unwrap();
            scored.for_each(|t| counted[start + t] += 1);
        }
        assert!(counted.iter().all(|&n| n == 1), "{counted:?}");
        for epoch in 0..50 {
            let traversal = Traversal::Shuffled { seed: 1, epoch };
            let native = Encoding::native(65_536).unwrap();
            let epoch = Epoch::new(Arc::clone(&all), native, 1, traversal).unwrap();
            let batch = epoch.batch(0).unwrap();
            let first = batch.levels[0];
            let start = (0..length).find(|&t| u32::from(noise(t)) == first).unwrap();
            told_as_whole(start, &batch.told.unwrap());
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let of = |lengths: &[usize], window| {
            Images::recordings(64, vec![1; 4], lengths, None, window).is_err()
        };
        assert!(of(&[4, 0], [3, 1]) && of(&[4], [3, 3]) && of(&[5], [3, 1]) && of(&[], [3, 1]));
    }
}
