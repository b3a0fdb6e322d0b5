//! A table of a network's layers with output shapes, parameters and MACs, computed without building the network.

use crate::base::Result;
use crate::model::ProjectionConfig;
use crate::model::config::EncoderConfig;
use crate::model::head::Head;
use crate::model::layers::IMAGE_CHANNELS;
use crate::model::registry::Registry;
use crate::nn::Precision;
use serde::Serialize;
use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::fmt;

/// Bytes of an f32.
const ACTIVATION_BYTES: u64 = 4;

/// A layer of a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SummaryRow {
    /// Name as in state dicts, such as `layer1.0.conv1`.
    pub name: String,
    /// Kind of layer, such as `convolution 3x3/2`.
    pub kind: String,
    /// Shape of one output: `[side, side, channels]` or `[features]`.
    pub output: Vec<usize>,
    /// Parameters, running statistics included.
    pub parameters: u64,
    /// Trainable parameters.
    pub trainable: u64,
    /// MACs of the forward pass per image (convolutions and linear layers only).
    pub multiply_adds: u64,
}

/// Layers, parameter counts, MACs and memory of a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The layers, first to last.
    pub rows: Vec<SummaryRow>,
    /// All parameters, running statistics included.
    pub total: u64,
    /// Trainable parameters.
    pub trainable: u64,
    /// Running statistics.
    pub not_trainable: u64,
    /// Parameter counts of the encoder, without the head.
    pub encoder: Counts,
    /// MACs of the forward pass per image.
    pub multiply_adds: u64,
    /// Floating-point operations of the forward pass per image, two per MAC.
    pub flops: u64,
    /// Bytes of the saved activations per image in f32.
    pub activation_bytes_per_image: u64,
}

/// Parameter counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All, running statistics included.
    pub total: u64,
    /// Trainable parameters.
    pub trainable: u64,
    /// Running statistics.
    pub not_trainable: u64,
}

impl Counts {
    fn of(rows: &[SummaryRow]) -> Self {
        let total = rows.iter().map(|row| row.parameters).sum();
        let trainable = rows.iter().map(|row| row.trainable).sum();
        Self { total, trainable, not_trainable: total - trainable }
    }
}

impl Summary {
    /// Estimates the peak memory of training in bytes, without the program itself: parameters and gradients, optimizer
    /// state (`state_vectors` values per parameter), saved activations of `rows` images, their gradients, and a
    /// checkpoint being written. Within 13 % of measurements on five networks.
    pub fn training_bytes(&self, rows: usize, state_vectors: usize, precision: Precision) -> u64 {
        /// Parameters and gradients, and the copies of both that a checkpoint is written from.
        const COPIES: u64 = 4;
        let maps: BTreeSet<usize> = self.rows.iter().map(|row| row.output.iter().product()).collect();
        // Buffers are pooled by size: about two of each size are in use besides the saved activations.
        let gradients = maps.into_iter().sum::<usize>() as u64 * precision.bytes() * 2;
        let parameters = (COPIES + state_vectors as u64) * self.total * ACTIVATION_BYTES;
        let activations = self.activation_bytes_per_image / ACTIVATION_BYTES * precision.bytes();
        parameters + rows as u64 * (activations + gradients)
    }

    /// Estimates the memory of inference on `rows` images in bytes, without the program itself.
    pub fn inference_bytes(&self, rows: usize, precision: Precision) -> u64 {
        // Input, convolution and output of the largest block are in memory together.
        const LIVE_MAPS: u64 = 4;
        let largest = self.rows.iter().map(|row| row.output.iter().product::<usize>()).max().unwrap_or(0) as u64;
        self.total * ACTIVATION_BYTES + rows as u64 * LIVE_MAPS * largest * precision.bytes()
    }

    /// Returns the number of outputs of the last layer.
    pub fn features(&self) -> usize {
        self.rows.last().and_then(|row| row.output.last()).copied().unwrap_or(0)
    }
}

