//! Training runs that are interrupted, killed or lose checkpoints end in the same bytes as uninterrupted ones.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops by panicking")]

use simclr::base::ErrorKind;
use simclr::engine;
use simclr::engine::{Context, Event, EventSink, RunOptions, Stage, StageId, Store};
use simclr::group::Team;
use simclr::pipeline::{self, Assembly};
use std::collections::BTreeMap;
use std::fs;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// Three steps per epoch in both stages.
const PIPELINE: &str = r#"
name = "resume"
seed = 3

[dataset]
source = { shapes = { train = 60, test = 12, classes = 3 } }
image_size = 16
validation_fraction = 0.2

[augment.views]
ops = [{ random_resized_crop = {} }, { horizontal_flip = {} }, { color_jitter = {} }]

[pretrain.main]
augment = "views"
encoder = { tiny = { width = 0.25 } }
projection = { layers = [8] }
optimizer = { sgd = { learning_rate = 0.05, momentum = 0.9 } }
epochs = 3
batch_size = 16

[supervised.main]
augment = "views"
encoder = { tiny = { width = 0.25 } }
optimizer = { sgd = { learning_rate = 0.05, momentum = 0.9 } }
batch_size = 20
"#;
const STEPS: usize = 9;
const NEVER: Duration = Duration::MAX;

const PRETRAIN: &str = "pretrain.main";
const SUPERVISED: &str = "supervised.main[100 % labels]";

/// A training stage and the artifacts that it reads.
struct Study {
    directory: PathBuf,
    _temporary: Option<TempDir>,
    assembly: Assembly,
    id: StageId,
    inputs: BTreeMap<String, PathBuf>,
}

impl Study {
    fn pretrain(settings: &[&str]) -> Self {
        Self::in_new_directory(settings, PRETRAIN)
    }

    /// Three epochs, unless a setting says otherwise.
    fn supervised(settings: &[&str]) -> Self {
        let lengths = ["supervised.main.epochs=", "supervised.main.steps="];
        let has_length = settings.iter().any(|setting| lengths.iter().any(|length| setting.starts_with(length)));
        let three: &[&str] = if has_length { &[] } else { &["supervised.main.epochs=3"] };
        Self::in_new_directory(&[settings, three].concat(), SUPERVISED)
    }

    fn in_new_directory(settings: &[&str], stage: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let study = Self::in_directory(directory.path(), settings, stage);
        Self { _temporary: Some(directory), ..study }
    }

    /// Computes the artifacts that the stage reads.
    fn in_directory(directory: &Path, settings: &[&str], stage: &str) -> Self {
        let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
        let loaded = pipeline::parse(PIPELINE, &directory.join("resume.toml"), &settings).unwrap();
        let assembly = pipeline::assemble(&loaded, directory, None).unwrap_or_else(|_| panic!("no graph"));
        let store = Store::open(directory).unwrap();
        let requested = ["dataset", "split", "pretrain.main"].map(str::to_owned).to_vec();
        let options = RunOptions { only: requested, ..RunOptions::default() };
        let outcome =
            engine::run(&assembly.graph, &store, &options, &Watch::default(), &AtomicBool::new(false)).unwrap();
        let artifact = |name| outcome.artifact(assembly.graph.with_name(name).unwrap()).unwrap().clone();
        let inputs = [
            ("train_images", "images[train]"),
            ("test_images", "images[test]"),
            ("dataset", "dataset"),
            ("split", "split"),
            ("init", "pretrain.main"),
        ];
        let inputs = inputs.map(|(role, name)| (role.to_owned(), artifact(name))).into();
        let id = assembly.graph.with_name(stage).unwrap();
        Self { assembly, id, inputs, directory: directory.to_owned(), _temporary: None }
    }

    fn stage(&self) -> &dyn Stage {
        self.assembly.graph.stage(self.id)
    }

    fn checkpoints(&self) -> PathBuf {
        self.directory.join("checkpoints")
    }

