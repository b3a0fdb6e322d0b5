//! The source of the kernels, which is compiled as one program.

/// The headers in the order of their dependencies, then the kernels; there are no other includes.
const FILES: [(&str, &str); 14] = [
    ("common.cuh", include_str!("kernels/common.cuh")),
    ("sums.cuh", include_str!("kernels/sums.cuh")),
    ("tensors.cuh", include_str!("kernels/tensors.cuh")),
    ("add.cu", include_str!("kernels/add.cu")),
    ("average_pool.cu", include_str!("kernels/average_pool.cu")),
    ("bias.cu", include_str!("kernels/bias.cu")),
    ("convert.cu", include_str!("kernels/convert.cu")),
    ("lars.cu", include_str!("kernels/lars.cu")),
    ("max_pool.cu", include_str!("kernels/max_pool.cu")),
    ("moments.cu", include_str!("kernels/moments.cu")),
    ("normalize.cu", include_str!("kernels/normalize.cu")),
    ("normalize_gradient.cu", include_str!("kernels/normalize_gradient.cu")),
    ("nt_xent.cu", include_str!("kernels/nt_xent.cu")),
    ("optimizers.cu", include_str!("kernels/optimizers.cu")),
];

/// Concatenates all files, with `#line` directives for the compiler's messages.
pub(super) fn program() -> String {
    FILES.iter().map(|(name, text)| format!("#line 1 \"{name}\"\n{text}\n")).collect()
}

/// Returns the names of all kernels.
pub(super) fn kernels(program: &str) -> Vec<&str> {
    let starts = program.split("\nKERNEL ").skip(1);
    starts.filter_map(|rest| rest.split('(').next()).collect()
}
