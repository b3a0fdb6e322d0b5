//! Copies of weights in cuDNN's layout and the precision of the maps, which stay with the weights until these change: a
//! training step uses each in two directions, and an evaluation in every batch.

use super::cudnn::ConvProblem;
use super::memory::Memory;
use crate::base::Result;
use std::sync::{Arc, Mutex, PoisonError};

/// The copy of a buffer, if it has been used as weights.
#[derive(Debug, Default)]
pub(super) struct FilterCache(Mutex<Option<Filter>>);

#[derive(Debug)]
struct Filter {
    /// The convolution, whatever the number of rows.
    problem: ConvProblem,
    memory: Arc<Memory>,
    outdated: bool,
}

impl FilterCache {
    /// Notes that the weights change. The memory is kept for the next copy.
    pub(super) fn expire(&mut self) {
        if let Some(filter) = self.0.get_mut().unwrap_or_else(PoisonError::into_inner) {
            filter.outdated = true;
        }
    }

    /// Returns the copy for a convolution; `convert` makes it if there is none or it is outdated.
    pub(super) fn get(
        &self,
        problem: &ConvProblem,
        allocate: impl FnOnce() -> Result<Memory>,
        convert: impl FnOnce(&Memory) -> Result<()>,
    ) -> Result<Arc<Memory>> {
        let problem = ConvProblem { rows: 0, ..*problem };
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let memory = match cached.take() {
            Some(filter) if filter.problem == problem && !filter.outdated => {
                return Ok(cached.insert(filter).memory.clone());
            }
            // Queued convolutions that read it run before the conversion.
            Some(filter) if filter.problem == problem => filter.memory,
            _ => Arc::new(allocate()?),
        };
        convert(&memory)?;
        Ok(cached.insert(Filter { problem, memory, outdated: false }).memory.clone())
    }
}
