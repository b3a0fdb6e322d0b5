//! One recorded run, as read back.

use super::{EVENTS, LOCK, PINNED, RECORD};
use crate::base::{Error, Result, files};
use crate::engine::{Event, clock};
use crate::runs::lock;
use crate::runs::record::{RunRecord, RunState, StageRecord, StageState};
use serde::Deserialize;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A recorded run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Name of its directory; begins with the time of its start.
    pub id: String,
    /// Name of the study.
    pub study: String,
    /// Its directory.
    pub directory: PathBuf,
    /// Its record. Of a run that lives or was killed it holds what its events tell.
    pub record: RunRecord,
    /// How it ended, or that it lives.
    pub state: RunState,
    /// Whether its artifacts are kept.
    pub pinned: bool,
}

impl Run {
    /// Reads the run in a directory `STUDY/ID`.
    ///
    /// # Errors
    /// There is no record, or it is not one of ours.
    pub fn read(directory: &Path) -> Result<Self> {
        let mut record = read_record(directory)?;
        // In this order: a run that ends between the two gives the new record.
        if record.status == RunState::Running && !lock::is_living(directory) {
            record = read_record(directory)?;
            if record.status == RunState::Running {
                record.status = RunState::Killed;
            }
        }
        if matches!(record.status, RunState::Running | RunState::Killed) {
            let last = replay(directory, &mut record);
            record.seconds = seconds_until(&record, last.as_deref());
        }
        let (study, id) = (name_of(directory.parent()), name_of(Some(directory)));
        let pinned = directory.join(PINNED).exists();
        Ok(Self { id, study, directory: directory.to_owned(), state: record.status, record, pinned })
    }

    /// `STUDY/ID`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.study, self.id)
    }

    /// The page of its report, where it has one.
    pub fn page(&self) -> Option<PathBuf> {
        Some(self.directory.join("report").join("index.html")).filter(|page| page.is_file())
    }

    /// Time since it started; none where its record does not tell.
    pub fn age(&self) -> Option<Duration> {
        clock::since(&self.record.started)
    }
}

/// Keeps a run's artifacts from being collected, or no longer.
///
/// # Errors
/// The run's directory cannot be written.
pub fn pin(run: &Run, pinned: bool) -> Result<()> {
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
        .map_err(|error| Error::stage(format!("not the record of a run: {error}")).at(path.display().to_string()))
}

/// A line of the events.
#[derive(Deserialize)]
struct Entry {
    time: String,
    event: Event,
}

/// Takes down what the events tell. Returns the time of the last one. A line that is not whole, or of a kind that only
/// another version knows, is passed over.
fn replay(directory: &Path, record: &mut RunRecord) -> Option<String> {
    let mut last = None;
    let lines = BufReader::new(File::open(directory.join(EVENTS)).ok()?).lines();
    for entry in lines.map_while(Result::ok).filter_map(|line| serde_json::from_str::<Entry>(&line).ok()) {
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
        RunState::Running => clock::since(&record.started),
        _ => last.and_then(|last| clock::between(&record.started, last)),
    };
    elapsed.unwrap_or_default().as_secs_f64()
}

/// Whether a directory looks like that of a run.
pub(super) fn is_run(directory: &Path) -> bool {
    directory.is_dir() && (directory.join(RECORD).exists() || !directory.join(LOCK).exists())
}