    /// Returns the names of the checkpoints, the newest first.
    fn names(&self) -> Vec<String> {
        let step = |name: &String| name.trim_start_matches("step-").split('.').next().unwrap().parse::<usize>().ok();
        let mut names: Vec<String> = fs::read_dir(self.checkpoints()).map_or_else(
            |_| Vec::new(),
            |entries| entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect(),
        );
        names.sort_by_key(|name| std::cmp::Reverse(step(name)));
        names
    }

    fn remove_checkpoints(&self) {
        let _ = fs::remove_dir_all(self.checkpoints());
    }

    /// Runs the stage once.
    fn run(&self, every: Duration, watch: &Watch) -> Result<Files, simclr::base::Error> {
        let output = tempfile::tempdir_in(&self.directory).unwrap();
        let context = Context {
            stage: self.stage().name(),
            output: output.path().to_owned(),
            checkpoints: self.checkpoints(),
            checkpoint_every: every,
            inputs: self.inputs.clone(),
            check_inputs: &|| Ok(()),
            events: watch,
            interrupted: &watch.interrupted,
            halted: &AtomicBool::new(false),
            measured: &Mutex::default(),
            team: &Team::alone(),
        };
        self.stage().run(&context)?;
        Ok(files(output.path()))
    }

    /// Returns the files of an uninterrupted run from the start.
    fn uninterrupted(&self) -> Files {
        self.remove_checkpoints();
        let files = self.run(NEVER, &Watch::default()).unwrap();
        assert!(files.contains_key("model.safetensors") && files.contains_key("history.csv"));
        assert!(self.names().is_empty(), "a checkpoint before it was due");
        files
    }

    /// Stops after this many steps as Ctrl-C does. Returns the warnings.
    fn interrupt_after(&self, steps: usize) -> Vec<String> {
        let watch = Watch { stop_after: Some(steps), ..Watch::default() };
        let error = self.run(NEVER, &watch).unwrap_err();
        assert_eq!((error.kind(), watch.steps()), (ErrorKind::Interrupted, steps));
        assert!(error.to_string().contains("it resumes from here"), "{error}");
        watch.warnings()
    }

    /// Stops at this step as a kill does, without a last checkpoint.
    fn kill_after(&self, steps: usize, every: Duration) {
        let watch = Watch { kill_after: Some(steps), ..Watch::default() };
        assert!(catch_unwind(AssertUnwindSafe(|| self.run(every, &watch))).is_err());
    }

    /// Resumes and runs to the end. Returns the files and the events.
    fn finish(&self) -> (Files, Watch) {
        let watch = Watch::default();
        let files = self.run(NEVER, &watch).unwrap();
        (files, watch)
    }
}

type Files = BTreeMap<String, Vec<u8>>;

fn files(directory: &Path) -> Files {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

fn assert_same(files: &Files, expected: &Files, what: &str) {
    assert_eq!(files.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, bytes) in files {
        assert!(*bytes == expected[name], "{name} differs: {what}");
    }
}

/// Counts steps, keeps notes and warnings, and stops a run.
#[derive(Default)]
struct Watch {
    stop_after: Option<usize>,
    kill_after: Option<usize>,
    interrupted: AtomicBool,
    steps: Mutex<usize>,
    notes: Mutex<Vec<String>>,
    warnings: Mutex<Vec<String>>,
}

impl Watch {
    fn steps(&self) -> usize {
        *self.steps.lock().unwrap()
    }

    fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap().clone()
    }

    fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap().clone()
    }
}

impl EventSink for Watch {
    fn emit(&self, event: &Event) {
        match event {
            Event::Progress { stage, .. } if stage.starts_with("pretrain") || stage.starts_with("supervised") => {
                let steps = {
                    let mut steps = self.steps.lock().unwrap();
                    *steps += 1;
                    *steps
                };
                self.interrupted.store(self.stop_after.is_some_and(|limit| steps >= limit), Ordering::Relaxed);
                assert!(self.kill_after.is_none_or(|limit| steps < limit), "killed");
            }
            Event::Resumed { epoch, step, .. } => {
                self.notes.lock().unwrap().push(format!("resuming from epoch {epoch}, step {step}"));
            }
            Event::Note { text, .. } => self.notes.lock().unwrap().push(text.clone()),
            Event::Warning { text, .. } => self.warnings.lock().unwrap().push(text.clone()),
            _ => {}
        }
    }
}

fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

// ------------------------------------------------------------------------------------------ interruption

#[test]
fn an_interruption_after_any_step_does_not_change_the_result() {
    // The last step finishes a pretraining run; a classifier is evaluated after it.
    for (study, last) in [(Study::pretrain(&[]), STEPS - 1), (Study::supervised(&[]), STEPS)] {
        let expected = study.uninterrupted();
        for steps in 1..=last {
            study.remove_checkpoints();
            assert!(study.interrupt_after(steps).is_empty());
            let (files, watch) = study.finish();
            assert_eq!(watch.steps(), STEPS - steps);
            let epoch = if last == STEPS && steps % 3 == 0 { steps / 3 } else { steps / 3 + 1 };
            assert_eq!(watch.notes(), [format!("resuming from epoch {epoch}, step {steps}")]);
            assert_same(&files, &expected, &format!("{} interrupted after {steps} steps", study.stage().name()));
        }
    }
}

#[test]
fn an_interruption_before_the_first_step_leaves_no_checkpoint() {
    let study = Study::pretrain(&[]);
    let watch = Watch { interrupted: true.into(), ..Watch::default() };
    assert_eq!(study.run(NEVER, &watch).unwrap_err().kind(), ErrorKind::Interrupted);
    assert!(study.names().is_empty());
}

/// Takes one step per run, with another number of threads than the uninterrupted run.
fn assert_same_with_one_step_per_run(study: &Study, threads: [usize; 2], what: &str) {
    let expected = with_threads(threads[0], || study.uninterrupted());
    let files = with_threads(threads[1], || {
        loop {
            match study.run(NEVER, &Watch { stop_after: Some(1), ..Watch::default() }) {
                Ok(files) => return files,
                Err(error) => assert_eq!(error.kind(), ErrorKind::Interrupted, "{error}"),
            }
        }
    });
    assert_same(&files, &expected, what);
}

#[test]
fn one_step_per_run_gives_the_same_bytes_with_every_optimizer() {
    for optimizer in [
        "{ sgd = { learning_rate = 0.05 } }",
        "{ sgd = { learning_rate = 0.05, momentum = 0.9, nesterov = true, weight_decay = 1e-4 } }",
        "{ adam = { learning_rate = 0.001 } }",
        "{ adamw = { learning_rate = 0.001, weight_decay = 0.01 } }",
        "{ lars = { learning_rate = 0.5, weight_decay = 1e-4 } }",
    ] {
        let optimizer = format!("optimizer={optimizer}");
        let settings = |stage: &str| {
            let schedule = "schedule={ cosine = { warmup_epochs = 1 } }";
            [&optimizer, schedule, "gradient_clip=0.5", "epochs=2"].map(|setting| format!("{stage}.main.{setting}"))
        };
        let (pretrain, supervised) = (settings("pretrain"), settings("supervised"));
        let (pretrain, supervised) =
            (pretrain.each_ref().map(String::as_str), supervised.each_ref().map(String::as_str));
        assert_same_with_one_step_per_run(&Study::pretrain(&pretrain), [1, 2], &optimizer);
        assert_same_with_one_step_per_run(&Study::supervised(&supervised), [2, 1], &optimizer);
    }
}

#[test]
fn one_step_per_run_gives_the_same_bytes_in_bf16() {
    let pretrain = Study::pretrain(&["pretrain.main.precision='bf16'", "pretrain.main.epochs=2"]);
    assert_same_with_one_step_per_run(&pretrain, [1, 2], "pretrain in bf16");
    let supervised = Study::supervised(&["supervised.main.precision='bf16'", "supervised.main.epochs=2"]);
    assert_same_with_one_step_per_run(&supervised, [2, 1], "supervised in bf16");
}

