//! The settings of a cluster, `cluster.toml`. They decide where and when stages run and never enter a key.

mod quantity;

pub(crate) use quantity::{Memory, Time};

use crate::base::{Error, Result, files, nearest};
use crate::document::schema::inline::inlined;
use crate::document::{Diagnostics, PathStep, Problem, Problems, TomlNode, parse_plain};
use crate::executor::slurm::SlurmConfig;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

/// Variable with the path of the file.
const VARIABLE: &str = "SIMCLR_CLUSTER";
/// The entry of [`ResourceTables`] for the kinds of stages without one of their own.
const DEFAULT: &str = "default";

/// A cluster file: how the stages of a pipeline run on a cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Cluster")]
pub(crate) struct ClusterConfig {
    /// The executors.
    pub(crate) executor: ExecutorTables,
}

/// One table per executor that has settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Executors")]
pub(crate) struct ExecutorTables {
    /// Slurm.
    pub(crate) slurm: SlurmConfig,
}

/// What a task asks the cluster for. Keys that are not set are those of `default`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Resources")]
pub(crate) struct ResourceTable {
    /// Processors, which are also the worker threads. Default: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1024))]
    pub(crate) cpus: Option<u32>,
    /// GPUs. Default: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 64))]
    pub(crate) gpus: Option<u32>,
    /// Maximum time of a task; a task that needs longer saves a checkpoint and continues in the queue. Where earlier
    /// records allow an estimate, 1.5 times the estimate and 5 minutes, if that is less. Default: `"1 h"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time: Option<Time>,
    /// Memory; `"auto"` is 1.25 times the estimate of `simclr plan` and 512 MB. Default: `"auto"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) memory: Option<Memory>,
    /// Partition, instead of that of the executor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) partition: Option<String>,
}

/// Resources by kind of stage (`pretrain`, `supervised`, `features`, ...); `default` is for all others.
pub(crate) type ResourceTables = BTreeMap<String, ResourceTable>;

/// Settings that every executor has.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Maximum number of tasks of the run in the queue at once.
    pub(crate) most_queued: u32,
    /// Whether tasks run on other machines than the one that submits.
    pub(crate) is_remote: bool,
    /// How long a finished artifact may stay invisible.
    pub(crate) latency: Duration,
    /// How often the queue is asked.
    pub(crate) poll: Duration,
    /// Maximum number of times that a task is requeued.
    pub(crate) restarts: u32,
    /// Stages that are shorter run in the task that feeds them.
    pub(crate) fuse_below: Duration,
    /// How long a submission may take.
    pub(crate) submit_limit: Duration,
    /// Resources by kind of stage.
    pub(crate) resources: ResourceTables,
}

/// The settings with the file that they were read from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ClusterFile {
    /// The file; none if there is none and the defaults hold.
    pub(crate) path: Option<PathBuf>,
    /// Dotted paths of the keys in the file, each with its line.
    pub(crate) lines: BTreeMap<String, usize>,
    /// The settings.
    pub(crate) config: ClusterConfig,
}

impl ClusterFile {
    /// Names the place of a key of the file to change: `time` of `[executor.slurm.resources.default]`
    /// (cluster.toml:12). A table of a kind is named only if it has the key.
    pub(crate) fn place(&self, table: &str, key: &str) -> String {
        let file = self.path.as_ref().map_or_else(|| "cluster.toml".to_owned(), |path| path.display().to_string());
        match self.lines.get(&format!("{table}.{key}")) {
            Some(line) => format!("`{key}` of [{table}] ({file}:{line})"),
            None => format!("`{key}` of [{table}] in {file}"),
        }
    }

    /// Same as [`ClusterFile::place`], for a resource of a kind of stage.
    pub(crate) fn resource_place(&self, executor: &str, kind: &str, key: &str) -> String {
        let table = |kind: &str| format!("executor.{executor}.resources.{kind}");
        let has_key = self.lines.contains_key(&format!("{}.{key}", table(kind)));
        self.place(&table(if has_key { kind } else { DEFAULT }), key)
    }
}

