//! Recorded runs, read from their directories.

use super::{EVENTS, LOCK, PINNED, RECORD};
use crate::base::{Error, Result, files};
use crate::engine::{Event, clock};
use crate::runs::record::{RunRecord, RunState, StageRecord, StageState};
use crate::runs::{lock, tasks};
use crate::sinks::LIVE_PAGE;
use serde::Deserialize;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Recorded run, finished or still running.
#[derive(Clone, Debug)]
pub struct RecordedRun {
    /// Name of its directory; begins with the start time.
    pub id: String,
    /// Name of the study.
    pub study: String,
    /// Directory of the run.
    pub directory: PathBuf,
    /// Its record. For running and killed runs it is updated from the events.
    pub record: RunRecord,
    /// Running, or how it ended.
    pub state: RunState,
    /// Whether its artifacts are kept by collections.
    pub pinned: bool,
}

impl RecordedRun {
    /// Reads the run in a directory `STUDY/ID`.
    ///
    /// # Errors
    /// The record is missing or not valid.
    pub fn read(directory: &Path) -> Result<Self> {
        let mut record = read_record(directory)?;
        // Read again after checking the lock, in case the run ended between the two.
        if record.status == RunState::Running && !lock::is_alive(directory) {
            record = read_record(directory)?;
            if record.status == RunState::Running {
                record.status = RunState::Killed;
            }
        }
        if record.status == RunState::Submitted {
            tasks::replay(directory, &mut record);
            record.seconds = seconds_until(&record, None);
        } else if matches!(record.status, RunState::Running | RunState::Killed) {
            let last = replay(directory, &mut record);
            record.seconds = seconds_until(&record, last.as_deref());
        }
        let (study, id) = (name_of(directory.parent()), name_of(Some(directory)));
        let pinned = directory.join(PINNED).exists();
        Ok(Self { id, study, directory: directory.to_owned(), state: record.status, record, pinned })
    }

    /// Returns `STUDY/ID`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.study, self.id)
    }

    /// Returns the page of its report, if it has one.
    pub fn page(&self) -> Option<PathBuf> {
        Some(self.directory.join("report").join("index.html")).filter(|page| page.is_file())
    }

    /// Returns the page that shows it while it is running, if it has one and is running.
    pub fn live_page(&self) -> Option<PathBuf> {
        let is_running = self.state == RunState::Running;
        Some(self.directory.join(LIVE_PAGE)).filter(|page| is_running && page.is_file())
    }

    /// Returns the time since it started; none if the time in its record is not valid.
    pub(crate) fn age(&self) -> Option<Duration> {
        clock::since(&self.record.started)
    }
}

/// Pins or unpins a run; the artifacts of pinned runs are kept by collections.
///
/// # Errors
/// The run's directory cannot be written.
pub fn pin(run: &RecordedRun, pinned: bool) -> Result<()> {
    let path = run.directory.join(PINNED);
    if pinned {
        return File::create(&path).map(drop).map_err(|error| Error::io("write", &path, &error));
    }
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", &path, &error)),
        _ => Ok(()),
    }
}

fn name_of(directory: Option<&Path>) -> String {
    directory.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn read_record(directory: &Path) -> Result<RunRecord> {
    let path = directory.join(RECORD);
    serde_json::from_slice(&files::read(&path)?)
        .map_err(|error| Error::stage(format!("not a valid run record: {error}")).at(path.display().to_string()))
}

/// Line of `events.jsonl`.
#[derive(Deserialize)]
pub(super) struct EventLine {
    pub(super) time: String,
    pub(super) event: Event,
}

/// Returns the lines of a file of events, without incomplete lines and events of unknown kinds.
pub(super) fn event_lines(path: &Path) -> impl Iterator<Item = EventLine> + use<> {
    let lines = File::open(path).ok().map(|file| BufReader::new(file).lines());
    lines.into_iter().flatten().map_while(Result::ok).filter_map(|line| serde_json::from_str::<EventLine>(&line).ok())
}

/// Updates the record from the events. Returns the time of the last one.
fn replay(directory: &Path, record: &mut RunRecord) -> Option<String> {
    let mut last = None;
    for entry in event_lines(&directory.join(EVENTS)) {
        record.apply(&entry.event);
        last = Some(entry.time);
    }
    if record.status == RunState::Killed {
        let running = |stage: &&mut StageRecord| stage.status == Some(StageState::Running);
        record.stages.iter_mut().filter(running).for_each(StageRecord::interrupt);
    }
    record.count();
    last
}

fn seconds_until(record: &RunRecord, last: Option<&str>) -> f64 {
    let elapsed = match record.status {
        RunState::Running | RunState::Submitted => clock::since(&record.started),
        _ => last.and_then(|last| clock::between(&record.started, last)),
    };
    elapsed.unwrap_or_default().as_secs_f64()
}

/// Whether a directory looks like the directory of a run.
pub(super) fn is_run(directory: &Path) -> bool {
    directory.is_dir() && (directory.join(RECORD).exists() || !directory.join(LOCK).exists())
}