impl fmt::Display for Summary {
    /// Writes a table with a row per layer, then the totals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |row: &SummaryRow| {
            let output = row.output.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
            [row.name.clone(), row.kind.clone(), output, with_commas(row.parameters), with_commas(row.multiply_adds)]
        };
        let head = ["layer", "kind", "output", "parameters", "MACs"].map(str::to_owned);
        let rows: Vec<[String; 5]> = std::iter::once(head).chain(self.rows.iter().map(row)).collect();
        let widest = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
        let [first, second, third, fourth, fifth] = std::array::from_fn(widest);
        for [name, kind, output, parameters, macs] in &rows {
            writeln!(f, "{name:<first$}  {kind:<second$}  {output:>third$}  {parameters:>fourth$}  {macs:>fifth$}")?;
        }
        writeln!(f)?;
        let encoder = self.encoder;
        for (name, all, encoder) in [
            ("parameters", self.total, encoder.total),
            ("  trainable", self.trainable, encoder.trainable),
            ("  not trainable", self.not_trainable, encoder.not_trainable),
        ] {
            writeln!(f, "{name:<15} {:>14}  encoder alone {:>14}", with_commas(all), with_commas(encoder))?;
        }
        writeln!(f, "MACs            {:>14}  forward pass, per image", with_commas(self.multiply_adds))?;
        write!(
            f,
            "activations     {:>14}  bytes saved in training, per image",
            with_commas(self.activation_bytes_per_image)
        )
    }
}

/// Formats `23508032` as `23,508,032`.
fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Summarizes a network for images of `side` x `side` pixels without allocating its weights.
///
/// # Errors
/// The images are too small for the encoder, or a layer of the head has 0 outputs.
pub fn summarize(encoder: &EncoderConfig, head: impl Into<ProjectionConfig>, side: usize) -> Result<Summary> {
    let head = head.into();
    let known = RECENT.with_borrow(|recent| {
        let is_same = |network: &&Network| (&network.encoder, &network.head, network.side) == (encoder, &head, side);
        recent.iter().find(is_same).map(|network| network.summary.clone())
    });
    if let Some(summary) = known {
        return Ok(summary);
    }
    let summary = compute(encoder, &head, side)?;
    RECENT.with_borrow_mut(|recent| {
        if recent.len() == MAX_RECENT {
            recent.pop_front();
        }
        recent.push_back(Network { encoder: encoder.clone(), head, side, summary: summary.clone() });
    });
    Ok(summary)
}

fn compute(encoder: &EncoderConfig, head: &ProjectionConfig, side: usize) -> Result<Summary> {
    let mut registry = Registry::default();
    let encoder = encoder.build(side, &mut registry)?;
    let counts = Counts::of(&registry.rows);
    Head::new(head, encoder.features(), encoder.initialization, &mut registry)?;
    Ok(with_totals(registry.rows, counts, side))
}

/// Maximum number of summaries that are kept.
const MAX_RECENT: usize = 8;

/// A network with its summary.
struct Network {
    encoder: EncoderConfig,
    head: ProjectionConfig,
    side: usize,
    summary: Summary,
}

thread_local! {
    /// The latest summaries: the stages of a run, and the variants of a sweep, ask for the same networks.
    static RECENT: RefCell<VecDeque<Network>> = const { RefCell::new(VecDeque::new()) };
}

