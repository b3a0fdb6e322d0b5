//! The engine: a graph of stages, their keys, the store of artifacts, plan, run and events. Knows nothing of images
//! or learning.

pub mod event;
pub mod stage;

pub use event::{Event, EventSink};
pub use stage::{Context, Stage};
