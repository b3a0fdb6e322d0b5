//! Which runs use an artifact.

use crate::runs::Run;
use std::collections::HashMap;

/// The names of the runs that use each key, the newest first.
pub(super) struct Users(HashMap<String, Vec<String>>);

impl Users {
    /// From all runs, the newest first.
    pub(super) fn of(runs: &[Run]) -> Self {
        let mut users: HashMap<String, Vec<String>> = HashMap::new();
        for run in runs {
            for stage in &run.record.stages {
                users.entry(stage.key.clone()).or_default().push(run.name());
            }
        }
        Self(users)
    }

    /// The runs that use a key.
    pub(super) fn runs(&self, key: &str) -> &[String] {
        self.0.get(key).map(Vec::as_slice).unwrap_or_default()
    }

    /// `STUDY/ID and 2 more`; nothing where no run uses it.
    pub(super) fn shown(&self, key: &str) -> String {
        match self.runs(key) {
            [] => String::new(),
            [only] => only.clone(),
            [latest, more @ ..] => format!("{latest} and {} more", more.len()),
        }
    }
}
