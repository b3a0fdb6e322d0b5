//! `simclr schema`: prints the JSON Schema of pipeline files.

use super::failure::{Failure, Finish};
use super::output;
use crate::config;

pub(super) fn run() -> Result<Finish, Failure> {
    output::print_json(&config::schema())?;
    Ok(Finish::Done)
}
