//! Augmentation operators with fixed parameters against torchvision v2, and decoding against Pillow
//! (golden values from tests/golden/augment.py).

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may fail loudly")]

use serde_json::Value;
use simclr::augment::color_jitter::{self, Adjustment, JitterClip};
use simclr::augment::cutout::{Hole, cutout};
use simclr::augment::gaussian_blur::{BlurBuffers, gaussian_blur};
use simclr::augment::{contrast, flip, grayscale, hue, normalize, random_rotation, saturation, sobel, solarize};
use simclr::imaging::resample::ResampleInput;
use simclr::imaging::{self, Flip, Region, Resampler};

const TOLERANCE: f64 = 1e-4;
/// Minimum magnitude to which the tolerance is relative: values near 0 carry the rounding errors of values near 1.
const SMALL: f64 = 1e-2;

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/augment.json")).unwrap()
}

fn floats(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
}

fn integers(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|number| number.as_u64().unwrap() as usize).collect()
}

fn bytes(value: &Value) -> Vec<u8> {
    integers(value).into_iter().map(|byte| byte as u8).collect()
}

fn region(case: &Value) -> Region {
    let numbers = integers(&case["region"]);
    Region { left: numbers[0], top: numbers[1], width: numbers[2], height: numbers[3] }
}

fn adjustment(name: &str, amount: &Value) -> Adjustment {
    let amount = amount.as_f64().unwrap() as f32;
    match name {
        "brightness" => Adjustment::Brightness(amount),
        "shift" => Adjustment::Shift(amount),
        "contrast" => Adjustment::Contrast(amount),
        "channel_contrast" => Adjustment::ChannelContrast(amount),
        "saturation" => Adjustment::Saturation(amount),
        "hsv_saturation" => Adjustment::HsvSaturation(amount),
        "hue" => Adjustment::Hue(amount),
        other => panic!("unknown adjustment {other}"),
    }
}

/// Converts `[3, side, side]` to `[side, side, 3]`.
fn interleaved(planes: &[f32]) -> Vec<f32> {
    let area = planes.len() / 3;
    (0..planes.len()).map(|index| planes[index % 3 * area + index / 3]).collect()
}

