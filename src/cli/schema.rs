//! `simclr schema`: prints the JSON Schema of pipeline files.

use super::failure::{Failure, Finish};
use super::output;
use crate::pipeline;

pub(super) fn run() -> Result<Finish, Failure> {
    output::print_json(&pipeline::schema())?;
    Ok(Finish::Done)
}
