//! From 16 to 8 bits per channel.

use crate::imaging::{CHANNELS, Image};
use image::DynamicImage;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Prefix of the reason for an image of small range.
pub(crate) const SMALL_RANGE: &str = "its 16-bit values are only";
/// Fewest of the 256 gray levels that an image must span if black is 0 and white is 65535.
const MIN_LEVELS: u16 = 16;
/// 16-bit values per 8-bit value.
const PER_LEVEL: u16 = 257;

/// How the values of 16-bit images become 8 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SixteenBit {
    /// Black is 0 and white 65535. Images that would keep fewer than 16 of the 256 levels count as broken files.
    #[default]
    Full,
    /// Black is the lowest value of each image, white its highest.
    PerImage,
    /// Black and white are two values, the same for all images; values outside become black or white.
    Window(Window),
}

/// The values that become black and white.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Value that becomes 0.
    pub black: u16,
    /// Value that becomes 255, such as 4095 for values of 12 bits.
    pub white: u16,
}

impl SixteenBit {
    /// Returns whether this is the default.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde requires a reference")]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The pixels of a 16-bit image, with the range of its values.
pub(crate) struct DeepImage {
    pixels: DynamicImage,
    range: Window,
}

impl DeepImage {
    /// Keeps an image if it has 16 bits per channel.
    pub(super) fn new(pixels: DynamicImage) -> Result<Self, DynamicImage> {
        let range = match &pixels {
            DynamicImage::ImageLuma16(gray) => range(gray.as_raw(), 1, false),
            DynamicImage::ImageLumaA16(gray) => range(gray.as_raw(), 2, true),
            DynamicImage::ImageRgb16(rgb) => range(rgb.as_raw(), 3, false),
            DynamicImage::ImageRgba16(rgba) => range(rgba.as_raw(), 4, true),
            _ => return Err(pixels),
        };
        Ok(Self { pixels, range })
    }

    /// Writes the image with 8 bits per channel.
    ///
    /// # Errors
    /// Its range is too small for black at 0 and white at 65535, as a phrase.
    pub(crate) fn reduce(&self, rule: SixteenBit, image: &mut Image) -> Result<(), String> {
        let Window { black: lowest, white: highest } = self.range;
        let window = match rule {
            SixteenBit::Window(window) => window,
            SixteenBit::PerImage if lowest < highest => self.range,
            SixteenBit::Full if lowest < highest && highest - lowest < MIN_LEVELS * PER_LEVEL => {
                let levels = level(FULL, highest) - level(FULL, lowest) + 1;
                return Err(format!(
                    "{SMALL_RANGE} {lowest} to {highest} of 65535, which leaves {levels} of 256 levels"
                ));
            }
            _ => FULL,
        };
        (image.width, image.height) = (self.pixels.width() as usize, self.pixels.height() as usize);
        image.rgb.clear();
        image.rgb.reserve_exact(CHANNELS * image.width * image.height);
        match &self.pixels {
            DynamicImage::ImageLuma16(gray) => {
                gray.pixels().for_each(|pixel| image.rgb.extend([level(window, pixel[0]); CHANNELS]));
            }
            DynamicImage::ImageLumaA16(gray) => {
                gray.pixels().for_each(|pixel| image.rgb.extend([over_white(window, pixel[0], pixel[1]); CHANNELS]));
            }
            DynamicImage::ImageRgb16(rgb) => image.rgb.extend(rgb.as_raw().iter().map(|&value| level(window, value))),
            DynamicImage::ImageRgba16(rgba) => {
                let mixed = |pixel: &image::Rgba<u16>| [0, 1, 2].map(|at| over_white(window, pixel[at], pixel[3]));
                rgba.pixels().for_each(|pixel| image.rgb.extend(mixed(pixel)));
            }
            _ => {} // `new` keeps no other images.
        }
        Ok(())
    }
}

/// The full range of 16 bits.
const FULL: Window = Window { black: 0, white: u16::MAX };

/// Returns the lowest and highest value of the pixels that are not transparent.
fn range(values: &[u16], channels: usize, has_alpha: bool) -> Window {
    let visible = values.chunks_exact(channels).filter(|pixel| !has_alpha || pixel.last() != Some(&0));
    let colors = visible.flat_map(|pixel| &pixel[..channels - usize::from(has_alpha)]);
    let (black, white) = colors.fold((u16::MAX, 0), |(low, high), &value| (low.min(value), high.max(value)));
    Window { black, white }
}

fn level(Window { black, white }: Window, value: u16) -> u8 {
    let (span, above) = (u32::from(white.saturating_sub(black)).max(1), u32::from(value.saturating_sub(black)));
    ((above.min(span) * 255 + span / 2) / span) as u8
}

fn over_white(window: Window, value: u16, alpha: u16) -> u8 {
    let (value, alpha) = (u32::from(level(window, value)), u32::from(level(FULL, alpha)));
    ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageBuffer, Luma, LumaA, Rgb};

    fn reduced(image: impl Into<DynamicImage>, rule: SixteenBit) -> Result<Vec<u8>, String> {
        let deep = DeepImage::new(image.into()).unwrap_or_else(|_| unreachable!("16-bit"));
        let mut image = Image::default();
        deep.reduce(rule, &mut image).map(|()| image.rgb)
    }

    fn gray(values: &[u16]) -> ImageBuffer<Luma<u16>, Vec<u16>> {
        ImageBuffer::from_raw(values.len() as u32, 1, values.to_vec()).unwrap()
    }

    fn thrice(values: &[u8]) -> Vec<u8> {
        values.iter().flat_map(|value| [*value; 3]).collect()
    }

    #[test]
    fn small_ranges_are_refused_stretched_or_windowed() {
        let values = gray(&[20, 65, 110]);
        let reason = reduced(values.clone(), SixteenBit::Full).unwrap_err();
        assert_eq!(reason, "its 16-bit values are only 20 to 110 of 65535, which leaves 1 of 256 levels");
        assert_eq!(reduced(values.clone(), SixteenBit::PerImage).unwrap(), thrice(&[0, 128, 255]));
        let window = SixteenBit::Window(Window { black: 50, white: 80 });
        assert_eq!(reduced(values, window).unwrap(), thrice(&[0, 128, 255]));
        // Twelve bits in sixteen.
        assert!(reduced(gray(&[0, 4095]), SixteenBit::Full).is_err());
    }

    #[test]
    fn full_and_constant_images_are_as_with_the_decoder() {
        let values: Vec<u16> = (0..=u16::MAX).step_by(101).collect();
        let decoder = DynamicImage::from(gray(&values)).into_rgb8().into_raw();
        assert_eq!(reduced(gray(&values), SixteenBit::Full).unwrap(), decoder);
        for rule in [SixteenBit::Full, SixteenBit::PerImage] {
            assert_eq!(reduced(gray(&[30_000; 4]), rule).unwrap(), [117; 12]);
        }
    }

    #[test]
    fn channels_share_one_range_without_transparent_pixels() {
        let rgb = ImageBuffer::<Rgb<u16>, _>::from_raw(2, 1, vec![100, 200, 300, 300, 200, 100]).unwrap();
        assert_eq!(reduced(rgb, SixteenBit::PerImage).unwrap(), [0, 128, 255, 255, 128, 0]);
        let gray = ImageBuffer::<LumaA<u16>, _>::from_raw(3, 1, vec![9, 0, 100, u16::MAX, 200, u16::MAX]).unwrap();
        assert_eq!(reduced(gray, SixteenBit::PerImage).unwrap(), thrice(&[255, 0, 255]));
    }
}
