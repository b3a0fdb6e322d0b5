//! Arguments of the commands that help to get started.

use clap::{Args, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;

/// Arguments of `init`.
#[derive(Args, Debug)]
pub(crate) struct InitArguments {
    /// Pipeline file to write
    #[arg(default_value = "pipeline.toml")]
    pub file: PathBuf,
    /// Your images: a directory, or a CSV file that lists them [default: synthetic signs]
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    /// Learn from the images without labels: do not look for classes
    #[arg(long, requires = "data")]
    pub unlabeled: bool,
    /// Overwrite the file if it exists
    #[arg(long)]
    pub force: bool,
}

/// Arguments of `completions`.
#[derive(Args, Debug)]
pub(crate) struct CompletionsArguments {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Arguments of `schema`.
#[derive(Args, Debug)]
pub(crate) struct SchemaArguments {
    /// The file that the schema is of: pipeline, cluster or report
    #[arg(value_enum, default_value = "pipeline", hide_possible_values = true)]
    pub of: SchemaOf,
}

/// A kind of file with a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// Pipeline files.
    Pipeline,
    /// Settings of a cluster.
    Cluster,
    /// The data of a report, report.json.
    Report,
}
