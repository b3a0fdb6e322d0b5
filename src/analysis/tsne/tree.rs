//! The Barnes-Hut quadtree: distant groups of points repel like one heavy point at their center.

use rayon::prelude::*;

/// A cell counts as one point if its width is below this fraction of its distance.
const ANGLE: f32 = 0.5;

/// Bits per coordinate in the cell code; points closer than 2^-16 of the extent share a leaf.
const BITS: u32 = 16;

/// Minimum number of points per task.
const MIN_TASK_POINTS: usize = 256;

/// A cell or leaf; cells are stored in depth-first preorder.
struct Cell {
    x: f32,
    y: f32,
    mass: f32,
    /// Squared distance from which the cell counts as one point; negative for a leaf, which always does.
    near: f32,
    /// Index of the next cell that is not inside this one.
    next: u32,
}

/// Repulsive forces and their normalizer.
pub(super) struct Repulsion {
    /// `[rows, 2]`: for each point the sum over the others of `q^2 * difference`, `q = 1 / (1 + distance^2)`.
    pub(super) forces: Vec<f32>,
    /// Sum of q over all ordered pairs.
    pub(super) total: f64,
}

/// Computes the repulsion between points in the plane, `[rows, 2]`.
pub(super) fn repulsion(points: &[f32]) -> Repulsion {
    let (codes, side) = cell_codes(points);
    let sorted: Vec<[f32; 2]> =
        codes.iter().map(|&(_, i)| [points[2 * i as usize], points[2 * i as usize + 1]]).collect();
    let mut cells = Vec::with_capacity(2 * sorted.len());
    build(&mut cells, &codes, &sorted, side);
    let repulsions: Vec<[f32; 3]> =
        sorted.par_iter().with_min_len(MIN_TASK_POINTS).map(|&point| point_repulsion(&cells, point)).collect();
    let mut forces = vec![0.0; points.len()];
    for (&(_, i), &[x, y, _]) in codes.iter().zip(&repulsions) {
        forces[2 * i as usize] = x;
        forces[2 * i as usize + 1] = y;
    }
    Repulsion { forces, total: repulsions.iter().map(|repulsion| f64::from(repulsion[2])).sum() }
}

/// Returns (cell code, point index) in Z-order, and the side of the bounding square.
fn cell_codes(points: &[f32]) -> (Vec<(u32, u32)>, f32) {
    let (mut low, mut high) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]);
    for point in points.chunks(2) {
        for axis in 0..2 {
            low[axis] = low[axis].min(point[axis]);
            high[axis] = high[axis].max(point[axis]);
        }
    }
    let side = (high[0] - low[0]).max(high[1] - low[1]).max(f32::MIN_POSITIVE);
    let scale = (1 << BITS) as f32 / side;
    let cell = |x: f32, axis: usize| (((x - low[axis]) * scale) as u32).min((1 << BITS) - 1);
    let code = |point: &[f32]| interleave(cell(point[0], 0)) | interleave(cell(point[1], 1)) << 1;
    let mut codes: Vec<(u32, u32)> = points.chunks(2).map(code).zip(0..).collect();
    codes.par_sort_unstable();
    (codes, side)
}

/// Interleaves the lower 16 bits with zeros.
fn interleave(bits: u32) -> u32 {
    let bits = (bits | bits << 8) & 0x00ff_00ff;
    let bits = (bits | bits << 4) & 0x0f0f_0f0f;
    let bits = (bits | bits << 2) & 0x3333_3333;
    (bits | bits << 1) & 0x5555_5555
}

