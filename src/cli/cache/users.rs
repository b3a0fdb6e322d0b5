//! The runs that use an artifact.

use crate::runs::RecordedRun;
use std::collections::HashMap;

/// The names of the runs that use each key, newest first.
pub(super) struct Users(HashMap<String, Vec<String>>);

impl Users {
    /// Collects the users from all runs, newest first.
    pub(super) fn of(runs: &[RecordedRun]) -> Self {
        let mut users: HashMap<String, Vec<String>> = HashMap::new();
        for run in runs {
            for stage in &run.record.stages {
                users.entry(stage.key.clone()).or_default().push(run.name());
            }
        }
        Self(users)
    }

    /// Returns the runs that use a key.
    pub(super) fn runs(&self, key: &str) -> &[String] {
        self.0.get(key).map(Vec::as_slice).unwrap_or_default()
    }

    /// Formats the runs that use a key, such as `STUDY/ID and 2 more`; empty if no run uses it.
    pub(super) fn summary(&self, key: &str) -> String {
        match self.runs(key) {
            [] => String::new(),
            [only] => only.clone(),
            [latest, more @ ..] => format!("{latest} and {} more", more.len()),
        }
    }
}
