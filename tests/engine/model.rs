//! Random edits of a pipeline, checked against a model of which stages must run.
//!
//! The model identifies an artifact by a text with everything it is computed from; the engine by a digest. After every
//! edit both must agree on which stages run.

use super::*;
use proptest::prelude::*;
use std::collections::HashSet;

/// Kinds of the stages, one per stage.
const KINDS: [&str; 6] = ["split", "pretrain", "features", "linear_eval", "knn_eval", "report"];

/// Stage of the edited pipeline; stage 0 has no inputs.
#[derive(Clone, Debug)]
struct Node {
    version: u32,
    temperature: u8,
    name: u8,
    /// Whether each earlier stage is an input.
    inputs: [bool; KINDS.len()],
    is_enabled: bool,
}

#[derive(Clone, Debug)]
enum Edit {
    /// Sets a parameter.
    Temperature(usize, u8),
    /// Sets the version of the algorithm.
    Version(usize, u32),
    /// Renames the stage, which does not affect its key.
    Name(usize, u8),
    /// Adds or removes an input.
    Input(usize, usize),
    /// Adds or removes the stage.
    Stage(usize),
    /// Deletes the artifact.
    Delete(usize),
    /// Truncates a file of the artifact.
    Truncate(usize),
    /// Changes order and whitespace of the parameters.
    Rewrite,
    /// Requests only one stage.
    Only(usize),
    /// Forces a stage even if its artifact exists.
    Force(usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let stage = 0..KINDS.len();
    prop_oneof![
        4 => (stage.clone(), 0..3u8).prop_map(|(stage, value)| Edit::Temperature(stage, value)),
        1 => (stage.clone(), 1..3u32).prop_map(|(stage, version)| Edit::Version(stage, version)),
        1 => (stage.clone(), 0..3u8).prop_map(|(stage, name)| Edit::Name(stage, name)),
        2 => (stage.clone(), stage.clone()).prop_map(|(stage, input)| Edit::Input(stage, input)),
        1 => stage.clone().prop_map(Edit::Stage),
        1 => stage.clone().prop_map(Edit::Delete),
        1 => stage.clone().prop_map(Edit::Truncate),
        1 => Just(Edit::Rewrite),
        1 => stage.clone().prop_map(Edit::Only),
        1 => stage.prop_map(Edit::Force),
    ]
}

/// Pipeline under edit.
struct Pipeline {
    nodes: Vec<Node>,
    reversed: bool,
}

impl Pipeline {
    fn new() -> Self {
        let node = |number: usize| Node {
            version: 1,
            temperature: 0,
            name: 0,
            inputs: std::array::from_fn(|input| input + 1 == number),
            is_enabled: true,
        };
        Self { nodes: (0..KINDS.len()).map(node).collect(), reversed: false }
    }

    fn edit(&mut self, edit: &Edit) {
        match *edit {
            Edit::Temperature(stage, value) => self.nodes[stage].temperature = value,
            Edit::Version(stage, version) => self.nodes[stage].version = version,
            Edit::Name(stage, name) => self.nodes[stage].name = name,
            Edit::Input(stage, input) => self.nodes[stage].inputs[input] ^= input < stage,
            Edit::Stage(stage) => self.nodes[stage].is_enabled ^= true,
            Edit::Rewrite => self.reversed ^= true,
            Edit::Delete(_) | Edit::Truncate(_) | Edit::Only(_) | Edit::Force(_) => {}
        }
    }

    fn inputs(&self, stage: usize) -> Vec<usize> {
        (0..stage).filter(|input| self.nodes[stage].inputs[*input] && self.nodes[*input].is_enabled).collect()
    }

    /// Returns a text with everything a stage's artifact is computed from.
    fn origin(&self, stage: usize) -> String {
        let Node { version, temperature, .. } = self.nodes[stage];
        let inputs: Vec<String> =
            self.inputs(stage).into_iter().map(|input| format!("{input}:{}", self.origin(input))).collect();
        format!("({} v{version} t{temperature} <- {})", KINDS[stage], inputs.join(" "))
    }

    fn stages(&self) -> Vec<usize> {
        (0..KINDS.len()).filter(|stage| self.nodes[*stage].is_enabled).collect()
    }

