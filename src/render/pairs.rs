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
const MAX_ROWS: usize = 4;

/// Encodes a grid of images, each with its views to the right, as PNG. The images are 8-bit RGB, `side` × `side`
/// pixels, row by row.
///
/// The cell of an image with another size stays white.
pub fn pairs_png(rows: &[(Vec<u8>, Vec<Vec<u8>>)], side: usize) -> Vec<u8> {
    let factor = MIN_SIZE.div_ceil(side.max(1)).max(1);
    let cell = u32::try_from(side * factor).unwrap_or(u32::MAX).min(1024);
    let across = 1 + rows.iter().map(|(_, views)| views.len()).max().unwrap_or(0) as u32;
    let block = across * (cell + GAP) - GAP;
    let blocks = rows.len().div_ceil(MAX_ROWS).max(1) as u32;
    let down = rows.len().clamp(1, MAX_ROWS) as u32;
    let (width, height) = (blocks * (block + COLUMN_GAP) - COLUMN_GAP, down * (cell + GAP) - GAP);
    let mut grid = RgbImage::from_pixel(width.max(1), height.max(1), PAPER);
    for (at, (original, views)) in rows.iter().enumerate() {
        let left = (at / MAX_ROWS) as u32 * (block + COLUMN_GAP);
        let top = (at % MAX_ROWS) as u32 * (cell + GAP);
        for (column, pixels) in std::iter::once(original).chain(views).enumerate() {
            paste(&mut grid, pixels, side, cell, left + column as u32 * (cell + GAP), top);
        }
    }
    png(grid.as_raw(), grid.width(), grid.height())
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
    fn empty_and_invalid_input_gives_an_image() {
        for (rows, side) in [(vec![], 0), (vec![], 32), (vec![(vec![1, 2], vec![])], 32), (vec![(vec![], vec![])], 0)] {
            assert!(image::load_from_memory(&pairs_png(&rows, side)).is_ok());
        }
    }
}
