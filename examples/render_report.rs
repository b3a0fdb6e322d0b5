//! Renders the data of a report again, for example after a change of a template:
//! `cargo run --example render_report -- outputs/STUDY/report/report.json DIRECTORY`.
use simclr::render;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(data), Some(directory)) = (arguments.next(), arguments.next()) else {
        return Err("give the path of a report.json and a directory".into());
    };
    let report: render::Report = serde_json::from_slice(&std::fs::read(data)?)?;
    Ok(render::write(&report, directory.as_ref())?)
}