    fn graph(&self) -> Graph {
        let mut graph = Graph::new();
        let mut ids: [Option<StageId>; KINDS.len()] = [None; KINDS.len()];
        for stage in self.stages() {
            let Node { version, temperature, name, .. } = self.nodes[stage];
            let text = match self.reversed {
                true => format!(r#"{{ "z" : [ 1 , 2 ],   "temperature" : {temperature} }}"#),
                false => format!(r#"{{"temperature":{temperature},"z":[1,2]}}"#),
            };
            let plain = fake(KINDS[stage], serde_json::from_str(&text).unwrap());
            let stage_with_name = Fake { name: format!("{}.{name}", KINDS[stage]), version, ..plain };
            let inputs = self.inputs(stage);
            let roles: Vec<String> = inputs.iter().map(ToString::to_string).collect();
            let inputs: Vec<(&str, StageId)> =
                roles.iter().map(String::as_str).zip(inputs.iter().map(|input| ids[*input].unwrap())).collect();
            ids[stage] = Some(graph.add(Box::new(stage_with_name), &inputs).unwrap());
        }
        graph
    }

    /// Returns the stages that must run according to the model: requested stages without a known artifact, and the
    /// inputs they need.
    fn must_run(&self, known: &HashSet<String>, wanted: &HashSet<usize>, forced: Option<usize>) -> HashSet<usize> {
        let mut wanted = wanted.clone();
        let mut run = HashSet::new();
        for stage in self.stages().into_iter().rev() {
            let missing = !known.contains(&self.origin(stage));
            if forced == Some(stage) || (missing && wanted.contains(&stage)) {
                run.insert(stage);
                wanted.extend(self.inputs(stage));
            }
        }
        run
    }
}

fn options(pipeline: &Pipeline, edit: &Edit) -> (RunOptions, HashSet<usize>, Option<usize>) {
    let all: HashSet<usize> = pipeline.stages().into_iter().collect();
    match *edit {
        Edit::Only(stage) if all.contains(&stage) => (only(&[KINDS[stage]]), HashSet::from([stage]), None),
        Edit::Force(stage) if all.contains(&stage) => (force(&[KINDS[stage]]), all, Some(stage)),
        _ => (RunOptions::default(), all, None),
    }
}

/// Deletes or damages an existing artifact.
fn damage(fixture: &StoreFixture, pipeline: &Pipeline, known: &mut HashSet<String>, edit: &Edit) {
    let (Edit::Delete(stage) | Edit::Truncate(stage)) = *edit else { return };
    let Some(position) = pipeline.stages().iter().position(|enabled| *enabled == stage) else { return };
    let graph = pipeline.graph();
    let id = graph.iter().nth(position).unwrap();
    let directory = fixture.store.artifact_path(graph.kind(id), graph.key(id));
    if !known.remove(&pipeline.origin(stage)) {
        return;
    }
    match edit {
        Edit::Delete(_) => fs::remove_dir_all(directory).unwrap(),
        _ => fs::write(directory.join("lines.txt"), "").unwrap(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn exactly_what_an_edit_touches_runs_again(edits in prop::collection::vec(edit(), 1..14), jobs in 1..4usize) {
        let fixture = fixture();
        let mut pipeline = Pipeline::new();
        let mut known = HashSet::new();
        for edit in &edits {
            pipeline.edit(edit);
            damage(&fixture, &pipeline, &mut known, edit);
            let (graph, stages) = (pipeline.graph(), pipeline.stages());
            let (options, wanted, forced) = options(&pipeline, edit);
            let options = RunOptions { jobs, ..options };
            let expected = pipeline.must_run(&known, &wanted, forced);

            let plan = simclr::engine::plan_with(&graph, &fixture.store, &options).unwrap();
            let planned = |entry: &PlanEntry| matches!(entry.status, PlanStatus::WillRun { .. });
            let planned: HashSet<usize> =
                stages.iter().zip(&plan).filter(|(_, entry)| planned(entry)).map(|(stage, _)| *stage).collect();
            prop_assert_eq!(&planned, &expected, "plan after {:?}", edit);

            let outcome = fixture.run_with(&graph, &options, &Events::default()).unwrap();
            let ran = |status| status == StageStatus::Computed;
            let ran: HashSet<usize> =
                stages.iter().zip(&outcome.stages).filter(|(_, o)| ran(o.status)).map(|(stage, _)| *stage).collect();
            prop_assert_eq!(&ran, &expected, "run after {:?}", edit);
            known.extend(expected.iter().map(|stage| pipeline.origin(*stage)));
            // The artifacts are those of this pipeline, not of an earlier one with the same names.
            for id in graph.iter().filter(|id| outcome.artifacts[id.index()].is_some()) {
                fixture.store.verify(graph.kind(id), graph.key(id)).unwrap();
                prop_assert_eq!(&fixture.store.key_document(graph.kind(id), graph.key(id)).unwrap(), graph.key_document(id));
            }
        }
    }
}
