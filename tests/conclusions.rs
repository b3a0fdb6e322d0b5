//! Conclusions of reports on misleading data: unbalanced classes, test images in the training set, class directories
//! one level too high; and comparisons between runs and within sweeps.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may fail loudly")]

use assert_cmd::Command;
use std::fs;
use std::path::Path;

const STUDY: &str = r#"
[dataset]
source = { image_folder = { train = "train", test = "test" } }
image_size = 16

[augment.views]
ops = [{ random_resized_crop = {} }, { horizontal_flip = {} }]

[pretrain.main]
augment = "views"
encoder = { tiny = { width = 0.25 } }
projection = { layers = [8] }
optimizer = { adam = { learning_rate = 1e-3 } }
epochs = 1
batch_size = 4

[linear_eval.main]
from = "main"
epochs = 5

[knn_eval.main]
from = "main"
k = 1
"#;

/// A study in a temporary directory.
struct Study(tempfile::TempDir);

impl Study {
    fn new(text: &str) -> Self {
        let study = Self(tempfile::tempdir().unwrap());
        fs::write(study.path().join("p.toml"), text).unwrap();
        study
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes an image of noise; equal seeds give equal pixels.
    fn noise(&self, name: &str, seed: u32) {
        let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
        let image = image::RgbImage::from_fn(20, 20, |_, _| {
            image::Rgb([0; 3].map(|_: u8| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            }))
        });
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        image.save(path).unwrap();
    }

    /// Runs `simclr` and returns standard output and standard error.
    fn simclr(&self, command: &[&str]) -> (String, String) {
        let mut simclr = Command::cargo_bin("simclr").unwrap();
        let output = simclr.current_dir(self.path()).args(command).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr))
    }

    /// Returns the published page, with spaces instead of no-break spaces.
    fn page(&self) -> String {
        let page = fs::read_to_string(self.path().join("outputs/p/report/index.html")).unwrap();
        page.replace('\u{a0}', " ")
    }
}

#[test]
fn predicting_only_the_majority_class_is_reported() {
    let study =
        Study::new(&format!("{STUDY}\n[supervised.s]\nencoder = {{ tiny = {{ width = 0.25 }} }}\nepochs = 5\n"));
    for (part, offset) in [("train", 0), ("test", 1000)] {
        for number in 0..40 {
            let class = if number % 10 == 0 { "ill" } else { "healthy" };
            study.noise(&format!("{part}/{class}/{number}.png"), offset + number);
        }
    }
    let (results, _) = study.simclr(&["run", "p.toml", "-q"]);
    let page = study.page();
    let baseline = "The majority-class baseline (<code>healthy</code>) reaches 90.0 % on the test images, and no \
                    result is significantly better.";
    assert!(page.contains(baseline) && results.contains("reaches 90.0 %"), "{results}");
    assert!(page.contains("Balanced accuracy") && results.contains("Balanced accuracy"), "{results}");
    // Predicting only `healthy` has a recall of 1 and 0 for the two classes.
    let rows = results.lines().map(|row| row.split(" | ").collect::<Vec<_>>());
    for row in rows.filter(|row| row.get(4) == Some(&"90.0 %")) {
        assert!(row.contains(&"50.0 %"), "{row:?}");
    }
}

#[test]
fn test_images_in_the_training_set_are_reported_everywhere() {
    let study = Study::new(STUDY);
    for class in ["a", "b"] {
        for number in 0..12 {
            let seed = number + if class == "a" { 0 } else { 100 };
            study.noise(&format!("train/{class}/{number}.png"), seed);
            if number < 6 {
                study.noise(&format!("test/{class}/copy-{number}.png"), seed);
            }
        }
    }
    let (valid, warned) = study.simclr(&["validate", "p.toml"]);
    assert!(valid.contains("ok"), "{valid}{warned}");
    let wanted = "12 of 12 test images are also among the training or validation images";
    assert!(
        warned.contains(wanted) && warned.contains("`test/a/copy-0.png` is the same as `train/a/0.png`"),
        "{warned}"
    );
    let (_, log) = study.simclr(&["run", "p.toml"]);
    assert!(log.contains(wanted), "{log}");
    let page = study.page();
    let first = page.split("<h2>Verdict</h2>").nth(1).unwrap().trim_start();
    assert!(
        first.starts_with("<p class=\"lead\"><strong>Train-test overlap.</strong> 12 of 12 test images are"),
        "{first:.300}"
    );
    // Other pixels make it another image.
    study.noise("test/a/copy-0.png", 999);
    let (_, warned) = study.simclr(&["validate", "p.toml"]);
    assert!(warned.contains("11 of 12 test images are"), "{warned}");
}