/// The running statistics of the head and of each view are restored.
#[test]
fn one_step_per_run_gives_the_same_bytes_with_batch_norm_per_view_and_in_the_head() {
    let pretrain = Study::pretrain(&[
        "pretrain.main.batch_norm='per_view'",
        "pretrain.main.projection={ layers = [8, 4], batch_norm = 'all' }",
        "pretrain.main.encoder={ tiny = { width = 0.25, zero_init_residual = true, bn_momentum = 0.3 } }",
        "supervised.main.encoder={ tiny = { width = 0.25 } }",
        "pretrain.main.epochs=2",
    ]);
    assert_same_with_one_step_per_run(&pretrain, [1, 2], "pretrain with batch norm in the head");
}

/// Interrupts after each of these steps and resumes; every run must end in the same files.
fn assert_interruptible(study: &Study, expected: &Files, steps: RangeInclusive<usize>) {
    for steps in steps {
        study.remove_checkpoints();
        study.interrupt_after(steps);
        assert_same(&study.finish().0, expected, &format!("interrupted after {steps} steps"));
    }
}

fn epochs(files: &Files) -> (u64, u64) {
    let metrics: serde_json::Value = serde_json::from_slice(&files["metrics.json"]).unwrap();
    (metrics["best_epoch"].as_u64().unwrap(), metrics["epochs"].as_u64().unwrap())
}

#[test]
fn the_best_weights_and_early_stopping_survive() {
    let stopping = [
        "supervised.main.epochs=12",
        "supervised.main.patience=2",
        "supervised.main.monitor=loss",
        "supervised.main.schedule={ constant = {} }",
        "supervised.main.init_from=main",
    ];
    let study = Study::supervised(&stopping);
    let expected = study.uninterrupted();
    let (best, epochs) = epochs(&expected);
    assert!(best + 2 == epochs && epochs < 12, "the best of {epochs} epochs is {best}");
    let last = 3 * epochs as usize;
    assert_interruptible(&study, &expected, last - 7..=last);
}

/// A row of history has at least 50 steps, here 17 epochs of 3; the last epoch is incomplete.
#[test]
fn a_budget_in_steps_survives_with_and_without_early_stopping() {
    let study = Study::supervised(&["supervised.main.steps=115"]);
    let expected = study.uninterrupted();
    let history = String::from_utf8(expected["history.csv"].clone()).unwrap();
    let rows: Vec<&str> = history.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(rows, ["17", "34", "39"], "{history}");
    let rates: Vec<f64> =
        history.lines().skip(1).map(|line| line.split(',').nth(3).unwrap().parse().unwrap()).collect();
    let last = 0.05 * 0.5 * (1.0 + (std::f64::consts::PI * 114.0 / 115.0).cos());
    assert!((rates[2] / last - 1.0).abs() < 1e-9, "the schedule ends with the last step: {rates:?}");
    let metrics: serde_json::Value = serde_json::from_slice(&expected["metrics.json"]).unwrap();
    assert_eq!((metrics["kept"].as_str(), epochs(&expected)), (Some("last"), (39, 39)));
    for steps in [1..=2, 50..=52, 101..=103, 114..=115] {
        assert_interruptible(&study, &expected, steps);
    }

    let stopping = ["supervised.main.steps=400", "supervised.main.patience_steps=60", "supervised.main.monitor=loss"];
    let study = Study::supervised(&[&stopping[..], &["supervised.main.schedule={ constant = {} }"]].concat());
    let expected = study.uninterrupted();
    let (best, last) = epochs(&expected);
    assert!(best + 34 == last && last < 134, "60 steps are two rows: the best of {last} epochs is {best}");
    assert_interruptible(&study, &expected, 3 * last as usize - 1..=3 * last as usize);
}

