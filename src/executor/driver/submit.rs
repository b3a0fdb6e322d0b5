//! Submissions: the arrays of the plan, and those of lost tasks.

use super::{Driver, Look, MAX_LOSSES};
use crate::base::{Error, Result};
use crate::executor::arrays::{self, Array, ArrayJob, ArrayState, Element};
use crate::executor::state::{Ending, TaskState, TaskView};
use crate::executor::{Submitted, resources};
use std::collections::BTreeSet;

/// Factor on the memory of a task that used more than it asked for.
const MORE_MEMORY: f64 = 1.5;
/// Maximum number of tasks of an array, where the queue allows more.
const MAX_ARRAY: usize = 1000;

/// What was submitted.
#[derive(Debug, Default)]
pub(crate) struct Submissions {
    /// Sentences about what was submitted.
    pub(crate) notes: Vec<String>,
    /// Why the rest could not be submitted now, if there is a rest.
    pub(crate) waiting: Option<String>,
}

impl Driver<'_> {
    /// Submits what can be submitted. With `again`, that includes tasks that were lost.
    ///
    /// # Errors
    /// A submission was refused and would be refused again, or the files of the run cannot be written.
    pub(crate) fn submit(&mut self, look: &Look, again: bool) -> Result<Submissions> {
        let mut submissions = Submissions::default();
        if look.unreachable.is_some() || self.directory.is_canceled() {
            return Ok(submissions);
        }
        self.add_arrays(look, again, &mut submissions)?;
        let mut in_queue = look.tasks.iter().filter(|task| task.is_in_queue()).count();
        for (array, state) in self.arrays()? {
            let is_over = array.elements.iter().all(|element| look.tasks[element.task].is_over());
            let call = match state {
                ArrayState::Submitted(_) => continue,
                _ if is_over => continue,
                ArrayState::Planned(calls) => calls + 1,
                // A job that a living submission may still create is not submitted twice.
                ArrayState::Unknown(calls, age) if age > 2 * self.settings.submit_limit => calls + 1,
                ArrayState::Unknown(..) => {
                    submissions.waiting = Some("it is not known yet whether the last submission succeeded".to_owned());
                    break;
                }
            };
            if in_queue + array.elements.len() > self.settings.most_queued as usize && in_queue > 0 {
                submissions.waiting =
                    Some(format!("{in_queue} tasks are in the queue, which is the maximum that is set"));
                break;
            }
            let Some(after) = self.jobs_before(&array, look)? else { break };
            match self.call(&array, call, &after)? {
                None => break,
                Some(Submitted::Accepted(job)) => {
                    in_queue += array.elements.len();
                    let count = crate::base::human::count(array.elements.len(), "task");
                    submissions.notes.push(format!("submitted {count} ({}) as job {job}", array.resources.kind));
                }
                Some(Submitted::Full(why)) => {
                    submissions.waiting = Some(format!("the queue is full: {why}"));
                    break;
                }
                Some(Submitted::Unknown(why)) => {
                    submissions.waiting = Some(format!("it is not known whether the submission succeeded: {why}"));
                    break;
                }
                Some(Submitted::Refused(why)) => return Err(self.refused(&array, &why)),
            }
        }
        Ok(submissions)
    }

    /// Submits one array; none if another process does.
    fn call(&self, array: &Array, call: usize, after: &[String]) -> Result<Option<Submitted>> {
        let job = ArrayJob { array, submission: &self.submission, directory: &self.directory };
        let script = arrays::write_script(&self.directory, array.number, &self.executor.script(&job)?)?;
        if !arrays::take_call(&self.directory, array.number, call)? {
            return Ok(None);
        }
        let submitted = self.executor.submit(&script, &job, after);
        // The id is on disk before anything else is submitted.
        arrays::record_call(&self.directory, array.number, call, &submitted)?;
        Ok(Some(submitted))
    }

    /// Returns the jobs that an array has to wait for; none if one of them is not submitted yet.
    fn jobs_before(&self, array: &Array, look: &Look) -> Result<Option<Vec<String>>> {
        let mut jobs = Vec::new();
        for number in &array.after {
            let before = arrays::read(&self.directory, *number)?;
            if before.elements.iter().all(|element| look.tasks[element.task].is_over()) {
                continue;
            }
            match arrays::state(&self.directory, *number)? {
                ArrayState::Submitted(job) => jobs.push(job),
                _ => return Ok(None),
            }
        }
        Ok(Some(jobs))
    }

    /// Adds arrays for tasks that have none, and for lost ones.
    fn add_arrays(&self, look: &Look, again: bool, submissions: &mut Submissions) -> Result<()> {
        let in_array: BTreeSet<usize> =
            look.arrays.iter().flat_map(|(array, _)| &array.elements).map(|element| element.task).collect();
        let mut count = look.arrays.len();
        let mut waves: Vec<usize> = self.submission.tasks.iter().map(|task| task.wave).collect();
        waves.dedup();
        for wave in waves {
            let new = |task: &usize| self.submission.tasks[*task].wave == wave && !in_array.contains(task);
            let new = (0..look.tasks.len()).filter(new).filter(|task| !look.tasks[*task].is_over());
            let elements = new.map(|task| Element { task, losses: 0, memory_factor: 1.0 }).collect();
            if !self.create(elements, look, &mut count)? {
                return Ok(());
            }
        }
        let is_ready = |task: &usize| {
            let is_done = |need: &usize| look.tasks[*need].state == TaskState::Done;
            self.submission.tasks[*task].needs.iter().all(is_done)
        };
        let lost: Vec<Element> = (0..look.tasks.len())
            .filter(|task| again && is_ready(task))
            .filter_map(|task| self.lost(task, &look.tasks[task]))
            .collect();
        for element in &lost {
            let TaskState::Ended { ending } = look.tasks[element.task].state else { continue };
            if ending != Ending::Blocked {
                let job = look.tasks[element.task].job.clone().unwrap_or_default();
                submissions.notes.push(format!("job {job} was lost ({}); submitting it again", word(ending)));
            }
        }
        self.create(lost, look, &mut count).map(drop)
    }

    /// Returns the next submission of a task that was lost.
    fn lost(&self, task: usize, view: &TaskView) -> Option<Element> {
        let TaskState::Ended { ending } = view.state else { return None };
        if !self.is_lost(task, view) {
            return None;
        }
        let more = if ending == Ending::OutOfMemory { MORE_MEMORY } else { 1.0 };
        let losses = view.losses + u32::from(ending != Ending::Blocked);
        (losses <= MAX_LOSSES).then_some(Element { task, losses, memory_factor: view.memory_factor * more })
    }

    /// Creates arrays of these tasks; `count` is the number of arrays so far. False if another process has created an
    /// array since: it may have the same tasks.
    fn create(&self, elements: Vec<Element>, look: &Look, count: &mut usize) -> Result<bool> {
        let stages = |task: usize| {
            let stages = self.submission.tasks[task].stages.iter();
            stages.map(|stage| &self.submission.stages[*stage]).collect::<Vec<_>>()
        };
        let tables = &self.settings.resources;
        let asked = elements.into_iter().map(|element| {
            let resources = resources::of_task(tables, &stages(element.task), element.memory_factor);
            (element, resources)
        });
        let max = self.executor.max_array().min(MAX_ARRAY).min(self.settings.most_queued as usize);
        for (resources, elements) in arrays::cut(asked.collect(), max) {
            let existing = arrays::read_all(&self.directory)?;
            let number = *count + 1;
            let needs: BTreeSet<usize> =
                elements.iter().flat_map(|element| self.submission.tasks[element.task].needs.clone()).collect();
            let feeds = |array: &&Array| array.elements.iter().any(|element| needs.contains(&element.task));
            let after = existing.iter().filter(feeds).map(|array| array.number).collect();
            let exclude = self.failing_nodes(look, &existing);
            let array = Array { number, resources, elements, after, exclude };
            if !arrays::create(&self.directory, &array)? {
                return Ok(false);
            }
            *count = number;
        }
        Ok(true)
    }

    /// Returns the nodes to avoid: those that have failed under several tasks.
    fn failing_nodes(&self, look: &Look, arrays: &[Array]) -> Vec<String> {
        let failed = |task: &&TaskView| task.state == TaskState::Ended { ending: Ending::NodeFailed };
        let nodes = || look.tasks.iter().filter(failed).filter_map(|task| task.node.as_deref());
        let repeated = nodes().filter(|node| nodes().filter(|other| other == node).count() > 1);
        let before = arrays.iter().flat_map(|array| array.exclude.iter().map(String::as_str));
        let all: BTreeSet<&str> = repeated.chain(before).collect();
        all.into_iter().map(str::to_owned).collect()
    }

    fn refused(&self, array: &Array, why: &str) -> Error {
        let executor = &self.submission.executor;
        let cluster = &self.submission.cluster;
        let place = cluster.resource_place(executor, &array.resources.kind, "time");
        let file = place.rsplit(['(', ' ']).next().unwrap_or_default().trim_end_matches(')').to_owned();
        let error = Error::stage(format!("the queue refused the tasks of {}: {why}", array.resources.kind));
        let script = self.directory.arrays().join(format!("{}.sh", array.number));
        error.at(script.display().to_string()).help(format!(
            "change the settings ({file}), cancel this run with `simclr cancel {}`, and submit again",
            self.directory.run_id()
        ))
    }
}

fn word(ending: Ending) -> &'static str {
    match ending {
        Ending::Killed => "killed",
        Ending::OutOfMemory => "out of memory",
        Ending::Canceled => "canceled",
        Ending::NodeFailed => "its node failed",
        Ending::Interrupted => "stopped",
        Ending::Blocked => "what it reads was missing",
        Ending::Invisible => "its artifacts are not visible",
    }
}
