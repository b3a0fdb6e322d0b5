//! The kernels compiled for GPUs.