/// Returns our result for a case.
fn ours(case: &Value, golden: &Value) -> Vec<f32> {
    let side = golden["side"].as_u64().unwrap() as usize;
    let mut planes = floats(&golden["small"]);
    let amount = || case["amount"].as_f64().unwrap() as f32;
    let mut output = vec![0.0; planes.len()];
    match case["operator"].as_str().unwrap() {
        "crop" => {
            let side = case["side"].as_u64().unwrap() as usize;
            let rgb = bytes(&golden["picture"]["rgb"]);
            let source = ResampleInput { width: 53, values: &rgb };
            planes.resize(3 * side * side, 0.0);
            Resampler::default().planes(source, region(case), side, Flip::default(), &mut planes);
        }
        "float_crop" => {
            let values = interleaved(&planes);
            let source = ResampleInput { width: side, values: &values };
            Resampler::default().planes(source, region(case), side, Flip::default(), &mut planes);
        }
        "horizontal_flip" => flip::horizontal(&mut planes, side),
        "vertical_flip" => flip::vertical(&mut planes, side),
        "jitter" => {
            let adjustments = case["changes"].as_array().unwrap();
            let adjustments: Vec<Adjustment> =
                adjustments.iter().map(|pair| adjustment(pair[0].as_str().unwrap(), &pair[1])).collect();
            color_jitter::apply(&mut planes, &adjustments, JitterClip::Each);
        }
        "grayscale" => grayscale::grayscale(&mut planes),
        "gaussian_blur" => {
            let (kernel, sigma) = (case["kernel"].as_u64().unwrap() as usize, case["sigma"].as_f64().unwrap() as f32);
            gaussian_blur(&mut planes, side, kernel, sigma, &mut BlurBuffers::default());
        }
        "solarize" => solarize::solarize(&mut planes, amount()),
        "rotation" => {
            random_rotation::rotate(&planes, side, amount(), &mut output);
            planes = output;
        }
        "sobel" => {
            sobel::sobel(&planes, side, &mut output);
            planes = output;
        }
        "normalize" => normalize::normalize(&mut planes, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        "cutout" => {
            let (rows, columns) = (integers(&case["rows"]), integers(&case["columns"]));
            cutout(&mut planes, side, &Hole { rows: rows[0]..rows[1], columns: columns[0]..columns[1] });
        }
        name => color_jitter::apply(&mut planes, &[adjustment(name, &case["amount"])], JitterClip::Each),
    }
    planes
}

#[test]
fn operators_match_torchvision() {
    let golden = golden();
    for case in golden["cases"].as_array().unwrap() {
        let (ours, expected) = (ours(case, &golden), floats(&case["expected"]));
        let mut label = case.clone();
        label.as_object_mut().unwrap().remove("expected");
        assert_eq!(ours.len(), expected.len(), "{label}");
        for (index, (ours, expected)) in ours.iter().zip(&expected).enumerate() {
            let (ours, expected) = (f64::from(*ours), f64::from(*expected));
            let allowed = TOLERANCE * expected.abs().max(SMALL);
            assert!((ours - expected).abs() <= allowed, "{label} at {index}: {ours} instead of {expected}");
        }
    }
}

/// Applies adjustments without clipping, unlike `color_jitter::apply`.
fn apply_unclipped(planes: &mut [f32], adjustments: &[Adjustment]) {
    for &adjustment in adjustments {
        match adjustment {
            Adjustment::ChannelContrast(factor) => contrast::channel_contrast(planes, factor),
            Adjustment::HsvSaturation(factor) => saturation::hsv_saturation(planes, factor),
            Adjustment::Hue(turns) => hue::hue(planes, turns),
            other => panic!("unexpected adjustment {other:?}"),
        }
    }
}

/// Golden values from `tests/golden/jitter_tensorflow.py`.
#[test]
fn the_tensorflow_variant_matches_tensorflow() {
    let golden: Value = serde_json::from_str(include_str!("golden/jitter_tensorflow.json")).unwrap();
    for case in golden["cases"].as_array().unwrap() {
        let name = case["image"].as_str().unwrap();
        let mut planes = floats(&golden["images"][name]);
        let adjustments = case["changes"].as_array().unwrap();
        let adjustments: Vec<Adjustment> =
            adjustments.iter().map(|pair| adjustment(pair[0].as_str().unwrap(), &pair[1])).collect();
        match case["clip"].as_bool() {
            Some(true) => color_jitter::apply(&mut planes, &adjustments, JitterClip::End),
            _ => apply_unclipped(&mut planes, &adjustments),
        }
        for (index, (ours, expected)) in planes.iter().zip(&floats(&case["expected"])).enumerate() {
            let allowed = TOLERANCE as f32 * expected.abs().max(SMALL as f32);
            assert!((ours - expected).abs() <= allowed, "{name} {adjustments:?} at {index}: {ours}, not {expected}");
        }
    }
}

#[test]
fn the_variant_selects_contrast_and_saturation() {
    let sampled = |variant: &str| {
        let config = serde_json::from_str(&format!(r#"{{"order": "fixed", "variant": "{variant}"}}"#)).unwrap();
        color_jitter::sample(&config, &mut simclr::base::rng::stream(1, "test", &[]))
    };
    let [first, contrast, saturation, last] = sampled("torchvision");
    let (Adjustment::Contrast(contrast), Adjustment::Saturation(saturation)) = (contrast, saturation) else {
        panic!("{contrast:?}, {saturation:?}");
    };
    let other = [first, Adjustment::ChannelContrast(contrast), Adjustment::HsvSaturation(saturation), last];
    assert_eq!(sampled("tensorflow"), other);
}

#[test]
fn flipping_while_resizing_equals_flipping_after_resizing() {
    let golden = golden();
    let rgb = bytes(&golden["picture"]["rgb"]);
    let region = Region { left: 3, top: 5, width: 40, height: 30 };
    let resize = |flip| {
        let mut planes = vec![0.0; 3 * 16 * 16];
        Resampler::default().planes(ResampleInput { width: 53, values: &rgb[..] }, region, 16, flip, &mut planes);
        planes
    };
    let mut expected = resize(Flip::default());
    flip::horizontal(&mut expected, 16);
    flip::vertical(&mut expected, 16);
    assert_eq!(resize(Flip { horizontal: true, vertical: true }), expected);
}

#[test]
fn decoding_matches_pillow() {
    for file in golden()["files"].as_array().unwrap() {
        let name = file["name"].as_str().unwrap();
        let image = imaging::decode(&bytes(&file["bytes"])).unwrap_or_else(|reason| panic!("{name}: {reason}"));
        let size = (image.width as u64, image.height as u64);
        assert_eq!(size, (file["width"].as_u64().unwrap(), file["height"].as_u64().unwrap()), "{name}");
        let tolerance = file["tolerance"].as_u64().unwrap() as i32;
        let expected = bytes(&file["rgb"]);
        let worst = image.rgb.iter().zip(&expected).map(|(a, b)| (i32::from(*a) - i32::from(*b)).abs()).max();
        assert!(worst.unwrap() <= tolerance, "{name}: {worst:?} levels off");
    }
}

#[test]
fn decoding_damaged_files_never_panics() {
    for file in golden()["files"].as_array().unwrap() {
        let (name, bytes) = (file["name"].as_str().unwrap(), bytes(&file["bytes"]));
        for length in 0..bytes.len() {
            let decoded = imaging::decode(&bytes[..length]);
            if name.contains("JPEG") || length < bytes.len() / 2 {
                assert!(decoded.is_err(), "{name} cut at {length} of {}", bytes.len());
            }
        }
        let mut damaged = bytes.clone();
        for at in 0..bytes.len() {
            damaged[at] ^= 0x55;
            let _ = imaging::decode(&damaged);
            damaged[at] ^= 0x55;
        }
    }
}
