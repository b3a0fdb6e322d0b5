//! What is computed from features and predictions: kNN, PCA, t-SNE, intervals, confusion, representation health.

pub mod config;