#[test]
fn near_duplicates_and_conflicting_labels_are_shown_and_can_be_errors() {
    let study = Study::new(STUDY);
    for (class, offset) in [("a", 0), ("b", 100)] {
        for number in 0..12 {
            study.noise(&format!("train/{class}/{number}.png"), offset + number);
        }
        for number in 0..6 {
            study.noise(&format!("test/{class}/{number}.png"), offset + 1000 + number);
        }
    }
    // A training image of both classes, and a test image that is a brighter copy of a training image.
    study.noise("train/b/conflict.png", 3);
    let mut copy = image::open(study.path().join("train/a/5.png")).unwrap().to_rgb8();
    copy.pixels_mut().for_each(|pixel| pixel.0 = pixel.0.map(|value| value.saturating_add(2)));
    copy.save(study.path().join("test/a/brighter.png")).unwrap();

    let (_, warned) = study.simclr(&["validate", "p.toml"]);
    assert!(warned.contains("1 image has the label of more than one class"), "{warned}");
    study.simclr(&["run", "p.toml", "-q"]);
    let page = study.page();
    let text = "1 test image looks nearly like training or validation images, by a perceptual hash: for example, \
                <code>a/brighter.png</code> (a) and <code>a/5.png</code> (a)";
    assert!(page.contains(text), "{page}");
    assert!(page.contains("Conflicting labels") && page.contains("2 images show the same"), "{page}");
    let rows = fs::read_to_string(study.path().join("outputs/p/report/tables/duplicates.csv")).unwrap();
    assert_eq!(rows.lines().count(), 3, "{rows}");

    let strict = ["validate", "p.toml", "--set", "dataset.duplicates=error"];
    let (_, error) = study.simclr(&strict);
    assert!(error.contains("error: 1 image has the label of more than one class"), "{error}");
    fs::remove_file(study.path().join("train/b/conflict.png")).unwrap();
    assert!(study.simclr(&strict).0.contains("ok"));
}

