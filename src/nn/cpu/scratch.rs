//! Scratch buffers that kernels reuse. A new allocation costs a page fault per 4 KiB, which slows down above all the late
//! layers, whose transformed weights take tens of megabytes.

use bytemuck::Pod;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

static UNUSED: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());

/// A buffer of arbitrary content, returned to the pool when dropped.
#[derive(Default)]
pub(super) struct Scratch {
    buffer: Vec<f32>,
    length: usize,
}

impl Scratch {
    /// Returns `length` elements: the smallest unused buffer that is large enough, or a new one.
    pub(super) fn of(length: usize) -> Self {
        let mut buffers = UNUSED.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = (0..buffers.len()).filter(|at| buffers[*at].len() >= length).min_by_key(|at| buffers[*at].len());
        // If none fits, the largest is replaced by a larger one: the pool never holds more buffers than were in use at
        // once.
        let chosen = fitting.or_else(|| (0..buffers.len()).max_by_key(|at| buffers[*at].len()));
        let mut buffer = chosen.map(|at| buffers.swap_remove(at)).unwrap_or_default();
        drop(buffers);
        if buffer.len() < length {
            drop(std::mem::take(&mut buffer));
            buffer = vec![0.0; length];
        }
        Self { buffer, length }
    }

    /// Changes the length; the content becomes arbitrary.
    pub(super) fn resize(&mut self, length: usize) {
        if length <= self.buffer.len() {
            self.length = length;
        } else {
            *self = Self::default(); // returns the buffer before another is requested
            *self = Self::of(length);
        }
    }

    /// Returns `length` elements of another type, with arbitrary content.
    pub(super) fn elements<E: Pod>(&mut self, length: usize) -> &mut [E] {
        self.resize((length * size_of::<E>()).div_ceil(size_of::<f32>()));
        &mut bytemuck::cast_slice_mut(self)[..length]
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        if !buffer.is_empty() {
            UNUSED.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
        }
    }
}

impl Deref for Scratch {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.buffer[..self.length]
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.buffer[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_does_not_depend_on_the_reused_buffer() {
        let mut first = Scratch::of(100);
        first.fill(1.0);
        assert_eq!(first.len(), 100);
        first.resize(70);
        assert_eq!(*first, [1.0; 70]);
        first.resize(1000);
        let mut second = Scratch::of(1000);
        (first[999], second[999]) = (1.0, 2.0);
        assert_eq!((first.len(), first[999], second[999]), (1000, 1.0, 2.0));
        assert_eq!(Scratch::of(0).len(), 0);
    }
}
