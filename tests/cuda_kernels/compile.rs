//! Compilation of the kernels for GPUs with NVRTC, as at run time. Needs no GPU, but `libnvrtc` on the loader's path or
//! in `$CUDA_PATH/lib64`. `--nocapture` prints the registers of each kernel.

use crate::sources;
use libloading::Library;
use std::collections::BTreeSet;
use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr::{null, null_mut};

/// A100, H100 and B200.
const ARCHITECTURES: [c_int; 3] = [80, 90, 100];

#[test]
fn kernels_compile_for_gpus_without_register_spills() {
    let Some(nvrtc) = Nvrtc::find() else {
        eprintln!("skipped: no libnvrtc (set LD_LIBRARY_PATH or CUDA_PATH)");
        return;
    };
    let (program, supported) = (sources::program(), nvrtc.architectures());
    for architecture in ARCHITECTURES.into_iter().filter(|architecture| supported.contains(architecture)) {
        let log = nvrtc.compile(&program, architecture);
        assert!(!log.contains("warning") && !log.contains("error"), "{log}");
        let report = registers(&log);
        let compiled: BTreeSet<&str> = report.iter().map(|kernel| kernel.name).collect();
        let kernels = sources::kernels(&program);
        assert_eq!(compiled, kernels.iter().map(String::as_str).collect(), "sm_{architecture}");
        for kernel in &report {
            eprintln!("sm_{architecture} {:<28} {}", kernel.name, kernel.used);
            assert!(kernel.spills.contains(" 0 bytes spill stores, 0 bytes spill loads"), "{kernel:?}");
        }
    }
}

/// The report of ptxas on a kernel.
#[derive(Debug)]
struct KernelReport<'a> {
    name: &'a str,
    spills: &'a str,
    used: &'a str,
}

fn registers(log: &str) -> Vec<KernelReport<'_>> {
    log.split("Compiling entry function '")
        .skip(1)
        .map(|text| KernelReport {
            name: text.split('\'').next().unwrap(),
            spills: line(text, "bytes spill stores"),
            used: line(text, "Used ").split("Used ").nth(1).unwrap(),
        })
        .collect()
}

/// Returns the first line that contains `words`.
fn line<'a>(text: &'a str, words: &str) -> &'a str {
    text.lines().find(|line| line.contains(words)).unwrap_or_else(|| panic!("no `{words}` in {text}"))
}

struct Nvrtc(Library);

impl Nvrtc {
    fn find() -> Option<Self> {
        let names = ["libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12"].map(str::to_owned);
        let toolkit = std::env::var("CUDA_PATH").map(|path| format!("{path}/lib64/libnvrtc.so"));
        // SAFETY: loading NVIDIA's library only runs its constructors.
        names.into_iter().chain(toolkit).find_map(|name| unsafe { Library::new(name) }.ok()).map(Self)
    }

    /// Returns the supported architectures, such as 90.
    fn architectures(&self) -> Vec<c_int> {
        type Count = unsafe extern "C" fn(*mut c_int) -> c_int;
        let mut count = 0;
        // SAFETY: the signatures are those of nvrtc.h; the second call writes `count` ints.
        unsafe {
            assert_eq!(self.0.get::<Count>(b"nvrtcGetNumSupportedArchs\0").unwrap()(&mut count), 0);
            let mut all = vec![0; count as usize];
            assert_eq!(self.0.get::<Count>(b"nvrtcGetSupportedArchs\0").unwrap()(all.as_mut_ptr()), 0);
            all
        }
    }

    /// Compiles to machine code and returns the log.
    fn compile(&self, program: &str, architecture: c_int) -> String {
        type Create = unsafe extern "C" fn(
            *mut *mut c_void,
            *const c_char,
            *const c_char,
            c_int,
            *const *const c_char,
            *const *const c_char,
        ) -> c_int;
        type Compile = unsafe extern "C" fn(*mut c_void, c_int, *const *const c_char) -> c_int;
        type Size = unsafe extern "C" fn(*mut c_void, *mut usize) -> c_int;
        type Text = unsafe extern "C" fn(*mut c_void, *mut c_char) -> c_int;
        type Destroy = unsafe extern "C" fn(*mut *mut c_void) -> c_int;
        let source = CString::new(program).unwrap();
        let options = [format!("-arch=sm_{architecture}"), "-std=c++17".to_owned(), "--ptxas-options=-v".to_owned()];
        let options = options.map(|option| CString::new(option).unwrap());
        let pointers = options.each_ref().map(|option| option.as_ptr());
        let (mut handle, mut size) = (null_mut(), 0);
        // SAFETY: the signatures are those of nvrtc.h; strings are zero-terminated and outlive the calls; the log has
        // `size` bytes.
        unsafe {
            let create = self.0.get::<Create>(b"nvrtcCreateProgram\0").unwrap();
            assert_eq!(create(&mut handle, source.as_ptr(), c"kernels.cu".as_ptr(), 0, null(), null()), 0);
            let compile = self.0.get::<Compile>(b"nvrtcCompileProgram\0").unwrap();
            let status = compile(handle, pointers.len() as c_int, pointers.as_ptr());
            assert_eq!(self.0.get::<Size>(b"nvrtcGetProgramLogSize\0").unwrap()(handle, &mut size), 0);
            let mut log = vec![0u8; size];
            assert_eq!(self.0.get::<Text>(b"nvrtcGetProgramLog\0").unwrap()(handle, log.as_mut_ptr().cast()), 0);
            assert_eq!(self.0.get::<Destroy>(b"nvrtcDestroyProgram\0").unwrap()(&mut handle), 0);
            let log = String::from_utf8_lossy(&log).into_owned();
            assert_eq!(status, 0, "{log}");
            log
        }
    }
}
