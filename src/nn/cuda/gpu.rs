//! The state of a device that lives as long as the process: context, streams, kernels, library handles.
//!
//! dfdx has its own copy of `cudarc`. Both retain the device's primary context and queue on the legacy default stream
//! (the null stream), so the work of both runs in the order in which it was queued, and each may free and read memory
//! that the other has written without waiting.

use super::cublas::Cublas;
use super::cudnn::Cudnn;
use super::multi_tensor::TensorTables;
use super::program::Program;
use super::staging::Staging;
use super::status::Checked;
use super::{failure, libraries, probe};
use crate::base::{Error, Result};
use cudarc::driver::sys::{CUmemPool_attribute, CUmemoryPool};
use cudarc::driver::{CudaContext, CudaStream, result};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An opened device.
#[derive(Debug)]
pub(crate) struct Gpu {
    /// The null stream.
    pub(super) stream: Arc<CudaStream>,
    pub(super) program: Program,
    context: Arc<CudaContext>,
    cudnn: Mutex<Cudnn>,
    cublas: Mutex<Cublas>,
    staging: Mutex<Staging>,
    tables: Mutex<Vec<Arc<TensorTables>>>,
}

/// Opened devices by ordinal. They stay open: the driver frees everything when the process ends.
static OPENED: Mutex<BTreeMap<usize, Arc<Gpu>>> = Mutex::new(BTreeMap::new());

impl Gpu {
    /// Returns the device with this ordinal, opening it at the first call.
    pub(super) fn open(ordinal: usize) -> Result<Arc<Self>> {
        if let Some(error) = failure::fatal() {
            return Err(error);
        }
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
            cudnn: Mutex::new(Cudnn::new(&stream)?),
            cublas: Mutex::new(Cublas::new(&stream)?),
            staging: Mutex::new(Staging::new(&context)?),
            tables: Mutex::default(),
            stream,
            context,
        })
    }

    /// Makes the device's context current in this thread.
    pub(super) fn bind(&self) -> Result<()> {
        self.context.bind_to_thread().checked("cuCtxSetCurrent")
    }

    /// Locks cuDNN for this thread.
    pub(super) fn cudnn(&self) -> Result<MutexGuard<'_, Cudnn>> {
        self.bind()?;
        Ok(locked(&self.cudnn))
    }

    /// Locks cuBLAS for this thread.
    pub(super) fn cublas(&self) -> Result<MutexGuard<'_, Cublas>> {
        self.bind()?;
        Ok(locked(&self.cublas))
    }

    /// Locks the upload of images for this thread.
    pub(super) fn staging(&self) -> Result<MutexGuard<'_, Staging>> {
        self.bind()?;
        Ok(locked(&self.staging))
    }

    /// Locks the cached tables of parameters for this thread.
    pub(super) fn tables(&self) -> Result<MutexGuard<'_, Vec<Arc<TensorTables>>>> {
        self.bind()?;
        Ok(locked(&self.tables))
    }

    /// Returns the free and the total memory, bytes.
    pub(super) fn memory(&self) -> Result<(u64, u64)> {
        memory(&self.context)
    }

    /// Waits until all queued work has finished.
    pub(super) fn synchronize(&self) -> Result<()> {
        let waited = self.stream.synchronize().checked("cuStreamSynchronize");
        if waited.is_err() {
            // Memory of the host must not be freed while a copy may still use it.
            let _ = self.stream.synchronize();
        }
        waited
    }

    /// Waits for every opened device; failures are only recorded.
    pub(super) fn synchronize_all() {
        let opened: Vec<Arc<Self>> = locked(&OPENED).values().cloned().collect();
        for gpu in opened {
            let _ = gpu.synchronize();
        }
    }

    /// Returns unused memory of the pool to the driver.
    pub(super) fn trim_pool(&self) -> Result<()> {
        self.synchronize()?;
        // SAFETY: the pool is that of a living context.
        unsafe { result::mem_pool::trim_to(pool(&self.context)?, 0) }.checked("cuMemPoolTrimTo")
    }
}

/// Retains the primary context of a device for the rest of the process; creating one is slow.
pub(super) fn context(ordinal: usize) -> Result<Arc<CudaContext>> {
    static RETAINED: Mutex<BTreeMap<usize, Arc<CudaContext>>> = Mutex::new(BTreeMap::new());
    let mut retained = locked(&RETAINED);
    if let Some(context) = retained.get(&ordinal) {
        return Ok(context.clone());
    }
    let context = CudaContext::new(ordinal).checked("cuDevicePrimaryCtxRetain")?;
    // SAFETY: all blocks are allocated, used and freed on the null stream; `Staging`, the only user of another stream,
    // orders the two by its own events.
    unsafe { context.disable_event_tracking() };
    keep_freed_memory(&context)?;
    retained.insert(ordinal, context.clone());
    Ok(context)
}

/// Returns the free memory, including unused memory of the pool, and the total memory, bytes.
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

/// Returns the pool from which `cuMemAllocAsync` allocates, in dfdx too.
fn pool(context: &Arc<CudaContext>) -> Result<CUmemoryPool> {
    if !context.has_async_alloc() {
        return Err(
            Error::stage("the driver does not support memory pools").help("install NVIDIA's driver 580 or newer")
        );
    }
    // SAFETY: the device is that of a living context.
    unsafe { result::device::get_default_mem_pool(context.cu_device()) }.checked("cuDeviceGetDefaultMemPool")
}

/// Keeps freed memory in the pool, which would otherwise return it to the driver at every synchronization.
fn keep_freed_memory(context: &Arc<CudaContext>) -> Result<()> {
    let mut threshold = u64::MAX;
    let attribute = CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
    // SAFETY: the attribute is a u64, and the pool that of a living context.
    unsafe { result::mem_pool::set_attribute(pool(context)?, attribute, (&raw mut threshold).cast()) }
        .checked("cuMemPoolSetAttribute")
}

fn pool_bytes(pool: CUmemoryPool, attribute: CUmemPool_attribute) -> Result<u64> {
    let mut bytes = 0u64;
    // SAFETY: both queried attributes are u64.
    unsafe { result::mem_pool::get_attribute(pool, attribute, (&raw mut bytes).cast()) }
        .checked("cuMemPoolGetAttribute")?;
    Ok(bytes)
}