/// Without validation images nothing is evaluated at the end of an epoch, and an interruption after the last step takes
/// effect while the best weights are evaluated.
#[test]
fn an_interruption_of_the_last_evaluation_does_not_change_the_result() {
    let mut study = Study::supervised(&[]);
    let path = study.inputs["split"].join("split.json");
    let mut split: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    split["validation"] = serde_json::json!([]);
    fs::write(study.directory.join("split.json"), split.to_string()).unwrap();
    study.inputs.insert("split".into(), study.directory.clone());
    let expected = study.uninterrupted();
    assert_eq!(epochs(&expected), (3, 3));
    assert_interruptible(&study, &expected, STEPS - 1..=STEPS);
}

// ------------------------------------------------------------------------------------------ kills

#[test]
fn a_kill_loses_only_the_steps_after_the_last_checkpoint() {
    let study = Study::pretrain(&[]);
    let expected = study.uninterrupted();
    for (every, kept, note) in [(Duration::ZERO, 4, "resuming from epoch 2, step 4"), (NEVER, 0, "")] {
        study.remove_checkpoints();
        study.kill_after(5, every);
        let names = study.names();
        assert_eq!(names, if kept > 0 { vec!["step-4.safetensors", "step-3.safetensors"] } else { Vec::new() });
        let (files, watch) = study.finish();
        assert_eq!((watch.steps(), watch.notes().concat().as_str()), (STEPS - kept, note));
        assert_same(&files, &expected, "killed");
    }
}

const CHILD: &str = "SIMCLR_RESUME_TEST_DIRECTORY";

/// Runs in the child: trains, with a checkpoint after every step, and leaves the files in `result`.
#[test]
fn child_that_trains() {
    let Some(directory) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let files = Study::in_directory(&directory, &["supervised.main.epochs=3"], SUPERVISED)
        .run(Duration::ZERO, &Watch::default())
        .unwrap();
    // The kill may come while they are written: `result` is complete or missing.
    let unfinished = directory.join("unfinished");
    let _ = fs::remove_dir_all(&unfinished);
    fs::create_dir(&unfinished).unwrap();
    files.iter().for_each(|(name, bytes)| fs::write(unfinished.join(name), bytes).unwrap());
    fs::rename(&unfinished, directory.join("result")).unwrap();
}

#[test]
fn repeated_kills_do_not_change_the_result() {
    let study = Study::supervised(&[]);
    let expected = study.uninterrupted();
    let result = study.directory.join("result");
    let mut kills = 0;
    while !result.is_dir() {
        let before = study.names();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["child_that_trains", "--exact"]).env(CHILD, &study.directory);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Until there is a new checkpoint, then for a time that differs from kill to kill.
        while study.names() == before && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(kills * 5 % 17));
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        assert!(kills < 100, "it makes no progress");
    }
    assert!(kills > 1, "never killed before it was done");
    assert_same(&files(&result), &expected, &format!("killed {kills} times"));
}

// ------------------------------------------------------------------------------------------ damage

/// Returns ways to damage a file, each with the damaged content.
fn damages(whole: &[u8]) -> Vec<(String, Vec<u8>)> {
    let flipped = |offset: usize| {
        let mut bytes = whole.to_vec();
        bytes[offset] ^= 16;
        (format!("byte {offset} flipped"), bytes)
    };
    let cut = |length: usize| (format!("cut to {length} bytes"), whole[..length].to_vec());
    let last = whole.len() - 1;
    let flips = [0, 7, 8, 100, 5_000, last / 2, last - 32, last].map(flipped);
    let cuts = [0, 1, 31, 32, 33, 3_000, last].map(cut);
    let longer = ("a byte too many".to_owned(), [whole, &[0]].concat());
    flips.into_iter().chain(cuts).chain([longer]).collect()
}

