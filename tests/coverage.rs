//! Do 95 % intervals hold the truth in 95 % of studies? Simulated studies whose truth is known.
//!
//! An image is classified correctly where skill + its ease + luck of the training run + luck of this image in this run
//! is above 0; all are normal, so that the expected accuracy is a normal probability.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests may fail loudly and say what they measured")]

use rayon::prelude::*;
use simclr::analysis::{Outcomes, difference};
use simclr::base::rng::{self, normal};
use statrs::distribution::{ContinuousCDF, Normal};

const STUDIES: u64 = 2000;

/// Two evaluations on the same images with the same seeds.
#[derive(Clone, Copy, Debug)]
struct World {
    images: usize,
    seeds: u64,
    /// What the two can do.
    skills: [f64; 2],
    /// Deviation of what is hard in an image for both, and for one of them alone.
    shared: f64,
    own: f64,
    /// Deviation of a training run's luck.
    luck: f64,
}

impl World {
    /// The accuracies over all images and seeds there could be; luck of an image in a run has deviation 1.
    fn truth(&self) -> [f64; 2] {
        let deviation = (1.0 + self.shared.powi(2) + self.own.powi(2) + self.luck.powi(2)).sqrt();
        self.skills.map(|skill| Normal::standard().cdf(skill / deviation))
    }

    /// Correctness by evaluation and seed.
    fn study(&self, number: u64) -> [Vec<Vec<bool>>; 2] {
        let mut rng = rng::stream(7, "coverage", &[number]);
        let mut draw = |deviation: f64| deviation * f64::from(normal(&mut rng));
        let shared: Vec<f64> = (0..self.images).map(|_| draw(self.shared)).collect();
        self.skills.map(|skill| {
            let own: Vec<f64> = shared.iter().map(|ease| skill + ease + draw(self.own)).collect();
            let run = |luck: f64, draw: &mut dyn FnMut(f64) -> f64| {
                own.iter().map(|ease| ease + luck + draw(1.0) > 0.0).collect::<Vec<bool>>()
            };
            (0..self.seeds).map(|_| run(draw(self.luck), &mut draw)).collect()
        })
    }

    /// The share of studies in which a statement about the two holds.
    fn share(&self, holds: impl Fn(&Outcomes<'_>, &Outcomes<'_>) -> bool + Sync) -> f64 {
        let holds = |number: u64| {
            let [first, second] = self.study(number);
            holds(&outcomes(&first), &outcomes(&second))
        };
        (0..STUDIES).into_par_iter().filter(|&number| holds(number)).count() as f64 / STUDIES as f64
    }
}

fn holds(interval: (f64, f64), truth: f64) -> bool {
    (interval.0..=interval.1).contains(&truth)
}

/// Small and large test sets, one seed to five, networks that differ little or much, luck of runs up to more than that
/// of images.
fn worlds() -> Vec<World> {
    let mut worlds = Vec::new();
    for (images, seeds, luck) in
        [(250, 1, 0.0), (2000, 1, 0.0), (250, 3, 0.1), (1000, 3, 0.05), (1000, 3, 0.2), (250, 5, 0.1), (2000, 5, 0.1)]
    {
        for skills in [[0.0, 0.1], [1.0, -0.5]] {
            worlds.push(World { images, seeds, skills, shared: 1.5, own: 1.0, luck });
        }
    }
    worlds
}

#[test]
fn intervals_of_differences_cover_95_percent() {
    for world in worlds() {
        let [first, second] = world.truth();
        let coverage = world.share(|a, b| holds(difference(a, b, true).interval, first - second));
        println!("difference: {:.1} % of {STUDIES} studies, {world:?}", 100.0 * coverage);
        assert!((0.93..=0.97).contains(&coverage), "{coverage}: {world:?}");
    }
}

#[test]
fn intervals_of_accuracies_cover_95_percent() {
    for world in worlds() {
        let [first, _] = world.truth();
        let coverage = world.share(|a, _| holds(a.accuracy().1, first));
        println!("accuracy: {:.1} % of {STUDIES} studies, {world:?}", 100.0 * coverage);
        assert!((0.93..=0.97).contains(&coverage), "{coverage}: {world:?}");
    }
}

/// With two seeds there is no interval of 95 % that is short, and where images are no harder for one than for the other
/// few seeds are judged by chance alone: such intervals hold more often than they say, never less.
#[test]
fn where_intervals_are_not_exact_they_are_on_the_safe_side() {
    for (seeds, own, luck) in
        [(2, 1.0, 0.0), (2, 1.0, 0.05), (2, 1.0, 0.2), (3, 1.0, 0.0), (3, 1.0, 0.05), (3, 0.0, 0.1)]
    {
        let world = World { images: 500, seeds, skills: [0.3, 0.1], shared: 1.5, own, luck };
        let [first, second] = world.truth();
        let coverage = world.share(|a, b| holds(difference(a, b, true).interval, first - second));
        println!("safe side: {:.1} % of {STUDIES} studies, {world:?}", 100.0 * coverage);
        assert!(coverage >= 0.93, "{coverage}: {world:?}");
    }
}

/// Where there is no difference, one is called in no more than 5 % of studies.
#[test]
fn p_values_are_below_5_percent_in_5_percent_of_studies() {
    for (images, seeds, luck) in [(250, 1, 0.0), (250, 3, 0.1), (1000, 3, 0.2), (1000, 5, 0.05)] {
        let world = World { images, seeds, skills: [0.2, 0.2], shared: 1.5, own: 1.0, luck };
        let called = world.share(|a, b| difference(a, b, true).p_value < 0.05);
        println!("called: {:.1} % of {STUDIES} studies, {world:?}", 100.0 * called);
        assert!((0.02..=0.07).contains(&called), "{called}: {world:?}");
    }
}

#[test]
fn intervals_on_other_images_cover_too() {
    let world = World { images: 400, seeds: 3, skills: [0.4, 0.0], shared: 1.5, own: 1.0, luck: 0.1 };
    let [first, second] = world.truth();
    let unpaired = |number: u64| {
        let ([a, _], [_, b]) = (world.study(number), world.study(STUDIES + number));
        holds(difference(&outcomes(&a), &outcomes(&b), false).interval, first - second)
    };
    let covered = (0..STUDIES).into_par_iter().filter(|&number| unpaired(number)).count();
    let coverage = covered as f64 / STUDIES as f64;
    assert!((0.93..=0.985).contains(&coverage), "{coverage}");
}

/// Runs with the seeds 0, 1, ...
fn outcomes(runs: &[Vec<bool>]) -> Outcomes<'_> {
    Outcomes::new(runs.iter().enumerate().map(|(seed, run)| (seed as u64, run.as_slice())).collect()).unwrap()
}
