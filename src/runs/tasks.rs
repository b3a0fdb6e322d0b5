//! The record of a submitted run, from the events of its tasks: `cluster/tasks/TASK/LIFE/events.jsonl`, one file for every
//! time that a task started.

use crate::base::files;
use crate::runs::record::{RunRecord, StageState};
use crate::runs::run::{EventLine, event_lines};
use crate::runs::{CLUSTER, EVENTS};
use std::path::{Path, PathBuf};

/// File that a task writes when it ends.
const END: &str = "end.json";

/// Updates the record of a submitted run from the events of its tasks, in the order of their times.
pub(super) fn replay(run: &Path, record: &mut RunRecord) {
    let mut lives: Vec<(Vec<EventLine>, bool)> = lives(run).iter().map(|life| read(life)).collect();
    lives.sort_by(|(a, _), (b, _)| a.first().map(|line| &line.time).cmp(&b.first().map(|line| &line.time)));
    for (lines, has_ended) in lives {
        lines.iter().for_each(|line| record.apply(&line.event));
        let stages: Vec<&str> = lines.iter().map(|line| line.event.stage()).collect();
        for stage in record.stages.iter_mut().filter(|stage| has_ended && stages.contains(&stage.name.as_str())) {
            if stage.status == Some(StageState::Running) {
                stage.interrupt();
            }
        }
    }
    record.count();
}

fn read(life: &Path) -> (Vec<EventLine>, bool) {
    (event_lines(&life.join(EVENTS)).collect(), life.join(END).exists())
}

fn lives(run: &Path) -> Vec<PathBuf> {
    let tasks = files::entries(&run.join(CLUSTER).join("tasks")).unwrap_or_default();
    tasks.iter().flat_map(|task| files::entries(task).unwrap_or_default()).collect()
}
