//! The arguments of the commands that help to begin.

use clap::Args;
use clap_complete::Shell;
use std::path::PathBuf;

/// Arguments of `init`.
#[derive(Args, Debug)]
pub struct InitArguments {
    /// Pipeline file to write
    #[arg(default_value = "pipeline.toml")]
    pub file: PathBuf,
    /// Your images: a directory for each class, below `train` and `test` if there are such [default: synthetic signs]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long)]
    pub force: bool,
}

/// Arguments of `completions`.
#[derive(Args, Debug)]
pub struct CompletionsArguments {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}
