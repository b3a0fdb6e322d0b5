//! t-SNE of features with the width of a small encoder, and the principal components that initialize it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark may panic")]

use criterion::{Criterion, criterion_group, criterion_main};
use simclr::analysis::{FeatureMatrix, TsneConfig, principal_components, tsne};
use simclr::base::rng;
use std::hint::black_box;

const WIDTH: usize = 512;
const CLASSES: usize = 5;

/// Returns the features of `rows` images in clusters.
fn features(rows: usize) -> Vec<f32> {
    let mut random = rng::stream(1, "bench", &[]);
    let centers: Vec<f32> = (0..CLASSES * WIDTH).map(|_| rng::normal(&mut random)).collect();
    (0..rows * WIDTH)
        .map(|i| rng::normal(&mut random) + centers[(i / WIDTH % CLASSES) * WIDTH + i % WIDTH] / 4.0)
        .collect()
}

fn benchmark(criterion: &mut Criterion) {
    let config = TsneConfig { perplexity: 30.0, iterations: 1000 };
    let mut group = criterion.benchmark_group("tsne");
    group.sample_size(10);
    for rows in [250, 1500] {
        let values = features(rows);
        let features = FeatureMatrix::new(rows, WIDTH, &values);
        group.bench_function(format!("{rows}x{WIDTH}"), |bench| {
            bench.iter(|| tsne(black_box(features), &config, 1, &|_, _| {}));
        });
    }
    let values = features(1500);
    group.bench_function(format!("pca 1500x{WIDTH}"), |bench| {
        bench.iter(|| principal_components(black_box(FeatureMatrix::new(1500, WIDTH, &values)), 50));
    });
    group.finish();
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
