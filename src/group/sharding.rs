//! How a batch is cut into shards, and which of them a rank computes.

use crate::base::{Error, Result};
use crate::group::{Group, SharedGroup, TreeSum, exchange};
use std::ops::Range;

/// The shards of every batch of a training run, divided among the ranks of a group.
#[derive(Clone, Debug)]
pub struct Sharding {
    group: SharedGroup,
    shards: usize,
}

impl Sharding {
    /// Divides shards among the ranks of a group.
    ///
    /// # Errors
    /// The shards are not a power of two, or the number of ranks does not divide them.
    pub fn new(group: SharedGroup, shards: usize) -> Result<Self> {
        let ranks = group.size();
        if !shards.is_power_of_two() {
            let error = Error::usage(format!("{shards} shards are not a power of two"));
            return Err(error.help("set `shards` to 1, 2, 4, 8 or a larger power of two"));
        }
        if !shards.is_multiple_of(ranks) {
            let error = Error::usage(format!("{ranks} ranks cannot divide {shards} shards equally"));
            return Err(error.help(format!("start 1 to {shards} ranks, a power of two, or set `shards` to {ranks}")));
        }
        Ok(Self { group, shards })
    }

    /// Returns the group.
    pub fn group(&self) -> &dyn Group {
        &*self.group
    }

    /// Returns the number of shards of a batch, over all ranks.
    pub fn shards(&self) -> usize {
        self.shards
    }

    /// Returns whether a batch is computed as a whole, without shards and other ranks.
    pub fn is_single(&self) -> bool {
        self.shards == 1
    }

    /// Returns the shards of a rank.
    fn of_rank(&self, rank: usize) -> Range<usize> {
        let count = self.shards / self.group.size();
        rank * count..(rank + 1) * count
    }

    /// Returns the images of a batch of `images` that each shard of this rank has, in order; empty ones if a batch has
    /// fewer images than shards.
    pub fn own_images(&self, images: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let shards = self.shards;
        self.of_rank(self.group.rank()).map(move |shard| images_of(shards, images, shard))
    }

    /// Returns the shards of a batch of so many images.
    pub fn batch(&self, images: usize) -> ShardedBatch {
        ShardedBatch { sharding: self.clone(), images }
    }
}

fn images_of(shards: usize, images: usize, shard: usize) -> Range<usize> {
    shard * images / shards..(shard + 1) * images / shards
}

/// The shards of one batch.
#[derive(Clone, Debug)]
pub struct ShardedBatch {
    sharding: Sharding,
    images: usize,
}

impl ShardedBatch {
    /// Returns how batches are cut.
    pub fn sharding(&self) -> &Sharding {
        &self.sharding
    }

    /// Returns the number of images of the batch, over all ranks.
    pub fn images(&self) -> usize {
        self.images
    }

    /// Returns the numbers of the images that each shard of this rank has that is not empty.
    pub fn own(&self) -> Vec<Range<usize>> {
        self.sharding.own_images(self.images).filter(|images| !images.is_empty()).collect()
    }

    /// Returns the images of each shard of all ranks that is not empty.
    pub fn all(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (shards, images) = (self.sharding.shards, self.images);
        (0..shards).map(move |shard| images_of(shards, images, shard)).filter(|images| !images.is_empty())
    }

    /// Returns the leaves of this rank's subtree: the items, one for each shard of [`ShardedBatch::own`], at their places.
    pub fn leaves<T>(&self, items: impl IntoIterator<Item = T>) -> Vec<Option<T>> {
        let mut items = items.into_iter();
        let images = self.sharding.own_images(self.images);
        images.map(|images| if images.is_empty() { None } else { items.next() }).collect()
    }

    /// Returns the sum of one item for each shard of [`ShardedBatch::own`], this rank's subtree; `None` if it has none.
    ///
    /// # Errors
    /// Those of `add`.
    pub fn own_sum<T>(
        &self,
        items: impl IntoIterator<Item = T>,
        add: impl FnMut(&mut T, T) -> Result<()>,
    ) -> Result<Option<T>> {
        TreeSum::of(self.leaves(items), add)
    }

