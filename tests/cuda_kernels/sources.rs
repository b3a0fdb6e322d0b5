//! The source of the kernels.

use std::fs;
use std::path::Path;

/// Files prepended to the kernels, in this order.
const HEADERS: [&str; 3] = ["common.cuh", "sums.cuh", "tensors.cuh"];

/// Concatenates headers and kernels, with `#line` directives.
pub(crate) fn program() -> String {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/nn/cuda/kernels");
    let mut kernels: Vec<String> = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".cu"))
        .collect();
    kernels.sort();
    assert!(kernels.len() >= 9, "{kernels:?}");
    let names = HEADERS.iter().map(|name| (*name).to_owned()).chain(kernels);
    names.map(|name| format!("#line 1 \"{name}\"\n{}", fs::read_to_string(directory.join(&name)).unwrap())).collect()
}

/// Returns the names of the kernels in a program.
pub(crate) fn kernels(program: &str) -> Vec<String> {
    let starts = program.split("\nKERNEL ").skip(1);
    starts.map(|rest| rest.split('(').next().unwrap().to_owned()).collect()
}
