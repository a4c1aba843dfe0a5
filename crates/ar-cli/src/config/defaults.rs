//! Every default that is a matter of taste, in one place.

use ar_train::TrainConfig;

use super::Binarize;

/// How the data set called `name` is quantized when neither `--levels` nor `--binarize` is given:
/// levels K (none: as many as the data have), and how values are made binary, if they are.
pub(super) fn encoding(_name: &str) -> (Option<usize>, Option<Binarize>) {
    (None, None)
}

/// How model `name` is trained unless told otherwise; limits are left open.
pub(super) fn train(_name: &str) -> TrainConfig {
    TrainConfig::default()
}

/// Updates of a run that is given no limit: a few minutes on two cores.
pub(crate) const DEFAULT_STEPS: u64 = 1000;