#[test]
fn copies_in_validation_and_unlabeled_images_are_reported_by_what_they_affect() {
    let source = r#"train = "train", validation = "validation", test = "test", unlabeled = "more""#;
    let study = Study::new(&STUDY.replace(r#"train = "train", test = "test""#, source));
    for (class, offset) in [("a", 0), ("b", 100)] {
        for (part, first, count) in [("train", 0, 12), ("validation", 1000, 4), ("test", 2000, 4)] {
            for number in 0..count {
                study.noise(&format!("{part}/{class}/{number}.png"), first + offset + number);
            }
        }
    }
    (0..6).for_each(|number| study.noise(&format!("more/{number}.png"), 3000 + number));
    // A training image is in both other parts with labels, and its copy without a label changes nothing for it.
    study.noise("validation/a/copy.png", 3);
    study.noise("test/a/copy.png", 3);
    study.noise("more/copy.png", 3);
    // A test image that only pretraining sees.
    study.noise("more/seen.png", 2001);

    let test = "1 of 9 test images is also among the training or validation images, so accuracies will be too high";
    let validation = "1 of 9 validation images is also among the training images";
    let unlabeled = "1 of 9 test images is also among the images without labels, where pretraining sees them";
    let (_, warned) = study.simclr(&["validate", "p.toml"]);
    let (_, log) = study.simclr(&["run", "p.toml"]);
    for wanted in [test, validation, unlabeled] {
        assert!(warned.contains(wanted) && log.contains(wanted), "{wanted}:\n{warned}\n{log}");
    }
    let page = study.page();
    for wanted in [
        "<strong>Train-test overlap.</strong> 1 of 9 test images is also",
        "1 validation image is also a training image, which biases validation accuracies upward",
        "1 test image is also among the images without labels: pretraining on those sees test images, but not their \
         labels. For example, <code>a/1.png</code> (a) and <code>seen.png</code> (no label)",
        "3 images show the same as an image of another part or class",
    ] {
        assert!(page.contains(wanted), "{wanted}");
    }
    let rows = fs::read_to_string(study.path().join("outputs/p/report/tables/duplicates.csv")).unwrap();
    assert!(rows.contains(",a/1.png,a,test,seen.png,(no label),unlabeled,true"), "{rows}");
    assert_eq!(rows.lines().count(), 4, "{rows}");

    // Another name of an image without a label is another row.
    fs::rename(study.path().join("more/seen.png"), study.path().join("more/renamed.png")).unwrap();
    study.simclr(&["run", "p.toml", "-q"]);
    assert!(study.page().contains("<code>renamed.png</code>"));
}

#[test]
fn evaluation_on_other_data_sets_is_a_table_with_a_column_per_data_set() {
    let set = |name: &str, classes| {
        format!(
            "[dataset.{name}]\nsource = {{ shapes = {{ train = 120, test = 60, classes = {classes} }} }}\nimage_size = 16\n"
        )
    };
    let (_, stages) = STUDY.split_once("[augment.views]").unwrap();
    let mut text = set("few", 3) + &set("many", 6) + "[augment.views]" + stages;
    text = text.replace("[pretrain.main]\n", "[pretrain.main]\ndataset = \"few\"\n");
    text += &text[text.find("[pretrain.main]").unwrap()..text.find("[linear_eval").unwrap()]
        .replace("pretrain.main", "pretrain.untrained")
        .replace("epochs = 1", "epochs = 0");
    text += "[linear_eval.other]\nfrom = \"main\"\ndataset = \"many\"\nepochs = 5\n";
    text += "[linear_eval.untrained]\nfrom = \"untrained\"\ndataset = \"many\"\nepochs = 5\n";
    for dataset in ["few", "many"] {
        text +=
            &format!("[knn_eval.{dataset}]\nfrom = \"main\"\ndataset = \"{dataset}\"\nk = 1\nlabels_per_class = 5\n");
    }
    let study = Study::new(&text);
    let (results, error) = study.simclr(&["run", "p.toml", "-q"]);
    let header = "| Evaluation | Features | Labels | Pretrained on | Run | few | many |";
    let table = results.split(header).nth(1).unwrap_or_else(|| panic!("{results}{error}"));
    let rows: Vec<Vec<&str>> = table.lines().skip(2).map(|line| line.split(" | ").collect()).collect();
    assert_eq!([rows[0][3], rows[0][4]], ["few", "main"], "{table}");
    assert!(rows[0][5].contains(" %") && rows[0][6].contains(" %"), "{table}");
    assert_eq!([rows[1][3], rows[1][5]], ["untrained encoder", "\u{2013}"], "{table}");
    // The same number of labels per class is another fraction of each data set.
    let per_class: Vec<_> = rows.iter().filter(|row| row.get(2) == Some(&"5 per class")).collect();
    assert!(per_class.len() == 1 && per_class[0][5].contains(" %") && per_class[0][6].contains(" %"), "{table}");
    let majority = rows.iter().find(|row| row[0] == "| Majority class").unwrap();
    assert!(majority[5].contains("33.3 %") && majority[6].contains("16.7 %"), "{table}");
    // Six classes have a top-5 accuracy, and both data sets are described.
    assert!(results.contains("Top-5 accuracy"), "{results}");
    let page = study.page();
    let baseline = "16.7 % on the test images of <code>many</code>";
    assert!(
        page.contains("reaches 33.3 % on the test images of <code>few</code>") && page.contains(baseline),
        "{page}"
    );
    assert!(page.contains("<h3>few</h3>") && page.contains("<h3>many</h3>"), "{page}");
    assert!(page.contains("These statements are about evaluation on <code>few</code>"), "{page}");
}

#[test]
fn split_directories_are_not_taken_for_classes() {
    let study = Study::new(&STUDY.replace("train = \"train\", test = \"test\"", "train = \"data\""));
    for (part, first) in [("val", 0), ("test", 100)] {
        for number in first..first + 12 {
            study.noise(&format!("data/{part}/{}/{number}.png", ["a", "b"][number as usize % 2]), number);
        }
    }
    let (_, error) = study.simclr(&["validate", "p.toml"]);
    assert!(
        error.contains("the only classes are `test` and `val`, which are names of subsets of a data set"),
        "{error}"
    );
    for number in 200..212 {
        study.noise(&format!("data/train/{}/{number}.png", ["a", "b"][number as usize % 2]), number);
    }
    let (text, _) = study.simclr(&["validate", "p.toml"]);
    assert!(text.contains("ok"), "{text}");
}

#[test]
fn comparison_of_two_runs_is_paired_by_image() {
    let text = STUDY.replace(
        "image_folder = { train = \"train\", test = \"test\" }",
        "shapes = { train = 120, test = 60, classes = 3 }",
    );
    let study = Study::new(&text);
    study.simclr(&["run", "p.toml", "-q"]);
    study.simclr(&["run", "p.toml", "-q", "--set", "pretrain.main.epochs=3"]);
    let ids = study.simclr(&["status", "--format", "json"]).0;
    let runs: serde_json::Value = serde_json::from_str(&ids).unwrap();
    let runs: Vec<String> = find_strings(&runs, "id");
    assert_eq!(runs.len(), 2, "{ids}");
    let (text, error) = study.simclr(&["compare", &runs[0], &runs[1]]);
    assert!(text.contains("paired by test image; p is from McNemar's exact test"), "{text}{error}");
    let (json, _) = study.simclr(&["compare", &runs[0], &runs[1], "--format", "json"]);
    assert!(json.contains("\"adjusted_p_value\"") && json.contains("\"is_paired\": true"), "{json}");
}

/// Collects the string values of all keys with a name.
fn find_strings(value: &serde_json::Value, name: &str) -> Vec<String> {
    match value {
        serde_json::Value::Object(map) => map
            .iter()
            .flat_map(|(key, value)| match value.as_str() {
                Some(text) if key == name => vec![text.to_owned()],
                _ => find_strings(value, name),
            })
            .collect(),
        serde_json::Value::Array(items) => items.iter().flat_map(|item| find_strings(item, name)).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn results_independent_of_the_sweep_are_listed_once_and_its_effect_is_reported() {
    let text = STUDY.replace(
        "image_folder = { train = \"train\", test = \"test\" }",
        "shapes = { train = 120, test = 60, classes = 3 }",
    );
    let more = r#"
[pretrain.untrained]
augment = "views"
encoder = { tiny = { width = 0.25 } }
projection = { layers = [8] }
optimizer = { adam = { learning_rate = 1e-3 } }
epochs = 0
batch_size = 4

[linear_eval.untrained]
from = "untrained"

[supervised.scratch]
encoder = { tiny = { width = 0.25 } }
steps = 10

[sweep]
"pretrain.main.loss.nt_xent.temperature" = [0.1, 0.5, 1.0]
"#;
    let study = Study::new(&(text + more));
    let (results, error) = study.simclr(&["run", "p.toml", "-q"]);
    let csv = fs::read_to_string(study.path().join("outputs/p/report/tables/results.csv")).unwrap();
    let count = |stage: &str| csv.lines().filter(|line| line.contains(stage)).count();
    assert_eq!(
        (count("supervised.scratch"), count("linear_eval.untrained"), count("linear_eval.main")),
        (1, 1, 3),
        "{csv}"
    );
    assert!(
        results.contains("Validation accuracy selects temperature") && results.contains("from 3 values"),
        "{results}{error}"
    );
    let page = study.page();
    assert!(page.contains("Augmentation views"), "the policy, not the pretraining run");
    assert!(page.contains("whose weights were kept, the one with the lowest loss on that split"), "what a dot marks");
    let matrices: Vec<&str> = page.split("aria-label=\"").filter(|text| text.starts_with("Confusion matrix")).collect();
    let of_main = matrices.iter().filter(|text| text.starts_with("Confusion matrix, Linear evaluation"));
    assert!(of_main.clone().count() > 0 && of_main.clone().all(|text| text.contains("temperature")), "{matrices:.80?}");
    let health = fs::read_to_string(study.path().join("outputs/p/report/tables/health.csv")).unwrap();
    assert_eq!(health.lines().filter(|line| line.contains("pretrain.untrained")).count(), 2, "h and z, each once");
}
