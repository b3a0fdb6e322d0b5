//! Images with their augmented views, as one PNG.

use image::{
    ExtendedColorType, ImageEncoder, Rgb, RgbImage,
    codecs::png::{CompressionType, FilterType, PngEncoder},
    imageops,
};

/// Small images are enlarged by an integer factor to at least this size.
const MIN_SIZE: usize = 112;
const GAP: u32 = 6;
/// Gap between two columns of images with their views.
const COLUMN_GAP: u32 = 26;
const PAPER: Rgb<u8> = Rgb([255, 255, 255]);
/// Maximum number of images per column.
const MAX_ROWS: u32 = 4;

/// Where each image and its views are on the grid, in pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PairsLayout {
    cell: u32,
    /// Images beside each other in a row: the image and its views.
    across: u32,
    /// Number of rows, divided into blocks of [`MAX_ROWS`].
    rows: u32,
}

impl PairsLayout {
    /// Lays out `rows` images of `side` × `side` pixels, each with so many views.
    pub(crate) fn new(rows: usize, views: usize, side: usize) -> Self {
        let factor = MIN_SIZE.div_ceil(side.max(1)).max(1);
        let cell = u32::try_from(side.saturating_mul(factor)).unwrap_or(u32::MAX).min(1024);
        Self { cell, across: 1 + views as u32, rows: rows as u32 }
    }

    fn row_width(self) -> u32 {
        self.across * (self.cell + GAP) - GAP
    }

    /// Returns width and height of the grid.
    pub(crate) fn size(self) -> (u32, u32) {
        let blocks = self.rows.div_ceil(MAX_ROWS).max(1);
        let down = self.rows.clamp(1, MAX_ROWS);
        let (width, height) = (blocks * (self.row_width() + COLUMN_GAP) - COLUMN_GAP, down * (self.cell + GAP) - GAP);
        (width.max(1), height.max(1))
    }

    /// Returns left, top, width and height of a row.
    pub(crate) fn row(self, at: usize) -> [u32; 4] {
        let (block, down) = (at as u32 / MAX_ROWS, at as u32 % MAX_ROWS);
        [block * (self.row_width() + COLUMN_GAP), down * (self.cell + GAP), self.row_width(), self.cell]
    }
}

/// Encodes a grid of images, each with its views to the right, as PNG. The images are 8-bit RGB, `side` × `side`
/// pixels, row by row.
///
/// The cell of an image with another size stays white.
pub fn pairs_png(rows: &[(Vec<u8>, Vec<Vec<u8>>)], side: usize) -> Vec<u8> {
    let views = rows.iter().map(|(_, views)| views.len()).max().unwrap_or(0);
    let layout = PairsLayout::new(rows.len(), views, side);
    let (width, height) = layout.size();
    let mut grid = RgbImage::from_pixel(width, height, PAPER);
    for (at, (original, views)) in rows.iter().enumerate() {
        let [left, top, ..] = layout.row(at);
        for (column, pixels) in std::iter::once(original).chain(views).enumerate() {
            paste(&mut grid, pixels, side, layout.cell, left + column as u32 * (layout.cell + GAP), top);
        }
    }
    png(grid.as_raw(), width, height)
}

fn paste(grid: &mut RgbImage, pixels: &[u8], side: usize, cell: u32, left: u32, top: u32) {
    let Some(image) = RgbImage::from_raw(side as u32, side as u32, pixels.to_vec()) else { return };
    if side == 0 {
        return;
    }
    let filter = if cell as usize >= side { imageops::FilterType::Nearest } else { imageops::FilterType::Triangle };
    imageops::replace(grid, &imageops::resize(&image, cell, cell, filter), i64::from(left), i64::from(top));
}

/// Encodes RGB pixels as PNG. Encoding in memory cannot fail.
pub(crate) fn png(pixels: &[u8], width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive);
    let _in_memory = encoder.write_image(pixels, width, height, ExtendedColorType::Rgb8);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_are_to_the_right_of_their_image() {
        let (red, blue) = ([255, 0, 0].repeat(64), [0, 0, 255].repeat(64));
        let bytes = pairs_png(&[(red, vec![blue.clone(), blue])], 8);
        let grid = image::load_from_memory(&bytes).unwrap().to_rgb8();
        assert_eq!(grid.dimensions(), (3 * 112 + 12, 112));
        assert_eq!(grid.get_pixel(5, 5), &Rgb([255, 0, 0]));
        assert_eq!(grid.get_pixel(114, 5), &PAPER);
        assert_eq!(grid.get_pixel(200, 5), &Rgb([0, 0, 255]));
    }

    #[test]
    fn rows_are_where_the_layout_says() {
        let rows: Vec<_> = (1..=6).map(|at| (vec![at * 40; 192], vec![vec![at * 40; 192]; 2])).collect();
        let grid = image::load_from_memory(&pairs_png(&rows, 8)).unwrap().to_rgb8();
        let layout = PairsLayout::new(6, 2, 8);
        assert_eq!(grid.dimensions(), layout.size());
        for (at, (original, _)) in rows.iter().enumerate() {
            let [left, top, width, height] = layout.row(at);
            for (x, y) in [(left, top), (left + width - 1, top + height - 1)] {
                assert_eq!(grid.get_pixel(x, y).0[0], original[0], "row {at}");
            }
        }
    }

    #[test]
    fn empty_and_invalid_input_gives_an_image() {
        for (rows, side) in [(vec![], 0), (vec![], 32), (vec![(vec![1, 2], vec![])], 32), (vec![(vec![], vec![])], 0)] {
            assert!(image::load_from_memory(&pairs_png(&rows, side)).is_ok());
        }
    }
}
