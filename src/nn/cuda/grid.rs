//! Grid sizes of the kernels. The tables at the top of `kernels/*.cu` document what each kernel needs.

use crate::base::{Error, Result};
use crate::nn::Precision;
use cudarc::driver::LaunchConfig;

/// Threads per block.
pub(super) const THREADS: usize = 256;

/// Maximum number of blocks of grid-stride loops; fills the largest GPU several times over.
const MAX_BLOCKS: usize = 16384;

/// About the number of blocks of a large reduction: many more would only be more partial sums to merge.
const REDUCTION_BLOCKS: usize = 1024;

/// The number of blocks in x and y.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    x: u32,
    y: u32,
}

impl Grid {
    /// Returns a grid of `x` by `y` blocks.
    ///
    /// # Errors
    /// A dimension is 0 or more than CUDA allows.
    pub(super) fn new(x: usize, y: usize) -> Result<Self> {
        match (i32::try_from(x), u16::try_from(y)) {
            (Ok(1..), Ok(1..)) => Ok(Self { x: x as u32, y: y as u32 }),
            _ => {
                Err(Error::stage(format!("a kernel cannot be launched with {x} x {y} blocks"))
                    .help("use a smaller batch"))
            }
        }
    }

    /// Returns a one-dimensional grid.
    ///
    /// # Errors
    /// `x` is 0 or more than CUDA allows.
    pub(super) fn row(x: usize) -> Result<Self> {
        Self::new(x, 1)
    }

    /// Returns a grid for a grid-stride loop over `items`: one block per `per_block` items, up to a maximum.
    pub(super) fn over(items: usize, per_block: usize) -> Result<Self> {
        Self::row(items.div_ceil(per_block).clamp(1, MAX_BLOCKS))
    }

    /// Returns a grid with the images in x, and in y one block per `THREADS` vectors of an image of `elements`.
    pub(super) fn over_images(images: usize, elements: usize, vector: usize) -> Result<Self> {
        Self::new(images, elements.div_ceil(vector * THREADS).clamp(1, usize::from(u16::MAX)))
    }

    /// Returns a grid with one block per tile of 32 x 32 elements.
    pub(super) fn squares(columns: usize, rows: usize) -> Result<Self> {
        Self::new(columns.div_ceil(32), rows.div_ceil(32))
    }

    /// Returns the launch configuration.
    pub(super) fn launch(self) -> LaunchConfig {
        LaunchConfig { grid_dim: (self.x, self.y, 1), block_dim: (THREADS as u32, 1, 1), shared_mem_bytes: 0 }
    }
}

/// Returns the elements that a thread loads at once: 16 bytes if that divides the channels, else 1 element.
pub(super) fn vector(channels: usize, precision: Precision) -> usize {
    let wide = 16 / precision.bytes() as usize;
    if channels.is_multiple_of(wide) { wide } else { 1 }
}

/// The partition of a map `[pixels, channels]` into parts of pixels and tiles of channels, for kernels whose threads
/// keep their channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Partition {
    pixels: usize,
    channels: usize,
    vector: usize,
    tiles: usize,
}

impl Partition {
    /// Returns the partition of a map of the given precision.
    pub(super) fn new(pixels: usize, channels: usize, precision: Precision) -> Self {
        let vector = vector(channels, precision);
        Self { pixels, channels, vector, tiles: channels.div_ceil(32 * vector) }
    }

    /// Returns the number of partial sums by a kernel of which the device runs `resident` blocks at the same time.
    ///
    /// A large map is divided into whole waves of blocks, so that no multiprocessor is idle during the last one, with at
    /// least 16 pixels per thread; a smaller one into at most one wave, with at least 4.
    pub(super) fn parts(&self, resident: usize) -> usize {
        let resident = resident.max(1);
        let blocks = |pixels_per_thread| self.pixels * self.channels / (self.vector * THREADS * pixels_per_thread);
        let max_waves = ((REDUCTION_BLOCKS + resident / 2) / resident).max(1);
        let blocks = match blocks(16) / resident {
            0 => blocks(4).min(resident),
            waves => waves.min(max_waves) * resident,
        };
        (blocks / self.tiles).max(1)
    }

    /// Returns the grid for kernels that compute this many partial sums.
    pub(super) fn reduction(&self, parts: usize) -> Result<Grid> {
        Grid::new(parts, self.tiles)
    }

    /// Returns the grid for element-wise kernels.
    pub(super) fn elementwise(&self) -> Result<Grid> {
        let max = (MAX_BLOCKS / self.tiles).max(1);
        let best = (self.pixels * self.channels).div_ceil(self.tiles * self.vector * 1024);
        Grid::new(best.clamp(1, max), self.tiles)
    }

    /// Returns the grid for kernels that merge the partial sums.
    pub(super) fn merge(&self) -> Result<Grid> {
        Grid::row(self.channels.div_ceil(8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_divide_the_channels() {
        for (channels, precision, expected) in
            [(64, Precision::Bf16, 8), (12, Precision::Bf16, 1), (12, Precision::Tf32, 4), (3, Precision::F32, 1)]
        {
            assert_eq!(vector(channels, precision), expected);
        }
    }

    #[test]
    fn large_maps_are_divided_into_whole_waves() {
        // ResNet-50's first maps of 256 images, on 132 multiprocessors with 2, 3 or 4 blocks.
        let large = Partition::new(256 * 112 * 112, 64, Precision::Bf16);
        assert_eq!(large.tiles, 1);
        assert_eq!([264, 396, 528].map(|resident| large.parts(resident)), [1056, 1188, 1056]);
        assert_eq!(large.elementwise().unwrap(), Grid { x: 16384, y: 1 });
        // Its last ones, in 8 tiles.
        let wide = Partition::new(256 * 7 * 7, 2048, Precision::Bf16);
        assert_eq!((wide.tiles, wide.parts(264), wide.parts(396)), (8, 2 * 33, 49));
        assert_eq!(wide.reduction(33).unwrap(), Grid { x: 33, y: 8 });
    }

    #[test]
    fn small_maps_are_at_most_one_wave() {
        let middle = Partition::new(64 * 16 * 16, 64, Precision::Bf16);
        assert_eq!((middle.parts(264), middle.parts(100), middle.parts(20)), (128, 100, 20));
        let small = Partition::new(5, 3, Precision::F32);
        assert_eq!((small.tiles, small.parts(264), small.parts(0)), (1, 1, 1));
        assert_eq!(small.merge().unwrap(), Grid { x: 1, y: 1 });
        // More tiles than blocks.
        assert_eq!(Partition::new(1000, 100_003, Precision::F32).parts(264), 1);
    }

    #[test]
    fn grids_stay_within_the_limits_of_cuda() {
        assert_eq!(Grid::over(0, 256).unwrap(), Grid { x: 1, y: 1 });
        assert_eq!(Grid::over(1 << 40, 256).unwrap(), Grid { x: 16384, y: 1 });
        assert_eq!(Grid::over_images(7, 1 << 30, 1).unwrap(), Grid { x: 7, y: 65535 });
        assert_eq!(Grid::squares(64, 9 * 65).unwrap(), Grid { x: 2, y: 19 });
        assert!(Grid::new(0, 1).is_err() && Grid::new(1 << 31, 1).is_err() && Grid::new(1, 65536).is_err());
    }
}
