//! Recorder of a run.

use super::{EVENTS, LOG, PIPELINE, RECORD, RESOLVED, RUNS};
use crate::base::hash::short;
use crate::base::text::shell_command;
use crate::base::{Error, ErrorKind, Result, files, human, json};
use crate::engine::key::STORE_VERSION;
use crate::engine::{Event, EventSink, Graph, Store, clock};
use crate::runs::latest;
use crate::runs::lock::RunLock;
use crate::runs::record::{RunRecord, RunState, StageRecord, StageState, Versions};
use crate::runs::{Commit, Hardware, RecordedRun};
use crate::sinks::{JsonLines, LogFile};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Minimum time between two recorded progress events of a stage.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);
/// Minimum time between two progress lines of a stage in the log.
const LINE_INTERVAL: Duration = Duration::from_secs(60);
/// Maximum number of attempts to find an unused name.
const MAX_NAME_ATTEMPTS: u32 = 16;

/// Description of a run to record.
#[derive(Clone, Copy, Debug)]
pub struct RunDescription<'a> {
    /// Name of the study.
    pub study: &'a str,
    /// The pipeline file.
    pub file: &'a Path,
    /// Text of the file and of the files it extends, as they were read.
    pub texts: &'a [&'a str],
    /// The resolved pipeline as one text.
    pub resolved: &'a str,
    /// The `--set` values.
    pub overrides: &'a [String],
    /// Training device: `cpu`, `cuda:0`.
    pub device: &'a str,
}

/// Recorder of a running run; receives its events.
pub struct Recorder<'a> {
    directory: PathBuf,
    graph: &'a Graph,
    store: &'a Store,
    start: Instant,
    /// Time before this process.
    before: Duration,
    record: Mutex<RunRecord>,
    events: JsonLines<'static>,
    log: LogFile,
    _lock: RunLock,
}

impl<'a> Recorder<'a> {
    /// Creates `OUTPUT/runs/STUDY/TIME-ID/` with a first record. From then on the artifacts in the record are safe from
    /// collections, so the run must not inspect the store before. `waiting` is called repeatedly while waiting for a
    /// collection; an error from it cancels the wait.
    ///
    /// # Errors
    /// The directory cannot be written, or `waiting` returned an error.
    pub fn create(
        output: &Path,
        run: &RunDescription<'_>,
        (graph, store): (&'a Graph, &'a Store),
        waiting: impl FnMut() -> Result<()>,
    ) -> Result<Self> {
        // Git runs while the directory and files are written.
        let commit = spawn_commit_query(run);
        let _registration = store.register(waiting)?;
        let directory = make_directory(&output.join(RUNS).join(run.study))?;
        let lock = RunLock::acquire(&directory, store)?;
        write_texts(&directory, run)?;
        let record = RunRecord::new(run, graph, commit.and_then(|commit| commit.join().ok()).flatten());
        write_record(&directory, &record)?;
        latest::point_at(&directory);
        let events = JsonLines::create(directory.join(EVENTS), PROGRESS_INTERVAL)?;
        let log = LogFile::create(directory.join(LOG), LINE_INTERVAL)?;
        let record = Mutex::new(record);
        let before = Duration::ZERO;
        Ok(Self { directory, graph, store, start: Instant::now(), before, record, events, log, _lock: lock })
    }

