//! Tests of the CUDA kernels: their source, compiled for the host, against the CPU backend; and compiled for GPUs.
//!
//! `CXX` names another compiler. `CXXFLAGS` are appended, such as `-O2 -march=native` for fused multiply-add as on a
//! GPU (`normalize` then fails for a batch of one pixel: its standard deviation is 0, so a rounding error is multiplied
//! by 300), or a sanitizer, whose library must be preloaded:
//!
//! - `CXXFLAGS=-fsanitize=address,undefined`, `LD_PRELOAD="$(c++ -print-file-name=libasan.so) $(c++
//!   -print-file-name=libubsan.so)"`, `ASAN_OPTIONS=detect_leaks=0`
//! - `CXXFLAGS="-fsanitize=thread -DREAL_THREADS"`, `LD_PRELOAD=$(c++ -print-file-name=libtsan.so)`

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops by panicking")]
#![allow(clippy::print_stderr, reason = "a skipped test reports that")]

mod element;
mod host;
mod sources;

mod add;
mod bias;
mod compile;
mod convert;
mod normalize;
mod nt_xent;
mod optimizers;
mod pool;