fn with_totals(rows: Vec<SummaryRow>, encoder: Counts, side: usize) -> Summary {
    let sum = |count: fn(&SummaryRow) -> u64| rows.iter().map(count).sum::<u64>();
    let Counts { total, trainable, not_trainable } = Counts::of(&rows);
    let macs = sum(|row| row.multiply_adds);
    let images = (side * side * IMAGE_CHANNELS) as u64;
    let saved = sum(|row| row.output.iter().product::<usize>() as u64) + images;
    Summary {
        total,
        trainable,
        not_trainable,
        encoder,
        multiply_adds: macs,
        flops: 2 * macs,
        activation_bytes_per_image: saved * ACTIVATION_BYTES,
        rows,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Depth, ResnetConfig, ResnetVariant, Stem, TinyConfig};

    fn counts(encoder: &EncoderConfig, head: &[usize], side: usize) -> (u64, u64, u64) {
        let summary = summarize(encoder, head, side).unwrap();
        (summary.total, summary.trainable, summary.not_trainable)
    }

    fn resnet(variant: ResnetVariant, stem: Stem) -> ResnetConfig {
        ResnetConfig { stem, variant, ..ResnetConfig::default() }
    }

    #[test]
    fn parameter_counts_match_the_wandb_report() {
        let keras = EncoderConfig::Resnet50(resnet(ResnetVariant::Keras, Stem::Imagenet));
        assert_eq!(counts(&keras, &[], 224), (23_587_712, 23_534_592, 53_120));
        assert_eq!(counts(&keras, &[256, 128, 50], 224), (24_151_602, 24_098_482, 53_120));
        assert_eq!(counts(&keras, &[256, 5], 224), (24_113_541, 24_060_421, 53_120));
        let head = summarize(&keras, &[256, 128, 50], 224).unwrap().rows;
        let head: Vec<u64> = head.iter().rev().take(3).rev().map(|row| row.parameters).collect();
        assert_eq!(head, [524_544, 32_896, 6_450]);
    }

    /// Parameters and GFLOPS (MACs, with the classifier) as torchvision documents them for its weights.
    #[test]
    fn parameter_counts_and_macs_match_torchvision() {
        for (depth, features, parameters, gmacs) in [
            (18, 512, 11_689_512, "1.814"),
            (34, 512, 21_797_672, "3.664"),
            (50, 2048, 25_557_032, "4.089"),
            (101, 2048, 44_549_160, "7.801"),
            (152, 2048, 60_192_808, "11.514"),
        ] {
            let depth = Depth::try_from(depth).unwrap();
            let summary =
                summarize(&EncoderConfig::Resnet(ResnetConfig { depth, ..ResnetConfig::default() }), &[], 224).unwrap();
            let classifier = features * 1000;
            assert_eq!(summary.trainable, parameters - classifier - 1000, "{depth:?}");
            assert_eq!(summary.features() as u64, features);
            assert_eq!(format!("{:.3}", (summary.multiply_adds + classifier) as f64 * 1e-9), gmacs, "{depth:?}");
            let last_map = &summary.rows[summary.rows.len() - 2];
            assert_eq!(last_map.output, [7, 7, features as usize], "{depth:?}");
        }
        let resnet18 = EncoderConfig::Resnet18(ResnetConfig::default());
        assert_eq!(counts(&resnet18, &[], 224), (11_176_512 + 9_600, 11_176_512, 9_600));
        let resnet50 = EncoderConfig::Resnet50(ResnetConfig::default());
        assert_eq!(counts(&resnet50, &[], 224), (23_508_032 + 53_120, 23_508_032, 53_120));
    }

    #[test]
    fn the_tiny_encoder_is_small() {
        let summary = summarize(&EncoderConfig::Tiny(TinyConfig::default()), &[], 32).unwrap();
        assert_eq!(summary.rows.last().unwrap().output, [128]);
        assert!((5_000_000..10_000_000).contains(&summary.multiply_adds), "{}", summary.multiply_adds);
    }

    #[test]
    fn a_network_that_cannot_be_built_is_an_error() {
        let resnet18 = EncoderConfig::Resnet18(ResnetConfig::default());
        assert!(summarize(&resnet18, &[], 0).is_err());
        assert!(summarize(&resnet18, &[128, 0], 32).is_err());
        assert!(summarize(&resnet18, &[], 1).is_ok());
    }
}
