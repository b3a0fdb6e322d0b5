//! Checks that need the number of images per class.

use crate::analysis::config::EmbedMethod;
use crate::config::diagnostic::{Diagnostics, Problem, Problems};
use crate::config::load::LoadedStudy;
use crate::config::node::{PathStep, TomlNode};
use crate::config::pipeline::{Budget, LabelSampling, LinearTraining, Pipeline, SelectOn, Subset, Supervised};
use std::ops::Range;

/// Number of images of a class in each split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassCount {
    /// Name of the class.
    pub name: String,
    /// Training images, without the validation images.
    pub train: usize,
    /// Validation images.
    pub validation: usize,
    /// Test images.
    pub test: usize,
}

/// Neighbors that t-SNE uses, as a multiple of the perplexity (Barnes-Hut, van der Maaten 2014).
const NEIGHBORS_PER_PERPLEXITY: f64 = 3.0;

/// Returns the number of images of a class in a labeled fraction.
pub fn labeled_count(fraction: f64, train: usize) -> usize {
    (fraction * train as f64).round() as usize
}

impl LoadedStudy {
    /// Checks all variants against the number of images, where the sweep does not change the data set.
    ///
    /// # Errors
    /// A batch is larger than the training set, a labeled fraction leaves a class empty, `k` exceeds the number of
    /// labeled images, the perplexity is too large, or there are no images to select on; each with its location.
    pub fn check_data(&self, classes: &[ClassCount]) -> Result<(), Diagnostics> {
        self.check_data_of(0..self.study.variants.len(), classes)
    }

    /// Checks some variants against the number of their images: `check_data_of(3..4, ...)` checks the fourth.
    ///
    /// # Errors
    /// As for [`LoadedStudy::check_data`].
    pub fn check_data_of(&self, variants: Range<usize>, classes: &[ClassCount]) -> Result<(), Diagnostics> {
        let mut problems = Problems::default();
        for number in variants {
            let Some(variant) = self.study.variants.get(number) else { break };
            let tree = self.tree(number);
            DataCheck { tree: &tree, classes, problems: &mut problems }.pipeline(&variant.pipeline);
            if problems.are_many() {
                break;
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems.into_diagnostics(self.sources.clone())) }
    }
}

struct DataCheck<'a> {
    tree: &'a TomlNode,
    classes: &'a [ClassCount],
    problems: &'a mut Problems,
}

