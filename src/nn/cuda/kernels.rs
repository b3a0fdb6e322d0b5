//! Functions that launch the kernels, with the parameters in the order of the sources in `kernels/`, which a test
//! checks.

use super::address::Address;
use super::arguments::{AdamStep, MaxPoolShape};
use super::gpu::Gpu;
use super::grid::{Grid, Partition};
use super::status::Checked;
use crate::base::Result;
use crate::nn::Precision;
use cudarc::driver::PushKernelArg;

/// A kernel's name and the types of its parameters.
#[cfg(test)]
type Signature = (&'static str, &'static [&'static str]);

macro_rules! launch {
    ($gpu:expr, $grid:expr, $name:expr, ($($parameter:ident),*)) => {{
        let function = $gpu.program.function($name)?;
        let mut launch = $gpu.stream.launch_builder(function);
        $(launch.arg(&$parameter);)*
        // SAFETY: the types are those of the kernel, which a test checks. The addresses are in device memory, to which
        // Rust has no references: a wrong length could corrupt values there or abort the kernel, but not corrupt this
        // process.
        unsafe { launch.launch($grid.launch()) }.checked("cuLaunchKernel")?;
        Ok(())
    }};
}

/// Returns the number of partial sums of a map by one of the kernels that exist by precision.
pub(super) fn parts(gpu: &Gpu, kernel: &str, precision: Precision, partition: &Partition) -> Result<usize> {
    Ok(partition.parts(gpu.program.resident(&format!("{kernel}{}", suffix(precision)))?))
}

/// Returns the end of a kernel's name.
fn suffix(precision: Precision) -> &'static str {
    match precision {
        Precision::F32 | Precision::Tf32 => "_f32",
        Precision::Bf16 => "_bf16",
    }
}

/// Defines a function per kernel. Those `by precision` exist twice, as NAME_f32 and NAME_bf16.
macro_rules! kernels {
    (by precision { $($typed:ident($($typed_parameter:ident: $typed_type:ty),*);)* }
     alone { $($name:ident($($parameter:ident: $type:ty),*);)* }) => {
        $(
            #[allow(clippy::too_many_arguments, reason = "as many as the kernel has")]
            pub(super) fn $typed(
                gpu: &Gpu, precision: Precision, grid: Grid, $($typed_parameter: $typed_type),*
            ) -> Result<()> {
                let name = match precision {
                    Precision::F32 | Precision::Tf32 => concat!(stringify!($typed), "_f32"),
                    Precision::Bf16 => concat!(stringify!($typed), "_bf16"),
                };
                launch!(gpu, grid, name, ($($typed_parameter),*))
            }
        )*
        $(
            #[allow(clippy::too_many_arguments, reason = "as many as the kernel has")]
            pub(super) fn $name(gpu: &Gpu, grid: Grid, $($parameter: $type),*) -> Result<()> {
                launch!(gpu, grid, stringify!($name), ($($parameter),*))
            }
        )*
        #[cfg(test)]
        const SIGNATURES: &[Signature] = &[
            $(
                (concat!(stringify!($typed), "_f32"), &[$(<$typed_type as tests::KernelArgument>::TYPE),*]),
                (concat!(stringify!($typed), "_bf16"), &[$(<$typed_type as tests::KernelArgument>::TYPE),*]),
            )*
            $((stringify!($name), &[$(<$type as tests::KernelArgument>::TYPE),*]),)*
        ];
    };
}

kernels! {
    by precision {
        weights(from: Address<'_>, taps: i32, inputs: i32, padded: i32, outputs: i32, to: Address<'_>);
        weights_gradient(from: Address<'_>, taps: i32, inputs: i32, padded: i32, outputs: i32, to: Address<'_>);
        pad(from: Address<'_>, pixels: i64, channels: i32, padded: i32, to: Address<'_>);
        bias(bias: Address<'_>, pixels: i64, channels: i32, map: Address<'_>);
        channel_sums(map: Address<'_>, pixels: i64, channels: i32, part_sums: Address<'_>);
        moments(input: Address<'_>, pixels: i64, channels: i32, part_means: Address<'_>, part_squares: Address<'_>);
        normalize(
            input: Address<'_>, residual: Address<'_>, pixels: i64, channels: i32, mean: Address<'_>,
            inv_std: Address<'_>, scale: Address<'_>, shift: Address<'_>, relu: i32, output: Address<'_>
        );
        gradient_sums(
            input: Address<'_>, relu_output: Address<'_>, gradient: Address<'_>, pixels: i64, channels: i32,
            mean: Address<'_>, inv_std: Address<'_>, scale: Address<'_>, shift: Address<'_>, relu: i32,
            part_products: Address<'_>, part_sums: Address<'_>
        );
        input_gradient(
            gradient: Address<'_>, pixels: i64, channels: i32, mean: Address<'_>, inv_std: Address<'_>,
            scale: Address<'_>, shift: Address<'_>, relu: i32, scale_gradient: Address<'_>,
            shift_gradient: Address<'_>, input: Address<'_>
        );
        max_pool(input: Address<'_>, images: i64, shape: MaxPoolShape, output: Address<'_>);
        max_pool_gradient(
            input: Address<'_>, output: Address<'_>, output_gradient: Address<'_>, images: i64, shape: MaxPoolShape,
            input_gradient: Address<'_>
        );
        average_pool(input: Address<'_>, images: i64, pixels: i32, channels: i32, output: Address<'_>);
        average_pool_gradient(
            output_gradient: Address<'_>, images: i64, pixels: i32, channels: i32, input_gradient: Address<'_>
        );
    }

    alone {
        add(from: Address<'_>, length: i64, to: Address<'_>);
        to_bf16(from: Address<'_>, length: i64, to: Address<'_>);
        to_f32(from: Address<'_>, length: i64, to: Address<'_>);
        channel_sums_merge(part_sums: Address<'_>, parts: i32, channels: i32, sums: Address<'_>);
        moments_merge(
            part_means: Address<'_>, part_squares: Address<'_>, parts: i32, pixels: i64, channels: i32, epsilon: f32,
            mean: Address<'_>, inv_std: Address<'_>, running_mean: Address<'_>, running_variance: Address<'_>,
            momentum: f32
        );
        inv_std(epsilon: f32, variance: Address<'_>, channels: i32, output: Address<'_>);
        gradient_sums_merge(
            part_products: Address<'_>, part_sums: Address<'_>, parts: i32, channels: i32,
            inv_std: Address<'_>, scale_gradient: Address<'_>, shift_gradient: Address<'_>
        );
        l2_normalize(z: Address<'_>, rows: i32, width: i32, u: Address<'_>, norms: Address<'_>);
        l2_normalize_gradient(u: Address<'_>, norms: Address<'_>, rows: i32, width: i32, gradient: Address<'_>);
        nt_xent_rows(
            s: Address<'_>, rows: i32, temperature: f32, row_max: Address<'_>, inverse_sum: Address<'_>,
            positive: Address<'_>, other: Address<'_>, loss: Address<'_>
        );
        nt_xent_metrics(
            positive: Address<'_>, other: Address<'_>, loss: Address<'_>, rows: i32, temperature: f64,
            metrics: Address<'_>
        );
        nt_xent_similarity_gradient(
            row_max: Address<'_>, inverse_sum: Address<'_>, rows: i32, temperature: f32, s: Address<'_>
        );
        sgd(
            tensors: Address<'_>, chunks: Address<'_>, count: i32, rate: f32, momentum: f32, decay: f32, nesterov: i32
        );
        adam(tensors: Address<'_>, chunks: Address<'_>, count: i32, step: AdamStep);
        lars_squares(tensors: Address<'_>, chunks: Address<'_>, count: i32, decay: f32, squares: Address<'_>);
        lars(
            tensors: Address<'_>, chunks: Address<'_>, count: i32, decay: f32, squares: Address<'_>, rate: f64,
            trust: f64, momentum: f32
        );
        square_sums(tensors: Address<'_>, chunks: Address<'_>, count: i32, sums: Address<'_>);
        square_sums_merge(sums: Address<'_>, count: i32, total: Address<'_>);
        scale_gradients(tensors: Address<'_>, chunks: Address<'_>, count: i32, factor: f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::cuda::source;

    pub(super) trait KernelArgument {
        /// The type in CUDA C++, `*` for every pointer.
        const TYPE: &'static str;
    }

    macro_rules! types {
        ($($type:ty => $name:literal),*) => {
            $(impl KernelArgument for $type {
                const TYPE: &'static str = $name;
            })*
        };
    }

    types!(
        Address<'_> => "*", i32 => "int", i64 => "long long", f32 => "float", f64 => "double",
        MaxPoolShape => "MaxPoolShape", AdamStep => "AdamStep"
    );

    /// Returns the types of a kernel's parameters in its source.
    fn types_in_source(program: &str, name: &str) -> Option<Vec<String>> {
        let list = program.split_once(&format!("\nKERNEL {name}("))?.1.split_once(')')?.0;
        let type_of = |parameter: &str| {
            let words: Vec<&str> = parameter.split_whitespace().filter(|word| *word != "const").collect();
            let pointer = parameter.contains('*');
            if pointer { "*".to_owned() } else { words[..words.len() - 1].join(" ") }
        };
        Some(list.split(',').map(type_of).collect())
    }

    #[test]
    fn parameters_match_the_sources() {
        let program = source::program();
        for (name, types) in SIGNATURES {
            let expected = types_in_source(&program, name).unwrap_or_else(|| panic!("no kernel {name}"));
            assert_eq!(types.to_vec(), expected, "{name}");
        }
    }
}
