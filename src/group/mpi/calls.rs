//! The calls of an MPI library, whose handles are pointers in Open MPI and integers in MPICH's binary interface, which
//! Intel MPI, MVAPICH and Cray MPICH share.

use std::ffi::{CStr, c_char, c_int, c_void};

/// Only one thread at a time calls the library.
const THREAD_SERIALIZED: c_int = 2;
/// Longer than any library's `MPI_MAX_LIBRARY_VERSION_STRING` and `MPI_MAX_PROCESSOR_NAME`.
const TEXT: usize = 1 << 14;

/// The error code of a call that did not succeed.
pub(super) type Code = c_int;

/// What a group needs of a library, on the communicator of all ranks.
pub(super) trait Calls: Send + Sync {
    fn init(&self) -> Result<(), Code>;
    fn finalize(&self);
    fn abort(&self, code: c_int);
    /// Returns rank and number of ranks.
    fn place(&self) -> Result<(usize, usize), Code>;
    fn library_version(&self) -> String;
    fn processor_name(&self) -> String;
    /// Gathers `count` bytes of each rank; `to` has room for those of all.
    fn all_gather(&self, from: *const c_void, count: c_int, to: *mut c_void) -> Result<(), Code>;
    /// Sends `count` bytes to each rank and receives as many from each.
    fn all_to_all(&self, from: *const c_void, count: c_int, to: *mut c_void) -> Result<(), Code>;
    /// Begins to broadcast `count` bytes of rank 0; they must live until it is done.
    fn begin_broadcast(&self, bytes: *mut c_void, count: c_int) -> Box<dyn Pending + '_>;
}

/// A call that has not finished.
pub(super) trait Pending {
    fn is_done(&mut self) -> Result<bool, Code>;
}

type Init = unsafe extern "C" fn(*mut c_int, *mut *mut *mut c_char, c_int, *mut c_int) -> c_int;
type Exchange<H> = unsafe extern "C" fn(*const c_void, c_int, H, *mut c_void, c_int, H, H) -> c_int;
type Broadcast<H> = unsafe extern "C" fn(*mut c_void, c_int, H, c_int, H, *mut H) -> c_int;
type Ask<H> = unsafe extern "C" fn(H, *mut c_int) -> c_int;
type Name = unsafe extern "C" fn(*mut c_char, *mut c_int) -> c_int;

/// The functions of a library with handles of type `H`.
pub(super) struct Functions<H> {
    pub(super) init: Init,
    pub(super) finalize: unsafe extern "C" fn() -> c_int,
    pub(super) abort: unsafe extern "C" fn(H, c_int) -> c_int,
    pub(super) rank: Ask<H>,
    pub(super) size: Ask<H>,
    pub(super) library_version: Name,
    pub(super) processor_name: Name,
    pub(super) all_gather: Exchange<H>,
    pub(super) all_to_all: Exchange<H>,
    pub(super) broadcast: Broadcast<H>,
    pub(super) test: unsafe extern "C" fn(*mut H, *mut c_int, *mut c_void) -> c_int,
    /// `MPI_COMM_WORLD`, `MPI_BYTE` and `MPI_REQUEST_NULL`.
    pub(super) world: H,
    pub(super) byte: H,
    pub(super) no_request: H,
    /// `MPI_STATUS_IGNORE`, as a number.
    pub(super) no_status: usize,
}

// SAFETY: handles are constants, and the caller makes one call at a time.
unsafe impl<H> Send for Functions<H> {}
// SAFETY: as above.
unsafe impl<H> Sync for Functions<H> {}

fn checked(code: c_int) -> Result<(), Code> {
    if code == 0 { Ok(()) } else { Err(code) }
}

impl<H: Copy + 'static> Functions<H> {
    fn ask(&self, function: Ask<H>) -> Result<usize, Code> {
        let mut answer = 0;
        // SAFETY: the communicator is that of all ranks, and the answer is an int.
        checked(unsafe { function(self.world, &raw mut answer) })?;
        Ok(usize::try_from(answer).unwrap_or_default())
    }
}

fn name(function: Name) -> String {
    let (mut text, mut length) = (vec![0 as c_char; TEXT], 0);
    // SAFETY: the buffer is longer than the longest text, and ends in a 0 because its last byte is never written.
    unsafe {
        function(text.as_mut_ptr(), &raw mut length);
        CStr::from_ptr(text.as_ptr()).to_string_lossy().into_owned()
    }
}

impl<H: Copy + 'static> Calls for Functions<H> {
    fn init(&self) -> Result<(), Code> {
        let mut provided = 0;
        // SAFETY: the arguments of `main` may be null, and the level provided is an int.
        checked(unsafe {
            (self.init)(std::ptr::null_mut(), std::ptr::null_mut(), THREAD_SERIALIZED, &raw mut provided)
        })
    }

    fn finalize(&self) {
        // SAFETY: called once, after all other calls.
        let _ = unsafe { (self.finalize)() };
    }

    fn abort(&self, code: c_int) {
        // SAFETY: the communicator is that of all ranks.
        let _ = unsafe { (self.abort)(self.world, code) };
    }

    fn place(&self) -> Result<(usize, usize), Code> {
        Ok((self.ask(self.rank)?, self.ask(self.size)?))
    }

    fn library_version(&self) -> String {
        name(self.library_version)
    }

    fn processor_name(&self) -> String {
        name(self.processor_name)
    }

    fn all_gather(&self, from: *const c_void, count: c_int, to: *mut c_void) -> Result<(), Code> {
        // SAFETY: the caller's buffers have `count` bytes, and as many for each rank.
        checked(unsafe { (self.all_gather)(from, count, self.byte, to, count, self.byte, self.world) })
    }

    fn all_to_all(&self, from: *const c_void, count: c_int, to: *mut c_void) -> Result<(), Code> {
        // SAFETY: the caller's buffers have `count` bytes for each rank.
        checked(unsafe { (self.all_to_all)(from, count, self.byte, to, count, self.byte, self.world) })
    }

    fn begin_broadcast(&self, bytes: *mut c_void, count: c_int) -> Box<dyn Pending + '_> {
        let mut request = self.no_request;
        // SAFETY: the caller keeps the bytes until the request is done.
        let begun = checked(unsafe { (self.broadcast)(bytes, count, self.byte, 0, self.world, &raw mut request) });
        Box::new(Request { functions: self, begun, request })
    }
}

struct Request<'a, H> {
    functions: &'a Functions<H>,
    begun: Result<(), Code>,
    request: H,
}

impl<H: Copy + 'static> Pending for Request<'_, H> {
    fn is_done(&mut self) -> Result<bool, Code> {
        self.begun?;
        let (mut is_done, no_status) = (0, self.functions.no_status as *mut c_void);
        // SAFETY: the request is this one's, and the library does not write a status that is to be ignored.
        checked(unsafe { (self.functions.test)(&raw mut self.request, &raw mut is_done, no_status) })?;
        Ok(is_done != 0)
    }
}
