//! `ar-cli train`, apart from its arguments: what a run is made of, how it is watched and finished.

mod announce;
mod curve;
mod finish;
mod given;
mod plan;
mod watch;

pub(crate) use announce::{announce, given, stopped};
pub(crate) use finish::{RunResult, finish};
pub(crate) use given::{Given, absolute_source};
pub(crate) use plan::{Begun, Plan};
pub(crate) use watch::Watch;