#[test]
fn a_damaged_checkpoint_is_set_aside_and_the_one_before_it_is_used() {
    let study = Study::pretrain(&[]);
    let expected = study.uninterrupted();
    let newest = study.checkpoints().join("step-5.safetensors");
    study.kill_after(6, Duration::ZERO);
    for (what, content) in damages(&fs::read(&newest).unwrap()) {
        study.remove_checkpoints();
        study.kill_after(6, Duration::ZERO);
        fs::write(&newest, content).unwrap();
        let (files, watch) = study.finish();
        assert_eq!(watch.notes(), ["resuming from epoch 2, step 4"], "{what}");
        let [warning] = watch.warnings().try_into().unwrap();
        for part in ["step-5.safetensors", "does not match its digest", "step-5.damaged", "resumes from step 4 instead"]
        {
            assert!(warning.contains(part), "{what}: {warning}");
        }
        assert_eq!(study.names(), ["step-5.damaged", "step-4.safetensors"], "{what}");
        assert_same(&files, &expected, &what);
    }
}

#[test]
fn a_deleted_checkpoint_is_ignored() {
    let study = Study::pretrain(&[]);
    let expected = study.uninterrupted();
    study.kill_after(6, Duration::ZERO);
    fs::remove_file(study.checkpoints().join("step-5.safetensors")).unwrap();
    let (files, watch) = study.finish();
    assert_eq!(watch.notes(), ["resuming from epoch 2, step 4"]);
    assert!(watch.warnings().is_empty());
    assert_same(&files, &expected, "deleted");
}

#[test]
fn with_every_checkpoint_damaged_it_starts_again() {
    let study = Study::supervised(&[]);
    let expected = study.uninterrupted();
    study.kill_after(6, Duration::ZERO);
    for name in study.names() {
        fs::write(study.checkpoints().join(name), b"").unwrap();
    }
    let (files, watch) = study.finish();
    let warnings = watch.warnings();
    assert!(warnings.len() == 2 && warnings.iter().all(|warning| warning.contains("from the start instead")));
    assert_eq!((watch.steps(), watch.notes().len()), (STEPS, 0));
    assert_same(&files, &expected, "both damaged");
}

#[test]
fn a_checkpoint_of_another_training_run_is_rejected() {
    let no_momentum = "pretrain.main.optimizer.sgd.momentum=0.0";
    for (own, other, why) in [
        (&[][..], "pretrain.main.projection.layers=[7]", "optimizer"),
        (&[no_momentum], "pretrain.main.projection.layers=[7]", "shape"),
        (&[], no_momentum, "optimizer"),
        (&[], "pretrain.main.optimizer={ adam = { learning_rate = 0.1 } }", "optimizer"),
        (&[], "pretrain.main.batch_size=8", "another training"),
    ] {
        let study = Study::pretrain(own);
        let expected = study.uninterrupted();
        let other_study = Study::pretrain(&[own, &[other]].concat());
        other_study.interrupt_after(5);
        fs::rename(other_study.checkpoints(), study.checkpoints()).unwrap();
        let (files, watch) = study.finish();
        let [warning] = watch.warnings().try_into().unwrap();
        assert!(warning.contains(why) && warning.contains("the start"), "{other}: {warning}");
        assert_same(&files, &expected, other);
    }
}

// ------------------------------------------------------------------------------------------ a full disk

#[test]
fn training_continues_without_checkpoints_and_warns_once() {
    let study = Study::pretrain(&[]);
    let expected = study.uninterrupted();
    fs::write(study.checkpoints(), b"a file in place of the directory").unwrap();
    let watch = Watch::default();
    let files = study.run(Duration::ZERO, &watch).unwrap();
    let [warning] = watch.warnings().try_into().unwrap();
    assert!(warning.contains("checkpoint") && warning.contains("from the start"), "{warning}");
    assert_same(&files, &expected, "without checkpoints");

    let watch = Watch { stop_after: Some(5), ..Watch::default() };
    let error = study.run(Duration::ZERO, &watch).unwrap_err();
    assert!(!error.to_string().contains("from here"), "{error}");
    assert_eq!(watch.warnings().len(), 2, "once while it trains, once when it is lost");
}
