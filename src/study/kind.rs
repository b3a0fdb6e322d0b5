//! Kinds of sections of the pipeline file: one implementation of [`StageKind`] per section.

#![expect(private_interfaces, reason = "tables are read by `study::read` alone")]

use crate::base::Result;
use crate::document::TomlNode;
use crate::study::{Check, DataCheck, Expansion, Pipeline};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

/// A section of the pipeline file: its type, its checks, and the stages that each of its tables becomes.
///
/// A kind is one file under `stages/` and one line in [`KINDS`](crate::stages::KINDS). Keys that name a table of
/// another section are of type [`Ref`](crate::study::Ref); the names are checked for every kind alike.
pub trait StageKind: Sized + Sync + 'static {
    /// Name of the section.
    const SECTION: &'static str;

    /// How its tables are named.
    const TABLES: Tables = Tables::Named;

    /// Whether its tables are results that a user asks for; a file declares at least one.
    const IS_COMPUTED: bool = true;

    /// A table of the section. Its documentation and schema are those of the file: `docs/configuration.md` and
    /// `docs/pipeline.schema.json` are generated from it.
    type Config: DeserializeOwned + JsonSchema + Debug + Send + Sync + 'static;

    /// Checks what depends on several values: combinations of keys, and what they require of other tables.
    fn check(_config: &Self::Config, _check: &mut Check<'_>) {}

    /// Checks what depends on the number of images.
    fn check_data(_config: &Self::Config, _check: &mut DataCheck<'_>) {}

    /// Adds the stages of a table to the graph, with their costs and their parts of the report.
    ///
    /// # Errors
    /// The data cannot be read, or bugs.
    fn expand(config: &Self::Config, expansion: &mut Expansion<'_>) -> Result<()>;

    /// Returns warnings about comparisons between tables of this section and others, one sentence each.
    fn warnings(_pipeline: &Pipeline, _expansion: &Expansion<'_>) -> Vec<String> {
        Vec::new()
    }
}

/// How the tables of a section are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tables {
    /// `[section.NAME]`
    Named,
    /// `[section]`, `[section.NAME]` or both.
    DefaultAndNamed,
}

/// The configuration of one table, of a type that its kind knows.
pub(crate) type AnyConfig = Arc<dyn Any + Send + Sync>;

/// A [`StageKind`] with its type of configuration erased.
pub trait AnyKind: Sync {
    /// [`StageKind::SECTION`].
    fn section(&self) -> &'static str;

    /// [`StageKind::TABLES`].
    fn tables(&self) -> Tables;

    /// [`StageKind::IS_COMPUTED`].
    fn is_computed(&self) -> bool;

    /// Returns the schema of a table.
    fn schema(&self, generator: &mut SchemaGenerator) -> Schema;

    /// Reads a table.
    ///
    /// # Errors
    /// The value that cannot be read, and why.
    fn read(&self, node: &TomlNode) -> Result<AnyConfig, crate::document::InvalidValue>;

    /// [`StageKind::check`].
    fn check(&self, config: &AnyConfig, check: &mut Check<'_>);

    /// [`StageKind::check_data`].
    fn check_data(&self, config: &AnyConfig, check: &mut DataCheck<'_>);

    /// [`StageKind::expand`].
    ///
    /// # Errors
    /// As for [`StageKind::expand`].
    fn expand(&self, config: &AnyConfig, expansion: &mut Expansion<'_>) -> Result<()>;

    /// [`StageKind::warnings`].
    fn warnings(&self, pipeline: &Pipeline, expansion: &Expansion<'_>) -> Vec<String>;
}

impl<K: StageKind> AnyKind for K {
    fn section(&self) -> &'static str {
        K::SECTION
    }

    fn tables(&self) -> Tables {
        K::TABLES
    }

    fn is_computed(&self) -> bool {
        K::IS_COMPUTED
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<K::Config>()
    }

    fn read(&self, node: &TomlNode) -> Result<AnyConfig, crate::document::InvalidValue> {
        <K::Config as serde::Deserialize>::deserialize(node).map(|config| Arc::new(config) as AnyConfig)
    }

    fn check(&self, config: &AnyConfig, check: &mut Check<'_>) {
        if let Some(config) = config.downcast_ref() {
            K::check(config, check);
        }
    }

    fn check_data(&self, config: &AnyConfig, check: &mut DataCheck<'_>) {
        if let Some(config) = config.downcast_ref() {
            K::check_data(config, check);
        }
    }

    fn expand(&self, config: &AnyConfig, expansion: &mut Expansion<'_>) -> Result<()> {
        config.downcast_ref().map_or(Ok(()), |config| K::expand(config, expansion))
    }

    fn warnings(&self, pipeline: &Pipeline, expansion: &Expansion<'_>) -> Vec<String> {
        K::warnings(pipeline, expansion)
    }
}
