//! Code that several kinds share.

pub mod artifacts;
pub(super) mod class_weights;
pub(super) mod classifier;
pub(super) mod cost;
pub(super) mod depths;
pub(crate) mod device;
pub(crate) mod evaluation;
pub(crate) mod labels;
pub(crate) mod metrics;
#[cfg(not(feature = "cuda"))]
mod no_cuda;
#[cfg_attr(not(unix), allow(dead_code, reason = "ranks that are processes need Unix"))]
pub(crate) mod rank_devices;
mod ranks;
pub(super) mod results;
pub(super) mod sample;
pub(super) mod schedule;
pub(super) mod shards;
pub(crate) mod statistics;
pub(crate) mod subset;
pub(crate) mod tested;
pub(crate) mod training;
pub(super) mod view_bytes;

pub(crate) use tested::tested;
