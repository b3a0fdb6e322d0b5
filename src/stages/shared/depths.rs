//! Depths at which features are taken.

use crate::base::Result;
use crate::model;
use crate::stages::Pretrain;
use crate::stages::pretrain::PretrainConfig;
use crate::stages::shared::labels::LabelAmount;
use crate::study::{Check, Ref};

/// Returns the default depths: the encoder output.
pub(in crate::stages) fn encoder_output() -> Vec<usize> {
    vec![0]
}

/// Reports an empty list of depths, depths that are listed twice, and those that the projection head does not have.
pub(in crate::stages) fn check(depths: &[usize], from: &Ref<Pretrain>, check: &mut Check<'_>) {
    if depths.is_empty() {
        let help = "list at least one: 0 is the encoder output".to_owned();
        check.report(&["depths"], "the list of depths is empty", help);
    }
    check.each_once("depths", depths, |depth| format!("depth {depth}"));
    let Some(pretrain) = check.pipeline().get(from) else { return };
    let layers = pretrain.projection.layers.len();
    for (index, depth) in depths.iter().enumerate().filter(|(_, depth)| **depth > layers) {
        let message = format!("`[pretrain.{}]` has no depth {depth}", from.name());
        check.report(&["depths", &index.to_string()], message, available(layers));
    }
}

fn available(layers: usize) -> String {
    match layers {
        0 => "its projection head has no layers: only depth 0, the encoder output, exists".to_owned(),
        1 => "its projection head has 1 layer: depths 0 and 1 exist".to_owned(),
        layers => format!("its projection head has {layers} layers: depths 0 to {layers} exist"),
    }
}

/// Returns the width of the features at each depth.
///
/// # Errors
/// The encoder does not accept images of this size.
pub(in crate::stages) fn widths(pretrain: &PretrainConfig, side: usize) -> Result<Vec<usize>> {
    let encoder = model::summarize(&pretrain.encoder, &[], side)?.features();
    Ok(std::iter::once(encoder).chain(pretrain.projection.layers.iter().copied()).collect())
}

/// Returns every combination of a depth and an amount of labels.
pub(in crate::stages) fn grid<'a>(
    depths: &'a [usize],
    amounts: &'a [LabelAmount],
) -> impl Iterator<Item = (usize, LabelAmount)> + 'a {
    depths.iter().flat_map(move |depth| amounts.iter().map(move |amount| (*depth, *amount)))
}

/// Returns `h (512-d)`, `projection layer 1 (256-d)`.
pub(in crate::stages) fn label(depth: usize, width: usize) -> String {
    match depth {
        0 => format!("h ({width}-d)"),
        _ => format!("projection layer {depth} ({width}-d)"),
    }
}
