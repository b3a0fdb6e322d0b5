//! How many blocks a kernel gets. The tables at the top of `kernels/*.cu` say what each one wants.

use crate::base::{Error, Result};
use crate::nn::Precision;
use cudarc::driver::LaunchConfig;

/// Threads of every block.
const THREADS: usize = 256;

/// Blocks that fill the largest GPU several times over.
const MANY: usize = 16384;

/// Blocks in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    x: u32,
    y: u32,
}

impl Grid {
    /// `x` times `y` blocks.
    ///
    /// # Errors
    /// More than a launch can have.
    pub(super) fn new(x: usize, y: usize) -> Result<Self> {
        match (i32::try_from(x), u16::try_from(y)) {
            (Ok(1..), Ok(1..)) => Ok(Self { x: x as u32, y: y as u32 }),
            _ => Err(Error::stage(format!("a kernel cannot have {x} times {y} blocks")).help("use a smaller batch")),
        }
    }

    /// Blocks in a row.
    ///
    /// # Errors
    /// More than a launch can have.
    pub(super) fn row(x: usize) -> Result<Self> {
        Self::new(x, 1)
    }

    /// One block for every `each` pieces, fewer where that would be very many.
    pub(super) fn over(pieces: usize, each: usize) -> Result<Self> {
        Self::row(pieces.div_ceil(each).clamp(1, MANY))
    }

    /// A row of blocks for each image, a block for `THREADS` vectors.
    pub(super) fn over_images(images: usize, numbers: usize, vector: usize) -> Result<Self> {
        Self::new(images, numbers.div_ceil(vector * THREADS).clamp(1, usize::from(u16::MAX)))
    }

    /// Squares of 32 by 32 numbers.
    pub(super) fn squares(columns: usize, rows: usize) -> Result<Self> {
        Self::new(columns.div_ceil(32), rows.div_ceil(32))
    }

    /// How it is launched.
    pub(super) fn launch(self) -> LaunchConfig {
        LaunchConfig { grid_dim: (self.x, self.y, 1), block_dim: (THREADS as u32, 1, 1), shared_mem_bytes: 0 }
    }
}

/// Numbers that a thread takes at once from maps with so many channels: 16 bytes where they divide the channels.
pub(super) fn vector(channels: usize, precision: Precision) -> usize {
    let wide = 16 / precision.bytes() as usize;
    if channels.is_multiple_of(wide) { wide } else { 1 }
}

/// How a map `[pixels, channels]` is cut for kernels that keep their channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pixels: usize,
    channels: usize,
    vector: usize,
    tiles: usize,
}

impl Cut {
    /// That of a map in the given precision.
    pub(super) fn new(pixels: usize, channels: usize, precision: Precision) -> Self {
        let vector = vector(channels, precision);
        Self { pixels, channels, vector, tiles: channels.div_ceil(32 * vector) }
    }

    /// Pieces that are summed apart; of the shape alone, or results would differ from device to device.
    pub(super) fn parts(&self) -> usize {
        let most = (1024 / self.tiles).max(1);
        (self.pixels * self.channels / (self.vector * 4096)).clamp(1, most)
    }

    /// For kernels that sum each part.
    pub(super) fn sums(&self) -> Result<Grid> {
        Grid::new(self.parts(), self.tiles)
    }

    /// For kernels that read and write each number.
    pub(super) fn walk(&self) -> Result<Grid> {
        let most = (MANY / self.tiles).max(1);
        let best = (self.pixels * self.channels).div_ceil(self.tiles * self.vector * 1024);
        Grid::new(best.clamp(1, most), self.tiles)
    }

    /// For kernels that merge the parts.
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
    fn maps_are_cut_by_their_shape() {
        // ResNet-50's first maps of 256 images: as many parts as there may be.
        let large = Cut::new(256 * 112 * 112, 64, Precision::Bf16);
        assert_eq!((large.tiles, large.parts()), (1, 1024));
        assert_eq!(large.walk().unwrap(), Grid { x: 16384, y: 1 });
        // Its last ones.
        let wide = Cut::new(256 * 7 * 7, 2048, Precision::Bf16);
        assert_eq!((wide.tiles, wide.parts()), (8, 128));
        assert_eq!(wide.sums().unwrap(), Grid { x: 128, y: 8 });
        let small = Cut::new(5, 3, Precision::F32);
        assert_eq!((small.tiles, small.parts()), (1, 1));
        assert_eq!(small.merge().unwrap(), Grid { x: 1, y: 1 });
        // More tiles than parts are left for.
        assert_eq!(Cut::new(1000, 100_003, Precision::F32).parts(), 1);
    }

    #[test]
    fn grids_stay_within_what_a_launch_can_have() {
        assert_eq!(Grid::over(0, 256).unwrap(), Grid { x: 1, y: 1 });
        assert_eq!(Grid::over(1 << 40, 256).unwrap(), Grid { x: 16384, y: 1 });
        assert_eq!(Grid::over_images(7, 1 << 30, 1).unwrap(), Grid { x: 7, y: 65535 });
        assert_eq!(Grid::squares(64, 9 * 65).unwrap(), Grid { x: 2, y: 19 });
        assert!(Grid::new(0, 1).is_err() && Grid::new(1 << 31, 1).is_err() && Grid::new(1, 65536).is_err());
    }
}
