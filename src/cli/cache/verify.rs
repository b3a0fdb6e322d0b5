//! `simclr cache verify`: checks that the artifacts are intact and match the artifacts they were computed from.

use crate::base::hash::short;
use crate::base::human::count;
use crate::base::{Error, Result, human};
use crate::cli::args::{Format, VerifyArguments};
use crate::cli::output;
use crate::cli::text::{Style, Text};
use crate::engine::Store;
use crate::engine::store::Artifact;
use serde_json::json;
use std::collections::HashSet;
use std::path::PathBuf;

/// A damaged artifact.
struct Damaged<'a> {
    artifact: &'a Artifact,
    damage: String,
    /// The path to which it was moved.
    aside: Option<PathBuf>,
}

pub(super) fn run(arguments: &VerifyArguments) -> Result<()> {
    let store = Store::open(&arguments.output.output)?;
    let artifacts = store.artifacts();
    let mut damaged: Vec<Damaged<'_>> = artifacts.iter().filter_map(|artifact| damage_of(&store, artifact)).collect();
    add_doubtful(&store, &artifacts, &mut damaged);
    if arguments.set_aside {
        for Damaged { artifact, aside, .. } in &mut damaged {
            *aside = Some(store.set_damaged_aside(&artifact.kind, &artifact.key)?);
        }
    }
    match arguments.format {
        Format::Text => output::print(text(&artifacts, &damaged))?,
        Format::Json => output::print_json(&json!({
            "artifacts": artifacts.len(),
            "damaged": damaged.iter().map(json).collect::<Vec<_>>(),
        }))?,
    }
    match damaged.iter().filter(|damaged| damaged.aside.is_none()).count() {
        0 => Ok(()),
        left => Err(Error::stage(format!("damaged: {}", count(left, "artifact")))
            .help("check the disk; `simclr cache verify --set-aside` lets the next run recompute them")),
    }
}

fn damage_of<'a>(store: &Store, artifact: &'a Artifact) -> Option<Damaged<'a>> {
    let damage = match store.verify(&artifact.kind, &artifact.key) {
        Err(error) => error.what().to_owned(),
        Ok(()) => store.stale(&artifact.kind, &artifact.key)?,
    };
    Some(Damaged { artifact, damage, aside: None })
}

/// Adds artifacts that may have been computed from damaged ones, once each.
fn add_doubtful<'a>(store: &Store, artifacts: &'a [Artifact], damaged: &mut Vec<Damaged<'a>>) {
    let mut seen: HashSet<&str> = damaged.iter().map(|damaged| damaged.artifact.key.as_str()).collect();
    for index in 0..damaged.len() {
        let Artifact { kind, key, .. } = damaged[index].artifact;
        let doubtful: HashSet<String> = store.suspects(key).into_iter().map(|(_, key)| key).collect();
        let damage = format!("it may have been computed from the damaged artifact {kind} {}", short(key));
        for artifact in artifacts.iter().filter(|artifact| doubtful.contains(&artifact.key)) {
            if seen.insert(&artifact.key) {
                damaged.push(Damaged { artifact, damage: damage.clone(), aside: None });
            }
        }
    }
}

fn text(artifacts: &[Artifact], damaged: &[Damaged<'_>]) -> Text {
    let mut text = Text::default();
    for Damaged { artifact, damage, aside } in damaged {
        let aside = aside.as_ref().map(|path| format!("; moved to {}", path.display())).unwrap_or_default();
        text.push(Text::styled(format!("{} {}", artifact.kind, short(&artifact.key)), Style::Error));
        text.push(format!(": {damage}{aside}\n"));
    }
    let bytes = human::bytes(artifacts.iter().map(|artifact| artifact.bytes).sum());
    let intact = artifacts.len() - damaged.len();
    text.with(format!("{}, {bytes}: {intact} intact, {} damaged\n", count(artifacts.len(), "artifact"), damaged.len()))
}

fn json(Damaged { artifact, damage, aside }: &Damaged<'_>) -> serde_json::Value {
    json!({ "kind": artifact.kind, "key": artifact.key, "damage": damage, "aside": aside })
}
