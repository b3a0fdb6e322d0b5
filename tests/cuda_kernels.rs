//! The CUDA kernels, whose source runs on the host here, against the CPU backend; and compiled for GPUs.
//!
//! `CXX` and `CXXFLAGS` choose another compiler or a sanitizer, whose library goes into `LD_PRELOAD`:
//! `CXXFLAGS=-fsanitize=address,undefined LD_PRELOAD=$(c++ -print-file-name=libasan.so)`. See `cuda_kernels/host.h`.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops by panicking")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

#[path = "cuda_kernels/host.rs"]
mod host;
#[path = "cuda_kernels/number.rs"]
mod number;
#[path = "cuda_kernels/sources.rs"]
mod sources;

#[path = "cuda_kernels/compile.rs"]
mod compile;
#[path = "cuda_kernels/convert.rs"]
mod convert;
#[path = "cuda_kernels/normalize.rs"]
mod normalize;
#[path = "cuda_kernels/nt_xent.rs"]
mod nt_xent;
#[path = "cuda_kernels/optimizers.rs"]
mod optimizers;
#[path = "cuda_kernels/pool.rs"]
mod pool;
