//! Augmented views and single operators on one thread for an image of 341 x 256 pixels, and batches on all threads.

#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use simclr::augment::color_jitter::JitterClip;
use simclr::augment::gaussian_blur::BlurBuffers;
use simclr::augment::{Policy, Scratch, color_jitter, gaussian_blur, grayscale, hue, random_rotation, sobel};
use simclr::base::rng::{below, stream};
use simclr::dataset::{ImageDataset, LoaderConfig, contrastive_batches, decode};
use simclr::imaging::resample::ResampleInput;
use simclr::imaging::{Fit, Flip, Image, Region, Resampler};
use std::hint::black_box;
use std::sync::Arc;

const WIDTH: usize = 341;
const HEIGHT: usize = 256;
const CROP_FLIP_JITTER_GRAY: &str = "{ random_resized_crop = {} }, { horizontal_flip = { p = 0.5 } }, \
     { color_jitter = {} }, { grayscale = {} }";
const BLUR: &str = ", { gaussian_blur = {} }";

fn test_image() -> Image {
    let mut rng = stream(1, "bench", &[]);
    let rgb = (0..WIDTH * HEIGHT * 3).map(|index| ((index / 97) as u64 + below(64, &mut rng)) as u8).collect();
    Image { width: WIDTH, height: HEIGHT, rgb }
}

fn views(criterion: &mut Criterion) {
    let image = test_image();
    let mut group = criterion.benchmark_group("view");
    group.throughput(Throughput::Elements(1));
    for side in [64, 224] {
        for (name, blur) in [("simclr", ""), ("simclr+blur", BLUR)] {
            let config = toml::from_str(&format!("ops = [{CROP_FLIP_JITTER_GRAY}{blur}]")).unwrap();
            let policy = Policy::new(&config, side, Fit::Squash);
            let (mut scratch, mut out) = (Scratch::default(), vec![0.0; side * side * 3]);
            let mut view = 0;
            group.bench_function(format!("{name} {side}"), |bencher| {
                bencher.iter(|| {
                    view += 1;
                    policy.apply(image.view(), &mut stream(1, "bench", &[view]), &mut scratch, &mut out);
                });
            });
        }
    }
    group.finish();
}

/// Batches on all threads of the pool, from images of 256 pixels.
fn batches(criterion: &mut Criterion) {
    const IMAGES: usize = 128;
    let directory = tempfile::tempdir().unwrap();
    let toml = format!("source = {{ shapes = {{ train = {IMAGES}, test = 8, classes = 8 }} }}\nimage_size = 256");
    decode(&toml::from_str(&toml).unwrap(), 1, directory.path(), &|_, _| {}, &|| Ok(())).unwrap();
    let dataset = Arc::new(ImageDataset::open(directory.path()).unwrap());
    let mut group = criterion.benchmark_group("batches");
    group.throughput(Throughput::Elements(2 * IMAGES as u64));
    for side in [64, 224] {
        for (name, blur) in [("simclr", ""), ("simclr+blur", BLUR)] {
            let config = toml::from_str(&format!("ops = [{CROP_FLIP_JITTER_GRAY}{blur}]")).unwrap();
            let policy = Arc::new(Policy::new(&config, side, Fit::Squash));
            let config = LoaderConfig { batch_size: 32, epochs: 1, skip: 0, seed: 1 };
            group.bench_function(format!("{name} {side}"), |bencher| {
                bencher.iter(|| {
                    contrastive_batches(dataset.clone(), (0..IMAGES).collect(), policy.clone(), config).count()
                });
            });
        }
    }
    group.finish();
}

fn operators(criterion: &mut Criterion) {
    const SIDE: usize = 224;
    let image = test_image();
    let region = Region { left: 40, top: 20, width: 230, height: 200 };
    let mut planes = vec![0.0; 3 * SIDE * SIDE];
    let mut buffers = planes.clone();
    let mut resampler = Resampler::default();
    let mut group = criterion.benchmark_group("operator 224");
    group.bench_function("crop", |bencher| {
        let input = ResampleInput { width: WIDTH, values: &image.rgb[..] };
        bencher.iter(|| resampler.planes(input, region, SIDE, Flip::default(), black_box(&mut planes)));
    });
    for (name, adjustment) in [
        ("brightness", color_jitter::Adjustment::Brightness(1.01)),
        ("contrast", color_jitter::Adjustment::Contrast(0.99)),
        ("saturation", color_jitter::Adjustment::Saturation(1.01)),
        ("hue", color_jitter::Adjustment::Hue(0.1)),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| color_jitter::apply(black_box(&mut planes), &[adjustment], JitterClip::Each));
        });
    }
    group.bench_function("hue alone", |bencher| bencher.iter(|| hue::hue(black_box(&mut planes), 0.1)));
    group.bench_function("grayscale", |bencher| bencher.iter(|| grayscale::grayscale(black_box(&mut buffers))));
    for sigma in [0.5, 2.0] {
        let mut buffers = BlurBuffers::default();
        group.bench_function(format!("blur sigma {sigma}"), |bencher| {
            bencher.iter(|| gaussian_blur::gaussian_blur(black_box(&mut planes), SIDE, 23, sigma, &mut buffers));
        });
    }
    group.bench_function("rotation", |bencher| {
        bencher.iter(|| random_rotation::rotate(&planes, SIDE, 20.0, black_box(&mut buffers)));
    });
    group.bench_function("sobel", |bencher| bencher.iter(|| sobel::sobel(&planes, SIDE, black_box(&mut buffers))));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(std::time::Duration::from_secs(2));
    targets = views, batches, operators
}
criterion_main!(benches);
