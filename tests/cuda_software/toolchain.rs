//! Builds the software device with the C++ compiler, and the program for it. Nothing is built twice: outputs stay in
//! the target directory, beside the digest of their sources.

use crate::sources;
use rayon::prelude::*;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The kernel files of dfdx that are reached; loading another one fails and names it.
const DFDX_KERNELS: [&str; 21] = [
    "abs",
    "binary_add",
    "binary_div",
    "binary_mul",
    "binary_sub",
    "clamp",
    "exp",
    "ln",
    "max_to",
    "maximum",
    "negate",
    "relu",
    "scalar_add",
    "scalar_div",
    "scalar_mul",
    "scalar_sub",
    "select",
    "sgd",
    "sqrt",
    "square",
    "sum_to",
];

/// Headers of the sources, of which each may use all.
const HEADERS: [&str; 9] = [
    "device.h",
    "streams.h",
    "blocks.h",
    "entry.h",
    "convolutions.h",
    "kernel.h",
    "dfdx.h",
    "include/cuda_fp16.h",
    "../cuda_kernels/host.h",
];

/// Files in place of NVIDIA's: where they are, and the program that was built with them.
pub(crate) struct Toolchain {
    /// The directory of the libraries.
    pub(crate) libraries: PathBuf,
    /// The library of AddressSanitizer, if it checks the libraries.
    pub(crate) address_sanitizer: Option<PathBuf>,
    /// The binary `simclr` with the feature `cuda`.
    pub(crate) program: PathBuf,
    /// The tests of `cuda_device.rs`.
    pub(crate) device_tests: PathBuf,
}

impl Toolchain {
    /// Builds everything, or returns what is missing for it.
    pub(crate) fn build() -> Result<Self, String> {
        let compiler = Compiler::find().ok_or("no C++ compiler (set CXX to name one)")?;
        let dfdx = dfdx()?;
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cuda_software");
        let libraries = root.join("lib64");
        fs::create_dir_all(&libraries).unwrap();
        build_libraries(&compiler, &libraries);
        build_kernels(&compiler, &dfdx, &libraries);
        // The build scripts of dfdx and cudarc look for this file.
        fs::create_dir_all(root.join("include")).unwrap();
        write_if_changed(&root.join("include/cuda.h"), "");
        let [program, device_tests] = build_program(&root);
        Ok(Self { libraries, address_sanitizer: None, program, device_tests })
    }

    /// Builds everything with libraries that AddressSanitizer checks, or returns what is missing for it.
    pub(crate) fn build_with_address_sanitizer() -> Result<Self, String> {
        let toolchain = Self::build()?;
        let compiler = Compiler { sanitized: true, ..Compiler::find().ok_or("no C++ compiler")? };
        let library = compiler.address_sanitizer().ok_or("no libasan.so")?;
        let libraries = toolchain.libraries.with_file_name("asan").join("lib64");
        fs::create_dir_all(&libraries).unwrap();
        build_libraries(&compiler, &libraries);
        build_kernels(&compiler, &dfdx()?, &libraries);
        Ok(Self { libraries, address_sanitizer: Some(library), ..toolchain })
    }
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cuda_software")
}

fn write_if_changed(path: &Path, text: &str) {
    if fs::read_to_string(path).ok().as_deref() != Some(text) {
        fs::write(path, text).unwrap();
    }
}

struct Compiler {
    name: String,
    /// The digest of its version and of all headers.
    version: String,
    /// Whether AddressSanitizer checks what it compiles.
    sanitized: bool,
}

impl Compiler {
    fn find() -> Option<Self> {
        let name = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
        let output = Command::new(&name).arg("--version").output().ok()?;
        let mut version = String::from_utf8_lossy(&output.stdout).into_owned();
        for header in HEADERS {
            version += &fs::read_to_string(here().join(header)).unwrap();
        }
        Some(Self { name, version, sanitized: false })
    }

