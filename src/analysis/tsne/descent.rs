//! Gradient descent with momentum and a gain per coordinate (Jacobs 1988), as in van der Maaten's and scikit-learn's
//! code.

use crate::analysis::tsne::affinities::Affinities;
use crate::analysis::tsne::tree::{Repulsion, repulsion};
use rayon::prelude::*;

/// Early exaggeration: factor on the attraction in the first steps.
const EXAGGERATION: f64 = 12.0;
/// Number of steps with exaggeration.
const EXAGGERATED_STEPS: usize = 250;

/// Momentum during exaggeration and after it.
const MOMENTUM: [f32; 2] = [0.5, 0.8];

/// Minimum learning rate; otherwise it is proportional to the number of rows (Belkina et al. 2019, divided by 4 as in
/// scikit-learn).
const MIN_LEARNING_RATE: f64 = 50.0;

/// Added to the gain of a coordinate whose gradient keeps its sign.
const GAIN_INCREASE: f32 = 0.2;
/// Factor on the gain of a coordinate whose gradient changes its sign.
const GAIN_DECAY: f32 = 0.8;
/// Minimum gain.
const MIN_GAIN: f32 = 0.01;

/// Minimum number of rows per task.
const MIN_TASK_ROWS: usize = 64;

/// Points, velocity and gain of each coordinate, each `[rows, 2]`.
struct DescentState {
    points: Vec<f32>,
    velocity: Vec<f32>,
    gains: Vec<f32>,
}

/// Runs `steps` steps from `points`, `[rows, 2]`; returns the final points.
pub(super) fn descend(
    affinities: &Affinities,
    points: Vec<f32>,
    steps: usize,
    progress: &dyn Fn(u64, u64),
) -> Vec<f32> {
    let length = points.len();
    let mut state = DescentState { points, velocity: vec![0.0; length], gains: vec![1.0; length] };
    let rate = (affinities.rows() as f64 / EXAGGERATION / 4.0).max(MIN_LEARNING_RATE) as f32;
    for step in 0..steps {
        let early = step < EXAGGERATED_STEPS;
        let gradient = gradient(affinities, &state.points, if early { EXAGGERATION as f32 } else { 1.0 });
        if step == EXAGGERATED_STEPS {
            // scikit-learn resets velocity and gains for its second phase.
            state.velocity.fill(0.0);
            state.gains.fill(1.0);
        }
        advance(&mut state, &gradient, MOMENTUM[usize::from(!early)], rate);
        progress(step as u64 + 1, steps as u64);
    }
    state.points
}

/// Returns the gradient, `4 (attraction - repulsion)`, `[rows, 2]`.
fn gradient(affinities: &Affinities, points: &[f32], exaggeration: f32) -> Vec<f32> {
    let Repulsion { mut forces, total } = repulsion(points);
    let normalizer = (1.0 / total.max(f64::MIN_POSITIVE)) as f32;
    forces.par_chunks_mut(2).with_min_len(MIN_TASK_ROWS).enumerate().for_each(|(i, force)| {
        let (x, y) = (points[2 * i], points[2 * i + 1]);
        let mut attraction = [0.0f32; 2];
        for (j, p) in affinities.row(i) {
            let (dx, dy) = (x - points[2 * j], y - points[2 * j + 1]);
            let weight = p / (1.0 + dx * dx + dy * dy);
            attraction[0] += weight * dx;
            attraction[1] += weight * dy;
        }
        for (force, attraction) in force.iter_mut().zip(attraction) {
            *force = 4.0 * (exaggeration * attraction - normalizer * *force);
        }
    });
    forces
}

fn advance(state: &mut DescentState, gradient: &[f32], momentum: f32, rate: f32) {
    let coordinates = state.points.iter_mut().zip(&mut state.velocity).zip(&mut state.gains).zip(gradient);
    for (((point, velocity), gain), gradient) in coordinates {
        *gain = if *velocity * gradient < 0.0 { *gain + GAIN_INCREASE } else { (*gain * GAIN_DECAY).max(MIN_GAIN) };
        *velocity = momentum * *velocity - rate * *gain * gradient;
        *point += *velocity;
    }
}
