//! The kernels as a shared library of the host, and their launches.

use crate::sources;
use libloading::Library;
use std::ffi::c_void;
use std::fs;
use std::marker::PhantomData;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, OnceLock};

/// The host in place of a GPU, with one of two orders of execution of threads and blocks.
#[derive(Clone, Copy)]
pub(crate) struct Host {
    library: &'static Library,
    descending: bool,
}

/// Allows one launch at a time, because shared memory is static.
static LAUNCH: Mutex<()> = Mutex::new(());

type Launch = unsafe extern "C" fn(*const u32, *mut *mut c_void, bool);

/// Runs a test in both orders, whose results must have the same bits; skips it without a C++ compiler.
pub(crate) fn in_both_orders<R: PartialEq>(test: impl Fn(&Host) -> R) {
    static LIBRARY: OnceLock<Option<Library>> = OnceLock::new();
    let Some(library) = LIBRARY.get_or_init(build) else {
        eprintln!("skipped: no C++ compiler (set CXX to name one)");
        return;
    };
    let ascending = test(&Host { library, descending: false });
    let descending = test(&Host { library, descending: true });
    assert!(ascending == descending, "results depend on the order of threads: is a __syncthreads() missing?");
}

impl Host {
    /// Launches a kernel with blocks of 256 threads.
    pub(crate) fn launch(&self, kernel: &str, grid: [usize; 2], arguments: &mut [Argument<'_>]) {
        let grid = [grid[0] as u32, grid[1] as u32, 1];
        let mut pointers: Vec<*mut c_void> = arguments.iter_mut().map(|a| a.bytes.as_mut_ptr().cast()).collect();
        let _guard = LAUNCH.lock().unwrap();
        // SAFETY: the wrapper has this signature; the test must pass the arguments of the kernel, and the arrays that
        // they point to are borrowed until this returns.
        unsafe {
            let launch = self.library.get::<Launch>(format!("launch_{kernel}\0").as_bytes()).unwrap();
            launch(grid.as_ptr(), pointers.as_mut_ptr(), self.descending);
        }
    }
}

/// One argument of a kernel, by value.
pub(crate) struct Argument<'a> {
    bytes: [u64; 8],
    borrowed: PhantomData<&'a mut ()>,
}

impl Argument<'_> {
    /// Passes a scalar or a structure without references by value.
    pub(crate) fn value<T: Copy>(value: T) -> Self {
        let mut bytes = [0u64; 8];
        assert!(size_of::<T>() <= size_of_val(&bytes) && align_of::<T>() <= align_of::<u64>());
        // SAFETY: it fits, as checked above.
        unsafe { bytes.as_mut_ptr().cast::<T>().write(value) };
        Self { bytes, borrowed: PhantomData }
    }

    /// Passes a null pointer.
    pub(crate) fn null() -> Self {
        Self::value(0usize)
    }
}

impl<'a, T> From<&'a Vec<T>> for Argument<'a> {
    fn from(values: &'a Vec<T>) -> Self {
        Self::value(values.as_ptr())
    }
}

impl<'a, T> From<&'a mut Vec<T>> for Argument<'a> {
    fn from(values: &'a mut Vec<T>) -> Self {
        Self::value(values.as_mut_ptr())
    }
}

/// An optional array.
impl<'a, T> From<Option<&'a Vec<T>>> for Argument<'a> {
    fn from(values: Option<&'a Vec<T>>) -> Self {
        values.map_or_else(Self::null, Self::from)
    }
}

macro_rules! scalars {
    ($($scalar:ty),*) => {$(
        impl From<$scalar> for Argument<'_> {
            fn from(value: $scalar) -> Self {
                Self::value(value)
            }
        }
    )*};
}
scalars!(i32, i64, f32, f64);

/// `launch!(host, "kernel", [x, y]; argument, ..)`
macro_rules! launch {
    ($host:expr, $kernel:expr, $grid:expr; $($argument:expr),* $(,)?) => {
        $host.launch(&$kernel, $grid, &mut [$($crate::host::Argument::from($argument)),*])
    };
}
pub(crate) use launch;

fn build() -> Option<Library> {
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    Command::new(&compiler).arg("--version").output().ok()?;
    let directory = tempfile::tempdir().unwrap();
    let (source, object) = (directory.path().join("kernels.cpp"), directory.path().join("kernels.so"));
    fs::write(&source, host_program()).unwrap();
    let flags = std::env::var("CXXFLAGS").unwrap_or_default();
    let output = Command::new(&compiler)
        .args(["-std=c++20", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fno-strict-aliasing"])
        .args(["-fPIC", "-shared", "-fvisibility=hidden", "-pthread"])
        .args(flags.split_whitespace())
        .arg("-I")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cuda_kernels"))
        .args([&source, Path::new("-o"), &object])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // SAFETY: loading only runs constructors of the C++ library and of host.h.
    Some(unsafe { Library::new(&object) }.unwrap())
}

/// Returns the source of the kernels with a launch function for each.
fn host_program() -> String {
    let mut program = sources::program();
    let kernels = sources::kernels(&program);
    for name in kernels {
        program += &format!(
            "extern \"C\" __attribute__((visibility(\"default\"))) void launch_{name}(const unsigned* grid, void** \
             arguments, bool descending) {{ host::launch({name}, grid, arguments, descending); }}\n"
        );
    }
    format!("#include \"host.h\"\n{program}")
}
