//! Random number streams that depend only on their purpose, never on the order of execution.
//!
//! Every stream is named by (seed, purpose, indices), for instance `(666, "augment", [epoch, sample, view])`, so the
//! numbers do not change with the number of threads, the batching of the loader or where a run was interrupted.

use rand::rngs::ChaCha8Rng;
use rand::{Rng as _, SeedableRng};

/// The generator of every stream: ChaCha with 8 rounds, identical on every platform and in every version.
pub type Rng = ChaCha8Rng;

/// Returns the stream for a purpose and indices, such as `stream(seed, "augment", &[epoch, sample, view])`.
pub fn stream(seed: u64, purpose: &str, indices: &[u64]) -> Rng {
    let mut hasher = blake3::Hasher::new_derive_key("simclr random stream v1");
    hasher.update(&seed.to_le_bytes());
    hasher.update(&(purpose.len() as u64).to_le_bytes());
    hasher.update(purpose.as_bytes());
    for index in indices {
        hasher.update(&index.to_le_bytes());
    }
    ChaCha8Rng::from_seed(*hasher.finalize().as_bytes())
}

/// Returns a random permutation of `0..length` (Fisher-Yates).
pub fn permutation(length: usize, rng: &mut Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..length).collect();
    shuffle(&mut order, rng);
    order
}

/// Shuffles in place (Fisher-Yates).
pub fn shuffle<T>(items: &mut [T], rng: &mut Rng) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(last as u64 + 1, rng) as usize);
    }
}

/// Returns a uniform integer in `0..bound`, without bias (Lemire's method).
pub fn below(bound: u64, rng: &mut Rng) -> u64 {
    debug_assert!(bound > 0);
    loop {
        let product = u128::from(rng.next_u64()) * u128::from(bound);
        if (product as u64) >= bound.wrapping_neg() % bound {
            return (product >> 64) as u64;
        }
    }
}

/// Returns a uniform number in `[0, 1)` with 24 random bits.
pub fn unit(rng: &mut Rng) -> f32 {
    (rng.next_u32() >> 8) as f32 / (1 << 24) as f32
}

/// Returns a uniform number in `[low, high)`.
pub fn uniform(low: f32, high: f32, rng: &mut Rng) -> f32 {
    low + (high - low) * unit(rng)
}

/// Returns true with probability `p`: never for 0, always for 1.
pub fn chance(p: f32, rng: &mut Rng) -> bool {
    unit(rng) < p
}

/// Returns a standard normal number (Box-Muller, one of the pair).
pub fn normal(rng: &mut Rng) -> f32 {
    let radius = (-2.0 * (1.0 - unit(rng)).ln()).sqrt();
    radius * (std::f32::consts::TAU * unit(rng)).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_each_part_of_their_name() {
        let first = |mut rng: Rng| below(u64::MAX, &mut rng);
        let base = first(stream(1, "augment", &[0, 0]));
        assert_eq!(base, first(stream(1, "augment", &[0, 0])));
        for other in [
            stream(2, "augment", &[0, 0]),
            stream(1, "split", &[0, 0]),
            stream(1, "augment", &[0, 1]),
            stream(1, "augment", &[0]),
        ] {
            assert_ne!(base, first(other));
        }
    }

    #[test]
    fn moments_match_the_distributions() {
        let mut rng = stream(3, "test", &[]);
        let n = 100_000;
        let mean = (0..n).map(|_| unit(&mut rng)).sum::<f32>() / n as f32;
        assert!((mean - 0.5).abs() < 5e-3, "{mean}");
        let normals: Vec<f32> = (0..n).map(|_| normal(&mut rng)).collect();
        let variance = normals.iter().map(|x| x * x).sum::<f32>() / n as f32;
        assert!((variance - 1.0).abs() < 2e-2, "{variance}");
    }

    #[test]
    fn permutations_contain_each_index_once() {
        let mut order = permutation(1000, &mut stream(4, "test", &[]));
        assert_ne!(order, (0..1000).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..1000).collect::<Vec<_>>());
    }
}
