//! Buffers that go from one kernel to the next. A fresh one costs a page fault for every four kilobytes, which
//! the late layers, with tens of megabytes of mapped weights, felt most.

use bytemuck::Pod;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

static SPARE: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());

/// Numbers to be overwritten: at first those that its last user left. Goes back when dropped.
#[derive(Default)]
pub(super) struct Scratch {
    buffer: Vec<f32>,
    length: usize,
}

impl Scratch {
    /// `length` numbers: of the smallest spare buffer that is large enough, or new.
    pub(super) fn of(length: usize) -> Self {
        let mut buffers = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = (0..buffers.len()).filter(|at| buffers[*at].len() >= length).min_by_key(|at| buffers[*at].len());
        // Where none fits, the largest makes way for a larger one: there are never more than were in use at once.
        let chosen = fitting.or_else(|| (0..buffers.len()).max_by_key(|at| buffers[*at].len()));
        let mut buffer = chosen.map(|at| buffers.swap_remove(at)).unwrap_or_default();
        drop(buffers);
        if buffer.len() < length {
            drop(std::mem::take(&mut buffer));
            buffer = vec![0.0; length];
        }
        Self { buffer, length }
    }

    /// Another length, with any content.
    pub(super) fn resize(&mut self, length: usize) {
        if length <= self.buffer.len() {
            self.length = length;
        } else {
            *self = Self::default(); // goes back before the next is taken
            *self = Self::of(length);
        }
    }

    /// As many numbers of another type, with any content.
    pub(super) fn elements<E: Pod>(&mut self, length: usize) -> &mut [E] {
        self.resize((length * size_of::<E>()).div_ceil(size_of::<f32>()));
        &mut bytemuck::cast_slice_mut(self)[..length]
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        if !buffer.is_empty() {
            SPARE.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
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
    fn a_length_is_kept_whatever_buffer_comes() {
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
