//! Studies of images without labels, and of few labels: whole runs of the command line.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "common/study.rs"]
mod study;

use std::fs;
use std::path::{Path, PathBuf};
use study::{PRETRAINING, Study, write_images};

/// Directory of results.
const OUT: &str = "out";

impl Study {
    fn write(&self, source: &str, more: &str) {
        self.write_file(&format!("[dataset]\nsource = {{ {source} }}\nimage_size = 16\n{PRETRAINING}{more}"));
    }

    /// Returns the lines of a table of the last report.
    fn table(&self, name: &str) -> Vec<String> {
        fn find(directory: &Path, name: &str, found: &mut Vec<PathBuf>) {
            for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
                match path.is_dir() {
                    true => find(&path, name, found),
                    false if path.ends_with(name) => found.push(path),
                    false => {}
                }
            }
        }
        let mut found = Vec::new();
        find(&self.path(OUT), name, &mut found);
        found.sort_by_key(|path| fs::metadata(path).unwrap().modified().unwrap());
        let last = found.last().unwrap_or_else(|| panic!("no {name}"));
        fs::read_to_string(last).unwrap().lines().map(str::to_owned).collect()
    }
}

#[test]
fn a_directory_of_images_is_pretrained_on_and_embedded() {
    let study = Study::empty();
    write_images(&study.path("photos"), 12, 0);
    study.write("image_folder = { train = \"photos\" }", "\n[embed.pca]\nfrom = \"main\"\nmethod = { pca = {} }\n");
    study.succeed("run", OUT, &[]);
    assert_eq!(study.table("dataset.csv"), ["dataset,class,train,validation,test", ",(no label),12,0,0"]);
    let page = study.table("index.html").join("\n");
    assert!(page.contains("there are no results") && page.contains("<dt>Collapse</dt>"));
    let points = study.table("embeddings.csv");
    assert!(points.len() == 13 && points[1..].iter().all(|point| point.rsplit(',').nth(1) == Some("")), "{points:?}");
    assert!(study.table("health.csv").len() > 1, "diagnostics are measured on the training images");
    let plan = study.succeed("plan", OUT, &[]);
    assert!(!plan.contains("will run") && !plan.contains("images[test]"), "{plan}");
}

#[test]
fn evaluations_of_images_without_labels_are_refused_before_anything_runs() {
    let study = Study::empty();
    write_images(&study.path("photos/deep"), 12, 0);
    write_images(&study.path("labeled/cat"), 6, 100);
    write_images(&study.path("labeled/dog"), 6, 200);
    let source = "image_folder = { train = \"photos\", labels = false }";
    let labeled = "\n[dataset.other]\nsource = { image_folder = { train = \"labeled\" } }\nimage_size = 16\n";
    for (section, keys) in [
        ("linear_eval", "from = \"main\""),
        ("knn_eval", "from = \"main\"\nk = 1"),
        ("cluster_eval", "from = \"main\""),
        ("supervised", "encoder = { tiny = { width = 0.25 } }\nsteps = 1"),
    ] {
        study.write(source, &format!("\n[{section}.x]\n{keys}\n"));
        let (is_valid, text) = study.command("validate", OUT, &[]);
        let message = format!("`[{section}.x]` needs labels, but the images of `[dataset]` have none");
        assert!(!is_valid && text.contains(&message) && text.contains("image_folder"), "{text}");
        study.write(source, &format!("{labeled}\n[{section}.x]\n{keys}\ndataset = \"other\"\n"));
        study.succeed("validate", OUT, &[]);
    }
}

#[test]
fn unlabeled_images_beside_labeled_ones_are_for_pretraining_alone() {
    let study = Study::empty();
    for (class, first) in [("cat", 0), ("dog", 100)] {
        write_images(&study.path("train").join(class), 8, first);
        write_images(&study.path("test").join(class), 4, first + 50);
    }
    let evaluation = "\n[knn_eval.k]\nfrom = \"main\"\nk = 1\n";
    let labeled = "image_folder = { train = \"train\", test = \"test\" }";
    study.write(labeled, evaluation);
    study.succeed("run", OUT, &[]);
    write_images(&study.path("more/deep"), 8, 1000);
    study.write(&labeled.replace(" }", ", unlabeled = \"more\" }"), evaluation);
    let plan = study.succeed("plan", OUT, &[]);
    let states = |name: &str| {
        let line = plan.lines().find(|line| line.split_whitespace().any(|word| word == name));
        line.unwrap_or_else(|| panic!("no {name} in\n{plan}")).trim_start().starts_with("cached")
    };
    for name in ["images[train]", "images[test]", "dataset", "split"] {
        assert!(states(name), "{name} in\n{plan}");
    }
    for name in ["images[unlabeled]", "pretrain.main"] {
        assert!(!states(name), "{name} in\n{plan}");
    }
    study.succeed("run", OUT, &[]);
    let table = study.table("dataset.csv");
    assert_eq!(table.last().unwrap(), ",(no label),8,0,0", "{table:?}");
}

