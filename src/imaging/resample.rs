//! Bilinear resizing with antialiasing, directly from the bytes of a region of an image.
//!
//! The triangle filter of PyTorch's `interpolate(mode="bilinear", antialias=True)` (as in Pillow): for downscaling, the
//! filter widens by the scale factor. Computed in f32 without intermediate rounding. Rows are combined first, which
//! vectorizes over the bytes of a row, then the pixels of the combined row.

use crate::imaging::vector::vectorized;
use crate::imaging::{CHANNELS, Image, ImageRef, Region};

/// Flips to apply while resizing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flip {
    /// Swaps left and right.
    pub horizontal: bool,
    /// Swaps top and bottom.
    pub vertical: bool,
}

/// A channel value of a pixel: a byte, or a float between 0 and 1.
pub trait PixelValue: Copy {
    /// The value of white.
    const WHITE: f32;
    /// Converts to `f32`, without scaling.
    fn to_f32(self) -> f32;
}

impl PixelValue for u8 {
    const WHITE: f32 = 255.0;
    #[inline(always)]
    fn to_f32(self) -> f32 {
        f32::from(self)
    }
}

impl PixelValue for f32 {
    const WHITE: f32 = 1.0;
    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }
}

/// The image to resize, interleaved: `values[(y * width + x) * 3 + channel]`.
#[derive(Clone, Copy, Debug)]
pub struct ResampleInput<'a, T> {
    /// Width in pixels.
    pub width: usize,
    /// Rows of `width * 3` values.
    pub values: &'a [T],
}

/// A bilinear resampler that reuses its buffers.
#[derive(Debug, Default)]
pub struct Resampler {
    columns: FilterWeights,
    rows: FilterWeights,
    /// The combined row: `[region width, 3]` and one extra value, so that four can be read at the last pixel.
    line: Vec<f32>,
    /// The resized row: `[output width, 4]`, the fourth value being padding.
    resized: Vec<[f32; LANES]>,
}

/// Width of a vector: a pixel and one value of padding.
const LANES: usize = 4;

impl Resampler {
    /// Resizes `region` to `width` x `height` and passes each row to `take` as `[width, 4]`: red, green, blue between 0
    /// and 1, and a value of padding.
    pub fn rows<T: PixelValue>(
        &mut self,
        source: ResampleInput<'_, T>,
        region: Region,
        (width, height): (usize, usize),
        flip: Flip,
        mut take: impl FnMut(usize, &[[f32; 4]]),
    ) {
        self.columns.set(region.width, width, flip.horizontal, 1.0);
        self.rows.set(region.height, height, flip.vertical, 1.0 / T::WHITE);
        self.line.resize(region.width * CHANNELS + 1, 0.0);
        self.resized.resize(width, [0.0; LANES]);
        let used = region.width * CHANNELS;
        for y in 0..height {
            let (start, weights) = self.rows.of(y);
            let first = ((region.top + start) * source.width + region.left) * CHANNELS;
            combine_rows(&source.values[first..], source.width * CHANNELS, weights, &mut self.line[..used]);
            combine_pixels(&self.line, &self.columns, &mut self.resized);
            take(y, &self.resized);
        }
    }

    /// Resizes `region` to planes `[3, side, side]` with values between 0 and 1.
    pub fn planes<T: PixelValue>(
        &mut self,
        source: ResampleInput<'_, T>,
        region: Region,
        side: usize,
        flip: Flip,
        planes: &mut [f32],
    ) {
        let area = side * side;
        self.rows(source, region, (side, side), flip, |y, row| {
            let (red, rest) = planes.split_at_mut(area);
            let (green, blue) = rest.split_at_mut(area);
            let line = y * side..(y + 1) * side;
            separate(row, &mut red[line.clone()], &mut green[line.clone()], &mut blue[line]);
        });
    }