    /// Continues the record of a run that was submitted. `waiting` is as for [`Recorder::create`].
    ///
    /// # Errors
    /// The record is damaged or cannot be written, or `waiting` returned an error.
    pub(crate) fn reopen(
        directory: &Path,
        (graph, store): (&'a Graph, &'a Store),
        waiting: impl FnMut() -> Result<()>,
    ) -> Result<Self> {
        let _registration = store.register(waiting)?;
        let lock = RunLock::acquire(directory, store)?;
        let mut record = RecordedRun::read(directory)?.record;
        let before = Duration::try_from_secs_f64(record.seconds).unwrap_or_default();
        record.error = None;
        // The tasks have their own; these have only what an earlier collection did.
        for path in [EVENTS, LOG].map(|name| directory.join(name)) {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::io("remove", &path, &error));
                }
                _ => {}
            }
        }
        let events = JsonLines::create(directory.join(EVENTS), PROGRESS_INTERVAL)?;
        let log = LogFile::create(directory.join(LOG), LINE_INTERVAL)?;
        let (directory, record) = (directory.to_owned(), Mutex::new(record));
        Ok(Self { directory, graph, store, start: Instant::now(), before, record, events, log, _lock: lock })
    }

    /// Leaves the run to its tasks: it counts as submitted.
    ///
    /// # Errors
    /// The record cannot be written.
    pub(crate) fn leave(mut self) -> Result<()> {
        self.log.finish();
        let record = self.record.get_mut().unwrap_or_else(PoisonError::into_inner);
        record.status = RunState::Submitted;
        write_record(&self.directory, record)
    }

    /// Returns the path of the record.
    pub fn record(&self) -> PathBuf {
        self.directory.join(RECORD)
    }

    /// Returns the run's directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the facts about the run for its report, as names and values.
    pub(crate) fn facts(&self) -> Vec<(String, String)> {
        let record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        let took = human::duration(self.before + self.start.elapsed());
        let id = self.directory.file_name().unwrap_or_default().to_string_lossy();
        let Hardware { host, processor, threads, .. } = &record.hardware;
        let data = record.stages.iter().filter(|stage| stage.kind == "dataset");
        let data: Vec<&str> = data.map(|stage| short(&stage.key)).collect();
        let facts = [
            ("Run", format!("{}/{id}", record.study)),
            ("Started", record.started.replace('T', " ").replace('Z', " UTC")),
            ("Took", took),
            ("Machine", format!("{host} ({processor}, {threads} threads, {})", record.device)),
            ("Commit", record.commit.as_ref().map(Commit::to_string).unwrap_or_default()),
            ("Data", data.join(", ")),
            ("Changed by --set", shell_command(record.overrides.iter().map(String::as_str))),
        ];
        let nonempty = facts.into_iter().filter(|(_, value)| !value.is_empty());
        nonempty.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Records how the run ended. Write errors are returned as warnings, since they do not affect the results of the
    /// run.
    pub fn finish(mut self, error: Option<&Error>) -> Vec<String> {
        self.log.finish();
        let record = self.record.get_mut().unwrap_or_else(PoisonError::into_inner);
        record.seconds = (self.before + self.start.elapsed()).as_secs_f64();
        record.end(error);
        record.stages.iter_mut().for_each(|stage| add_results(stage, self.graph, self.store));
        self.log.line(last_line(record));
        let log = self.log.failure().or(self.events.failure());
        let log = log.map(|error| format!("the log of the run is incomplete: {error}"));
        let record = write_record(&self.directory, record)
            .err()
            .map(|error| format!("the end of the run was not recorded: {error}"));
        log.into_iter().chain(record).collect()
    }
}

/// Records the end of a run that was submitted and that nobody collects.
///
/// # Errors
/// The record is damaged or cannot be written.
pub(crate) fn mark_ended(directory: &Path, error: &Error) -> Result<()> {
    let mut record = RecordedRun::read(directory)?.record;
    record.end(Some(error));
    write_record(directory, &record)
}

impl EventSink for Recorder<'_> {
    fn emit(&self, event: &Event) {
        self.log.emit(event);
        self.record.lock().unwrap_or_else(PoisonError::into_inner).apply(event);
        self.events.emit(event);
    }
}

impl RunRecord {
    fn new(run: &RunDescription<'_>, graph: &Graph, commit: Option<Commit>) -> Self {
        Self {
            study: run.study.to_owned(),
            status: RunState::Running,
            error: None,
            command: std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect(),
            directory: std::env::current_dir().map_or_else(|_| String::new(), |path| path.display().to_string()),
            overrides: run.overrides.to_vec(),
            commit,
            started: clock::now(),
            seconds: 0.0,
            computed: 0,
            cached: 0,
            failed: 0,
            skipped: 0,
            versions: Versions { simclr: env!("CARGO_PKG_VERSION").to_owned(), store: STORE_VERSION },
            device: run.device.to_owned(),
            hardware: Hardware::here(),
            stages: graph.iter().map(|id| StageRecord::new(graph, id)).collect(),
        }
    }

