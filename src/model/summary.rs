//! The table of a network's layers with shapes, parameters and work, counted from the description alone.

use crate::base::Result;
use crate::model::ProjectionConfig;
use crate::model::architecture::{Architecture, UnitShape};
use crate::model::config::EncoderConfig;
use crate::model::network::check_head;
use crate::nn::Precision;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;

/// Bytes of a 32-bit number.
const ACTIVATION_BYTES: u64 = 4;

/// One layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SummaryRow {
    /// Name as in saved networks, such as `layer1.0.conv1`.
    pub name: String,
    /// What the layer is, in words.
    pub kind: String,
    /// Shape of one output: `[side, side, channels]` or `[features]`.
    pub output: Vec<usize>,
    /// Parameters, running statistics included.
    pub parameters: u64,
    /// Those that training moves.
    pub trainable: u64,
    /// Multiply-adds of one forward pass for one image (convolutions and linear layers alone).
    pub multiply_adds: u64,
}

/// A network in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The layers, first to last.
    pub rows: Vec<SummaryRow>,
    /// All parameters, running statistics included.
    pub total: u64,
    /// Parameters that training moves.
    pub trainable: u64,
    /// Running statistics.
    pub not_trainable: u64,
    /// The parameters of the encoder alone, without the head.
    pub encoder: Counts,
    /// Multiply-adds of one forward pass for one image.
    pub multiply_adds: u64,
    /// Floating-point operations of one forward pass for one image: a multiply-add is two.
    pub flops: u64,
    /// Bytes that one image's activations take in training in 32 bits: what the backward pass needs.
    pub activation_bytes_per_image: u64,
}

/// Numbers of parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All, running statistics included.
    pub total: u64,
    /// Those that training moves.
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
    /// Memory of training at its peak, in bytes, without that of the program itself: parameters and gradients, what the
    /// optimizer keeps (`state_vectors` numbers a parameter), the activations of `rows` images, the gradients of the
    /// maps, and the state being written. Within 13 % of what was measured on five networks.
    pub fn training_bytes(&self, rows: usize, state_vectors: usize, precision: Precision) -> u64 {
        /// Parameters and gradients, and the copies from which a file is written.
        const COPIES: u64 = 4;
        let maps: BTreeSet<usize> = self.rows.iter().map(|row| row.output.iter().product()).collect();
        // Buffers of one size are used again: of each size about two are there beside the activations.
        let gradients = maps.into_iter().sum::<usize>() as u64 * precision.bytes() * 2;
        let parameters = (COPIES + state_vectors as u64) * self.total * ACTIVATION_BYTES;
        let activations = self.activation_bytes_per_image / ACTIVATION_BYTES * precision.bytes();
        parameters + rows as u64 * (activations + gradients)
    }

    /// Memory of a forward pass over `rows` images, in bytes, without that of the program itself.
    pub fn inference_bytes(&self, rows: usize, precision: Precision) -> u64 {
        // The input, the convolution and the output of the largest block lie side by side.
        const LIVE_MAPS: u64 = 4;
        let largest = self.rows.iter().map(|row| row.output.iter().product::<usize>()).max().unwrap_or(0) as u64;
        self.total * ACTIVATION_BYTES + rows as u64 * LIVE_MAPS * largest * precision.bytes()
    }

    /// Values that the last layer puts out for one image.
    pub fn features(&self) -> usize {
        self.rows.last().and_then(|row| row.output.last()).copied().unwrap_or(0)
    }
}

impl fmt::Display for Summary {
    /// A table with a line a layer, then the sums.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<28} {:<26} {:>14} {:>12} {:>14}", "layer", "kind", "output", "parameters", "multiply-adds")?;
        for row in &self.rows {
            let output = row.output.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
            let (parameters, multiply_adds) = (grouped(row.parameters), grouped(row.multiply_adds));
            writeln!(f, "{:<28} {:<26} {output:>14} {parameters:>12} {multiply_adds:>14}", row.name, row.kind)?;
        }
        writeln!(f)?;
        let encoder = self.encoder;
        for (name, all, encoder) in [
            ("parameters", self.total, encoder.total),
            ("  trainable", self.trainable, encoder.trainable),
            ("  not trainable", self.not_trainable, encoder.not_trainable),
        ] {
            writeln!(f, "{name:<15} {:>14}  encoder alone {:>14}", grouped(all), grouped(encoder))?;
        }
        writeln!(f, "multiply-adds   {:>14}  forward, an image", grouped(self.multiply_adds))?;
        write!(f, "activations     {:>14}  bytes in training, an image", grouped(self.activation_bytes_per_image))
    }
}

/// `23508032` as `23,508,032`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Counts a network for images of `side` pixels without making its weights.
///
/// # Errors
/// The images are too small for the encoder or a layer of the head has no outputs.
pub fn summarize(encoder: &EncoderConfig, head: impl Into<ProjectionConfig>, side: usize) -> Result<Summary> {
    let head = head.into();
    check_head(&head.layers)?;
    let architecture = Architecture::new(encoder, side)?;
    let mut rows = unit_rows(&architecture.stem).to_vec();
    if let Some(pool) = &architecture.pool {
        let output = vec![pool.output_side(), pool.output_side(), pool.channels];
        rows.push(row("maxpool", format!("max-pool {0}x{0}/{1}", pool.kernel, pool.stride), output, [0; 3]));
    }
    for block in &architecture.blocks {
        rows.extend(block.units.iter().chain(&block.shortcut).flat_map(unit_rows));
    }
    rows.push(row("avgpool", "global average", vec![architecture.features], [0; 3]));
    let encoder = Counts::of(&rows);
    let inputs = std::iter::once(&architecture.features).chain(&head.layers);
    rows.extend(inputs.zip(&head.layers).enumerate().flat_map(|(i, (inputs, outputs))| {
        let norm = head.has_norm(i).then(|| head_norm_row(i, *outputs, !head.is_last(i)));
        std::iter::once(linear_row(i, *inputs, *outputs, norm.is_none())).chain(norm)
    }));
    Ok(add_up(rows, encoder, side))
}

