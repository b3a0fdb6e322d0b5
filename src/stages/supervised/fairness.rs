//! Warnings about networks that a study compares but trains differently.
//!
//! Two networks are compared by the number of images that they are trained on, counting every view: an image of SimCLR
//! counts twice, since both views go through a forward and a backward pass. Usual settings differ by a factor of up to
//! [`MAX_FACTOR`], and accuracy grows about with its logarithm; a larger factor makes a different experiment. A network
//! that takes as many steps on fewer images, because it has fewer labels than a batch has images, is not undertrained.

use crate::augment::PolicyConfig;
use crate::model::EncoderConfig;
use crate::stages::Pretrain;
use crate::stages::augment::policy;
use crate::stages::pretrain::PretrainConfig;
use crate::stages::shared::evaluation::percent;
use crate::stages::shared::labels::LabelAmount;
use crate::stages::supervised::length::Length;
use crate::stages::supervised::{Supervised, SupervisedConfig};
use crate::study::{DataFacts, Pipeline};

/// Networks whose numbers of images differ by more than this factor are trained differently.
const MAX_FACTOR: f64 = 4.0;

/// The properties of a training run that a fair comparison depends on.
struct TrainingRun<'a> {
    /// `supervised.scratch`
    name: String,
    /// How many images have labels; none for pretraining.
    labels: Option<LabelAmount>,
    encoder: &'a EncoderConfig,
    starts_from: Option<&'a str>,
    policy: Option<&'a PolicyConfig>,
    steps: f64,
    /// Number of images, counting every view.
    images: f64,
}

/// Returns a warning for every two networks with the same encoder that a reader compares and that are trained
/// differently: a baseline and a pretraining run, or two baselines of which one starts from pretraining. `facts`
/// returns the facts of a data set. No warning occurs twice.
pub(super) fn warnings<'a>(pipeline: &Pipeline, facts: impl Fn(&str) -> Option<&'a DataFacts>) -> Vec<String> {
    let facts = |dataset: crate::base::Result<&str>| dataset.ok().and_then(&facts);
    let pretrained: Vec<TrainingRun<'_>> = pipeline
        .all::<Pretrain>()
        .filter(|(_, run)| run.epochs > 0)
        .filter_map(|(name, run)| Some((name, run, facts(run.dataset(pipeline))?)))
        .map(|(name, run, facts)| TrainingRun::pretrain(name, run, pipeline, facts.pretraining()))
        .collect();
    let baselines: Vec<TrainingRun<'_>> = pipeline
        .all::<Supervised>()
        .filter_map(|(name, network)| Some((name, network, facts(network.dataset(pipeline))?)))
        .flat_map(|(name, network, facts)| TrainingRun::supervised(name, network, pipeline, facts))
        .collect();
    let (scratch, tuned): (Vec<_>, Vec<_>) = baselines.iter().partition(|run| run.starts_from.is_none());
    let mut warnings = Vec::new();
    for baseline in scratch {
        let same_labels = tuned.iter().copied().filter(|run| run.labels == baseline.labels);
        let others = pretrained.iter().chain(same_labels).filter(|run| run.encoder == baseline.encoder);
        for warning in others.flat_map(|other| [budget(baseline, other), augmentation(baseline, other)]).flatten() {
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
    }
    warnings
}

impl<'a> TrainingRun<'a> {
    fn pretrain(name: &str, run: &'a PretrainConfig, pipeline: &'a Pipeline, train_images: usize) -> Self {
        let steps = (run.epochs * (train_images / run.batch_size.max(1))) as f64;
        Self {
            name: format!("pretrain.{name}"),
            labels: None,
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
        facts: &DataFacts,
    ) -> impl Iterator<Item = Self> {
        let name = format!("supervised.{name}");
        let counts: Vec<usize> = network.amounts().into_iter().map(|labels| labels.count(facts)).collect();
        network.amounts().into_iter().zip(counts).map(move |(labels, labeled)| {
            let length = Length::new(network.budget(), labeled, network.batch_size);
            Self {
                name: name.clone(),
                labels: Some(labels),
                encoder: &network.encoder,
                starts_from: network.init_from.as_ref().map(|start| start.name()),
                policy: policy(network.policy(pipeline), pipeline),
                steps: length.steps as f64,
                images: length.images(),
            }
        })
    }

    /// Returns `` `supervised.scratch` with 10 % of the labels ``.
    fn subject(&self) -> String {
        let labels = self.labels.map(|labels| match labels {
            LabelAmount::Fraction(fraction) => format!(" with {} % of the labels", percent(fraction)),
            LabelAmount::PerClass(_) => format!(" with {labels}"),
        });
        format!("`{}`{}", self.name, labels.unwrap_or_default())
    }

    /// Returns `500 steps (100,000 images, counting both views)`.
    fn length(&self) -> String {
        let steps = if self.steps == 1.0 { "step" } else { "steps" };
        let views = if self.labels.is_none() { ", counting both views" } else { "" };
        format!("{} {steps} ({} images{views})", thousands(self.steps), thousands(self.images))
    }
}

fn budget(baseline: &TrainingRun<'_>, other: &TrainingRun<'_>) -> Option<String> {
    let factor = baseline.images / other.images;
    let is_undertrained = factor < 1.0 / MAX_FACTOR && baseline.steps < other.steps;
    let is_overtrained = factor > MAX_FACTOR && baseline.steps > other.steps;
    if !is_undertrained && !is_overtrained {
        return None;
    }
    let (subject, length, name) = (baseline.subject(), baseline.length(), &other.name);
    let shorter = if is_undertrained { baseline } else { other };
    let key = if shorter.labels.is_some() { "steps" } else { "epochs" };
    Some(format!(
        "{subject} trains for {length} but `{name}` for {}, so a difference between them may partly be due to training \
         length; train `[{}]` for more `{key}`",
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
        "`{name}` is trained without {what}, unlike `{other_name}`, so a difference between them may partly be due to \
         augmentation; remove `augment` from `[{name}]` to use the same policy"
    ))
}

/// Formats a number as `3,400`.
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
