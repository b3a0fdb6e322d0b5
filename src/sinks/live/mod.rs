//! A page that shows a run while it is running: stages, curves so far, speed, estimated end. It is rewritten at most every
//! two seconds, by a thread of its own, so that no training step waits for it.

mod state;

use super::failure::FirstFailure;
use super::{LIVE_PAGE, SinkKind, SinkPlace};
use crate::base::{Result, files};
use crate::engine::{Event, EventSink, PlannedStage};
use crate::render::live_page;
use state::{LiveCurve, State};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// `--sink live`, `--watch`
pub(super) const KIND: SinkKind = SinkKind {
    name: LIVE,
    about: "live.html: a page that shows the run while it is running (the same as --watch)",
    open: |place: SinkPlace<'_>| Box::new(LiveSink::new(place)),
};

/// Name of the sink.
pub(crate) const LIVE: &str = "live";
/// Minimum time between two versions of the page.
const INTERVAL: Duration = Duration::from_secs(2);
/// The report of the run, relative to the page.
const REPORT: &str = "report/index.html";

/// Sink that rewrites the page.
struct LiveSink<'a> {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
    failure: FirstFailure<'a>,
}

/// What the sink and its thread share.
struct Shared {
    directory: PathBuf,
    state: Mutex<State>,
    /// Notified when the run ends.
    ended: Condvar,
}

impl<'a> LiveSink<'a> {
    fn new(place: SinkPlace<'a>) -> Self {
        let state = State::new();
        let shared =
            Arc::new(Shared { directory: place.run.to_owned(), state: Mutex::new(state), ended: Condvar::new() });
        shared.write();
        let own = Arc::clone(&shared);
        // If no thread can be started, the page is written at the start and at the end.
        let writer = std::thread::Builder::new().name("live page".to_owned()).spawn(move || own.keep_writing()).ok();
        Self { shared, writer: Mutex::new(writer), failure: FirstFailure::reported(KIND.name, place.warnings) }
    }

    /// Reports a failure of the thread. Without a lock, since the warning comes back as an event.
    fn report_failure(&self) {
        let failure = self.shared.lock().failure.take();
        failure.into_iter().for_each(|error| self.failure.note(Err(error)));
    }

    fn stop(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if self.shared.end() {
            writer.into_iter().for_each(|writer| drop(writer.join()));
            self.shared.write();
        }
    }
}

impl EventSink for LiveSink<'_> {
    fn emit(&self, event: &Event) {
        self.shared.lock().update(event, Instant::now());
        self.report_failure();
    }

    fn planned(&self, stages: &[PlannedStage]) {
        let mut state = self.shared.lock();
        state.overall.planned(stages);
        state.has_changed = true;
    }

    fn finish(&self) {
        self.stop();
        self.report_failure();
    }
}

impl Drop for LiveSink<'_> {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the end of the run. Returns whether it is the first time.
    fn end(&self) -> bool {
        let was_running = !std::mem::replace(&mut self.lock().has_ended, true);
        self.ended.notify_all();
        was_running
    }

    fn keep_writing(&self) {
        loop {
            let state = self.lock();
            let waited = self.ended.wait_timeout_while(state, INTERVAL, |state| !state.has_ended);
            let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if state.has_ended {
                return;
            }
            let has_changed = std::mem::take(&mut state.has_changed);
            drop(state);
            if has_changed {
                self.write();
            }
        }
    }

    fn write(&self) {
        if let Err(error) = self.try_write() {
            self.lock().failure.get_or_insert(error);
        }
    }

    fn try_write(&self) -> Result<()> {
        let report = self.directory.join(REPORT).is_file().then(|| REPORT.to_owned());
        let (page, curves, is_running) = {
            let state = self.lock();
            let page = state.page(&name_of(&self.directory), report, Instant::now());
            let curves = state.curves.iter().map(LiveCurve::curve).collect();
            (page, curves, !state.has_ended)
        };
        let page = live_page(&page, curves, is_running)?;
        files::write_atomic(&self.directory.join(LIVE_PAGE), page.as_bytes())
    }
}

/// Returns `STUDY/ID`.
fn name_of(run: &Path) -> String {
    let name = |path: Option<&Path>| {
        path.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    };
    format!("{}/{}", name(run.parent()), name(Some(run)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{NoEvents, Progress, StageSummary, TrainingMetrics};

    fn step(done: u64) -> Event {
        let training = TrainingMetrics {
            epoch: 1 + done / 250,
            epochs: 4,
            loss: 6.0 - done as f64 / 200.0,
            chance_loss: Some(5.5),
            accuracy: 0.25,
            learning_rate: 0.1,
            gradient_norm: 1.0,
            views_per_second: 410.0,
            waiting: 0.0,
        };
        let progress = Progress { done, total: 1000, unit: "steps".into(), training: Some(training) };
        Event::Progress { stage: "pretrain.main".into(), progress }
    }

    fn read(run: &Path) -> String {
        std::fs::read_to_string(run.join(LIVE_PAGE)).unwrap()
    }

    #[test]
    fn the_page_follows_a_run_to_its_end() {
        let directory = tempfile::tempdir().unwrap();
        let run = directory.path().join("study/20260101");
        std::fs::create_dir_all(run.join("report")).unwrap();
        let sink = LiveSink::new(SinkPlace { run: &run, warnings: &NoEvents });
        assert!(read(&run).contains("http-equiv=\"refresh\""), "the page exists from the start");
        let planned =
            PlannedStage { stage: "pretrain.main".into(), kind: "pretrain".into(), ..PlannedStage::default() };
        sink.planned(&[planned]);
        sink.emit(&Event::Started { stage: "pretrain.main".into() });
        (1..=500).for_each(|done| sink.emit(&step(done)));
        sink.shared.write();
        let page = read(&run);
        for part in ["study&#x2f;20260101", "410 views", "50 %", "Estimated end", "<svg"] {
            assert!(page.contains(part), "{part}");
        }
        assert_eq!(sink.shared.lock().curves[0].parts.len(), 100, "half of the points");
        let (elapsed, summary) = (Duration::from_secs(5), StageSummary::default().number("loss", 3.5));
        sink.emit(&Event::Finished { stage: "pretrain.main".into(), elapsed, summary });
        std::fs::write(run.join(REPORT), "").unwrap();
        sink.finish();
        let page = read(&run);
        assert!(!page.contains("http-equiv=\"refresh\"") && page.contains("open the report"), "it has ended");
        assert!(page.contains("loss 3.500") && page.contains("1 of 1"));
    }

    #[test]
    fn a_page_that_cannot_be_written_does_not_end_the_run() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("none");
        let sink = LiveSink::new(SinkPlace { run: &missing, warnings: &NoEvents });
        sink.emit(&step(1));
        sink.finish();
        assert!(sink.failure.get().is_some());
    }
}