    /// Returns the library of AddressSanitizer, which a program that is built without it must load first.
    fn address_sanitizer(&self) -> Option<PathBuf> {
        let output = Command::new(&self.name).arg("-print-file-name=libasan.so").output().ok()?;
        PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()).canonicalize().ok()
    }

    /// Compiles a source text to a shared library, unless that has been done.
    fn library(&self, source: &str, output: &Path, options: &[&str]) {
        let digest = blake3::hash([&self.version, source, &options.join(" ")].concat().as_bytes()).to_string();
        let stamp = output.with_extension("digest");
        if output.exists() && fs::read_to_string(&stamp).ok().as_deref() == Some(&digest) {
            return;
        }
        let file = output.with_extension("cpp");
        fs::write(&file, source).unwrap();
        let compiled = Command::new(&self.name)
            .args(["-std=c++20", "-fPIC", "-shared", "-fvisibility=hidden", "-fno-strict-aliasing"])
            .arg("-I")
            .arg(here())
            .args([&file, Path::new("-o"), output])
            .args(options)
            .args(self.sanitized.then_some("-fsanitize=address"))
            .output()
            .unwrap();
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        fs::write(stamp, digest).unwrap();
    }

    /// Returns a CUDA source after the preprocessor.
    fn preprocessed(&self, source: &Path, options: &[&str]) -> String {
        let mut command = Command::new(&self.name);
        command.args(["-std=c++20", "-E"]).arg("-I").arg(here()).args(options).args(["-x", "c++"]).arg(source);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// Builds the libraries, the driver first, and links them under the names by which the linker and cudarc look for them.
fn build_libraries(compiler: &Compiler, directory: &Path) {
    let driver = directory.join("libcuda.so.1");
    let libraries: [(&[&str], &str, &str, &str); 5] = [
        (&["driver.cpp", "memory.cpp", "modules.cpp"], "libcuda.so", ".1", "-O2"),
        (&["nvrtc.cpp"], "libnvrtc.so", ".13", "-O1"),
        (&["cublas.cpp"], "libcublas.so", ".13", "-O3"),
        (&["cudnn.cpp"], "libcudnn.so", ".9", "-O3"),
        (&["nccl.cpp"], "libnccl.so", ".2", "-O1"),
    ];
    let read = |file: &&str| format!("#line 1 \"{file}\"\n{}", fs::read_to_string(here().join(file)).unwrap());
    let build = |&(sources, name, version, optimize): &(&[&str], &str, &str, &str)| {
        let text: String = sources.iter().map(read).collect();
        let soname = format!("-Wl,-soname,{name}{version}");
        let mut options = vec![optimize, "-Wall", "-Wextra", "-Werror", &soname];
        let driver = driver.to_str().unwrap();
        if name == "libcuda.so" {
            options.extend(["-ldl", "-pthread"]);
        } else {
            options.extend([driver, "-fassociative-math", "-fno-signed-zeros", "-fno-trapping-math"]);
        }
        let output = directory.join(format!("{name}{version}"));
        compiler.library(&text, &output, &options);
        link(&output, &directory.join(name));
    };
    build(&libraries[0]);
    libraries[1..].par_iter().for_each(build);
    compiler.library("", &directory.join("libcublasLt.so.13"), &["-Wl,-soname,libcublasLt.so.13"]);
    link(&directory.join("libcublasLt.so.13"), &directory.join("libcublasLt.so"));
}

fn link(library: &Path, name: &Path) {
    if !name.exists() {
        std::os::unix::fs::symlink(library.file_name().unwrap(), name).unwrap();
    }
}

/// Builds our kernels and dfdx's, one library for each of its files.
fn build_kernels(compiler: &Compiler, dfdx: &Path, directory: &Path) {
    let utilities = format!("-I{}", dfdx.join("utilities").display());
    let half = format!("-I{}", here().join("include").display());
    std::iter::once("simclr").chain(DFDX_KERNELS).par_bridge().for_each(|name| {
        if name == "simclr" {
            let program = sources::program();
            let exports = exports(&sources::kernels(&program));
            let text = format!("#include \"kernel.h\"\n{program}{exports}");
            return compiler.library(&text, &directory.join("kernels_simclr.so"), &["-O2"]);
        }
        let options = ["-O1", "-w", "-include", "dfdx.h", &half, &utilities];
        let source = file_below(dfdx, &format!("{name}.cu")).unwrap();
        let text = fs::read_to_string(&source).unwrap();
        let exports = exports(&extern_functions(&compiler.preprocessed(&source, &options)));
        let output = directory.join(format!("kernels_dfdx_{name}.so"));
        compiler.library(&format!("{text}\n{exports}"), &output, &options);
    });
}

fn exports(kernels: &[String]) -> String {
    kernels.iter().map(|kernel| format!("PREPARE({kernel})\n")).collect()
}

/// Returns the names of the functions declared `extern "C" void NAME(`.
fn extern_functions(text: &str) -> Vec<String> {
    let starts = text.split("extern \"C\"").skip(1).filter_map(|rest| rest.trim_start().strip_prefix("void "));
    let mut names: Vec<String> = starts.map(|rest| rest.split('(').next().unwrap().trim().to_owned()).collect();
    names.sort();
    names.dedup();
    names
}

/// Returns the directory of dfdx's kernels. Downloads the crates of the feature `cuda` if they have not been.
fn dfdx() -> Result<PathBuf, String> {
    let output = cargo().args(["metadata", "--format-version", "1", "--locked"]).output().unwrap();
    if !output.status.success() {
        return Err(format!("the crates of the feature cuda: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "dfdx").unwrap();
    Ok(Path::new(package["manifest_path"].as_str().unwrap()).with_file_name("src").join("tensor_ops"))
}

fn file_below(directory: &Path, name: &str) -> Option<PathBuf> {
    let entries: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    let found = entries.iter().find(|path| path.file_name().is_some_and(|file| file == name)).cloned();
    found.or_else(|| entries.iter().filter(|path| path.is_dir()).find_map(|path| file_below(path, name)))
}

fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// Builds the binary and the device tests. Crates that the feature does not change are those of this test's own build,
/// where cargo can share them (1.91 and later); the binary is in a directory of its own, beside the one without CUDA.
fn build_program(root: &Path) -> [PathBuf; 2] {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::iter::once(here().join("toolkit")).chain(std::env::split_paths(&path));
    let output = cargo()
        .args(["test", "--no-run", "--locked", "--release"])
        .args(["--features", "cuda", "--test", "cuda_device"])
        .args(["--message-format", "json-render-diagnostics", "--target-dir"])
        .arg(root.join("build"))
        .env("CARGO_BUILD_BUILD_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap())
        .env("CUDA_PATH", root)
        .env("PATH", std::env::join_paths(directories).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let messages = String::from_utf8_lossy(&output.stdout).into_owned();
    let messages: Vec<Value> = messages.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    ["simclr", "cuda_device"].map(|name| {
        let of_target = messages.iter().filter(|message| message["target"]["name"] == name);
        let executable = of_target.filter_map(|message| message["executable"].as_str()).next();
        PathBuf::from(executable.unwrap_or_else(|| panic!("cargo has not built {name}")))
    })
}
