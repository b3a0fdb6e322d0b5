//! Random resized crop (Szegedy et al. 2015), drawn as in torchvision.

use crate::augment::config::RandomResizedCropConfig;
use crate::base::rng::{Rng, unit};
use crate::imaging::Region;

/// Draws before the fallback.
const TRIES: usize = 10;

/// Draws the part of a `width` x `height` image that is kept.
///
/// Area uniform, ratio uniform in its logarithm; ten tries for a crop that fits, then the largest middle part whose
/// ratio is in the range. All numbers are drawn whether they are used or not, so that images of different sizes stay
/// in step where a batch shares one stream.
pub fn draw(config: &RandomResizedCropConfig, width: usize, height: usize, rng: &mut Rng) -> Region {
    let sizes: [(f32, f32); TRIES] = std::array::from_fn(|_| (unit(rng), unit(rng)));
    let place = (unit(rng), unit(rng));
    let size = sizes.into_iter().find_map(|draws| size(config, width, height, draws));
    size.map_or_else(|| middle(config, width, height), |size| put(size, place, width, height))
}

/// Width and height for one pair of draws, if they fit into the image.
fn size(
    config: &RandomResizedCropConfig,
    width: usize,
    height: usize,
    (area, ratio): (f32, f32),
) -> Option<(usize, usize)> {
    let between = |[low, high]: [f64; 2], draw: f32| low + (high - low) * f64::from(draw);
    let area = (width * height) as f64 * between(config.scale, area);
    let ratio = between(config.ratio.map(f64::ln), ratio).exp();
    let across = (area * ratio).sqrt().round() as usize;
    let down = (area / ratio).sqrt().round() as usize;
    ((1..=width).contains(&across) && (1..=height).contains(&down)).then_some((across, down))
}

/// Puts the crop anywhere inside, every whole pixel as likely.
fn put((across, down): (usize, usize), (x, y): (f32, f32), width: usize, height: usize) -> Region {
    let offset = |free: usize, draw: f32| ((draw * (free + 1) as f32) as usize).min(free);
    Region { left: offset(width - across, x), top: offset(height - down, y), width: across, height: down }
}

/// torchvision's fallback: the largest middle part with a ratio in the range.
fn middle(config: &RandomResizedCropConfig, width: usize, height: usize) -> Region {
    let [low, high] = config.ratio;
    let ratio = width as f64 / height as f64;
    let (mut across, mut down) = (width, height);
    if ratio < low {
        down = ((width as f64 / low).round() as usize).clamp(1, height);
    } else if ratio > high {
        across = ((height as f64 * high).round() as usize).clamp(1, width);
    }
    Region { left: (width - across) / 2, top: (height - down) / 2, width: across, height: down }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::stream;

    const CONFIG: RandomResizedCropConfig =
        RandomResizedCropConfig { scale: [0.08, 1.0], ratio: [0.75, 4.0 / 3.0], p: 1.0 };

    #[test]
    fn crops_lie_inside_and_have_the_area_and_ratio_asked_for() {
        let (mut areas, draws) = (0.0, 4000);
        for draw_number in 0..draws {
            let crop = draw(&CONFIG, 300, 200, &mut stream(1, "crop", &[draw_number]));
            assert!(crop.left + crop.width <= 300 && crop.top + crop.height <= 200);
            let ratio = crop.width as f64 / crop.height as f64;
            assert!((0.74..1.35).contains(&ratio), "{ratio}");
            areas += (crop.width * crop.height) as f64 / 60_000.0;
        }
        // 60 000 pixels in a ratio up to 4/3 fit only up to 53 333, so large areas are drawn again: torchvision's mean of
        // 100 000 draws here is 0.391.
        let mean = areas / draws as f64;
        assert!((mean - 0.391).abs() < 0.015, "{mean}");
    }

    #[test]
    fn images_too_long_for_any_crop_give_their_middle() {
        let config = RandomResizedCropConfig { scale: [0.9, 1.0], ..CONFIG };
        let crop = draw(&config, 1000, 10, &mut stream(1, "crop", &[]));
        assert_eq!(crop, Region { left: 493, top: 0, width: 13, height: 10 });
        let crop = draw(&config, 10, 1000, &mut stream(1, "crop", &[]));
        assert_eq!(crop, Region { left: 0, top: 493, width: 10, height: 13 });
    }
}
