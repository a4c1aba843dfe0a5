use std::iter::repeat;
use std::time::{Duration, Instant};

use ar_models::Spec;
use ar_train::{
    Batch, BatchSource, BoxError, Manifest, Observer, RunDirectory, Schedule, StepMetrics,
    TrainConfig, Trainer,
};
use candle_core::Device;

use crate::{SEED, levels};

/// How long each of `steps` training steps takes, after a first one that is not counted.
///
/// This is the trainer that users run: loss, backward, Adam, averaged weights. Nothing is saved,
/// validated or sampled between the steps that are timed; the run directory is a temporary one.
///
/// # Errors
/// When the run directory cannot be written, or training fails.
pub fn step_times(spec: &Spec, batch: usize, steps: u64) -> Result<Vec<Duration>, BoxError> {
    let folder = tempfile::tempdir()?;
    let run = RunDirectory::create(folder.path())?;
    let config = TrainConfig {
        // The stopwatch ends the run: one that ends by itself validates.
        steps: Some(u64::MAX),
        batch_size: batch,
        schedule: Schedule::Constant,
        checkpoint_every: u64::MAX,
        validate_every: 0,
        sample_every: 0,
        log_every: u64::MAX,
        ..TrainConfig::default()
    };
    let vars = spec.initialise(SEED, &Device::Cpu)?;
    let source = OneBatch(Batch {
        levels: levels(&spec.domain, batch)?,
        condition: None,
        scored: None,
    });
    let mut stopwatch = Stopwatch {
        laps: Vec::new(),
        wanted: steps,
    };
    let mut trainer = Trainer::new(spec, &vars, Manifest::default(), config, &run)?;
    trainer.train(&source, &|_| Ok(0.0), &mut stopwatch)?;
    let laps = stopwatch.laps.windows(2);
    Ok(laps.map(|lap| lap[1] - lap[0]).collect())
}

/// When each step ended.
struct Stopwatch {
    laps: Vec<Instant>,
    wanted: u64,
}

impl Observer for Stopwatch {
    fn step(&mut self, _: &StepMetrics) {
        self.laps.push(Instant::now());
    }

    fn should_stop(&self) -> bool {
        self.laps.len() as u64 > self.wanted
    }
}

/// The same images for ever.
struct OneBatch(Batch);

impl BatchSource for OneBatch {
    fn batches_per_epoch(&self) -> u64 {
        u64::MAX
    }

    fn epoch(&self, _: u64, _: u64) -> Box<dyn Iterator<Item = Result<Batch, BoxError>> + '_> {
        Box::new(repeat(&self.0).map(|batch| Ok(batch.clone())))
    }
}

#[cfg(test)]
mod tests {
    use ar_core::Domain;

    use super::*;
    use crate::peer_spec;

    #[test]
    fn every_step_asked_for_is_timed() {
        let spec = peer_spec("pixelcnn", Domain::new(1, 5, 7, 4).unwrap()).unwrap();
        let times = step_times(&spec, 3, 4).unwrap();
        assert_eq!(times.len(), 4);
        assert!(times.iter().all(|t| *t > Duration::ZERO));
    }
}