    /// Returns which ranks have a shard that is not empty.
    pub fn present(&self) -> Vec<bool> {
        let is_present = |rank| {
            self.sharding.of_rank(rank).any(|shard| !images_of(self.sharding.shards, self.images, shard).is_empty())
        };
        (0..self.sharding.group.size()).map(is_present).collect()
    }

    /// Returns the sum over all shards of what each rank has summed over its own; `mine` has the same length on every
    /// rank, and is ignored on a rank without images.
    ///
    /// # Errors
    /// Those of the group and of `add`.
    pub fn gathered_sum<T>(
        &self,
        mine: &[f64],
        read: impl Fn(&[f64]) -> T,
        add: impl FnMut(&mut T, T) -> Result<()>,
    ) -> Result<Option<T>> {
        let all = exchange::gather(self.sharding.group(), mine)?;
        TreeSum::of(all.iter().zip(self.present()).map(|(one, present)| present.then(|| read(one))), add)
    }

    /// Returns the numbers of every rank, equally many, in the order of the ranks.
    ///
    /// # Errors
    /// Those of the group.
    pub fn gather<T: bytemuck::Pod>(&self, mine: &[T]) -> Result<Vec<Vec<T>>> {
        exchange::gather(self.sharding.group(), mine)
    }

    /// Replaces this rank's sums over its shards by those over all shards.
    ///
    /// # Errors
    /// Those of the group.
    pub fn sum(&self, values: &mut [f32]) -> Result<()> {
        exchange::sum(self.sharding.group(), &self.present(), values)
    }
}

/// Adds numbers to numbers.
///
/// # Errors
/// None; the signature is that of sums along a tree.
#[expect(clippy::ptr_arg, reason = "the signature is that of sums of vectors")]
pub(crate) fn add_numbers(left: &mut Vec<f64>, right: Vec<f64>) -> Result<()> {
    left.iter_mut().zip(&right).for_each(|(left, right)| *left += right);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::{Threads, alone};
    use proptest::prelude::*;
    use std::sync::Arc;
    use std::thread;

    #[test]
    fn shards_are_equal_ranges_in_order() {
        let batch = Sharding::new(alone(), 4).unwrap().batch(8);
        assert_eq!(batch.own(), [0..2, 2..4, 4..6, 6..8]);
        let uneven = Sharding::new(alone(), 4).unwrap().batch(3);
        assert_eq!(uneven.own(), [0..1, 1..2, 2..3]);
        assert_eq!(uneven.leaves("abc".chars()), [None, Some('a'), Some('b'), Some('c')]);
        assert!(Sharding::new(alone(), 3).unwrap_err().next_step().is_some());
        let two: SharedGroup = Arc::new(Threads::group(2).remove(0));
        assert!(Sharding::new(two, 1).unwrap_err().to_string().contains("set `shards` to 2"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_number_of_ranks_sums_to_the_same_bytes(seed in any::<u64>(), images in 1usize..20) {
            let value = |image: usize, i: usize| {
                let bits = (seed ^ (image as u64 * 31 + i as u64)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                (bits >> 40) as f32 / 1e3 - 8e3
            };
            let sums = |ranks: usize| -> Vec<Vec<u32>> {
                thread::scope(|scope| {
                    let ranks: Vec<_> = Threads::group(ranks).into_iter().map(|rank| scope.spawn(move || {
                        let batch = Sharding::new(Arc::new(rank), 8).unwrap().batch(images);
                        let of_shard = |images: Range<usize>| -> Vec<f32> {
                            (0..5).map(|i| images.clone().map(|image| value(image, i)).sum()).collect()
                        };
                        let own = batch.own_sum(batch.own().into_iter().map(of_shard), |left, right| {
                            left.iter_mut().zip(&right).for_each(|(left, right)| *left += right);
                            Ok(())
                        });
                        let mut sum = own.unwrap().unwrap_or_else(|| vec![f32::NAN; 5]);
                        batch.sum(&mut sum).unwrap();
                        sum.into_iter().map(f32::to_bits).collect()
                    })).collect();
                    ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
                })
            };
            let one = sums(1);
            for ranks in [2, 4, 8] {
                prop_assert!(sums(ranks).iter().all(|sum| *sum == one[0]));
            }
        }
    }
}