/// Returns the resources of a kind of stage: its own keys, then those of `default`.
pub(crate) fn resources_of(tables: &ResourceTables, kind: &str) -> ResourceTable {
    let (own, default) = (tables.get(kind).cloned().unwrap_or_default(), tables.get(DEFAULT).cloned());
    let default = default.unwrap_or_default();
    ResourceTable {
        cpus: own.cpus.or(default.cpus),
        gpus: own.gpus.or(default.gpus),
        time: own.time.or(default.time),
        memory: own.memory.or(default.memory),
        partition: own.partition.or(default.partition),
    }
}

/// Error of reading the file.
#[derive(Debug)]
pub(crate) enum ClusterFileError {
    /// It cannot be read.
    Unreadable(Error),
    /// Something in it is wrong.
    Invalid(Diagnostics),
}

/// Reads the settings: the file of `--cluster`, that of `$SIMCLR_CLUSTER`, or `~/.config/simclr/cluster.toml` if it
/// exists. `kinds` are the kinds of stages.
///
/// # Errors
/// The file cannot be read, or something in it is wrong.
pub(crate) fn load(named: Option<&Path>, kinds: &[&str]) -> Result<ClusterFile, ClusterFileError> {
    let variable = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let home = std::env::var_os("XDG_CONFIG_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".config")));
    let home = home.map(|home| home.join("simclr").join("cluster.toml")).filter(|path| path.exists());
    let Some(path) = named.map(Path::to_owned).or(variable).or(home) else { return Ok(ClusterFile::default()) };
    let text = files::read_text(&path).map_err(|error| {
        ClusterFileError::Unreadable(error.help(format!(
            "name the settings of the cluster with --cluster FILE or ${VARIABLE}; docs/cluster.md has an example"
        )))
    })?;
    parse(&text, &path, kinds).map_err(ClusterFileError::Invalid)
}

/// Reads the text of a file.
///
/// # Errors
/// Every problem in it, each with its span.
pub(crate) fn parse(text: &str, path: &Path, kinds: &[&str]) -> Result<ClusterFile, Diagnostics> {
    let file = parse_plain(text, path, &FILE, |root, problems| check_kinds(root, kinds, problems))?;
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    Ok(ClusterFile { path: Some(path), lines: file.lines, config: file.value })
}

/// Reports tables of resources for kinds of stages that do not exist.
fn check_kinds(root: &TomlNode, kinds: &[&str], problems: &mut Problems) {
    let path: [PathStep; 3] = ["executor".into(), "slurm".into(), "resources".into()];
    let Some(tables) = root.get(&path) else { return };
    let known = || kinds.iter().copied().chain([DEFAULT]);
    for entry in tables.entries().iter().filter(|entry| known().all(|kind| kind != entry.key)) {
        let near = nearest::nearest(&entry.key, known()).map(|near| format!("did you mean `{near}`?"));
        let problem = Problem::new(entry.key_span, format!("there is no kind of stage `{}`", entry.key));
        let kinds = format!("the tables of resources are {}", nearest::listed(known()));
        problems.report(problem.maybe_help(near).help(kinds));
    }
}

static DEFINITIONS: LazyLock<Value> = LazyLock::new(|| {
    let generator = SchemaSettings::draft2020_12().into_generator();
    generator.into_root_schema_for::<ClusterConfig>().to_value()
});

static FILE: LazyLock<Value> = LazyLock::new(|| {
    let mut schema = inlined(&DEFINITIONS);
    schema["x-synonyms"] = json!([
        ["queue", "partition"],
        ["ntasks", "cpus"],
        ["cores", "cpus"],
        ["threads", "cpus"],
        ["mem", "memory"],
        ["gres", "gpus"],
        ["walltime", "time"],
        ["modules", "setup"],
        ["project", "account"],
        ["max_jobs", "throttle"],
    ]);
    schema
});

/// Returns the JSON Schema (2020-12) of a cluster file, for editors: `docs/cluster.schema.json`.
pub(crate) fn schema() -> Value {
    let mut schema = DEFINITIONS.clone();
    schema["$id"] = "urn:simclr:cluster".into();
    schema["title"] = "simclr cluster".into();
    schema["description"] = "The settings of a cluster for simclr; every key is documented in docs/cluster.md.".into();
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares a file of `docs/` with what is generated, or writes it if `UPDATE_DOCS` is set.
    fn check_docs(name: &str, text: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, text).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap();
        assert!(written == text, "docs/{name} is out of date: UPDATE_DOCS=1 cargo test --lib executor::config");
    }

    #[test]
    fn schema_and_reference_are_those_of_the_docs() {
        const MARK: &str = "<!-- generated from here -->\n";
        check_docs("cluster.schema.json", &format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap()));
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cluster.md");
        let text = std::fs::read_to_string(path).unwrap();
        let (prose, _) = text.split_once(MARK).unwrap();
        let reference = crate::document::schema::reference::table(&FILE, &["executor", "slurm"]);
        check_docs("cluster.md", &format!("{prose}{MARK}\n{}\n", reference.trim_end()));
    }

    const KINDS: [&str; 3] = ["pretrain", "supervised", "features"];

    fn messages(text: &str) -> String {
        parse(text, Path::new("cluster.toml"), &KINDS).unwrap_err().render(false)
    }

    #[test]
    fn a_file_is_read_with_the_lines_of_its_keys() {
        let text = "[executor.slurm]\npartition = \"gpu\"\nlatency = \"90 s\"\n\n[executor.slurm.resources.default]\n\
                    cpus = 4\ntime = \"2 h\"\n[executor.slurm.resources.pretrain]\ngpus = 1\n";
        let file = parse(text, Path::new("cluster.toml"), &KINDS).unwrap();
        let slurm = &file.config.executor.slurm;
        assert_eq!((slurm.partition.as_deref(), slurm.latency), (Some("gpu"), Time::seconds(90)));
        let pretrain = resources_of(&slurm.resources, "pretrain");
        assert_eq!((pretrain.cpus, pretrain.gpus, pretrain.time), (Some(4), Some(1), Some(Time::seconds(7200))));
        assert!(file.place("executor.slurm", "partition").ends_with("cluster.toml:2)"));
        assert!(file.resource_place("slurm", "pretrain", "gpus").contains("resources.pretrain] ("));
        let time = file.resource_place("slurm", "pretrain", "time");
        assert!(time.contains("resources.default] (") && time.ends_with("cluster.toml:7)"), "{time}");
        let text = serde_json::to_string(&file).unwrap();
        assert_eq!(serde_json::from_str::<ClusterFile>(&text).unwrap(), file, "it is kept with the run");
        assert_eq!(parse("", Path::new("a.toml"), &KINDS).unwrap().config, ClusterConfig::default());
    }

    #[test]
    fn mistakes_are_reported_with_their_places() {
        let text = messages("[executor.slurm]\npartitoin = \"gpu\"\nthrottle = 0\nlatency = \"soon\"\npoll = 30\n");
        for part in [
            "did you mean `partition`?",
            "cluster.toml:2",
            "`throttle` must be",
            "cluster.toml:4",
            "expected a time such as",
            "`poll`: expected a string",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        let text = messages("[executor.slurm.resources.pretrian]\ncpus = 4\n[executor.slrum]\n");
        assert!(text.contains("did you mean `pretrain`?") && text.contains("did you mean `slurm`?"), "{text}");
        let text = messages("[executor.slurm]\nqueue = \"gpu\"\n");
        assert!(text.contains("did you mean `partition`?"), "{text}");
        assert!(messages("[executor.slurm.resources.default]\nmemory = \"8\"").contains("cluster.toml:2"));
    }
}
