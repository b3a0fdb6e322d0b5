//! Finds CUDA's libraries: by the loader first, then where pip puts them, `site-packages/nvidia/*/lib`.
//!
//! A library that was opened by its path is found by its name from then on, which is how `cudarc` opens it.

use crate::base::{Error, Result};
use libloading::os::unix::{Library as Opened, RTLD_GLOBAL, RTLD_NOW};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A library and the package that contains it.
struct Library {
    file: &'static str,
    package: &'static str,
}

/// In the order of their dependencies.
const LIBRARIES: [Library; 4] = [
    Library { file: "libnvrtc.so.13", package: "nvidia-cuda-nvrtc" },
    Library { file: "libcublasLt.so.13", package: "nvidia-cublas" },
    Library { file: "libcublas.so.13", package: "nvidia-cublas" },
    Library { file: "libcudnn.so.9", package: "nvidia-cudnn-cu13" },
];

/// Several GPUs need it, one does not.
const NCCL: Library = Library { file: "libnccl.so.2", package: "nvidia-nccl-cu13" };
/// The variable that names NCCL's library, or is `off`.
const NCCL_VARIABLE: &str = "SIMCLR_NCCL";

/// Opens all libraries that the kernels need, once per process.
///
/// # Errors
/// The driver or a library is missing.
pub(super) fn open() -> Result<()> {
    static OPENED: OnceLock<Result<()>> = OnceLock::new();
    OPENED.get_or_init(open_all).clone()
}

/// Opens NCCL, or the library that `SIMCLR_NCCL` names.
///
/// # Errors
/// Why it cannot be opened, or that it must not be.
pub(super) fn nccl() -> Result<Opened, String> {
    let file = match std::env::var(NCCL_VARIABLE) {
        Ok(choice) if choice == "off" => return Err(format!("{NCCL_VARIABLE} is off")),
        Ok(path) if !path.is_empty() => path,
        _ => {
            open_library(&NCCL, &mut None).map_err(|error| error.what().to_owned())?;
            NCCL.file.to_owned()
        }
    };
    open_shared(Path::new(&file)).map_err(|reason| format!("{file} cannot be loaded: {reason}"))
}

/// Opens the driver's library.
///
/// # Errors
/// The driver is missing.
pub(super) fn driver() -> Result<()> {
    open_global(Path::new("libcuda.so.1")).map_err(|reason| {
        Error::stage(format!("the NVIDIA driver is missing: {reason}"))
            .help("install NVIDIA's driver 580 or newer, or run with `--device cpu`")
    })
}

/// Returns the files of a library that are in this process, of which the loader may have found more than one.
pub(super) fn mapped(library: &str) -> Option<String> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let mut files: Vec<&str> = maps.lines().filter_map(|line| line.find('/').map(|start| &line[start..])).collect();
    files.retain(|file| file.rsplit('/').next().is_some_and(|name| name.starts_with(library)));
    files.sort_unstable();
    files.dedup();
    (!files.is_empty()).then(|| files.join(", "))
}

/// Opens NVRTC alone.
#[cfg(test)]
pub(super) fn compiler() -> Result<()> {
    open_library(&LIBRARIES[0], &mut None)
}

fn open_all() -> Result<()> {
    driver()?;
    let mut directories = None;
    LIBRARIES.iter().try_for_each(|library| open_library(library, &mut directories))
}

/// Opens a library; `directories` are pip's, searched when the loader first fails to find one.
fn open_library(library: &Library, directories: &mut Option<Vec<PathBuf>>) -> Result<()> {
    let Err(reason) = open_global(Path::new(library.file)) else { return Ok(()) };
    let directories = directories.get_or_insert_with(|| library_directories(&python_path()));
    let opened = match directories.iter().find(|directory| directory.join(library.file).is_file()) {
        Some(directory) => open_in(directory, library),
        None => Err(reason),
    };
    opened.map_err(|reason| missing(library, &reason))
}

/// Opens a library by its path, after the dependencies that it would look up by name alone.
fn open_in(directory: &Path, library: &Library) -> Result<(), String> {
    if library.file.starts_with("libnvrtc.") {
        files_with_prefix(directory, "libnvrtc-builtins.so.").iter().try_for_each(|path| open_global(path))?;
    }
    open_global(&directory.join(library.file))
}

/// Returns the files of a directory whose names start with `prefix`, sorted.
fn files_with_prefix(directory: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let named = entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
    let mut found: Vec<PathBuf> = named.map(|entry| entry.path()).collect();
    found.sort();
    found
}

fn missing(library: &Library, reason: &str) -> Error {
    Error::stage(format!("{} cannot be loaded: {reason}", library.file)).help(format!(
        "`pip install {}` for `python3`, or add the library's directory to LD_LIBRARY_PATH",
        library.package
    ))
}

/// Opens a library for the rest of the process and makes its symbols visible to libraries opened later.
fn open_global(path: &Path) -> Result<(), String> {
    open_shared(path).map(std::mem::forget)
}

fn open_shared(path: &Path) -> Result<Opened, String> {
    // SAFETY: runs the initializers of NVIDIA's libraries, which have no preconditions; the caller never closes it.
    unsafe { Opened::open(Some(path), RTLD_NOW | RTLD_GLOBAL) }.map_err(|error| reason(&error))
}

/// Returns the loader's message, which `libloading` keeps as the source of its error.
fn reason(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

/// Returns the `sys.path` of `python3`; empty without Python.
fn python_path() -> Vec<PathBuf> {
    let output = Command::new("python3").args(["-c", "import sys; print('\\n'.join(sys.path))"]).output();
    let Ok(output) = output else { return Vec::new() };
    String::from_utf8_lossy(&output.stdout).lines().filter(|line| !line.is_empty()).map(PathBuf::from).collect()
}

/// Returns the directories `nvidia/*/lib` below the given ones, sorted within each.
fn library_directories(packages: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for directory in packages {
        let Ok(entries) = std::fs::read_dir(directory.join("nvidia")) else { continue };
        let mut children: Vec<PathBuf> = entries.flatten().map(|entry| entry.path().join("lib")).collect();
        children.retain(|path| path.is_dir());
        children.sort();
        found.extend(children);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pips_directories_are_found() {
        let site = tempfile::tempdir().unwrap();
        for package in ["cudnn", "cu13"] {
            std::fs::create_dir_all(site.path().join("nvidia").join(package).join("lib")).unwrap();
        }
        std::fs::create_dir_all(site.path().join("nvidia/headers/include")).unwrap();
        let directories = library_directories(&[PathBuf::from("/nowhere"), site.path().to_owned()]);
        let expected = ["cu13", "cudnn"].map(|package| site.path().join("nvidia").join(package).join("lib"));
        assert_eq!(directories, expected);
    }

    #[test]
    fn the_error_of_a_missing_library_names_its_package() {
        let library = Library { file: "libnone.so.1", package: "nvidia-none" };
        let reason = open_global(Path::new(library.file)).unwrap_err();
        let error = missing(&library, &reason);
        assert!(error.what().starts_with("libnone.so.1 cannot be loaded: libnone.so.1: cannot open"), "{error}");
        assert!(error.next_step().is_some_and(|help| help.contains("pip install nvidia-none")));
    }
}
