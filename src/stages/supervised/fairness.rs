//! Whether the networks that a study compares are trained alike: warnings where they are not.
//!
//! Two networks are compared by the images that they are trained on, each view of an image counted. Those of SimCLR count
//! twice, as each goes through the network forward and backward. A factor of up to [`MAX_FACTOR`] is common between
//! recipes of either kind, and accuracy grows about with its logarithm; what lies beyond is another experiment. A network
//! that sees fewer images in as many steps, as with fewer labels than a batch has images, is not starved.

use crate::augment::PolicyConfig;
use crate::model::EncoderConfig;
use crate::stages::Pretrain;
use crate::stages::augment::policy;
use crate::stages::pretrain::PretrainConfig;
use crate::stages::shared::evaluation::percent;
use crate::stages::supervised::length::Length;
use crate::stages::supervised::{Supervised, SupervisedConfig};
use crate::study::{Pipeline, labeled_count};

/// Networks whose images differ by more than this factor are not trained alike.
const MAX_FACTOR: f64 = 4.0;

/// A training run, as far as a fair comparison asks.
struct TrainingRun<'a> {
    /// `supervised.scratch`
    name: String,
    /// Fraction of the labels; none for pretraining.
    fraction: Option<f64>,
    encoder: &'a EncoderConfig,
    starts_from: Option<&'a str>,
    policy: Option<&'a PolicyConfig>,
    steps: f64,
    /// Images, each view counted.
    images: f64,
}

/// A sentence for every pair of networks with the same encoder that a reader compares, a baseline and a pretraining run
/// or two baselines of which one starts from pretraining, and that are not trained alike. `train_images` is the size of
/// the training set. Each sentence comes once.
pub(super) fn warnings(pipeline: &Pipeline, train_images: impl Fn(&str) -> usize) -> Vec<String> {
    let size = |dataset: crate::base::Result<&str>| dataset.map_or(0, &train_images);
    let pretrained: Vec<TrainingRun<'_>> = pipeline
        .all::<Pretrain>()
        .filter(|(_, run)| run.epochs > 0)
        .map(|(name, run)| TrainingRun::pretrain(name, run, pipeline, size(run.dataset(pipeline))))
        .collect();
    let baselines: Vec<TrainingRun<'_>> = pipeline
        .all::<Supervised>()
        .flat_map(|(name, network)| TrainingRun::supervised(name, network, pipeline, size(network.dataset(pipeline))))
        .collect();
    let (scratch, tuned): (Vec<_>, Vec<_>) = baselines.iter().partition(|run| run.starts_from.is_none());
    let mut sentences = Vec::new();
    for baseline in scratch {
        let same_labels = tuned.iter().copied().filter(|run| run.fraction == baseline.fraction);
        let others = pretrained.iter().chain(same_labels).filter(|run| run.encoder == baseline.encoder);
        for sentence in others.flat_map(|other| [budget(baseline, other), augmentation(baseline, other)]).flatten() {
            if !sentences.contains(&sentence) {
                sentences.push(sentence);
            }
        }
    }
    sentences
}

impl<'a> TrainingRun<'a> {
    fn pretrain(name: &str, run: &'a PretrainConfig, pipeline: &'a Pipeline, train_images: usize) -> Self {
        let steps = (run.epochs * (train_images / run.batch_size.max(1))) as f64;
        Self {
            name: format!("pretrain.{name}"),
            fraction: None,
            encoder: &run.encoder,
            starts_from: run.init_from.as_ref().map(|start| start.name()),
            policy: policy(Some(&run.augment), pipeline),
            steps,
            images: 2.0 * steps * run.batch_size as f64,
        }
    }

    fn supervised(
        name: &str,
        network: &'a SupervisedConfig,
        pipeline: &'a Pipeline,
        train_images: usize,
    ) -> impl Iterator<Item = Self> {
        let name = format!("supervised.{name}");
        network.labeled_fraction.as_slice().iter().map(move |&fraction| {
            let labeled = labeled_count(fraction, train_images);
            let length = Length::new(network.budget(), labeled, network.batch_size);
            Self {
                name: name.clone(),
                fraction: Some(fraction),
                encoder: &network.encoder,
                starts_from: network.init_from.as_ref().map(|start| start.name()),
                policy: policy(network.policy(pipeline), pipeline),
                steps: length.steps as f64,
                images: length.images(),
            }
        })
    }

    /// `` `supervised.scratch` with 10 % of the labels ``
    fn subject(&self) -> String {
        let labels = self.fraction.map(|fraction| format!(" with {} % of the labels", percent(fraction)));
        format!("`{}`{}", self.name, labels.unwrap_or_default())
    }

    fn length(&self) -> String {
        let steps = if self.steps == 1.0 { "step" } else { "steps" };
        format!("{} {steps} on {} images", thousands(self.steps), thousands(self.images))
    }
}

fn budget(baseline: &TrainingRun<'_>, other: &TrainingRun<'_>) -> Option<String> {
    let factor = baseline.images / other.images;
    let starved = factor < 1.0 / MAX_FACTOR && baseline.steps < other.steps;
    let spoiled = factor > MAX_FACTOR && baseline.steps > other.steps;
    if !starved && !spoiled {
        return None;
    }
    let (subject, length, name) = (baseline.subject(), baseline.length(), &other.name);
    let counted = if other.fraction.is_none() { ", its two views counted" } else { "" };
    let shorter = if starved { baseline } else { other };
    let key = if shorter.fraction.is_some() { "steps" } else { "epochs" };
    Some(format!(
        "{subject} makes {length}, `{name}` {}{counted}: a difference between them is also one of training length; \
         give `[{}]` more `{key}`",
        other.length(),
        shorter.name
    ))
}

fn augmentation(baseline: &TrainingRun<'_>, other: &TrainingRun<'_>) -> Option<String> {
    let (name, other_name) = (&baseline.name, &other.name);
    let what = match (baseline.policy, other.policy) {
        (None, Some(policy)) if policy.is_random() => "augmentation",
        (Some(own), Some(policy)) if policy.crops_at_random() && !own.crops_at_random() => "random crops",
        _ => return None,
    };
    Some(format!(
        "`{name}` is trained without {what}, `{other_name}` with: a difference between them is also one of augmentation; \
         leave `augment` out of `[{name}]` and it gets the same"
    ))
}

/// `3,400`
fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
