//! Arguments of the commands that help to get started.

use clap::Args;
use clap_complete::Shell;
use std::path::PathBuf;

/// Arguments of `init`.
#[derive(Args, Debug)]
pub(crate) struct InitArguments {
    /// Pipeline file to write
    #[arg(default_value = "pipeline.toml")]
    pub file: PathBuf,
    /// Your images, one directory per class, in train/ and test/ if they exist [default: synthetic signs]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
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
