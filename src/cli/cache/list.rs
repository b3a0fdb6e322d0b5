//! `simclr cache ls`: lists the artifacts and the runs that use them.

use super::users::Users;
use crate::base::hash::short;
use crate::base::human::count;
use crate::base::{Result, human};
use crate::cli::args::{CacheListArguments, Format};
use crate::cli::output;
use crate::cli::stage_rows::{StageRow, stage_rows};
use crate::cli::table::{Cell, Column, fitted};
use crate::cli::text::{Style, Text};
use crate::engine::store::{Artifact, Leftover};
use crate::engine::{Store, clock};
use crate::runs;
use serde_json::{Value, json};

/// Stage, key, size, age and users.
const COLUMNS: [Column; 5] = [
    Column::left().cut_middle(30),
    Column::left().optional(1),
    Column::right(),
    Column::left().optional(2),
    Column::left().cut_middle(16),
];

pub(super) fn run(arguments: &CacheListArguments) -> Result<()> {
    let output = &arguments.output.output;
    let store = Store::open(output)?;
    let listing = runs::list(output);
    listing.unreadable.iter().for_each(output::warn);
    let users = Users::of(&listing.runs);
    let (artifacts, leftovers) = (store.artifacts(), store.leftovers());
    match arguments.format {
        Format::Json => output::print_json(&json!({
            "artifacts": artifacts.iter().map(|artifact| artifact_json(artifact, &users)).collect::<Vec<_>>(),
            "leftovers": leftovers.iter().map(leftover_json).collect::<Vec<_>>(),
        })),
        Format::Text => output::print(text(&artifacts, &leftovers, &users, arguments.all)),
    }
}

fn text(artifacts: &[Artifact], leftovers: &[Leftover], users: &Users, all: bool) -> Text {
    let head = ["stage", "key", "size", "written", "used by"].map(|name| Cell::styled(name, Some(Style::Dim)));
    let groups = stage_rows(artifacts, all, stage, |artifact| (&artifact.damage, users.summary(&artifact.key)));
    let rows = groups.iter().map(|group| artifact_row(group, users)).chain(leftovers.iter().map(leftover_row));
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let table = if rows.len() > 1 { fitted(&rows, &COLUMNS, output::width()) } else { Text::default() };
    let bytes = |sizes: &mut dyn Iterator<Item = u64>| human::bytes(sizes.sum());
    let mut total = count(artifacts.len(), "artifact");
    total.push_str(&format!(", {}", bytes(&mut artifacts.iter().map(|artifact| artifact.bytes))));
    if !leftovers.is_empty() {
        let size = bytes(&mut leftovers.iter().map(|leftover| leftover.bytes));
        total.push_str(&format!("; {}, {size}", count(leftovers.len(), "leftover")));
    }
    table.with(total).with("\n")
}

/// Returns the row of one or several artifacts with the same users. The first is the newest.
fn artifact_row(group: &StageRow<'_, Artifact>, users: &Users) -> [Cell; 5] {
    let artifact = group.first();
    let age = artifact.written.elapsed().map(|age| format!("{} ago", human::age(age))).unwrap_or_default();
    let used = match (&artifact.damage, users.summary(&artifact.key)) {
        (Some(damage), _) => Cell::styled(format!("damaged: {damage}"), Some(Style::Error)),
        (None, used) if used.is_empty() => Cell::styled("no run", Some(Style::Warning)),
        (None, used) => used.into(),
    };
    let key = if group.is_group() { "" } else { short(&artifact.key) };
    let size = human::bytes(group.stages.iter().map(|artifact| artifact.bytes).sum());
    [group.name.as_str().into(), key.into(), size.into(), age.into(), used]
}

fn leftover_row(leftover: &Leftover) -> [Cell; 5] {
    let used = if leftover.in_use { "in use" } else { "" };
    let what = Cell::styled(format!("{} ({})", leftover.kind, leftover.what), Some(Style::Dim));
    [what, short(&leftover.key).into(), human::bytes(leftover.bytes).into(), "".into(), used.into()]
}

/// Returns the name of the stage that wrote the artifact, or its kind if that is unknown.
fn stage(artifact: &Artifact) -> &str {
    artifact.record.as_ref().map_or(artifact.kind.as_str(), |record| record.stage.as_str())
}

fn artifact_json(artifact: &Artifact, users: &Users) -> Value {
    json!({
        "kind": artifact.kind,
        "key": artifact.key,
        "stage": artifact.record.as_ref().map(|record| &record.stage),
        "bytes": artifact.bytes,
        "written": clock::text(artifact.written),
        "damage": artifact.damage,
        "runs": users.runs(&artifact.key),
    })
}

fn leftover_json(leftover: &Leftover) -> Value {
    json!({
        "kind": leftover.kind,
        "key": leftover.key,
        "what": leftover.what,
        "path": leftover.path,
        "bytes": leftover.bytes,
        "in_use": leftover.in_use,
    })
}
