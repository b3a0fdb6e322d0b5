//! Configuration files: valid ones load, and every mistake gives an error at its place and never a panic.

mod pipelines;
mod reference;
