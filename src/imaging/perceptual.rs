//! A perceptual hash, which resized, recompressed or slightly brightened copies of an image share.

use crate::imaging::{ImageRef, Resampler};

const WIDTH: usize = 9;
const HEIGHT: usize = 8;
/// Images with a smaller range of gray levels are too flat to be recognized.
const MIN_RANGE: u8 = 24;
/// Maximum number of different bits of two hashes.
const MAX_BITS: u32 = 3;
/// Maximum mean difference in gray levels, apart from brightness.
const MAX_DIFFERENCE: f32 = 4.0;
/// Two hashes that differ in at most [`MAX_BITS`] bits agree in at least one of so many parts.
const PARTS: usize = MAX_BITS as usize + 1;
const BITS_PER_PART: usize = (WIDTH - 1) * HEIGHT / PARTS;

/// Gray levels of an image reduced to 9 x 8 pixels, row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GrayLevels(pub(crate) [u8; WIDTH * HEIGHT]);

impl Default for GrayLevels {
    fn default() -> Self {
        Self([0; WIDTH * HEIGHT])
    }
}

impl GrayLevels {
    /// Reduces an image.
    pub(crate) fn of(image: ImageRef<'_>, resampler: &mut Resampler) -> Self {
        let (small, mut levels) = (resampler.image(image, WIDTH, HEIGHT), Self::default());
        for (level, pixel) in levels.0.iter_mut().zip(small.rgb.chunks_exact(3)) {
            let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
            *level = ((299 * red + 587 * green + 114 * blue + 500) / 1000) as u8;
        }
        levels
    }
}

/// An image reduced to 9 x 8 gray levels and 64 bits that tell whether a level is higher than its left neighbor
/// (difference hash).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PerceptualHash<'a> {
    bits: u64,
    levels: &'a [u8; WIDTH * HEIGHT],
}

impl<'a> PerceptualHash<'a> {
    /// Number of values that [`PerceptualHash::parts`] can take.
    pub(crate) const BUCKETS: usize = PARTS << BITS_PER_PART;

    /// Computes the hash of an image from its gray levels; `None` if it has too little contrast.
    pub(crate) fn new(GrayLevels(levels): &'a GrayLevels) -> Option<Self> {
        let range = levels.iter().max()? - levels.iter().min()?;
        let pairs = levels.chunks_exact(WIDTH).flat_map(|row| row.windows(2));
        let bits = pairs.fold(0, |bits, pair| bits << 1 | u64::from(pair[1] > pair[0]));
        (range >= MIN_RANGE).then_some(Self { bits, levels })
    }

    /// Returns a number for each part of the hash; similar images have at least one in common. Neighboring bits are in
    /// different parts, so that images with the same border do not share a part for that alone.
    pub(crate) fn parts(&self) -> [usize; PARTS] {
        std::array::from_fn(|part| {
            let bit = |number: usize| (self.bits >> (number * PARTS + part) & 1) as usize;
            (0..BITS_PER_PART).fold(part, |value, number| value << 1 | bit(number))
        })
    }

    /// Returns whether two images show nearly the same.
    pub(crate) fn is_near(&self, other: &PerceptualHash<'_>) -> bool {
        (self.bits ^ other.bits).count_ones() <= MAX_BITS && self.difference(other) <= MAX_DIFFERENCE
    }

    /// Returns the mean absolute difference of the gray levels after subtracting their means.
    fn difference(&self, other: &PerceptualHash<'_>) -> f32 {
        let mean = |levels: &[u8]| levels.iter().map(|level| f32::from(*level)).sum::<f32>() / levels.len() as f32;
        let shift = mean(self.levels) - mean(other.levels);
        let pairs = self.levels.iter().zip(other.levels);
        let sum: f32 = pairs.map(|(a, b)| (f32::from(*a) - f32::from(*b) - shift).abs()).sum();
        sum / self.levels.len() as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{self, below};
    use crate::imaging::Image;

    /// An image of random patches.
    fn patches(seed: u64) -> Image {
        let mut rng = rng::stream(seed, "patches", &[]);
        let coarse: Vec<u8> = (0..6 * 6 * 3).map(|_| below(256, &mut rng) as u8).collect();
        Resampler::default().image(ImageRef { width: 6, height: 6, rgb: &coarse }, 64, 64)
    }

    fn levels(image: &Image) -> GrayLevels {
        GrayLevels::of(image.view(), &mut Resampler::default())
    }

    #[test]
    fn a_resized_and_darker_copy_is_near_and_shares_a_part() {
        for seed in 0..50 {
            let image = patches(seed);
            let mut copy = Resampler::default().image(image.view(), 40, 40);
            copy.rgb.iter_mut().for_each(|value| *value = value.saturating_sub(3));
            let (a, b) = (levels(&image), levels(&copy));
            let [a, b] = [&a, &b].map(|levels| PerceptualHash::new(levels).unwrap());
            assert!(a.is_near(&b), "{seed}");
            assert!(a.parts().iter().zip(b.parts()).any(|(a, b)| *a == b), "{seed}");
            assert!(a.parts().iter().all(|part| *part < PerceptualHash::BUCKETS));
        }
    }

    #[test]
    fn other_images_are_not_near_and_flat_ones_have_no_hash() {
        let all: Vec<GrayLevels> = (0..50).map(|seed| levels(&patches(seed))).collect();
        let hashes: Vec<PerceptualHash<'_>> = all.iter().map(|levels| PerceptualHash::new(levels).unwrap()).collect();
        for (at, a) in hashes.iter().enumerate() {
            assert!(hashes[..at].iter().all(|b| !a.is_near(b)), "{at}");
        }
        let flat = Image { width: 16, height: 16, rgb: vec![90; 16 * 16 * 3] };
        assert_eq!(PerceptualHash::new(&levels(&flat)), None);
    }
}
