//! Out of memory: a sentence and an exit code instead of an abort.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;

/// Exit code of a failed stage.
#[cfg(unix)]
const STAGE: i32 = 3;

/// The system's allocator; where that has nothing to give, the process says so and ends. Finished stages are in the store
/// by then, and training runs resume from their last checkpoint.
#[derive(Debug)]
pub struct Allocator;

// SAFETY: everything is left to the system's allocator, and a null pointer is never returned.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those of the system's allocator.
        given(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        given(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        given(unsafe { System.realloc(pointer, layout, size) }, size)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[inline]
fn given(pointer: *mut u8, size: usize) -> *mut u8 {
    if pointer.is_null() { out_of_memory(size) } else { pointer }
}

/// Nothing here may allocate.
#[cold]
fn out_of_memory(size: usize) -> ! {
    let mut text = [0; 256];
    let mut rest = &mut text[..];
    let _ = write!(
        rest,
        "error: out of memory: cannot get {size} bytes\n  help: use fewer --threads or --jobs, a smaller batch_size or \
         image_size, or a machine with more memory; finished stages are kept\n"
    );
    let left = rest.len();
    let _ = std::io::stderr().write_all(&text[..256 - left]);
    end()
}

/// Ends the process without running what others left to be run at its end, which may want memory.
#[cfg(unix)]
fn end() -> ! {
    // SAFETY: the function takes any number and does not return.
    unsafe { libc::_exit(STAGE) }
}

#[cfg(not(unix))]
fn end() -> ! {
    std::process::abort()
}
