//! What the backend wants to report to the log of a run.

use std::sync::{Mutex, PoisonError};

static NOTES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Adds a note.
pub(super) fn add(note: String) {
    NOTES.lock().unwrap_or_else(PoisonError::into_inner).push(note);
}

/// Returns the notes since the last call.
pub fn take() -> Vec<String> {
    std::mem::take(&mut *NOTES.lock().unwrap_or_else(PoisonError::into_inner))
}
