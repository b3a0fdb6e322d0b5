//! The kernels, compiled by NVRTC for a device, or read from the cache, when the process first opens it.

use super::grid::THREADS;
use super::status::Checked;
use super::{image_cache, source};
use crate::base::hash::digest_json;
use crate::base::{Error, Result};
use cudarc::driver::sys::CUdevice_attribute;
use cudarc::driver::{CudaContext, CudaFunction};
use cudarc::nvrtc::{Ptx, result, sys};
use std::collections::BTreeMap;
use std::ffi::{CString, c_char, c_int};
use std::sync::Arc;

/// The compiled kernels of one device.
#[derive(Debug)]
pub(super) struct Program {
    kernels: BTreeMap<String, Kernel>,
}

/// A kernel, and the number of its blocks that the device runs at the same time.
#[derive(Debug)]
struct Kernel {
    function: CudaFunction,
    resident: usize,
}

impl Program {
    /// Compiles and loads all kernels.
    pub(super) fn new(context: &Arc<CudaContext>, capability: (i32, i32)) -> Result<Self> {
        let text = source::program();
        let architecture = Architecture::of(capability, &supported()?)?;
        let key = digest_json(&(&text, options(architecture), nvrtc_version()?))?;
        let image = image_cache::load_or_compile(&key, || compile(&text, architecture))?;
        let module = context.load_module(Ptx::from_binary(image)).checked("cuModuleLoadData")?;
        let multiprocessors = context
            .attribute(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)
            .checked("cuDeviceGetAttribute")?;
        let load = |name: &str| {
            let function = module.load_function(name).checked("cuModuleGetFunction")?;
            let of_each = function
                .occupancy_max_active_blocks_per_multiprocessor(THREADS as u32, 0, None)
                .checked("cuOccupancyMaxActiveBlocksPerMultiprocessor")?;
            let resident = usize::try_from(multiprocessors).unwrap_or_default() * of_each as usize;
            Ok((name.to_owned(), Kernel { function, resident }))
        };
        let kernels = source::kernels(&text).into_iter().map(load).collect::<Result<_>>()?;
        Ok(Self { kernels })
    }

    /// Returns the kernel of this name.
    pub(super) fn function(&self, name: &str) -> Result<&CudaFunction> {
        Ok(&self.kernel(name)?.function)
    }

    /// Returns the number of blocks of a kernel that the device runs at the same time.
    pub(super) fn resident(&self, name: &str) -> Result<usize> {
        Ok(self.kernel(name)?.resident)
    }

    fn kernel(&self, name: &str) -> Result<&Kernel> {
        self.kernels.get(name).ok_or_else(|| Error::bug(format!("kernel {name} does not exist")))
    }
}

/// The target architecture, 10 * major + minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Architecture {
    /// The architecture of the device: machine code.
    Real(c_int),
    /// An older one, if the compiler does not support the device's: PTX, which the driver compiles.
    Virtual(c_int),
}

impl Architecture {
    /// Returns the best supported target for a device.
    fn of((major, minor): (i32, i32), supported: &[c_int]) -> Result<Self> {
        let device = 10 * major + minor;
        if supported.contains(&device) {
            return Ok(Self::Real(device));
        }
        let older = supported.iter().copied().filter(|architecture| *architecture < device).max();
        older.map(Self::Virtual).ok_or_else(|| {
            Error::stage(format!("NVRTC cannot compile for compute capability {major}.{minor}"))
                .help("install NVRTC of CUDA 13")
        })
    }

    fn option(self) -> String {
        match self {
            Self::Real(number) => format!("--gpu-architecture=sm_{number}"),
            Self::Virtual(number) => format!("--gpu-architecture=compute_{number}"),
        }
    }
}

/// Returns the version of the compiler: major, minor.
pub(super) fn nvrtc_version() -> Result<(i32, i32)> {
    let (mut major, mut minor) = (0, 0);
    // SAFETY: writes two ints.
    unsafe { sys::nvrtcVersion(&raw mut major, &raw mut minor) }.result().checked("nvrtcVersion")?;
    Ok((major, minor))
}

