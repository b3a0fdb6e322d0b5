//! `simclr cache pin` and `unpin`: protects the artifacts of a run from `cache gc`, or removes the protection.

use crate::base::Result;
use crate::cli::args::PinArguments;
use crate::cli::output;
use crate::runs;

pub(super) fn run(arguments: &PinArguments, pinned: bool) -> Result<()> {
    let run = runs::find(&arguments.output.output, &arguments.run)?;
    runs::pin(&run, pinned)?;
    let what = if pinned { "pinned" } else { "no longer pinned" };
    output::print(format!("{}: {what}\n", run.name()))
}