    /// Resizes a whole image.
    pub fn image(&mut self, image: ImageRef<'_>, width: usize, height: usize) -> Image {
        let mut rgb = Vec::with_capacity(width * height * CHANNELS);
        let source = ResampleInput { width: image.width, values: image.rgb };
        let whole = Region::whole(image.width, image.height);
        self.rows(source, whole, (width, height), Flip::default(), |_, row| {
            for pixel in row {
                // `as` saturates, so rounding cannot leave the range.
                rgb.extend(pixel[..CHANNELS].iter().map(|value| (value * 255.0 + 0.5) as u8));
            }
        });
        Image { width, height, rgb }
    }
}

/// The filter weights of one axis: for each output pixel its input pixels and their weights.
#[derive(Debug, Default)]
struct FilterWeights {
    starts: Vec<usize>,
    /// `[outputs, count]`
    weights: Vec<f32>,
    count: usize,
}

impl FilterWeights {
    fn of(&self, output: usize) -> (usize, &[f32]) {
        (self.starts[output], &self.weights[output * self.count..(output + 1) * self.count])
    }

    /// Computes the weights of `outputs` pixels from `inputs`, all multiplied by `scale`.
    fn set(&mut self, inputs: usize, outputs: usize, mirrored: bool, scale: f32) {
        let ratio = inputs as f64 / outputs as f64;
        let reach = ratio.max(1.0);
        // An open interval of length `2 reach` contains at most `ceil(2 reach)` integers.
        self.count = if inputs == outputs { 1 } else { ((2.0 * reach).ceil() as usize).min(inputs) };
        self.starts.clear();
        self.weights.clear();
        self.weights.resize(outputs * self.count, 0.0);
        for output in 0..outputs {
            let position = if mirrored { outputs - 1 - output } else { output };
            let center = ratio * (position as f64 + 0.5);
            let first = (center - reach + 0.5).max(0.0) as usize;
            let first = first.min(inputs - self.count);
            self.starts.push(first);
            let weights = &mut self.weights[output * self.count..(output + 1) * self.count];
            fill_triangle(weights, first as f64 + 0.5 - center, reach, f64::from(scale));
        }
    }
}

/// Computes the weights of a triangle of half-width `reach` at `offset`, `offset + 1`, ..., normalized to the given
/// sum.
fn fill_triangle(weights: &mut [f32], offset: f64, reach: f64, sum: f64) {
    let height = |index: usize| (1.0 - (offset + index as f64).abs() / reach).max(0.0);
    let total: f64 = (0..weights.len()).map(height).sum();
    for (index, weight) in weights.iter_mut().enumerate() {
        *weight = (height(index) * sum / total) as f32;
    }
}

vectorized! {
    /// Computes `line[i] = sum over k of weights[k] * values[k * stride + i]`, one input row at a time: the line stays
    /// in the cache.
    fn combine_rows<T: PixelValue>(values: &[T], stride: usize, weights: &[f32], line: &mut [f32]) {
        for (line, value) in line.iter_mut().zip(values) {
            *line = weights[0] * value.to_f32();
        }
        for (row, &weight) in weights.iter().enumerate().skip(1) {
            for (line, value) in line.iter_mut().zip(&values[row * stride..]) {
                *line += weight * value.to_f32();
            }
        }
    }
}

vectorized! {
    /// Computes `resized[x] = sum over k of weights[x][k] * line[start[x] + k]`, one pixel at a time.
    fn combine_pixels(line: &[f32], columns: &FilterWeights, resized: &mut [[f32; LANES]]) {
        let count = columns.count;
        for ((pixel, &start), weights) in
            resized.iter_mut().zip(&columns.starts).zip(columns.weights.chunks_exact(count))
        {
            let mut sums = [0.0; LANES];
            let values = &line[start * CHANNELS..(start + count) * CHANNELS + 1];
            for (tap, &weight) in weights.iter().enumerate() {
                let value = &values[tap * CHANNELS..tap * CHANNELS + LANES];
                for lane in 0..LANES {
                    sums[lane] += weight * value[lane];
                }
            }
            *pixel = sums;
        }
    }
}

vectorized! {
    fn separate(row: &[[f32; LANES]], red: &mut [f32], green: &mut [f32], blue: &mut [f32]) {
        for (((pixel, red), green), blue) in row.iter().zip(red).zip(green).zip(blue) {
            *red = pixel[0];
            *green = pixel[1];
            *blue = pixel[2];
        }
    }
}
