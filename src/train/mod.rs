//! train

pub mod early_stopping;
pub mod softmax;
pub mod standardize;
