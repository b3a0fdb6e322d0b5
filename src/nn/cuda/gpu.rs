//! What belongs to a device for the whole process: context, streams, kernels, libraries.
//!
//! dfdx has a `cudarc` of its own. Both retain the device's primary context and queue on the legacy default stream (the
//! null stream), so the work of both runs in the order in which it was queued, and each may free and read what the
//! other has written without waiting.

use super::blas::Blas;
use super::dnn::Dnn;
use super::program::Program;
use super::staging::Staging;
use super::status::Checked;
use super::tables::Tables;
use super::{libraries, probe};
use crate::base::{Error, Result};
use cudarc::driver::sys::{CUmemPool_attribute, CUmemoryPool};
use cudarc::driver::{CudaContext, CudaStream, result};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One device.
#[derive(Debug)]
pub(crate) struct Gpu {
    /// The null stream.
    pub(super) stream: Arc<CudaStream>,
    pub(super) program: Program,
    context: Arc<CudaContext>,
    dnn: Mutex<Dnn>,
    blas: Mutex<Blas>,
    staging: Mutex<Staging>,
    tables: Mutex<Vec<Arc<Tables>>>,
}

/// Devices that were opened, by number. They stay: the driver frees everything when the process ends.
static OPENED: Mutex<BTreeMap<usize, Arc<Gpu>>> = Mutex::new(BTreeMap::new());

impl Gpu {
    /// The device of this number, opened when it is first asked for.
    pub(super) fn open(ordinal: usize) -> Result<Arc<Self>> {
        let mut opened = locked(&OPENED);
        if let Some(gpu) = opened.get(&ordinal) {
            return Ok(gpu.clone());
        }
        let gpu = Arc::new(Self::new(ordinal)?);
        opened.insert(ordinal, gpu.clone());
        Ok(gpu)
    }

    fn new(ordinal: usize) -> Result<Self> {
        let info = probe(ordinal)?;
        libraries::open()?;
        let context = context(ordinal)?;
        let stream = context.default_stream();
        Ok(Self {
            program: Program::new(&context, info.capability)?,
            dnn: Mutex::new(Dnn::new(&stream)?),
            blas: Mutex::new(Blas::new(&stream)?),
            staging: Mutex::new(Staging::new(&context)?),
            tables: Mutex::default(),
            stream,
            context,
        })
    }

    /// Makes the device's context the thread's.
    pub(super) fn bind(&self) -> Result<()> {
        self.context.bind_to_thread().checked("cuCtxSetCurrent")
    }

    /// cuDNN, for one thread at a time.
    pub(super) fn dnn(&self) -> Result<MutexGuard<'_, Dnn>> {
        self.bind()?;
        Ok(locked(&self.dnn))
    }

    /// cuBLAS, for one thread at a time.
    pub(super) fn blas(&self) -> Result<MutexGuard<'_, Blas>> {
        self.bind()?;
        Ok(locked(&self.blas))
    }

    /// What takes numbers over from the host, for one thread at a time.
    pub(super) fn staging(&self) -> Result<MutexGuard<'_, Staging>> {
        self.bind()?;
        Ok(locked(&self.staging))
    }

    /// Tables of parameters that were used lately, for one thread at a time.
    pub(super) fn tables(&self) -> Result<MutexGuard<'_, Vec<Arc<Tables>>>> {
        self.bind()?;
        Ok(locked(&self.tables))
    }

    /// Bytes that can still be allocated, and bytes of the device.
    pub(super) fn memory(&self) -> Result<(u64, u64)> {
        memory(&self.context)
    }

    /// Waits until everything that was queued is done.
    pub(super) fn synchronize(&self) -> Result<()> {
        self.stream.synchronize().checked("cuStreamSynchronize")
    }
}

/// The primary context of a device. It stays as [`Gpu`] does; making one takes a while.
pub(super) fn context(ordinal: usize) -> Result<Arc<CudaContext>> {
    static RETAINED: Mutex<BTreeMap<usize, Arc<CudaContext>>> = Mutex::new(BTreeMap::new());
    let mut retained = locked(&RETAINED);
    if let Some(context) = retained.get(&ordinal) {
        return Ok(context.clone());
    }
    let context = CudaContext::new(ordinal).checked("cuDevicePrimaryCtxRetain")?;
    // SAFETY: all blocks are allocated, used and freed on the null stream; `Staging`, which alone has another one,
    // orders the two by events of its own.
    unsafe { context.disable_event_tracking() };
    keep_freed_memory(&context)?;
    retained.insert(ordinal, context.clone());
    Ok(context)
}

/// Bytes that can still be allocated, those among them that the pool holds already; and bytes of the device.
pub(super) fn memory(context: &Arc<CudaContext>) -> Result<(u64, u64)> {
    let (free, total) = context.mem_get_info().checked("cuMemGetInfo")?;
    let pool = pool(context)?;
    let reserved = pool_bytes(pool, CUmemPool_attribute::CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT)?;
    let used = pool_bytes(pool, CUmemPool_attribute::CU_MEMPOOL_ATTR_USED_MEM_CURRENT)?;
    Ok((free as u64 + reserved.saturating_sub(used), total as u64))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The pool that `cuMemAllocAsync` takes from, dfdx's too.
fn pool(context: &Arc<CudaContext>) -> Result<CUmemoryPool> {
    if !context.has_async_alloc() {
        return Err(Error::stage("the driver has no memory pools").help("install NVIDIA's driver 580 or newer"));
    }
    // SAFETY: the device is that of a living context.
    unsafe { result::device::get_default_mem_pool(context.cu_device()) }.checked("cuDeviceGetDefaultMemPool")
}

/// Otherwise the pool gives everything that is free back to the driver whenever a stream is waited for.
fn keep_freed_memory(context: &Arc<CudaContext>) -> Result<()> {
    let mut threshold = u64::MAX;
    let attribute = CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
    // SAFETY: the attribute is a u64, and the pool that of a living context.
    unsafe { result::mem_pool::set_attribute(pool(context)?, attribute, (&raw mut threshold).cast()) }
        .checked("cuMemPoolSetAttribute")
}

fn pool_bytes(pool: CUmemoryPool, attribute: CUmemPool_attribute) -> Result<u64> {
    let mut bytes = 0u64;
    // SAFETY: both attributes that are asked for are u64.
    unsafe { result::mem_pool::get_attribute(pool, attribute, (&raw mut bytes).cast()) }
        .checked("cuMemPoolGetAttribute")?;
    Ok(bytes)
}
