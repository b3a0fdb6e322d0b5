//! The graph of stages as a drawing: one box for the stages of a table, from left to right by their inputs.

use crate::base::human;
use crate::render::data::StageRow;
use crate::render::draw::font;
use crate::render::html;
use crate::render::words::join_nonempty;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

const BOX: (f64, f64) = (164.0, 40.0);
const GAP: (f64, f64) = (38.0, 12.0);
const MARGIN: f64 = 4.0;
/// Font sizes of names and of what is below them.
const NAME: f64 = 13.0;
const DETAIL: f64 = 11.5;
/// Maximum number of boxes; of more, a box is for all stages of a kind.
const MAX_BOXES: usize = 40;

/// What a run did for a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StageState {
    /// Its artifact was in the store.
    Cached,
    Computed,
    /// It failed, or was skipped because an input failed.
    Missing,
}

impl StageState {
    /// Returns a word for readers, which is also a class of the style sheet.
    fn name(self) -> &'static str {
        match self {
            Self::Cached => "cached",
            Self::Computed => "computed",
            Self::Missing => "missing",
        }
    }
}

/// How a stage came to its artifact.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StageWork {
    /// Unknown for the report of a study, which several runs may have computed.
    pub(crate) state: Option<StageState>,
    /// How long its computation took, whichever run it was.
    pub(crate) seconds: Option<f64>,
}

/// The stages of a box.
struct Node<'a> {
    name: String,
    stages: Vec<&'a StageRow>,
    inputs: BTreeSet<usize>,
    column: usize,
    row: f64,
}

/// Draws the graph as SVG; `work` has what is known of each stage by name.
pub(crate) fn svg(stages: &[StageRow], work: &BTreeMap<&str, StageWork>) -> String {
    let mut nodes = nodes(stages, table_name);
    if nodes.len() > MAX_BOXES {
        nodes = self::nodes(stages, |stage| stage.kind.clone());
    }
    if nodes.is_empty() {
        return String::new();
    }
    place(&mut nodes);
    let columns = nodes.iter().map(|node| node.column + 1).max().unwrap_or(0) as f64;
    let rows = nodes.iter().map(|node| node.row + 1.0).fold(0.0, f64::max);
    let size = (columns * (BOX.0 + GAP.0) - GAP.0 + 2.0 * MARGIN, rows * (BOX.1 + GAP.1) - GAP.1 + 2.0 * MARGIN);
    let mut svg = format!(
        "<svg class=\"graph\" width=\"{0:.0}\" height=\"{1:.0}\" viewBox=\"0 0 {0:.0} {1:.0}\" role=\"img\" \
         aria-label=\"Graph of {2} stages\">\n",
        size.0,
        size.1,
        stages.len()
    );
    for (at, node) in nodes.iter().enumerate() {
        for &input in &node.inputs {
            if !is_implied(input, at, &nodes) {
                edge(&mut svg, corner(&nodes[input]), corner(node));
            }
        }
    }
    nodes.iter().for_each(|node| draw(&mut svg, node, work));
    svg + "</svg>"
}

/// Returns the name of the table of a stage: `linear_eval.main` of `linear_eval.main[depth 0] (temperature 0.1)`.
fn table_name(stage: &StageRow) -> String {
    stage.name.split(['[', '(']).next().unwrap_or_default().trim_end().to_owned()
}

/// Groups stages into boxes, which are in an order in which inputs come first.
fn nodes(stages: &[StageRow], name: impl Fn(&StageRow) -> String) -> Vec<Node<'_>> {
    let mut nodes: Vec<Node<'_>> = Vec::new();
    let mut boxes: BTreeMap<&str, usize> = BTreeMap::new();
    for stage in stages {
        let name = name(stage);
        let inputs: BTreeSet<usize> =
            stage.inputs.iter().filter_map(|input| boxes.get(input.as_str()).copied()).collect();
        let at = nodes.iter().position(|node| node.name == name).unwrap_or(nodes.len());
        if at == nodes.len() {
            nodes.push(Node { name, stages: Vec::new(), inputs: BTreeSet::new(), column: 0, row: 0.0 });
        }
        // Two stages of a table may depend on each other only through an earlier box.
        nodes[at].inputs.extend(inputs.into_iter().filter(|input| *input < at));
        nodes[at].stages.push(stage);
        boxes.insert(&stage.name, at);
    }
    nodes
}

