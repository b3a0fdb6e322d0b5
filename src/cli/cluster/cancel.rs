//! `simclr cancel`: cancels the jobs of a submitted run.

use super::super::args::CancelArguments;
use super::super::failure::{Failure, Finish};
use super::super::output;
use crate::base::{Error, ErrorKind, Result};
use crate::engine::Store;
use crate::executor::driver::Driver;
use crate::runs::{self, RunState, mark_ended};

pub(crate) fn cancel(arguments: &CancelArguments) -> Result<Finish, Failure> {
    let run = runs::find(&arguments.output.output, &arguments.run)?;
    let store = Store::open(&arguments.output.output)?;
    let driver = Driver::open(&run.directory, &store)?;
    if !matches!(run.state, RunState::Submitted | RunState::Interrupted) {
        return Err(Error::usage(format!("the run is {}, there is nothing to cancel", run.state))
            .at(run.name())
            .into());
    }
    driver.cancel()?;
    mark_ended(&run.directory, &Error::new(ErrorKind::Interrupted, "canceled"))?;
    output::message(format!("canceled {}; finished stages and checkpoints are kept", run.name()));
    Ok(Finish::Done)
}
