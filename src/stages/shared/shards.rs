//! The shards of the batches of a training run: keys and checks.

use crate::base::Result;
use crate::engine::Context;
use crate::group::{Sharding, alone};
use crate::model::BatchNorm;
use crate::study::Check;
use crate::train::ShardConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Images over which batch norm computes its statistics in supervised training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShardNorm {
    /// Over the whole batch.
    #[default]
    Joint,
    /// Over each shard (`shards`), as data-parallel training without synchronized batch norm does; the running statistics
    /// are updated by the mean over the shards.
    Shard,
}

impl From<ShardNorm> for BatchNorm {
    fn from(norm: ShardNorm) -> Self {
        match norm {
            ShardNorm::Joint => Self::Joint,
            ShardNorm::Shard => Self::Shard,
        }
    }
}

/// Returns the default of `shards`.
pub(in crate::stages) fn one() -> usize {
    1
}

/// Returns whether `shards` has its default, which is not serialized: artifacts older than the key keep theirs.
pub(in crate::stages) fn is_one(shards: &usize) -> bool {
    *shards == 1
}

/// Reports shards that do not divide a batch.
pub(in crate::stages) fn check_shards(shards: usize, batch_size: usize, check: &mut Check<'_>) {
    if !shards.is_power_of_two() {
        let nearest = shards.next_power_of_two();
        let help = format!("sums are added along a binary tree: set it to {} or {nearest}", nearest / 2);
        check.report(&["shards"], format!("`shards` is {shards}, which is not a power of two"), help);
    } else if !batch_size.is_multiple_of(shards) {
        let message = format!("a batch of {batch_size} images cannot be cut into {shards} equal shards");
        check.report(&["shards"], message, format!("set `batch_size` to a multiple of {shards}, or use fewer shards"));
    }
}

/// Reports micro-batches that are not a power of two of shards with batch norm of their own.
pub(in crate::stages) fn check_micro_batch(
    micro_batch: Option<usize>,
    (shards, batch_size, norm): (usize, usize, BatchNorm),
    check: &mut Check<'_>,
) {
    let Some(micro_batch) = micro_batch else { return };
    let shard = (batch_size / shards.max(1)).max(1);
    if norm != BatchNorm::Shard {
        let message = "`micro_batch` needs batch norm over each shard, `batch_norm = \"shard\"`";
        let help = "statistics over the whole batch need the activations of all images at once, so their gradient cannot be \
                    computed in parts: set `batch_norm = \"shard\"`, or remove `micro_batch`";
        check.report(&["micro_batch"], message, help.to_owned());
    } else if !micro_batch.is_multiple_of(shard) || !(micro_batch / shard).is_power_of_two() {
        let message = format!("`micro_batch` is {micro_batch}, but a shard has {shard} images");
        let help = format!("set it to {shard} times a power of two, or `shards` to `batch_size` / `micro_batch`");
        check.report(&["micro_batch"], message, help);
    }
}

/// Returns how the ranks of a stage cut its batches; `None` if they do not.
///
/// # Errors
/// The ranks cannot divide the shards.
pub(in crate::stages) fn config(
    context: &Context<'_>,
    shards: usize,
    batch_size: usize,
    micro_batch: Option<usize>,
) -> Result<Option<ShardConfig>> {
    if shards == 1 {
        return Ok(None);
    }
    let sharding = Sharding::new(context.team.group().clone(), shards)?;
    let at_once = micro_batch.map(|images| images * shards / batch_size);
    Ok(Some(ShardConfig { sharding, at_once }))
}

/// Returns the sharding that the loader of a stage uses.
pub(in crate::stages) fn of_loader(config: Option<&ShardConfig>) -> Result<Sharding> {
    match config {
        Some(config) => Ok(config.sharding.clone()),
        None => Sharding::new(alone(), 1),
    }
}
