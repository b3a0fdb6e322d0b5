//! A global allocator that ends an out-of-memory process with an error message and an exit code instead of an abort.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;

/// Exit code of a failed stage.
#[cfg(unix)]
const STAGE_FAILED: i32 = 3;

/// The system's allocator; if it fails, the process prints an error and exits. Finished stages are already in the
/// store, and training runs resume from their last checkpoint.
#[derive(Debug)]
pub struct Allocator;

// SAFETY: every call is forwarded to the system's allocator, and a null pointer is never returned.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller upholds the contract of `System`, which is the same.
        non_null(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        non_null(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        non_null(unsafe { System.realloc(pointer, layout, size) }, size)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[inline]
fn non_null(pointer: *mut u8, size: usize) -> *mut u8 {
    if pointer.is_null() { out_of_memory(size) } else { pointer }
}

/// Prints the error and exits, without allocating.
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
    exit_now()
}

/// Exits without running exit handlers, which may allocate.
#[cfg(unix)]
fn exit_now() -> ! {
    // SAFETY: `_exit` accepts any status and does not return.
    unsafe { libc::_exit(STAGE_FAILED) }
}

#[cfg(not(unix))]
fn exit_now() -> ! {
    std::process::abort()
}
