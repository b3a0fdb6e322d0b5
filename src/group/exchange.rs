//! What ranks exchange besides bytes: numbers, and sums of long vectors in a fixed order.

use crate::base::{Error, Result};
use crate::group::{Group, TreeSum};

/// Elements of a long vector that are summed at once, so that buffers stay small.
const BUCKET: usize = 1 << 22;

/// Returns the numbers of every rank, equally many, in the order of the ranks.
///
/// # Errors
/// Those of the group.
pub(super) fn gather<T: bytemuck::Pod>(group: &dyn Group, mine: &[T]) -> Result<Vec<Vec<T>>> {
    if group.size() == 1 {
        return Ok(vec![mine.to_vec()]);
    }
    let all = group.all_gather(bytemuck::cast_slice(mine))?;
    let length = size_of_val(mine);
    if all.len() != length * group.size() {
        return Err(Error::bug(format!("{} ranks sent {} bytes instead of {length} each", group.size(), all.len())));
    }
    if length == 0 {
        return Ok(vec![Vec::new(); group.size()]);
    }
    Ok(all.chunks_exact(length).map(values).collect())
}

/// Returns the text of every rank, of any length, in the order of the ranks.
///
/// # Errors
/// Those of the group, or a rank has sent other bytes than those of a text.
pub(crate) fn gather_texts(group: &dyn Group, mine: &str) -> Result<Vec<String>> {
    let lengths: Vec<u64> = gather(group, &[mine.len() as u64])?.concat();
    let longest = lengths.iter().copied().max().and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
    let mut padded = mine.as_bytes().to_vec();
    padded.resize(longest, 0);
    let texts = gather(group, &padded)?.into_iter().zip(lengths).map(|(mut text, length)| {
        text.truncate(usize::try_from(length).unwrap_or(longest));
        String::from_utf8(text).map_err(|_| Error::bug("another rank has sent bytes that are not text"))
    });
    texts.collect()
}

/// Returns the values that have these bytes.
fn values<T: bytemuck::Pod>(bytes: &[u8]) -> Vec<T> {
    let mut values = vec![T::zeroed(); bytes.len() / size_of::<T>()];
    bytemuck::cast_slice_mut(&mut values).copy_from_slice(bytes);
    values
}

/// Replaces a vector by its sum over the ranks that are `present`, along the tree over all ranks. Each rank adds an
/// equal part of the vector and sends it to the others: as many bytes as an all-reduce, but in a fixed order.
///
/// # Errors
/// Those of the group.
pub(super) fn sum(group: &dyn Group, present: &[bool], vector: &mut [f32]) -> Result<()> {
    let size = group.size();
    if size == 1 {
        return Ok(());
    }
    for bucket in vector.chunks_mut(BUCKET) {
        let piece = bucket.len().div_ceil(size);
        let mut padded = bucket.to_vec();
        padded.resize(piece * size, 0.0);
        let received: Vec<f32> = values(&group.all_to_all(bytemuck::cast_slice(&padded))?);
        let parts = received.chunks_exact(piece).zip(present).map(|(part, present)| present.then(|| part.to_vec()));
        let sum = TreeSum::of(parts, |left, right| {
            left.iter_mut().zip(&right).for_each(|(left, right)| *left += right);
            Ok(())
        })?;
        let sum = sum.unwrap_or_else(|| vec![0.0; piece]);
        let all: Vec<f32> = values(&group.all_gather(bytemuck::cast_slice(&sum))?);
        bucket.copy_from_slice(&all[..bucket.len()]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::{Threads, alone};

    #[test]
    fn texts_of_any_length_are_gathered() {
        assert_eq!(gather_texts(&*alone(), "own").unwrap(), ["own"]);
        let texts = std::thread::scope(|scope| {
            let ranks = Threads::group(3).into_iter();
            let ranks = ranks.map(|rank| scope.spawn(move || gather_texts(&rank, &"é".repeat(rank.rank()))));
            ranks.collect::<Vec<_>>().into_iter().map(|rank| rank.join().unwrap().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(texts, vec![["", "é", "éé"]; 3]);
    }
}