/// Returns the architectures that the compiler supports.
fn supported() -> Result<Vec<c_int>> {
    let mut count = 0;
    // SAFETY: writes one int.
    unsafe { sys::nvrtcGetNumSupportedArchs(&raw mut count) }.result().checked("nvrtcGetNumSupportedArchs")?;
    let mut architectures = vec![0; usize::try_from(count).unwrap_or_default()];
    // SAFETY: writes `count` ints, as the call above returned.
    unsafe { sys::nvrtcGetSupportedArchs(architectures.as_mut_ptr()) }.result().checked("nvrtcGetSupportedArchs")?;
    Ok(architectures)
}

/// NVRTC's program handle, destroyed when dropped.
struct Compilation(sys::nvrtcProgram);

impl Drop for Compilation {
    fn drop(&mut self) {
        // SAFETY: created by `nvrtcCreateProgram` and not used afterwards. A failure would only leak memory.
        let _ = unsafe { result::destroy_program(self.0) };
    }
}

fn options(architecture: Architecture) -> [String; 2] {
    [architecture.option(), "--std=c++17".to_owned()]
}

/// Compiles to an image that the driver loads: machine code, or zero-terminated PTX.
fn compile(text: &str, architecture: Architecture) -> Result<Vec<u8>> {
    let text = CString::new(text).map_err(|_| Error::bug("the source of the kernels contains a zero byte"))?;
    let program = result::create_program(&text, Some(c"simclr.cu")).checked("nvrtcCreateProgram")?;
    let program = Compilation(program);
    // SAFETY: the program was just created and lives to the end of the function.
    let compiled = unsafe { result::compile_program(program.0, &options(architecture)) };
    compiled.checked("nvrtcCompileProgram").map_err(|error| error.at(log(&program)))?;
    match architecture {
        Architecture::Real(_) => machine_code(&program),
        Architecture::Virtual(_) => ptx(&program),
    }
}

/// Returns the compiler's log.
fn log(program: &Compilation) -> String {
    // SAFETY: the program has been compiled.
    let log = unsafe { result::get_program_log(program.0) }.unwrap_or_default();
    String::from_utf8_lossy(&bytes_of(&log)).trim_end_matches('\0').to_owned()
}

fn ptx(program: &Compilation) -> Result<Vec<u8>> {
    // SAFETY: the program has been compiled.
    let ptx = unsafe { result::get_ptx(program.0) }.checked("nvrtcGetPTX")?;
    Ok(bytes_of(&ptx))
}

fn bytes_of(characters: &[c_char]) -> Vec<u8> {
    characters.iter().map(|character| character.to_ne_bytes()[0]).collect()
}

fn machine_code(program: &Compilation) -> Result<Vec<u8>> {
    let mut size = 0;
    // SAFETY: the program has been compiled; writes one size.
    unsafe { sys::nvrtcGetCUBINSize(program.0, &raw mut size) }.result().checked("nvrtcGetCUBINSize")?;
    let mut code = vec![0u8; size];
    // SAFETY: writes `size` bytes, as the call above returned.
    unsafe { sys::nvrtcGetCUBIN(program.0, code.as_mut_ptr().cast()) }.result().checked("nvrtcGetCUBIN")?;
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::cuda::libraries;

    #[test]
    fn the_target_is_the_device_or_the_next_older_architecture() {
        let supported = [75, 80, 86, 90, 100];
        assert_eq!(Architecture::of((9, 0), &supported).unwrap(), Architecture::Real(90));
        assert_eq!(Architecture::of((9, 0), &supported).unwrap().option(), "--gpu-architecture=sm_90");
        assert_eq!(Architecture::of((13, 0), &supported).unwrap(), Architecture::Virtual(100));
        assert!(Architecture::of((7, 0), &supported).is_err());
    }

    /// Needs NVRTC, but not a device.
    #[test]
    fn the_kernels_compile() {
        if let Err(error) = libraries::compiler() {
            eprintln!("skipped: {error}");
            return;
        }
        let text = source::program();
        for number in [80, 90, 100] {
            for architecture in [Architecture::Real(number), Architecture::Virtual(number)] {
                let image = compile(&text, architecture).unwrap();
                let is_text = image.windows(8).any(|word| word == b".version");
                assert!(image.len() > 10_000 && is_text == matches!(architecture, Architecture::Virtual(_)));
            }
        }
        let error = compile("extern \"C\" __global__ void wrong() { none; }", Architecture::Real(80)).unwrap_err();
        assert!(error.to_string().contains("\"none\" is undefined"), "{error}");
    }
}
