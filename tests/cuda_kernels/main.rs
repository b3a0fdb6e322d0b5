//! The CUDA kernels, whose source runs on the host here, against the CPU backend; and compiled for GPUs.
//!
//! `CXX` names another compiler. `CXXFLAGS` are added, such as `-O2 -march=native` for fused multiply-adds as on a GPU
//! (`normalize` then fails for a batch of one pixel: its deviation is 0, so a last bit is multiplied by 300), or a
//! sanitizer, whose library must be loaded first:
//!
//! - `CXXFLAGS=-fsanitize=address,undefined`, `LD_PRELOAD="$(c++ -print-file-name=libasan.so) $(c++
//!   -print-file-name=libubsan.so)"`, `ASAN_OPTIONS=detect_leaks=0`
//! - `CXXFLAGS="-fsanitize=thread -DREAL_THREADS"`, `LD_PRELOAD=$(c++ -print-file-name=libtsan.so)`

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops by panicking")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

mod host;
mod number;
mod sources;

mod compile;
mod convert;
mod normalize;
mod nt_xent;
mod optimizers;
mod pool;
