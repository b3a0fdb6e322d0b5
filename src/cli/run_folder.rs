//! The folder of a run: `run.json` says what ran and how it ended, `events.jsonl` what happened when.

use super::hardware::Hardware;
use crate::base::{Error, ErrorKind, Result, files};
use crate::engine::key::STORE_VERSION;
use crate::engine::{Event, EventSink, Graph, clock};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Least time between two progress events of a run that are kept.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);
/// Tries to find a name that no other run has.
const NAME_TRIES: u32 = 16;

/// A run that is being recorded.
pub(super) struct RunFolder {
    folder: PathBuf,
    start: Instant,
    record: RunRecord,
    log: Mutex<Log>,
}

/// Content of `run.json`.
#[derive(Serialize)]
struct RunRecord {
    study: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    command: Vec<String>,
    overrides: Vec<String>,
    started: String,
    seconds: f64,
    computed: usize,
    cached: usize,
    versions: Value,
    hardware: Hardware,
    stages: Vec<StageRecord>,
}

/// A stage of a run: the key and everything it is made of are the resolved settings.
#[derive(Serialize)]
struct StageRecord {
    name: String,
    kind: String,
    key: String,
    /// Nothing for a stage that the run did not get to or did not need.
    status: Option<StageEnd>,
    seconds: f64,
    summary: String,
    parameters: Value,
    inputs: Value,
}

/// How a run ended for a stage.
#[derive(Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum StageEnd {
    Computed,
    Cached,
    Failed,
}

#[derive(Default)]
struct Log {
    file: Option<File>,
    /// Why a line could not be written; the run goes on.
    failed: Option<String>,
    last_progress: Option<Instant>,
    ended: HashMap<String, (StageEnd, f64, String)>,
}

impl RunFolder {
    /// Makes `OUTPUT/runs/STUDY/TIME-ID/` and leaves a first `run.json` in it.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(super) fn create(output: &Path, study: &str, file: &Path, overrides: &[String], graph: &Graph) -> Result<Self> {
        let folder = make_folder(&output.join("runs").join(study))?;
        let log_path = folder.join("events.jsonl");
        let log = File::create(&log_path).map_err(|error| Error::io("write", &log_path, &error))?;
        // The file as it was; the resolved settings are in run.json.
        files::write_atomic(&folder.join("pipeline.toml"), &files::read(file)?)?;
        let run = Self {
            folder,
            start: Instant::now(),
            record: RunRecord::new(study, overrides, graph),
            log: Mutex::new(Log { file: Some(log), ..Log::default() }),
        };
        run.write()?;
        Ok(run)
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        &self.folder
    }

    /// Writes how the run ended. Returns a warning if events are missing from the log.
    ///
    /// # Errors
    /// The record cannot be written.
    pub(super) fn finish(mut self, error: Option<&Error>) -> Result<Option<String>> {
        let log = std::mem::take(self.log.get_mut().unwrap_or_else(PoisonError::into_inner));
        let record = &mut self.record;
        record.status = match error.map(Error::kind) {
            None => "finished",
            Some(ErrorKind::Interrupted) => "interrupted",
            Some(_) => "failed",
        };
        record.error = error.map(ToString::to_string);
        record.seconds = self.start.elapsed().as_secs_f64();
        for stage in &mut record.stages {
            if let Some((status, seconds, summary)) = log.ended.get(&stage.name) {
                (stage.status, stage.seconds, stage.summary) = (Some(*status), *seconds, summary.clone());
            }
        }
        let count = |status| record.stages.iter().filter(|stage| stage.status == Some(status)).count();
        (record.computed, record.cached) = (count(StageEnd::Computed), count(StageEnd::Cached));
        self.write()?;
        Ok(log.failed.map(|error| format!("{}: the log of events is not whole: {error}", self.folder.display())))
    }

    fn write(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(&self.record);
        let text = text.map_err(|error| Error::bug(format!("the record has no JSON form: {error}")))?;
        files::write_atomic(&self.folder.join("run.json"), format!("{text}\n").as_bytes())
    }
}

impl RunRecord {
    fn new(study: &str, overrides: &[String], graph: &Graph) -> Self {
        Self {
            study: study.to_owned(),
            status: "running",
            error: None,
            command: std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect(),
            overrides: overrides.to_vec(),
            started: clock::now(),
            seconds: 0.0,
            computed: 0,
            cached: 0,
            versions: json!({ "simclr": env!("CARGO_PKG_VERSION"), "store": STORE_VERSION }),
            hardware: Hardware::here(),
            stages: stage_records(graph),
        }
    }
}

fn stage_records(graph: &Graph) -> Vec<StageRecord> {
    let record = |id| {
        let document = graph.key_document(id);
        let inputs = graph.inputs(id).iter().map(|(role, input)| (role.clone(), graph.name(*input).into())).collect();
        StageRecord {
            name: graph.name(id).to_owned(),
            kind: document.kind.clone(),
            key: graph.key(id).to_owned(),
            status: None,
            seconds: 0.0,
            summary: String::new(),
            parameters: document.parameters.clone(),
            inputs: Value::Object(inputs),
        }
    };
    graph.iter().map(record).collect()
}

impl EventSink for RunFolder {
    fn emit(&self, event: &Event) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Progress { .. } if log.last_progress.is_some_and(|last| last.elapsed() < PROGRESS_INTERVAL) => {
                return;
            }
            Event::Progress { .. } => log.last_progress = Some(Instant::now()),
            Event::Cached { stage } => {
                log.ended.insert(stage.clone(), (StageEnd::Cached, 0.0, String::new()));
            }
            Event::Finished { stage, elapsed, summary } => {
                let end = (StageEnd::Computed, elapsed.as_secs_f64(), summary.clone());
                log.ended.insert(stage.clone(), end);
            }
            Event::Failed { stage, .. } => {
                log.ended.insert(stage.clone(), (StageEnd::Failed, 0.0, String::new()));
            }
            _ => {}
        }
        if let Err(error) = log.write(event) {
            log.failed.get_or_insert(error.to_string());
        }
    }
}

impl Log {
    fn write(&mut self, event: &Event) -> std::io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut line = json!({ "time": clock::now(), "event": event }).to_string();
        line.push('\n');
        file.write_all(line.as_bytes())
    }
}

/// Makes a folder named by time and a few digits that tell runs of the same second apart.
fn make_folder(parent: &Path) -> Result<PathBuf> {
    files::create_folder(parent)?;
    let mut tries = 0;
    loop {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let digits = (since.subsec_nanos() ^ std::process::id().rotate_left(16) ^ tries) & 0xff_ffff;
        let folder = parent.join(format!("{}-{digits:06x}", clock::now_for_file_name()));
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && tries < NAME_TRIES => tries += 1,
            Err(error) => return Err(Error::io("create the folder", &folder, &error)),
        }
    }
}