fn linear_row(layer: usize, inputs: usize, outputs: usize, bias: bool) -> SummaryRow {
    let weights = (inputs * outputs) as u64;
    let parameters = weights + if bias { outputs as u64 } else { 0 };
    row(format!("head.{layer}"), "linear", vec![outputs], [parameters, parameters, weights])
}

fn head_norm_row(layer: usize, outputs: usize, shift: bool) -> SummaryRow {
    let (channels, learned) = (outputs as u64, if shift { 2 } else { 1 });
    let counts = [(learned + 2) * channels, learned * channels, 0];
    row(format!("head.{layer}.norm"), "batch norm", vec![outputs], counts)
}

fn unit_rows(unit: &UnitShape) -> [SummaryRow; 2] {
    let shape = &unit.convolution;
    let output = vec![shape.output_side(), shape.output_side(), shape.outputs];
    let channels = shape.outputs as u64;
    let parameters = shape.weights() as u64 + if unit.bias { channels } else { 0 };
    let kind = format!("convolution {0}x{0}/{1}", shape.kernel, shape.stride);
    [
        row(&unit.convolution_name, kind, output.clone(), [parameters, parameters, shape.multiply_adds()]),
        row(&unit.norm_name, "batch norm", output, [4 * channels, 2 * channels, 0]),
    ]
}

fn row(name: impl Into<String>, kind: impl Into<String>, output: Vec<usize>, counts: [u64; 3]) -> SummaryRow {
    let [parameters, trainable, multiply_adds] = counts;
    SummaryRow { name: name.into(), kind: kind.into(), output, parameters, trainable, multiply_adds }
}

fn add_up(rows: Vec<SummaryRow>, encoder: Counts, side: usize) -> Summary {
    let sum = |count: fn(&SummaryRow) -> u64| rows.iter().map(count).sum::<u64>();
    let Counts { total, trainable, not_trainable } = Counts::of(&rows);
    let multiply_adds = sum(|row| row.multiply_adds);
    let images = (side * side * super::architecture::COLOURS) as u64;
    let kept = sum(|row| row.output.iter().product::<usize>() as u64) + images;
    Summary {
        total,
        trainable,
        not_trainable,
        encoder,
        multiply_adds,
        flops: 2 * multiply_adds,
        activation_bytes_per_image: kept * ACTIVATION_BYTES,
        rows,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::config::{ResnetConfig, ResnetVariant, Stem, TinyConfig};

    fn counts(encoder: &EncoderConfig, head: &[usize], side: usize) -> (u64, u64, u64) {
        let summary = summarize(encoder, head, side).unwrap();
        (summary.total, summary.trainable, summary.not_trainable)
    }

    fn resnet(variant: ResnetVariant, stem: Stem) -> ResnetConfig {
        ResnetConfig { stem, variant, ..ResnetConfig::default() }
    }

    #[test]
    fn the_reports_networks_are_counted_to_the_digit() {
        let keras = EncoderConfig::Resnet50(resnet(ResnetVariant::Keras, Stem::Imagenet));
        assert_eq!(counts(&keras, &[], 224), (23_587_712, 23_534_592, 53_120));
        assert_eq!(counts(&keras, &[256, 128, 50], 224), (24_151_602, 24_098_482, 53_120));
        assert_eq!(counts(&keras, &[256, 5], 224), (24_113_541, 24_060_421, 53_120));
        let head = summarize(&keras, &[256, 128, 50], 224).unwrap().rows;
        let head: Vec<u64> = head.iter().rev().take(3).rev().map(|row| row.parameters).collect();
        assert_eq!(head, [524_544, 32_896, 6_450]);
    }

    #[test]
    fn torchvisions_networks_are_counted_to_the_digit() {
        let config = resnet(ResnetVariant::Torchvision, Stem::Imagenet);
        let resnet50 = EncoderConfig::Resnet50(config.clone());
        assert_eq!(counts(&resnet50, &[], 224), (23_508_032 + 53_120, 23_508_032, 53_120));
        let resnet18 = EncoderConfig::Resnet18(config);
        assert_eq!(counts(&resnet18, &[], 224), (11_176_512 + 9_600, 11_176_512, 9_600));
        // 1.8 and 4.1 billion multiply-adds, as the papers of others give them.
        assert_eq!(summarize(&resnet18, &[], 224).unwrap().multiply_adds, 1_813_561_344);
        assert_eq!(summarize(&resnet50, &[], 224).unwrap().multiply_adds, 4_087_136_256);
    }

    #[test]
    fn the_tiny_encoder_is_small() {
        let summary = summarize(&EncoderConfig::Tiny(TinyConfig::default()), &[], 32).unwrap();
        assert_eq!(summary.rows.last().unwrap().output, [128]);
        assert!((5_000_000..10_000_000).contains(&summary.multiply_adds), "{}", summary.multiply_adds);
    }

    #[test]
    fn what_cannot_be_built_is_an_error() {
        let resnet18 = EncoderConfig::Resnet18(ResnetConfig::default());
        assert!(summarize(&resnet18, &[], 0).is_err());
        assert!(summarize(&resnet18, &[128, 0], 32).is_err());
        assert!(summarize(&resnet18, &[], 1).is_ok());
    }
}