/// Appends the cell of some consecutive points, then the cells inside it.
fn build(cells: &mut Vec<Cell>, codes: &[(u32, u32)], points: &[[f32; 2]], side: f32) {
    let own = cells.len();
    cells.push(Cell { x: 0.0, y: 0.0, mass: codes.len() as f32, near: -1.0, next: 0 });
    let (first, last) = (codes[0].0, codes[codes.len() - 1].0);
    let mut sum = [0.0f64; 2];
    if first == last {
        points.iter().for_each(|point| (0..2).for_each(|axis| sum[axis] += f64::from(point[axis])));
    } else {
        // The smallest cell that contains all of them; levels with a single child are skipped.
        let depth = (first ^ last).leading_zeros() / 2;
        let width = side / (1u32 << depth) as f32;
        cells[own].near = (width / ANGLE) * (width / ANGLE);
        let quadrant = |code: u32| code >> (2 * (BITS - 1 - depth));
        let mut start = 0;
        while start < codes.len() {
            let count = codes[start..].partition_point(|&(code, _)| quadrant(code) == quadrant(codes[start].0));
            let child = cells.len();
            build(cells, &codes[start..start + count], &points[start..start + count], side);
            let Cell { x, y, mass, .. } = cells[child];
            sum = [sum[0] + f64::from(x * mass), sum[1] + f64::from(y * mass)];
            start += count;
        }
    }
    let next = cells.len() as u32;
    let cell = &mut cells[own];
    cell.x = (sum[0] / f64::from(cell.mass)) as f32;
    cell.y = (sum[1] / f64::from(cell.mass)) as f32;
    cell.next = next;
}

/// Returns the repulsive force on a point and its sum of q over the others.
fn point_repulsion(cells: &[Cell], [x, y]: [f32; 2]) -> [f32; 3] {
    // The sum includes the point itself, at distance 0: q = 1, no force.
    let (mut force, mut total) = ([0.0f32; 2], -1.0f32);
    let mut index = 0;
    while let Some(cell) = cells.get(index) {
        let (dx, dy) = (x - cell.x, y - cell.y);
        let square = dx * dx + dy * dy;
        if square > cell.near {
            let q = 1.0 / (1.0 + square);
            let weight = cell.mass * q;
            total += weight;
            force[0] += weight * q * dx;
            force[1] += weight * q * dy;
            index = cell.next as usize;
        } else {
            index += 1;
        }
    }
    [force[0], force[1], total]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng;

    fn exact(points: &[f32]) -> (Vec<f64>, f64) {
        let at = |i: usize| (f64::from(points[2 * i]), f64::from(points[2 * i + 1]));
        let (mut forces, mut total) = (vec![0.0; points.len()], 0.0);
        for i in 0..points.len() / 2 {
            for j in (0..points.len() / 2).filter(|&j| j != i) {
                let (dx, dy) = (at(i).0 - at(j).0, at(i).1 - at(j).1);
                let q = 1.0 / (1.0 + dx * dx + dy * dy);
                total += q;
                forces[2 * i] += q * q * dx;
                forces[2 * i + 1] += q * q * dy;
            }
        }
        (forces, total)
    }

    #[test]
    fn repulsion_approximates_the_exact_forces() {
        for scale in [1e-4, 1.0, 30.0] {
            let mut random = rng::stream(1, "test", &[]);
            let points: Vec<f32> = (0..1200).map(|_| scale * rng::normal(&mut random)).collect();
            let (forces, total) = exact(&points);
            let ours = repulsion(&points);
            // A cell as wide as half its distance is off by up to 4 % (second order of 1 / d^2); most are far smaller.
            assert!((ours.total / total - 1.0).abs() < 0.01, "{} {total}", ours.total);
            let norm = forces.iter().map(|f| f * f).sum::<f64>().sqrt();
            let error = forces.iter().zip(&ours.forces).map(|(e, &o)| (e - f64::from(o)).powi(2)).sum::<f64>().sqrt();
            assert!(error < 0.02 * norm, "{}", error / norm);
        }
    }

    #[test]
    fn coincident_points_do_not_repel() {
        let ours = repulsion(&[0.5; 20]);
        assert_eq!(ours.forces, [0.0; 20]);
        assert_eq!(ours.total, 90.0);
    }
}
