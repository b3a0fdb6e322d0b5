//! Configuration files: valid ones load, and every mistake gives an error at its place and never a panic.

mod files;
mod mistakes;
mod mutations;
mod pipelines;
mod reference;
