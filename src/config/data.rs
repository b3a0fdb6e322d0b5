//! What can be checked only when the images have been counted.

use crate::analysis::config::EmbedMethod;
use crate::config::diagnostic::{Diagnostics, Problem, Problems};
use crate::config::load::Loaded;
use crate::config::node::{Node, Step};
use crate::config::pipeline::{Budget, LabelDraw, LinearTraining, Pipeline, SelectOn, Subset, Supervised};
use std::ops::Range;

/// How many images a class has in each part of the split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassCount {
    /// Name of the class.
    pub name: String,
    /// Images to train on, after validation is set apart.
    pub train: usize,
    /// Images to choose the best weights on.
    pub validation: usize,
    /// Images of the test set.
    pub test: usize,
}

/// Neighbors that t-SNE looks at, as a multiple of the perplexity (Barnes-Hut, van der Maaten 2014).
const NEIGHBOURS_PER_PERPLEXITY: f64 = 3.0;

/// Images of a class that a labeled fraction takes.
pub fn labeled_count(fraction: f64, train: usize) -> usize {
    (fraction * train as f64).round() as usize
}

impl Loaded {
    /// Holds all variants to the images that there are, where the sweep does not touch the data set.
    ///
    /// # Errors
    /// A batch is larger than the training set, a labeled fraction leaves a class empty, there are more neighbors
    /// than labeled images, the perplexity is too large, or nothing is there to validate on; each at its place.
    pub fn check_data(&self, classes: &[ClassCount]) -> Result<(), Diagnostics> {
        self.check_data_of(0..self.study.variants.len(), classes)
    }

    /// Holds some variants to the images that they have: `check_data_of(3..4, ...)` the fourth.
    ///
    /// # Errors
    /// As for [`Loaded::check_data`].
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
    tree: &'a Node,
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
                self.selection("linear_eval", &stage.name, training.chooses_on());
            }
        }
        for stage in &pipeline.supervised {
            self.labels(&["supervised", &stage.name, "labeled_fraction"], &stage.labeled_fractions, stage.label_draw);
            self.selection("supervised", &stage.name, stage.training.chooses_on());
            self.warm_up(stage);
        }
        for stage in &pipeline.knn_eval {
            let draw = LabelDraw::Stratified;
            self.labels(&["knn_eval", &stage.name, "labeled_fraction"], &stage.labeled_fractions, draw);
            self.neighbors(&["knn_eval", &stage.name, "k"], stage.knn.k, &stage.labeled_fractions);
        }
        for stage in &pipeline.embed {
            if let EmbedMethod::Tsne(tsne) = &stage.method {
                let keys = ["embed", &stage.name, "method", "tsne", "perplexity"];
                self.perplexity(&keys, tsne.perplexity, stage.subset);
            }
        }
    }

    /// The warm-up of a supervised network whose budget is in steps ends before the run does.
    fn warm_up(&mut self, stage: &Supervised) {
        let Budget::Steps(total) = stage.budget else { return };
        let train = self.total(|class| class.train);
        for fraction in &stage.labeled_fractions {
            let steps_per_epoch = labeled_count(*fraction, train).div_ceil(stage.training.batch_size.max(1));
            let warm_up = stage.training.schedule.warmup_epochs() * steps_per_epoch as f64;
            if warm_up > total as f64 {
                let message = format!(
                    "`warmup_epochs` is {warm_up:.0} steps with the labeled fraction {fraction}, and there are {total}"
                );
                let help = "the learning rate would never reach its peak: set a larger `steps`".to_owned();
                self.report(&steps(&["supervised", &stage.name, "schedule"]), message, help);
                return;
            }
        }
    }

    fn report(&mut self, path: &[Step], message: String, help: String) {
        self.problems.report(Problem::new(self.tree.place_of(path), message).help(help));
    }

    fn total(&self, count: impl Fn(&ClassCount) -> usize) -> usize {
        self.classes.iter().map(count).sum()
    }

    fn batch(&mut self, keys: &[&str], batch_size: usize) {
        let train = self.total(|class| class.train);
        if batch_size > train {
            let message = format!("a batch of {batch_size} is larger than the training set of {train} images");
            self.report(&steps(keys), message, format!("set `batch_size` to at most {train}"));
        }
    }

    fn labels(&mut self, keys: &[&str], fractions: &[f64], draw: LabelDraw) {
        for (index, fraction) in fractions.iter().enumerate() {
            let path = element(self.tree, keys, index);
            match draw {
                LabelDraw::Stratified => self.stratified(&path, *fraction),
                LabelDraw::WithReplacement => {
                    let train = self.total(|class| class.train);
                    if labeled_count(*fraction, train) == 0 {
                        let message = format!("{fraction} of the {train} training images is none");
                        self.report(&path, message, "take a larger fraction".to_owned());
                    }
                }
            }
        }
    }

    fn stratified(&mut self, path: &[Step], fraction: f64) {
        let empty = self.classes.iter().find(|class| labeled_count(fraction, class.train) == 0);
        let Some(class) = empty else { return };
        let message = format!(
            "the labeled fraction {fraction} leaves the class `{}` without an image: it has {} to train on",
            class.name, class.train
        );
        let smallest = self.classes.iter().map(|class| class.train).min().unwrap_or(0);
        let help = match smallest {
            0 => "give every class images".to_owned(),
            // The first fraction that rounds up to one image.
            smallest => format!("with this data it must be at least {}", 0.5 / smallest as f64),
        };
        self.report(path, message, help);
    }

    fn selection(&mut self, section: &str, name: &str, select_on: Option<SelectOn>) {
        let Some(select_on) = select_on else { return };
        let (part, count, help) = match select_on {
            SelectOn::Validation => (
                "validation",
                self.total(|class| class.validation),
                "set a larger `validation_fraction`, or `select_on = \"test\"` in the stage",
            ),
            SelectOn::Test => ("test", self.total(|class| class.test), "give the data set test images"),
        };
        if count == 0 {
            let path = match select_on {
                SelectOn::Validation => steps(&["dataset", "validation_fraction"]),
                SelectOn::Test => steps(&[section, name, "select_on"]),
            };
            let message = format!("`[{section}.{name}]` chooses its weights on {part} images, and there are none");
            self.report(&path, message, help.to_owned());
        }
    }

    fn neighbors(&mut self, keys: &[&str], k: usize, fractions: &[f64]) {
        for fraction in fractions {
            let labeled = self.total(|class| labeled_count(*fraction, class.train));
            if labeled > 0 && k > labeled {
                let message = format!("`k` = {k} is more than the {labeled} labeled images of the fraction {fraction}");
                self.report(&steps(keys), message, format!("set `k` to at most {labeled}"));
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
        let most = (images.saturating_sub(1) as f64 / NEIGHBOURS_PER_PERPLEXITY).floor();
        if perplexity > most {
            let message = format!("a perplexity of {perplexity} is too large for {images} images");
            let help = if most < 2.0 {
                "there are too few images for t-SNE: take `method = { pca = {} }`".to_owned()
            } else {
                format!("set `perplexity` to at most {most}: t-SNE looks at three times as many neighbors")
            };
            self.report(&steps(keys), message, help);
        }
    }
}

fn steps(keys: &[&str]) -> Vec<Step> {
    keys.iter().map(|key| Step::from(*key)).collect()
}

/// The path of an element of a list, or of the value itself where it is written without a list.
fn element(tree: &Node, keys: &[&str], index: usize) -> Vec<Step> {
    let mut path = steps(keys);
    path.push(index.into());
    if tree.get(&path).is_none() {
        path.pop();
    }
    path
}
