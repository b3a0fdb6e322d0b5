//! `simclr doctor`: is the device that trains sound?

use super::args::{DoctorArguments, Format, PrecisionArgument};
use super::failure::{Failure, Finish};
use super::output;
use super::run;
use super::table::{Cell, table};
use super::text::{Text, Tone};
use crate::base::{Error, Result, human, system};
use crate::config::pipeline::DeviceChoice;
use crate::doctor::{self, Check, Timing};
use crate::nn::{DeviceReport, Precision};
use crate::stages::device::{self, Work};
use crate::train::Compute;
use serde::Serialize;

pub(super) fn run(arguments: &DoctorArguments) -> Result<Finish, Failure> {
    run::start_worker_threads(arguments.threads)?;
    if let Some(why) = device::why_cpu(arguments.device) {
        output::message(why);
    }
    let report = device::report(arguments.device)?;
    let examination = Examination { arguments, precisions: precisions(arguments, &report) };
    let (checks, timings) = device::run(arguments.device, examination)?;
    let findings = Findings { version: env!("CARGO_PKG_VERSION"), device: report, checks, timings };
    match arguments.format {
        Format::Text => output::print(findings.text())?,
        Format::Json => output::print_json(&findings)?,
    }
    verdict(&findings.checks)?;
    Ok(Finish::Done)
}

/// Those asked for, or all that differ on the device.
fn precisions(arguments: &DoctorArguments, report: &DeviceReport) -> Vec<Precision> {
    let asked = arguments.precision.iter().map(|precision| match precision {
        PrecisionArgument::F32 => Precision::F32,
        PrecisionArgument::Tf32 => Precision::Tf32,
        PrecisionArgument::Bf16 => Precision::Bf16,
    });
    match (arguments.precision.is_empty(), report.name.as_str()) {
        (false, _) => asked.collect(),
        (true, "cpu") => vec![Precision::F32, Precision::Bf16],
        (true, _) => vec![Precision::F32, Precision::Tf32, Precision::Bf16],
    }
}

struct Examination<'a> {
    arguments: &'a DoctorArguments,
    precisions: Vec<Precision>,
}

impl Work for Examination<'_> {
    type Output = (Vec<Check>, Vec<Timing>);

    fn on<D: Compute>(self, device: &D) -> Result<Self::Output> {
        let checks = doctor::examine(device, &doctor::operations(), &self.precisions)?;
        let mut timings = Vec::new();
        if self.arguments.time {
            // A loss is of pairs.
            let views = self.arguments.views.map(|views| views as usize / 2 * 2);
            let memory = || memory_taken(self.arguments.device);
            for precision in self.precisions {
                timings.extend(doctor::time(device, precision, views, &memory)?);
            }
        }
        Ok((checks, timings))
    }
}

/// Of the CPU what this process has held at most, of another device what is not free.
fn memory_taken(choice: DeviceChoice) -> Option<u64> {
    let report = device::report(choice).ok()?;
    if report.name == "cpu" { system::memory_peak() } else { Some(report.memory? - report.free?) }
}

/// What was found.
#[derive(Serialize)]
struct Findings {
    version: &'static str,
    device: DeviceReport,
    checks: Vec<Check>,
    timings: Vec<Timing>,
}

impl Findings {
    fn text(&self) -> Text {
        Text::join([self.head(), checks_table(&self.checks), timings_table(&self.timings)], "\n")
    }

    fn head(&self) -> Text {
        let DeviceReport { name, model, memory, free, parts } = &self.device;
        let bytes = |bytes: &Option<u64>| bytes.map_or_else(|| "unknown".to_owned(), human::bytes);
        let mut rows: Vec<[Cell; 2]> = vec![
            ["simclr".into(), self.version.into()],
            ["device".into(), format!("{name}, {model}").into()],
            ["memory".into(), format!("{}, {} free", bytes(memory), bytes(free)).into()],
        ];
        rows.extend(parts.iter().map(|(part, version)| [part.as_str().into(), version.as_str().into()]));
        table(&rows, &[])
    }
}

fn dim<const N: usize>(words: [&str; N]) -> [Cell; N] {
    words.map(|word| Cell::toned(word, Some(Tone::Dim)))
}

fn checks_table(checks: &[Check]) -> Text {
    let mut rows = vec![dim(["operation", "pass", "precision", "error", "tolerance", ""])];
    rows.extend(checks.iter().map(|check| {
        let error = check.error.map_or_else(|| "not finite".to_owned(), |error| format!("{error:.1e}"));
        let (verdict, tone) = if check.ok { ("ok", Tone::Good) } else { ("WRONG", Tone::Error) };
        [
            check.operation.as_str().into(),
            check.pass.into(),
            check.precision.name().into(),
            error.into(),
            format!("{:.0e}", check.tolerance).into(),
            Cell::toned(verdict, Some(tone)),
        ]
    }));
    table(&rows, &[3, 4])
}

fn timings_table(timings: &[Timing]) -> Text {
    if timings.is_empty() {
        return Text::default();
    }
    let mut rows = vec![dim(["training step", "precision", "views", "views/s", "memory"])];
    rows.extend(timings.iter().map(|timing| {
        [
            timing.setting.into(),
            timing.precision.name().into(),
            timing.views.to_string().into(),
            format!("{:.0}", timing.views_per_second).into(),
            timing.memory.map(human::bytes).unwrap_or_default().into(),
        ]
    }));
    table(&rows, &[2, 3, 4])
}

/// Fails where a check does.
fn verdict(checks: &[Check]) -> Result<()> {
    let wrong: Vec<&Check> = checks.iter().filter(|check| !check.ok).collect();
    let Some(first) = wrong.first() else { return Ok(()) };
    let (count, of) = (wrong.len(), human::count(checks.len(), "check"));
    let name = format!("{}, {}, {}", first.operation, first.pass, first.precision.name());
    Err(Error::stage(format!("{count} of {of} are over the tolerance, the first of them: {name}"))
        .help("do not train on this device; report it with the output of `simclr doctor --format json`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ErrorKind;

    fn check(error: f64, ok: bool) -> Check {
        let (operation, pass, precision) = ("max-pool".to_owned(), "forward", Precision::Bf16);
        Check { operation, pass, precision, error: Some(error), tolerance: 2e-2, ok }
    }

    #[test]
    fn one_wrong_check_fails_the_command_with_exit_code_3() {
        assert!(verdict(&[check(1e-3, true)]).is_ok());
        let error = verdict(&[check(1e-3, true), check(0.5, false)]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Stage);
        assert_eq!(Failure::from(error.clone()).exit_code(), super::super::exit_code::STAGE);
        assert!(error.what().contains("1 of 2 checks") && error.what().contains("max-pool, forward, bf16"), "{error}");
    }

    #[test]
    fn the_table_says_what_is_wrong() {
        let text = checks_table(&[check(1e-3, true), check(0.5, false)]).shown(false);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "  max-pool   forward  bf16       1.0e-3       2e-2  ok");
        assert_eq!(lines[2], "  max-pool   forward  bf16       5.0e-1       2e-2  WRONG");
    }
}
