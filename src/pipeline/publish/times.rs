//! How long the stages of a report took, for its page.

use crate::base::human;
use crate::engine::{ArtifactRecord, RunOutcome, StageId, StageStatus, Store};
use crate::pipeline::Assembly;
use crate::pipeline::report::stage_rows;
use crate::render::{StageState, StageTimes, StageWork, graph_svg};

/// Bytes of `2026-04-14T09:03`.
const MINUTE: usize = 16;
const NO_BREAK: &str = "\u{a0}";
const NO_BREAK_HYPHEN: &str = "\u{2011}";

/// Returns the graph of stages with how long each took and, for the report of a run, what the run did for it.
pub(super) fn graph(assembly: &Assembly, store: &Store, run: Option<&RunOutcome>) -> String {
    let graph = &assembly.graph;
    let rows = stage_rows(graph);
    let state = |id: StageId| {
        run.map(|run| match run.stages[id.index()].status {
            StageStatus::Computed => StageState::Computed,
            StageStatus::Cached => StageState::Cached,
            _ => StageState::Missing,
        })
    };
    let work = |id: StageId| {
        let seconds = store.record(graph.kind(id), graph.key(id)).ok().map(|record| record.seconds);
        (graph.name(id), StageWork { state: state(id), seconds })
    };
    graph_svg(&rows, &graph.iter().map(work).collect())
}

/// Returns a row for each stage that has a record in the store.
pub(super) fn rows(assembly: &Assembly, store: &Store) -> Vec<StageTimes> {
    let graph = &assembly.graph;
    let record = |id: StageId| Some(times(graph.name(id), &store.record(graph.kind(id), graph.key(id)).ok()?));
    graph.iter().filter_map(record).collect()
}

fn times(stage: &str, record: &ArtifactRecord) -> StageTimes {
    let measured = |name: &str| record.measured.get(name).copied();
    let of_peak = |(reached, peak): (f64, f64)| format!("{reached:.0} of {peak:.0} ({:.0} %)", 100.0 * reached / peak);
    StageTimes {
        stage: stage.to_owned(),
        took: human::seconds(record.seconds),
        seconds: record.seconds,
        started: unbroken(record.started.get(..MINUTE).unwrap_or(&record.started)).replace('T', NO_BREAK),
        machine: unbroken(&format!("{}, {} threads", record.host, record.threads)),
        views: measured("views_per_second").map(|views| format!("{views:.0}")).unwrap_or_default(),
        waiting: measured("wait_share").map(|share| format!("{:.1} %", 100.0 * share)).unwrap_or_default(),
        speed: measured("gigaflops").zip(measured("peak_gigaflops")).map(of_peak).unwrap_or_default(),
    }
}

/// Returns the text with non-breaking spaces and hyphens.
fn unbroken(text: &str) -> String {
    text.replace(' ', NO_BREAK).replace('-', NO_BREAK_HYPHEN)
}
