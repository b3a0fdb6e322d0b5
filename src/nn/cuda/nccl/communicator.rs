//! What ranks exchange on their devices.

use super::library::{FLOAT32, Functions, Handle, Status, Stream, UniqueId};
use crate::base::{Error, Result};
use crate::group::Group;
use crate::nn::cuda::address::Address;
use crate::nn::cuda::gpu::Gpu;
use std::ffi::c_int;

/// The connections of this rank's device to those of all ranks.
///
/// It is not destroyed when the process ends: that would wait for ranks that may have died.
pub(super) struct Communicator {
    functions: &'static Functions,
    handle: Handle,
    size: usize,
}

// SAFETY: a communicator may be used by any thread, one at a time.
unsafe impl Send for Communicator {}

impl Communicator {
    /// Connects the ranks of a group, all of which call it; returns when all have.
    ///
    /// # Errors
    /// NCCL cannot connect them, or another rank failed.
    pub(super) fn connect(gpu: &Gpu, group: &dyn Group) -> Result<Self> {
        let functions = Functions::get().map_err(Error::bug)?;
        gpu.bind()?;
        let mut id = UniqueId([0; 128]);
        if group.rank() == 0 {
            // SAFETY: writes one identifier.
            functions.checked(unsafe { (functions.get_unique_id)(&raw mut id) }, "ncclGetUniqueId")?;
        }
        let of_all = group.all_gather(&id.0)?;
        // That of rank 0 is the first.
        id.0.iter_mut().zip(of_all).for_each(|(own, first)| *own = first);
        let (size, mut handle) = (group.size(), std::ptr::null_mut());
        // SAFETY: the identifier is that of rank 0, and the context of the device is current.
        let status = unsafe { (functions.comm_init_rank)(&raw mut handle, int(size)?, id, int(group.rank())?) };
        functions.checked(status, "ncclCommInitRank")?;
        Ok(Self { functions, handle, size })
    }

    /// Sends the piece with the number of each rank to it, and receives as many from each, in the order of the ranks;
    /// pieces have `length` f32. Queued on the compute stream.
    ///
    /// # Errors
    /// NCCL fails.
    pub(super) fn exchange(&self, gpu: &Gpu, from: Address<'_>, into: Address<'_>, length: usize) -> Result<()> {
        gpu.bind()?;
        let Functions { group_start, group_end, send, recv, .. } = *self.functions;
        // SAFETY: has no preconditions.
        self.checked(unsafe { group_start() }, "ncclGroupStart")?;
        let queued = (0..self.size).try_for_each(|rank| {
            let (at, other) = (rank * length * size_of::<f32>(), int(rank)?);
            let (from, into) = (from.offset(at).pointer(), into.offset(at).pointer());
            // SAFETY: the caller's blocks have `length` elements for each rank, and are freed in the order of the stream.
            let status = unsafe { send(from, length, FLOAT32, other, self.handle, stream(gpu)) };
            self.checked(status, "ncclSend")?;
            // SAFETY: as above.
            let status = unsafe { recv(into, length, FLOAT32, other, self.handle, stream(gpu)) };
            self.checked(status, "ncclRecv")
        });
        // SAFETY: ends the group begun above, also after a failure.
        let ended = self.checked(unsafe { group_end() }, "ncclGroupEnd");
        queued.and(ended)
    }

    /// Gathers `length` f32 of each rank, in the order of the ranks. Queued on the compute stream.
    ///
    /// # Errors
    /// NCCL fails.
    pub(super) fn all_gather(&self, gpu: &Gpu, from: Address<'_>, into: Address<'_>, length: usize) -> Result<()> {
        gpu.bind()?;
        let (from, into) = (from.pointer(), into.pointer());
        // SAFETY: the caller's blocks have `length` elements, and as many for each rank, and are freed in the order of the
        // stream.
        let status = unsafe { (self.functions.all_gather)(from, into, length, FLOAT32, self.handle, stream(gpu)) };
        self.checked(status, "ncclAllGather")
    }

    /// Ends exchanges that wait for other ranks, so that the device can be waited for.
    pub(super) fn abort(self) {
        // SAFETY: the communicator is not used afterwards. A failure changes nothing: the exchanges had failed already.
        let _ = unsafe { (self.functions.comm_abort)(self.handle) };
    }

    fn checked(&self, status: Status, call: &str) -> Result<()> {
        self.functions.checked(status, call)
    }
}

fn stream(gpu: &Gpu) -> Stream {
    gpu.stream.cu_stream().cast()
}

fn int(number: usize) -> Result<c_int> {
    c_int::try_from(number).map_err(|_| Error::bug(format!("{number} ranks")))
}
