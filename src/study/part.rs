//! What a stage's artifact gives to the report.

use crate::base::{Error, Result};
use crate::engine::Context;
use crate::render::data::Report;
use crate::study::variants::Values;
use serde::Serialize;
use serde_json::Value;
use std::fmt::Debug;
use std::path::Path;

/// One thing that the report shows, read from the artifacts of one or more stages.
pub trait ReportPart: Debug + Send + Sync {
    /// Everything that decides what it adds to the report, apart from the artifacts: a part of the report's key.
    fn describe(&self) -> Value;

    /// Adds what the artifacts contain to the report.
    ///
    /// # Errors
    /// An artifact cannot be read.
    fn collect(&self, shown: &Shown<'_>, report: &mut Report) -> Result<()>;

    /// Adds the place of what is missing because a stage failed.
    fn collect_missing(&self, _variant: &VariantLabel, _report: &mut Report) {}
}

/// The artifacts of a part, and what the sweep made of them.
pub struct Shown<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) roles: &'a [(String, String)],
    /// The swept settings that decide the stage.
    pub variant: &'a VariantLabel,
}

impl Shown<'_> {
    /// Directory of the artifact with this role.
    ///
    /// # Errors
    /// There is none, which is a bug.
    pub fn artifact(&self, role: &str) -> Result<&Path> {
        let input = self.roles.iter().find(|(own, _)| own == role);
        let (_, input) = input.ok_or_else(|| Error::bug(format!("a part of the report without '{role}'")))?;
        self.context.input(input)
    }
}

/// The swept settings that decide a stage, and their values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VariantLabel {
    /// `temperature 0.1, seed 2`; empty for what the sweep does not touch.
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
