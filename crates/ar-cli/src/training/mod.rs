//! `ar-cli train`, apart from its arguments: what a run is made of, how it is watched and finished.

mod announce;
mod begin;
mod curve;
mod dry_run;
mod finish;
mod given;
mod plan;
mod resume;
mod tensorboard;
mod watch;

pub(crate) use announce::{announce, announced, stopped};
pub(crate) use curve::curves;
pub(crate) use dry_run::dry_run;
pub(crate) use finish::{RunResult, finish};
pub(crate) use given::Given;
pub(crate) use plan::{Begun, Plan};
pub(crate) use watch::Watch;
