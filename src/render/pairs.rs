//! Augmented views beside their images, as one PNG.

use image::{
    ExtendedColorType, ImageEncoder, Rgb, RgbImage,
    codecs::png::{CompressionType, FilterType, PngEncoder},
    imageops,
};

/// Small images are enlarged by whole factors to at least this side, so that they can be seen.
const MIN_SIDE: usize = 112;
const GAP: u32 = 6;
/// Between two columns of images with their views.
const WIDE_GAP: u32 = 26;
const PAPER: Rgb<u8> = Rgb([255, 255, 255]);
/// Images below each other before a further column starts.
const ROWS: usize = 4;

/// A grid of images, each with its views to the right: RGB, 8 bits, `side` × `side` pixels, row by row; as PNG.
///
/// An image of another size stays white.
pub fn pairs_png(rows: &[(Vec<u8>, Vec<Vec<u8>>)], side: usize) -> Vec<u8> {
    let factor = MIN_SIDE.div_ceil(side.max(1)).max(1);
    let cell = u32::try_from(side * factor).unwrap_or(u32::MAX).min(1024);
    let across = 1 + rows.iter().map(|(_, views)| views.len()).max().unwrap_or(0) as u32;
    let block = across * (cell + GAP) - GAP;
    let blocks = rows.len().div_ceil(ROWS).max(1) as u32;
    let down = rows.len().clamp(1, ROWS) as u32;
    let (width, height) = (blocks * (block + WIDE_GAP) - WIDE_GAP, down * (cell + GAP) - GAP);
    let mut grid = RgbImage::from_pixel(width.max(1), height.max(1), PAPER);
    for (at, (original, views)) in rows.iter().enumerate() {
        let left = (at / ROWS) as u32 * (block + WIDE_GAP);
        let top = (at % ROWS) as u32 * (cell + GAP);
        for (column, pixels) in std::iter::once(original).chain(views).enumerate() {
            place(&mut grid, pixels, side, cell, left + column as u32 * (cell + GAP), top);
        }
    }
    png(grid.as_raw(), grid.width(), grid.height())
}

fn place(grid: &mut RgbImage, pixels: &[u8], side: usize, cell: u32, left: u32, top: u32) {
    let Some(image) = RgbImage::from_raw(side as u32, side as u32, pixels.to_vec()) else { return };
    if side == 0 {
        return;
    }
    let filter = if cell as usize >= side { imageops::FilterType::Nearest } else { imageops::FilterType::Triangle };
    imageops::replace(grid, &imageops::resize(&image, cell, cell, filter), i64::from(left), i64::from(top));
}

/// Encodes RGB pixels; memory is all that encoding needs, so it does not fail.
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
    fn images_lie_beside_their_views() {
        let (red, blue) = ([255, 0, 0].repeat(64), [0, 0, 255].repeat(64));
        let bytes = pairs_png(&[(red, vec![blue.clone(), blue])], 8);
        let grid = image::load_from_memory(&bytes).unwrap().to_rgb8();
        assert_eq!(grid.dimensions(), (3 * 112 + 12, 112));
        assert_eq!(grid.get_pixel(5, 5), &Rgb([255, 0, 0]));
        assert_eq!(grid.get_pixel(114, 5), &PAPER);
        assert_eq!(grid.get_pixel(200, 5), &Rgb([0, 0, 255]));
    }

    #[test]
    fn nothing_and_nonsense_still_give_an_image() {
        for (rows, side) in [(vec![], 0), (vec![], 32), (vec![(vec![1, 2], vec![])], 32), (vec![(vec![], vec![])], 0)] {
            assert!(image::load_from_memory(&pairs_png(&rows, side)).is_ok());
        }
    }
}
