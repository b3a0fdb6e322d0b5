//! `simclr schema`: prints the JSON Schema of pipeline files, of cluster files or of `report.json`.

use super::args::{SchemaArguments, SchemaOf};
use super::failure::{Failure, Finish};
use super::output;
use crate::{executor, pipeline, render};

pub(super) fn run(arguments: &SchemaArguments) -> Result<Finish, Failure> {
    output::print_json(&match arguments.of {
        SchemaOf::Pipeline => pipeline::schema(),
        SchemaOf::Cluster => executor::config::schema(),
        SchemaOf::Report => render::schema(),
    })?;
    Ok(Finish::Done)
}