    /// Sets how the run ended.
    fn end(&mut self, error: Option<&Error>) {
        self.error = error.map(ToString::to_string);
        let is_interrupted = error.is_some_and(|error| error.kind() == ErrorKind::Interrupted);
        let stopped = |stage: &StageRecord| {
            stage.status == Some(StageState::Running) || (is_interrupted && stage.reason == self.error)
        };
        self.stages.iter_mut().filter(|stage| stopped(stage)).for_each(StageRecord::interrupt);
        self.count();
        self.status = match error {
            Some(_) if is_interrupted => RunState::Interrupted,
            // Only a run that keeps going after a failure skips stages.
            _ if self.skipped > 0 => RunState::Partial,
            None if self.failed > 0 => RunState::Partial,
            None => RunState::Finished,
            Some(_) => RunState::Failed,
        };
    }
}

/// Starts querying git for the commit of the pipeline file; none if no thread can be started.
fn spawn_commit_query(run: &RunDescription<'_>) -> Option<JoinHandle<Option<Commit>>> {
    let (file, text) = (run.file.to_owned(), run.texts.first().copied().unwrap_or_default().to_owned());
    std::thread::Builder::new().spawn(move || Commit::of(&file, text.as_bytes())).ok()
}

/// Returns the last line of the log: how the run ended.
fn last_line(record: &RunRecord) -> String {
    let time = human::seconds(record.seconds);
    let counts = format!("computed {}, cached {} in {time}", record.computed, record.cached);
    match &record.error {
        Some(error) => format!("{counts}; {error}"),
        None => format!("{}: {counts}", record.status),
    }
}

/// Adds the metrics of a finished stage and, if another run computed it, its result line.
fn add_results(stage: &mut StageRecord, graph: &Graph, store: &Store) {
    let (Some(StageState::Computed | StageState::Cached), Some(id)) = (stage.status, graph.with_key(&stage.key)) else {
        return;
    };
    let metrics = graph.stage(id).metrics(&store.artifact_path(&stage.kind, &stage.key));
    // JSON cannot represent non-finite numbers.
    stage.metrics = metrics.into_iter().filter(|(_, value)| value.is_finite()).collect();
    if stage.status == Some(StageState::Cached) {
        stage.summary = store.record(&stage.kind, &stage.key).map(|record| record.summary).unwrap_or_default();
    }
}

fn write_record(directory: &Path, record: &RunRecord) -> Result<()> {
    files::write_atomic(&directory.join(RECORD), json::pretty(record)?.as_bytes())
}

/// Writes the pipeline files and the resolved pipeline.
fn write_texts(directory: &Path, run: &RunDescription<'_>) -> Result<()> {
    for (number, text) in run.texts.iter().enumerate() {
        let name = if number == 0 { PIPELINE.to_owned() } else { format!("extended-{number}.toml") };
        files::write_atomic(&directory.join(name), text.as_bytes())?;
    }
    files::write_atomic(&directory.join(RESOLVED), run.resolved.as_bytes())
}

/// Creates a directory named by the time to less than a microsecond, so that names sort by start time.
fn make_directory(parent: &Path) -> Result<PathBuf> {
    files::create_directory(parent)?;
    let mut attempts = 0;
    loop {
        let now = SystemTime::now();
        // The upper 24 of the 30 bits of the nanoseconds.
        let fraction = now.duration_since(UNIX_EPOCH).unwrap_or_default().subsec_nanos() >> 6;
        let directory = parent.join(format!("{}-{fraction:06x}", clock::for_file_name(now)));
        match fs::create_dir(&directory) {
            Ok(()) => return Ok(directory),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && attempts < MAX_NAME_ATTEMPTS => {
                attempts += 1
            }
            Err(error) => return Err(Error::io("create the directory", &directory, &error)),
        }
    }
}