impl DataCheck<'_> {
    fn pipeline(&mut self, pipeline: &Pipeline) {
        for stage in &pipeline.pretrain {
            if stage.epochs > 0 {
                self.batch(&["pretrain", &stage.name, "batch_size"], stage.batch_size);
            }
        }
        for stage in &pipeline.linear_eval {
            self.labels(&["linear_eval", &stage.name, "labeled_fraction"], &stage.labeled_fractions, stage.label_draw);
            if let LinearTraining::Epochs { training, .. } = &stage.training {
                self.selection("linear_eval", &stage.name, training.selects_on());
            }
        }
        for stage in &pipeline.supervised {
            self.labels(&["supervised", &stage.name, "labeled_fraction"], &stage.labeled_fractions, stage.label_draw);
            self.selection("supervised", &stage.name, stage.training.selects_on());
            self.warm_up(stage);
        }
        for stage in &pipeline.knn_eval {
            let sampling = LabelSampling::Stratified;
            self.labels(&["knn_eval", &stage.name, "labeled_fraction"], &stage.labeled_fractions, sampling);
            self.neighbors(&["knn_eval", &stage.name, "k"], stage.knn.k, &stage.labeled_fractions);
        }
        for stage in &pipeline.embed {
            if let EmbedMethod::Tsne(tsne) = &stage.method {
                let keys = ["embed", &stage.name, "method", "tsne", "perplexity"];
                self.perplexity(&keys, tsne.perplexity, stage.subset);
            }
        }
    }

    /// Checks that the warm-up of a supervised network with a budget in steps ends before the run does.
    fn warm_up(&mut self, stage: &Supervised) {
        let Budget::Steps(total) = stage.budget else { return };
        let train = self.total(|class| class.train);
        for fraction in &stage.labeled_fractions {
            let steps_per_epoch = labeled_count(*fraction, train).div_ceil(stage.training.batch_size.max(1));
            let warm_up = stage.training.schedule.warmup_epochs() * steps_per_epoch as f64;
            if warm_up > total as f64 {
                let message = format!(
                    "`warmup_epochs` is {warm_up:.0} steps at the labeled fraction {fraction}, but the run has {total}"
                );
                let help = "the learning rate would never reach its peak: set a larger `steps`".to_owned();
                self.report(&path_of(&["supervised", &stage.name, "schedule"]), message, help);
                return;
            }
        }
    }

    fn report(&mut self, path: &[PathStep], message: String, help: String) {
        self.problems.report(Problem::new(self.tree.span_of(path), message).help(help));
    }

    fn total(&self, count: impl Fn(&ClassCount) -> usize) -> usize {
        self.classes.iter().map(count).sum()
    }

    fn batch(&mut self, keys: &[&str], batch_size: usize) {
        let train = self.total(|class| class.train);
        if batch_size > train {
            let message = format!("a batch of {batch_size} is larger than the training set of {train} images");
            self.report(&path_of(keys), message, format!("set `batch_size` to at most {train}"));
        }
    }

    fn labels(&mut self, keys: &[&str], fractions: &[f64], sampling: LabelSampling) {
        for (index, fraction) in fractions.iter().enumerate() {
            let path = element_path(self.tree, keys, index);
            match sampling {
                LabelSampling::Stratified => self.stratified(&path, *fraction),
                LabelSampling::WithReplacement => {
                    let train = self.total(|class| class.train);
                    if labeled_count(*fraction, train) == 0 {
                        let message =
                            format!("the labeled fraction {fraction} of {train} training images rounds to 0 images");
                        self.report(&path, message, "use a larger fraction".to_owned());
                    }
                }
            }
        }
    }

    fn stratified(&mut self, path: &[PathStep], fraction: f64) {
        let empty = self.classes.iter().find(|class| labeled_count(fraction, class.train) == 0);
        let Some(class) = empty else { return };
        let message = format!(
            "the labeled fraction {fraction} leaves the class `{}` without labeled images: it has {} training images",
            class.name, class.train
        );
        let smallest = self.classes.iter().map(|class| class.train).min().unwrap_or(0);
        let help = match smallest {
            0 => "give every class images".to_owned(),
            // The first fraction that rounds up to one image.
            smallest => format!("with these images it must be at least {}", 0.5 / smallest as f64),
        };
        self.report(path, message, help);
    }

    fn selection(&mut self, section: &str, name: &str, select_on: Option<SelectOn>) {
        let Some(select_on) = select_on else { return };
        let (split, count, help) = match select_on {
            SelectOn::Validation => (
                "validation",
                self.total(|class| class.validation),
                "set a larger `validation_fraction`, or `select_on = \"test\"` in the stage",
            ),
            SelectOn::Test => ("test", self.total(|class| class.test), "give the data set test images"),
        };
        if count == 0 {
            let path = match select_on {
                SelectOn::Validation => path_of(&["dataset", "validation_fraction"]),
                SelectOn::Test => path_of(&[section, name, "select_on"]),
            };
            let message = format!("`[{section}.{name}]` selects on {split} images, but there are none");
            self.report(&path, message, help.to_owned());
        }
    }

    fn neighbors(&mut self, keys: &[&str], k: usize, fractions: &[f64]) {
        for fraction in fractions {
            let labeled = self.total(|class| labeled_count(*fraction, class.train));
            if labeled > 0 && k > labeled {
                let message = format!("`k` is {k}, but the labeled fraction {fraction} has only {labeled} images");
                self.report(&path_of(keys), message, format!("set `k` to at most {labeled}"));
                return;
            }
        }
    }

    fn perplexity(&mut self, keys: &[&str], perplexity: f64, subset: Subset) {
        let images = match subset {
            Subset::Train => self.total(|class| class.train + class.validation),
            Subset::Test => self.total(|class| class.test),
            Subset::All => self.total(|class| class.train + class.validation + class.test),
        };
        let max = (images.saturating_sub(1) as f64 / NEIGHBORS_PER_PERPLEXITY).floor();
        if perplexity > max {
            let message = format!("a perplexity of {perplexity} is too large for {images} images");
            let help = if max < 2.0 {
                "t-SNE needs more images: use `method = { pca = {} }`".to_owned()
            } else {
                format!("set `perplexity` to at most {max}: t-SNE uses three times as many neighbors")
            };
            self.report(&path_of(keys), message, help);
        }
    }
}

fn path_of(keys: &[&str]) -> Vec<PathStep> {
    keys.iter().map(|key| PathStep::from(*key)).collect()
}

/// Returns the path of a list element, or of the value itself where it is not written as a list.
fn element_path(tree: &TomlNode, keys: &[&str], index: usize) -> Vec<PathStep> {
    let mut path = path_of(keys);
    path.push(index.into());
    if tree.get(&path).is_none() {
        path.pop();
    }
    path
}