/// Places each box to the right of its inputs, near their mean height.
fn place(nodes: &mut [Node<'_>]) {
    for at in 0..nodes.len() {
        nodes[at].column = nodes[at].inputs.iter().map(|&input| nodes[input].column + 1).max().unwrap_or(0);
    }
    for column in 0..=nodes.iter().map(|node| node.column).max().unwrap_or(0) {
        let mut members: Vec<(f64, usize)> = Vec::new();
        for at in (0..nodes.len()).filter(|&at| nodes[at].column == column) {
            let inputs = &nodes[at].inputs;
            let mean = inputs.iter().map(|&input| nodes[input].row).sum::<f64>() / inputs.len().max(1) as f64;
            members.push((mean, at));
        }
        members.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for (row, (_, at)) in members.into_iter().enumerate() {
            nodes[at].row = row as f64;
        }
    }
}

/// Returns whether an input is also an input of another input, so that its line says nothing.
fn is_implied(input: usize, node: usize, nodes: &[Node<'_>]) -> bool {
    let others = nodes[node].inputs.iter().filter(|&&other| other != input);
    others.copied().any(|other| other > input && reaches(input, other, nodes))
}

fn reaches(from: usize, to: usize, nodes: &[Node<'_>]) -> bool {
    nodes[to].inputs.iter().any(|&input| input == from || input > from && reaches(from, input, nodes))
}

fn corner(node: &Node<'_>) -> (f64, f64) {
    (MARGIN + node.column as f64 * (BOX.0 + GAP.0), MARGIN + node.row * (BOX.1 + GAP.1))
}

fn edge(svg: &mut String, from: (f64, f64), to: (f64, f64)) {
    let (x0, y0, x1, y1) = (from.0 + BOX.0, from.1 + BOX.1 / 2.0, to.0, to.1 + BOX.1 / 2.0);
    let middle = x1 - GAP.0 / 2.0;
    let _ = writeln!(
        svg,
        "<path class=\"edge\" d=\"M{x0} {y0}H{:.1}C{middle:.1} {y0} {middle:.1} {y1} {x1} {y1}\"/>",
        x1 - GAP.0
    );
}

fn draw(svg: &mut String, node: &Node<'_>, work: &BTreeMap<&str, StageWork>) {
    let (x, y) = corner(node);
    let works: Vec<StageWork> = node.stages.iter().filter_map(|stage| work.get(stage.name.as_str()).copied()).collect();
    let state = works.iter().filter_map(|work| work.state).max();
    let class = state.map_or("", StageState::name);
    let room = BOX.0 - 16.0;
    let name = font::fitted_around(&node.name, NAME, true, room);
    let detail = font::fitted_around(&detail(node, state, &works), DETAIL, false, room);
    let _ = writeln!(
        svg,
        "<g class=\"stage {class}\"><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"5\"/>\
         <text x=\"{}\" y=\"{}\" font-size=\"{NAME}\" font-weight=\"700\">{}</text>\
         <text class=\"detail\" x=\"{}\" y=\"{}\" font-size=\"{DETAIL}\">{}</text></g>",
        html::escaped(&title(node)),
        BOX.0,
        BOX.1,
        x + 8.0,
        y + 17.0,
        html::escaped(&name),
        x + 8.0,
        y + 32.0,
        html::escaped(&detail),
    );
}

/// "24 stages, 2 min, cached"
fn detail(node: &Node<'_>, state: Option<StageState>, works: &[StageWork]) -> String {
    let count = match node.stages.len() {
        1 => String::new(),
        count => format!("{count} stages"),
    };
    let seconds: Vec<f64> = works.iter().filter_map(|work| work.seconds).collect();
    let took = if seconds.is_empty() { String::new() } else { human::seconds(seconds.iter().sum()) };
    join_nonempty(&[&count, &took, state.map_or("", StageState::name)])
}

fn title(node: &Node<'_>) -> String {
    /// Maximum number of names in the title of a box.
    const MAX_NAMES: usize = 12;
    let names: Vec<&str> = node.stages.iter().take(MAX_NAMES).map(|stage| stage.name.as_str()).collect();
    let more = node.stages.len().saturating_sub(MAX_NAMES);
    if more > 0 { format!("{} and {more} more", names.join(", ")) } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(name: &str, inputs: &[&str]) -> StageRow {
        StageRow {
            name: name.into(),
            kind: name.split('.').next().unwrap().into(),
            inputs: inputs.iter().map(|input| (*input).to_owned()).collect(),
            ..StageRow::default()
        }
    }

    #[test]
    fn boxes_are_right_of_their_inputs_and_implied_lines_are_left_out() {
        let stages = [
            stage("images", &[]),
            stage("pretrain.main", &["images"]),
            stage("features.main", &["images", "pretrain.main"]),
            stage("linear_eval.main[depth 0]", &["features.main"]),
            stage("linear_eval.main[depth 1]", &["features.main", "images"]),
        ];
        let mut found = nodes(&stages, table_name);
        place(&mut found);
        let columns: Vec<(&str, usize)> = found.iter().map(|node| (node.name.as_str(), node.column)).collect();
        assert_eq!(columns, [("images", 0), ("pretrain.main", 1), ("features.main", 2), ("linear_eval.main", 3)]);
        let work = StageWork { state: Some(StageState::Computed), seconds: Some(90.0) };
        let svg = svg(&stages, &BTreeMap::from([("linear_eval.main[depth 0]", work)]));
        assert_eq!(svg.matches("<path").count(), 3);
        assert!(svg.contains("2 stages, ") && svg.contains("stage computed"), "{svg}");
    }

    #[test]
    fn names_stay_text_and_many_tables_become_kinds() {
        assert!(svg(&[stage("<script>", &[])], &BTreeMap::new()).contains("&lt;script&gt;"));
        let many: Vec<StageRow> = (0..100).map(|at| stage(&format!("knn_eval.{at}"), &[])).collect();
        assert_eq!(svg(&many, &BTreeMap::new()).matches("<rect").count(), 1);
        assert!(svg(&[], &BTreeMap::new()).is_empty());
    }
}