#[cfg(unix)]
#[test]
fn broken_images_without_labels_are_in_the_report() {
    let study = Study::empty();
    for (class, seed) in [("cat", 0), ("dog", 100)] {
        write_images(&study.path("train").join(class), 8, seed);
    }
    write_images(&study.path("more/deep"), 8, 1000);
    fs::write(study.path("more/deep/broken.png"), "not an image").unwrap();
    std::os::unix::fs::symlink("nowhere", study.path("more/deep/lost.png")).unwrap();
    study.write("image_folder = { train = \"train\", unlabeled = \"more\" }", "");
    let validated = study.succeed("validate", OUT, &[]);
    assert!(
        validated.contains("1 image file cannot be read, so a run stops: `unlabeled/deep/lost.png`"),
        "{validated}"
    );
    let (is_done, text) = study.command("run", OUT, &[]);
    assert!(!is_done && text.contains("2 files cannot be decoded"), "{text}");
    let skip = ["--set", "dataset.broken_files=\"skip\""];
    let validated = study.succeed("validate", OUT, &skip);
    assert!(validated.contains("and a run skips what it cannot read: `unlabeled/deep/lost.png`"), "{validated}");
    study.succeed("run", OUT, &skip);
    let skipped = study.table("skipped.csv");
    let names: Vec<&str> =
        skipped[1..].iter().filter_map(|line| line.split(',').find(|cell| cell.contains(".png"))).collect();
    assert_eq!(names.len(), 2, "{skipped:?}");
    assert!(["deep/broken.png", "deep/lost.png"].iter().all(|name| names.contains(name)), "{skipped:?}");
    assert_eq!(study.table("dataset.csv").last().unwrap(), ",(no label),8,0,0");
}

#[test]
fn labels_per_class_and_class_weights() {
    let study = Study::empty();
    write_images(&study.path("train/cat"), 20, 0);
    write_images(&study.path("train/dog"), 10, 100);
    let source = "image_folder = { train = \"train\" }";
    let stages = "
[linear_eval.few]
from = \"main\"
labels_per_class = [1, 4]

[linear_eval.weighted]
from = \"main\"
class_weights = \"balanced\"
epochs = 3

[supervised.few]
encoder = { tiny = { width = 0.25 } }
labels_per_class = 4
class_weights = { dog = 2.0 }
steps = 2
";
    study.write(source, stages);
    study.succeed("run", OUT, &[]);
    let results = study.table("results.csv");
    let columns: Vec<&str> = results[0].split(',').collect();
    let column = |name: &str| columns.iter().position(|column| *column == name).unwrap();
    let cells: Vec<(String, String, String)> = results[1..]
        .iter()
        .map(|row| {
            let cells: Vec<&str> = row.split(',').collect();
            let cell = |name| cells[column(name)].to_owned();
            (cell("stage"), cell("labels_per_class"), cell("labeled"))
        })
        .collect();
    for (stage, per_class, labeled) in
        [("linear_eval.few", "1", "2"), ("linear_eval.few", "4", "8"), ("supervised.few", "4", "8")]
    {
        assert!(cells.contains(&(stage.into(), per_class.into(), labeled.into())), "{cells:?}");
    }
    assert!(cells.iter().any(|(stage, per_class, _)| stage == "linear_eval.weighted" && per_class.is_empty()));
    for (before, after, message) in [
        ("[1, 4]", "[1, 9]", "9 labels per class are more than the class `dog` has"),
        ("[1, 4]", "[1, 1]", "the number 1 is listed twice"),
        ("[1, 4]", "0", "labels_per_class"),
        ("[1, 4]", "4\nlabeled_fraction = 0.5", "`labeled_fraction` cannot be combined with `labels_per_class`"),
        ("{ dog = 2.0 }", "{ dgo = 2.0 }", "`dgo` is not a class of the data set"),
        ("{ dog = 2.0 }", "{ dog = 0.0 }", "dog"),
        ("\"balanced\"", "\"even\"", "balanced"),
    ] {
        assert!(stages.contains(before));
        study.write(source, &stages.replace(before, after));
        let (is_valid, text) = study.command("validate", OUT, &[]);
        assert!(!is_valid && text.contains(message), "{after}: {text}");
    }
}
