//! `simclr doctor`: checks and times a device.

use super::args::{DoctorArguments, Format, PrecisionArgument};
use super::failure::{Failure, Finish};
use super::output;
use super::run;
use super::store_doctor;
use super::table::{Cell, table};
use super::text::{Style, Text};
use crate::base::{Error, Result, human, system};
use crate::doctor::{self, Check, Timing};
use crate::nn::{DeviceReport, Precision};
use crate::stages::shared::device::{self, Work};
use crate::stages::shared::rank_devices;
use crate::study::DeviceChoice;
use crate::train::Compute;
use serde::Serialize;

pub(super) fn run(arguments: &DoctorArguments) -> Result<Finish, Failure> {
    if let Some(root) = &arguments.store {
        return store_doctor::run(root, arguments);
    }
    run::start_worker_threads(arguments.threads)?;
    if let Some(why) = device::why_cpu(arguments.device) {
        output::message(why);
    }
    let mut report = device::report(arguments.device)?;
    if report.name != "cpu" {
        report.parts.push(rank_devices::nccl());
    }
    let work = DoctorWork { arguments, precisions: precisions(arguments, &report) };
    let (checks, timings) = device::run(arguments.device, work)?;
    if let Some(note) = device::take_note() {
        output::message(note);
    }
    let report = DoctorReport { version: env!("CARGO_PKG_VERSION"), device: report, checks, timings };
    match arguments.format {
        Format::Text => output::print(report.text())?,
        Format::Json => output::print_json(&report)?,
    }
    verdict(&report.checks)?;
    Ok(Finish::Done)
}

/// Returns the requested precisions, by default every precision that differs on the device.
fn precisions(arguments: &DoctorArguments, report: &DeviceReport) -> Vec<Precision> {
    let requested = arguments.precision.iter().map(|precision| match precision {
        PrecisionArgument::F32 => Precision::F32,
        PrecisionArgument::Tf32 => Precision::Tf32,
        PrecisionArgument::Bf16 => Precision::Bf16,
    });
    match (arguments.precision.is_empty(), report.name.as_str()) {
        (false, _) => requested.collect(),
        (true, "cpu") => vec![Precision::F32, Precision::Bf16],
        (true, _) => vec![Precision::F32, Precision::Tf32, Precision::Bf16],
    }
}

/// Checks, and timings if requested, on one device.
struct DoctorWork<'a> {
    arguments: &'a DoctorArguments,
    precisions: Vec<Precision>,
}

impl Work for DoctorWork<'_> {
    type Output = (Vec<Check>, Vec<Timing>);

    fn on<D: Compute>(self, device: &D) -> Result<Self::Output> {
        let operations = if self.arguments.skip_checks { Vec::new() } else { doctor::operations() };
        let checks = doctor::check_operations(device, &operations, &self.precisions)?;
        let mut timings = Vec::new();
        if self.arguments.time {
            // The loss needs an even number of views.
            let views = self.arguments.views.map(|views| views as usize / 2 * 2);
            let memory = || memory_used(self.arguments.device);
            for precision in self.precisions {
                timings.extend(doctor::time(device, precision, views, &memory)?);
            }
        }
        Ok((checks, timings))
    }
}

/// Returns the peak memory of this process on the CPU and the memory in use on any other device, in bytes.
fn memory_used(choice: DeviceChoice) -> Option<u64> {
    let report = device::report(choice).ok()?;
    if report.name == "cpu" { system::memory_peak() } else { Some(report.memory? - report.free?) }
}

/// The output of `simclr doctor`.
#[derive(Serialize)]
struct DoctorReport {
    version: &'static str,
    device: DeviceReport,
    checks: Vec<Check>,
    timings: Vec<Timing>,
}

impl DoctorReport {
    fn text(&self) -> Text {
        let all_ok = !self.checks.is_empty() && self.checks.iter().all(|check| check.ok);
        let passed = format!("all {} passed\n", human::count(self.checks.len(), "check"));
        let passed = if all_ok { Text::styled(passed, Style::Good) } else { Text::default() };
        Text::join([self.head(), checks_table(&self.checks), timings_table(&self.timings), passed], "\n")
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
    words.map(|word| Cell::styled(word, Some(Style::Dim)))
}

fn checks_table(checks: &[Check]) -> Text {
    if checks.is_empty() {
        return Text::default();
    }
    let mut rows = vec![dim(["operation", "pass", "precision", "error", "tolerance", ""])];
    rows.extend(checks.iter().map(|check| {
        let no_error = if check.failure.is_some() { "-" } else { "not finite" };
        let error = check.error.map_or_else(|| no_error.to_owned(), |error| format!("{error:.1e}"));
        let (verdict, style) = match (&check.failure, check.ok) {
            (Some(failure), _) => (failure.as_str(), Style::Error),
            (None, true) => ("ok", Style::Good),
            (None, false) => ("WRONG", Style::Error),
        };
        [
            check.operation.as_str().into(),
            check.pass.into(),
            check.precision.name().into(),
            error.into(),
            format!("{:.0e}", check.tolerance).into(),
            Cell::styled(verdict, Some(style)),
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

/// Returns an error if a check failed.
fn verdict(checks: &[Check]) -> Result<()> {
    let wrong: Vec<&Check> = checks.iter().filter(|check| !check.ok).collect();
    let Some(first) = wrong.first() else { return Ok(()) };
    let (count, of) = (wrong.len(), human::count(checks.len(), "check"));
    let name = format!("{}, {}, {}", first.operation, first.pass, first.precision.name());
    Err(Error::stage(format!("{count} of {of} failed, the first of them {name}"))
        .help("do not train on this device; report it with the output of `simclr doctor --format json`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ErrorKind;

    fn check(error: f64, ok: bool) -> Check {
        let (operation, pass, precision) = ("max-pool".to_owned(), "forward", Precision::Bf16);
        Check { operation, pass, precision, error: Some(error), tolerance: 2e-2, ok, failure: None }
    }

    #[test]
    fn one_failed_check_gives_exit_code_3() {
        assert!(verdict(&[check(1e-3, true)]).is_ok());
        let error = verdict(&[check(1e-3, true), check(0.5, false)]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Stage);
        assert_eq!(Failure::from(error.clone()).exit_code(), super::super::exit_code::STAGE);
        assert!(error.what().contains("1 of 2 checks") && error.what().contains("max-pool, forward, bf16"), "{error}");
    }

    #[test]
    fn the_table_marks_failed_checks() {
        let text = checks_table(&[check(1e-3, true), check(0.5, false)]).to_string();
        let text = anstream::adapter::strip_str(&text).to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "  max-pool   forward  bf16       1.0e-3       2e-2  ok");
        assert_eq!(lines[2], "  max-pool   forward  bf16       5.0e-1       2e-2  WRONG");
    }
}
