//! The functions of `libnccl.so.2`, which is opened at run time.

use crate::nn::cuda::libraries;
use libloading::os::unix::Library;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::OnceLock;

/// A name that all ranks of a communicator share (`ncclUniqueId`).
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct UniqueId(pub(super) [u8; 128]);

/// `ncclComm_t`.
pub(super) type Handle = *mut c_void;
/// `cudaStream_t`, the same pointer as the driver's.
pub(super) type Stream = *mut c_void;
/// `ncclResult_t`; 0 is success.
pub(super) type Status = c_int;

/// `ncclFloat32`.
pub(super) const FLOAT32: c_int = 7;

/// The functions that sums over ranks need.
pub(super) struct Functions {
    pub(super) get_version: unsafe extern "C" fn(*mut c_int) -> Status,
    pub(super) get_unique_id: unsafe extern "C" fn(*mut UniqueId) -> Status,
    pub(super) comm_init_rank: unsafe extern "C" fn(*mut Handle, c_int, UniqueId, c_int) -> Status,
    pub(super) comm_abort: unsafe extern "C" fn(Handle) -> Status,
    pub(super) group_start: unsafe extern "C" fn() -> Status,
    pub(super) group_end: unsafe extern "C" fn() -> Status,
    pub(super) send: unsafe extern "C" fn(*const c_void, usize, c_int, c_int, Handle, Stream) -> Status,
    pub(super) recv: unsafe extern "C" fn(*mut c_void, usize, c_int, c_int, Handle, Stream) -> Status,
    pub(super) all_gather: unsafe extern "C" fn(*const c_void, *mut c_void, usize, c_int, Handle, Stream) -> Status,
    get_error_string: unsafe extern "C" fn(Status) -> *const c_char,
    get_last_error: unsafe extern "C" fn(Handle) -> *const c_char,
}

impl Functions {
    /// Returns the functions, opening the library at the first call.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub(super) fn get() -> Result<&'static Self, String> {
        static FUNCTIONS: OnceLock<Result<Functions, String>> = OnceLock::new();
        FUNCTIONS.get_or_init(open).as_ref().map_err(Clone::clone)
    }

    /// Returns the name of a status, and what the library says of its last error, if anything.
    pub(super) fn describe(&self, status: Status) -> String {
        // SAFETY: both return static or thread-local texts that end in 0, or null; a null communicator stands for all.
        let texts = unsafe { [(self.get_error_string)(status), (self.get_last_error)(std::ptr::null_mut())] };
        let texts = texts.into_iter().filter(|text| !text.is_null());
        // SAFETY: as above, and not null.
        let texts = texts.map(|text| unsafe { CStr::from_ptr(text) }.to_string_lossy().trim().to_owned());
        texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ")
    }
}

fn open() -> Result<Functions, String> {
    let library = libraries::nccl()?;
    let functions = functions(&library)?;
    // It stays open: a communicator has threads of its own.
    std::mem::forget(library);
    Ok(functions)
}

fn functions(library: &Library) -> Result<Functions, String> {
    Ok(Functions {
        get_version: function(library, "ncclGetVersion")?,
        get_unique_id: function(library, "ncclGetUniqueId")?,
        comm_init_rank: function(library, "ncclCommInitRank")?,
        comm_abort: function(library, "ncclCommAbort")?,
        group_start: function(library, "ncclGroupStart")?,
        group_end: function(library, "ncclGroupEnd")?,
        send: function(library, "ncclSend")?,
        recv: function(library, "ncclRecv")?,
        all_gather: function(library, "ncclAllGather")?,
        get_error_string: function(library, "ncclGetErrorString")?,
        get_last_error: function(library, "ncclGetLastError")?,
    })
}

/// Returns a function of the type `F`, which must be its type in `nccl.h`.
fn function<F: Copy>(library: &Library, name: &str) -> Result<F, String> {
    // SAFETY: the types of `Functions` are those of `nccl.h`, where handles are pointers and enumerations are `int`.
    let found = unsafe { library.get::<F>(name.as_bytes()) };
    found
        .map(|found| *found)
        .map_err(|_| format!("the NCCL library has no {name}, which version 2.13 added at the latest"))
}
