//! The image that the operators of a policy change one after the other, with reusable buffers.

use crate::imaging::resample::ResampleInput;
use crate::imaging::vector::vectorized;
use crate::imaging::{CHANNELS, Flip, ImageRef, Region, Resampler};
use std::any::Any;

/// The intermediate image of one view at a time, with reusable buffers.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Side of the intermediate image in pixels.
    pub(super) side: usize,
    /// `[3, side, side]`, the intermediate image.
    pub(super) planes: Vec<f32>,
    /// `[3, side, side]`, the output of operators that cannot work in place.
    output: Vec<f32>,
    resampler: Resampler,
    /// What single operators keep.
    pub(super) buffers: OperatorBuffers,
}

impl Scratch {
    /// Resizes a region of an image to the intermediate image of `side` pixels.
    pub(super) fn read(&mut self, image: ImageRef<'_>, region: Region, flip: Flip, side: usize) {
        let length = CHANNELS * side * side;
        self.side = side;
        self.planes.resize(length, 0.0);
        self.output.resize(length, 0.0);
        let source = ResampleInput { width: image.width, values: image.rgb };
        self.resampler.planes(source, region, side, flip, &mut self.planes);
    }

    /// Resizes a region of the intermediate image to its whole size.
    pub(super) fn crop(&mut self, region: Region) {
        interleave(&self.planes, &mut self.output);
        let source = ResampleInput { width: self.side, values: &self.output[..] };
        self.resampler.planes(source, region, self.side, Flip::default(), &mut self.planes);
    }

    /// Replaces the intermediate image by what `operation` writes, given the image and the output of the same shape.
    pub(super) fn replace(&mut self, operation: impl FnOnce(&[f32], &mut [f32])) {
        operation(&self.planes, &mut self.output);
        std::mem::swap(&mut self.planes, &mut self.output);
    }

    /// Writes the intermediate image as `[side, side, 3]`.
    pub(super) fn write(&self, out: &mut [f32]) {
        interleave(&self.planes, out);
    }
}

/// Buffers that single operators keep from image to image, by their type.
#[derive(Debug, Default)]
pub(super) struct OperatorBuffers(Vec<Box<dyn Any + Send>>);

impl OperatorBuffers {
    /// Calls `work` with the buffers of type `T`, which are as the last call left them.
    pub(super) fn with<T: Any + Default + Send>(&mut self, work: impl FnOnce(&mut T)) {
        if let Some(buffers) = self.0.iter_mut().find_map(|buffers| buffers.downcast_mut()) {
            return work(buffers);
        }
        let mut buffers = Box::<T>::default();
        work(&mut buffers);
        self.0.push(buffers);
    }
}

vectorized! {
    /// Converts `[3, side, side]` to `[side, side, 3]`.
    fn interleave(planes: &[f32], out: &mut [f32]) {
        let (red, green, blue) = crate::augment::planes(planes);
        let (pixels, _) = out.as_chunks_mut::<CHANNELS>();
        for (((pixel, red), green), blue) in pixels.iter_mut().zip(red).zip(green).zip(blue) {
            *pixel = [*red, *green, *blue];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_its_own_buffers_and_they_are_kept() {
        let mut buffers = OperatorBuffers::default();
        buffers.with(|numbers: &mut Vec<f32>| numbers.push(1.0));
        buffers.with(|words: &mut Vec<String>| assert!(words.is_empty()));
        buffers.with(|numbers: &mut Vec<f32>| assert_eq!(*numbers, [1.0]));
    }
}
