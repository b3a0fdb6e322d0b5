//! Parts of the report, read from artifacts.

use crate::base::{Error, Result};
use crate::engine::Context;
use crate::render::data::Report;
use crate::study::variants::Values;
use serde::Serialize;
use serde_json::Value;
use std::fmt::Debug;
use std::path::Path;

/// A part of the report, read from the artifacts of one or more stages.
pub(crate) trait ReportPart: Debug + Send + Sync {
    /// Returns everything besides the artifacts that determines what it adds to the report, for the report's key.
    fn describe(&self) -> Value;

    /// Adds what the artifacts contain to the report.
    ///
    /// # Errors
    /// An artifact cannot be read.
    fn collect(&self, shown: &Shown<'_>, report: &mut Report) -> Result<()>;

    /// Adds a placeholder for what is missing because a stage failed.
    fn collect_missing(&self, _variant: &VariantLabel, _report: &mut Report) {}
}

/// The artifacts of a part of the report, and their variant of the sweep.
pub(crate) struct Shown<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) roles: &'a [(String, String)],
    /// The swept settings that the stage depends on.
    pub variant: &'a VariantLabel,
}

impl Shown<'_> {
    /// Returns the directory of the artifact with this role.
    ///
    /// # Errors
    /// The part has no such role, which is a bug.
    pub(crate) fn artifact(&self, role: &str) -> Result<&Path> {
        let input = self.roles.iter().find(|(own, _)| own == role);
        let (_, input) = input.ok_or_else(|| Error::bug(format!("a part of the report without '{role}'")))?;
        self.context.input(input)
    }
}

/// The swept settings that a stage depends on, and their values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct VariantLabel {
    /// `temperature 0.1, seed 2`; empty if the sweep does not affect the stage.
    pub label: String,
    /// Short name of each swept path, and its value.
    pub values: Values,
}

impl VariantLabel {
    pub(super) fn new(values: &Values) -> Self {
        let label = values.iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ");
        Self { label, values: values.clone() }
    }
}
