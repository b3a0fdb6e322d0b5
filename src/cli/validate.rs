//! `simclr validate`: checks a pipeline file and its data.

use super::args::ValidateArguments;
use super::failure::{Failure, Finish};
use super::{data_summary, output, run};

pub(super) fn run(arguments: &ValidateArguments) -> Result<Finish, Failure> {
    run::start_threads(&arguments.store)?;
    let study = run::open(&arguments.pipeline, &arguments.store)?;
    let (file, stages) = (arguments.pipeline.file.display(), study.assembly.graph.len());
    let variants = match study.loaded.study.variants.len() {
        0 | 1 => String::new(),
        count => format!(" of {count} variants"),
    };
    output::print(format!("{file}: ok, {stages} stages{variants}\n"))?;
    for (name, facts) in &study.assembly.data.0 {
        output::print(data_summary::line(name, facts))?;
    }
    study.assembly.messages().for_each(output::warn);
    Ok(Finish::Done)
}
