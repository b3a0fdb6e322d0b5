//! Following the tasks of a run.

use super::super::{interrupt, output};
use crate::base::{Error, ErrorKind, Result, human};
use crate::executor::driver::{Driver, Look};
use crate::executor::state::{Ending, TaskState, TaskView};
use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Factor up to which the interval between two looks grows while nothing changes.
const MAX_SLOWDOWN: u32 = 6;
/// How long the queue may be silent before that is reported.
const MAX_SILENCE: Duration = Duration::from_secs(300);
/// Interval between two looks at the records of the tasks, which cost little.
const GLANCE: Duration = Duration::from_secs(1);
/// Interval between two looks at the user's wish to stop.
const STEP: Duration = Duration::from_millis(50);

/// Follows a run until nothing more happens, or, unless it waits, until the rest is in the queue. Returns the last look.
///
/// # Errors
/// The user stops, a submission was refused, or the files of the run cannot be written.
pub(super) fn follow(driver: &mut Driver<'_>, wait: bool, quiet: bool) -> Result<Look> {
    let (mut said, mut interval) = (Said { quiet, ..Said::default() }, driver.settings.poll);
    loop {
        let look = driver.look()?;
        said.look(&look);
        if look.is_over() {
            return Ok(look);
        }
        let submitted = driver.submit(&look, true)?;
        said.submissions(&submitted.notes, submitted.waiting.as_deref());
        let is_undecided = |task: &TaskView| {
            matches!(task.state, TaskState::Ended { ending } if ending != Ending::Blocked) && look.unreachable.is_none()
        };
        if !wait && submitted.notes.is_empty() && !look.tasks.iter().any(is_undecided) {
            return Ok(look);
        }
        interval = match said.has_changed {
            true => driver.settings.poll,
            false => (2 * interval).min(MAX_SLOWDOWN * driver.settings.poll),
        };
        pause(driver, interval)?;
    }
}

/// Waits until it is time to look again: after the interval, or when a task has recorded its end.
fn pause(driver: &Driver<'_>, interval: Duration) -> Result<()> {
    let (start, ends, mut glance) = (Instant::now(), driver.ends(), Instant::now());
    while start.elapsed() < interval {
        if interrupt::flag().load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Interrupted, "interrupted; the jobs go on"));
        }
        if glance.elapsed() >= GLANCE {
            if driver.ends() != ends {
                return Ok(());
            }
            glance = Instant::now();
        }
        std::thread::sleep(STEP.min(interval));
    }
    Ok(())
}

/// What has been said, so that nothing is said twice.
#[derive(Default)]
struct Said {
    quiet: bool,
    counts: String,
    texts: HashSet<String>,
    is_silent: bool,
    has_changed: bool,
}

impl Said {
    fn look(&mut self, look: &Look) {
        for text in &look.advice {
            if self.texts.insert(text.clone()) {
                output::warn(text);
            }
        }
        match &look.unreachable {
            Some((why, since)) if !self.is_silent && *since > MAX_SILENCE => {
                self.is_silent = true;
                let minutes = human::age(*since);
                output::warn(format!(
                    "the queue has not answered for {minutes} ({why}); nothing is submitted until it does"
                ));
            }
            Some(_) => {}
            None => self.is_silent = false,
        }
        let counts = counts(&look.tasks);
        self.has_changed = counts != self.counts;
        if self.has_changed {
            self.message(&counts);
            self.counts = counts;
        }
    }

    fn submissions(&mut self, notes: &[String], waiting: Option<&str>) {
        notes.iter().for_each(|note| self.message(note));
        if let Some(why) = waiting
            && self.texts.insert(why.to_owned())
        {
            self.message(&format!("not everything is submitted yet: {why}"));
        }
    }

    fn message(&self, text: &str) {
        if !self.quiet {
            output::message(text);
        }
    }
}

/// `12 tasks: 4 done, 3 running, 5 in the queue`
pub(super) fn counts(tasks: &[TaskView]) -> String {
    type Is = fn(&TaskState) -> bool;
    let words: [(&str, Is); 8] = [
        ("done", |state| *state == TaskState::Done),
        ("running", |state| *state == TaskState::Running),
        ("in the queue", |state| matches!(state, TaskState::Queued { .. })),
        ("unknown", |state| *state == TaskState::Unknown),
        ("to submit", |state| *state == TaskState::Waiting),
        ("ended", |state| matches!(state, TaskState::Ended { .. })),
        ("failed", |state| matches!(state, TaskState::Failed { .. })),
        ("skipped", |state| matches!(state, TaskState::Skipped { .. })),
    ];
    let count = |is: Is| tasks.iter().filter(|task| is(&task.state)).count();
    let parts = words.iter().map(|(word, is)| (count(*is), word)).filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts.map(|(count, word)| format!("{count} {word}")).collect();
    format!(
        "{}: {}",
        human::count(tasks.len(), "task"),
        if parts.is_empty() { "done".to_owned() } else { parts.join(", ") }
    )
}
