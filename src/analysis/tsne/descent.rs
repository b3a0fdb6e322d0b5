//! Gradient descent with momentum and a gain for each coordinate (Jacobs 1988), as in van der Maaten's and
//! scikit-learn's code.

use crate::analysis::tsne::affinities::Affinities;
use crate::analysis::tsne::tree::{Repulsion, repulsion};
use rayon::prelude::*;

/// At first attraction is stronger, so that groups find together.
const EXAGGERATION: f64 = 12.0;
const EXAGGERATED_STEPS: usize = 250;

/// Momentum during exaggeration and after it.
const MOMENTUM: [f32; 2] = [0.5, 0.8];

/// Learning rate by the number of rows (Belkina et al. 2019; scikit-learn divides by 4 for its own form of the gradient).
const SMALLEST_RATE: f64 = 50.0;

/// A coordinate that keeps its direction goes faster, one that turns slower.
const FASTER: f32 = 0.2;
const SLOWER: f32 = 0.8;
const SMALLEST_GAIN: f32 = 0.01;

/// Rows that one thread works on at a time.
const CHUNK: usize = 64;

/// Where the points are, how they move, and how fast each coordinate goes; each `[rows, 2]`.
struct Motion {
    points: Vec<f32>,
    velocity: Vec<f32>,
    gains: Vec<f32>,
}

/// Moves the points, `[rows, 2]`, for `steps` steps.
pub(super) fn descend(
    affinities: &Affinities,
    points: Vec<f32>,
    steps: usize,
    progress: &dyn Fn(u64, u64),
) -> Vec<f32> {
    let length = points.len();
    let mut motion = Motion { points, velocity: vec![0.0; length], gains: vec![1.0; length] };
    let rate = (affinities.rows() as f64 / EXAGGERATION / 4.0).max(SMALLEST_RATE) as f32;
    for step in 0..steps {
        let early = step < EXAGGERATED_STEPS;
        let gradient = gradient(affinities, &motion.points, if early { EXAGGERATION as f32 } else { 1.0 });
        if step == EXAGGERATED_STEPS {
            // scikit-learn starts its second phase from rest.
            motion.velocity.fill(0.0);
            motion.gains.fill(1.0);
        }
        advance(&mut motion, &gradient, MOMENTUM[usize::from(!early)], rate);
        progress(step as u64 + 1, steps as u64);
    }
    motion.points
}

/// `4 (attraction - repulsion)`, `[rows, 2]`.
fn gradient(affinities: &Affinities, points: &[f32], exaggeration: f32) -> Vec<f32> {
    let Repulsion { mut forces, total } = repulsion(points);
    let share = (1.0 / total.max(f64::MIN_POSITIVE)) as f32;
    forces.par_chunks_mut(2).with_min_len(CHUNK).enumerate().for_each(|(i, force)| {
        let (x, y) = (points[2 * i], points[2 * i + 1]);
        let mut pull = [0.0f32; 2];
        for (j, p) in affinities.row(i) {
            let (dx, dy) = (x - points[2 * j], y - points[2 * j + 1]);
            let weight = p / (1.0 + dx * dx + dy * dy);
            pull[0] += weight * dx;
            pull[1] += weight * dy;
        }
        for (force, pull) in force.iter_mut().zip(pull) {
            *force = 4.0 * (exaggeration * pull - share * *force);
        }
    });
    forces
}

fn advance(motion: &mut Motion, gradient: &[f32], momentum: f32, rate: f32) {
    let coordinates = motion.points.iter_mut().zip(&mut motion.velocity).zip(&mut motion.gains).zip(gradient);
    for (((point, velocity), gain), gradient) in coordinates {
        *gain = if *velocity * gradient < 0.0 { *gain + FASTER } else { (*gain * SLOWER).max(SMALLEST_GAIN) };
        *velocity = momentum * *velocity - rate * *gain * gradient;
        *point += *velocity;
    }
}
