//! k-means clustering (Lloyd 1982) with k-means++ seeding (Arthur and Vassilvitskii 2007). The result does not depend on
//! the number of threads.

use crate::analysis::FeatureMatrix;
use crate::base::matmul::{Matrix, gemm};
use crate::base::rng::{Rng, below, stream};
use crate::base::{Error, Result};
use rayon::prelude::*;

/// Rows per task, each compared with all centers.
const BLOCK: usize = 64;

/// How to cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KMeans {
    /// Number of clusters, at least 1 and at most the number of rows.
    pub(super) clusters: usize,
    /// Number of starts, of which the one with the lowest inertia is kept.
    pub(super) restarts: usize,
    /// Maximum number of Lloyd iterations per start.
    pub(super) iterations: usize,
    /// Seed of the starts.
    pub(super) seed: u64,
}

/// A clustering of rows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Clustering {
    /// Cluster of each row.
    pub(super) assigned: Vec<usize>,
    /// Sum of the squared distances of the rows from the means of their clusters.
    pub(super) inertia: f64,
    /// Number of Lloyd iterations.
    pub(super) iterations: usize,
}

/// Clusters rows. `progress` is called with the number of the start before each iteration.
///
/// # Errors
/// Those of `progress`.
pub(super) fn kmeans(
    config: KMeans,
    rows: FeatureMatrix<'_>,
    progress: &dyn Fn(usize) -> Result<()>,
) -> Result<Clustering> {
    let points = Points::new(rows);
    let mut best: Option<Clustering> = None;
    for restart in 0..config.restarts {
        let mut rng = stream(config.seed, "k-means", &[restart as u64]);
        let centers = seeded(&points, config.clusters, &mut rng);
        let found = lloyd(&points, centers, config.iterations, &|| progress(restart))?;
        if best.as_ref().is_none_or(|best| found.inertia < best.inertia) {
            best = Some(found);
        }
    }
    best.ok_or_else(|| Error::bug("k-means without a start"))
}

/// Rows relative to their mean, so that distances lose no digits to a common offset.
struct Points {
    width: usize,
    /// `[rows, width]`.
    values: Vec<f32>,
    /// Squared norm of each row.
    norms: Vec<f32>,
}

impl Points {
    fn new(rows: FeatureMatrix<'_>) -> Self {
        let mut mean = vec![0.0; rows.width];
        rows.values.chunks_exact(rows.width).for_each(|row| add(&mut mean, row));
        mean.iter_mut().for_each(|sum| *sum /= rows.rows as f64);
        let mut values = rows.values.to_vec();
        values.par_chunks_exact_mut(rows.width).for_each(|row| {
            row.iter_mut().zip(&mean).for_each(|(x, mean)| *x = (f64::from(*x) - mean) as f32);
        });
        let norms = values.par_chunks_exact(rows.width).map(squared_norm).collect();
        Self { width: rows.width, values, norms }
    }

    fn row(&self, at: usize) -> &[f32] {
        &self.values[at * self.width..(at + 1) * self.width]
    }
}

fn add(sum: &mut [f64], row: &[f32]) {
    sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
}

fn squared_norm(row: &[f32]) -> f32 {
    row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() as f32
}

/// The center nearest to a row.
#[derive(Clone, Copy, Debug, Default)]
struct Nearest {
    center: usize,
    /// Squared distance.
    distance: f32,
}

/// Returns the nearest of the centers, `[clusters, width]`, for each row; among equally near ones, the first.
fn nearest(points: &Points, centers: &[f32]) -> Vec<Nearest> {
    let (width, clusters) = (points.width, centers.len() / points.width);
    let transposed = Matrix::new(centers, clusters, width).transposed();
    let norms: Vec<f32> = centers.chunks_exact(width).map(squared_norm).collect();
    let mut found = vec![Nearest::default(); points.norms.len()];
    let blocks = points.values.par_chunks(BLOCK * width).zip(points.norms.par_chunks(BLOCK));
    found.par_chunks_mut(BLOCK).zip(blocks).for_each(|(found, (rows, row_norms))| {
        let mut products = vec![0.0; found.len() * clusters];
        gemm(Matrix::new(rows, found.len(), width), transposed, false, &mut products);
        for ((found, norm), products) in found.iter_mut().zip(row_norms).zip(products.chunks_exact(clusters)) {
            *found = nearest_to_row(*norm, products, &norms);
        }
    });
    found
}

/// |x - c|² is |x|² - 2 x·c + |c|².
fn nearest_to_row(norm: f32, products: &[f32], norms: &[f32]) -> Nearest {
    let mut best = (0, f32::INFINITY);
    for (center, (product, norm)) in products.iter().zip(norms).enumerate() {
        let relative = norm - 2.0 * product;
        if relative < best.1 {
            best = (center, relative);
        }
    }
    Nearest { center: best.0, distance: (norm + best.1).max(0.0) }
}

/// Returns starting centers: rows, each sampled with a probability proportional to its squared distance from the nearest
/// center before it.
fn seeded(points: &Points, clusters: usize, rng: &mut Rng) -> Vec<f32> {
    let mut distances = vec![f32::INFINITY; points.norms.len()];
    let mut next = below(distances.len() as u64, rng) as usize;
    let mut centers = points.row(next).to_vec();
    while centers.len() < clusters * points.width {
        let from_new = nearest(points, points.row(next));
        distances.iter_mut().zip(from_new).for_each(|(distance, new)| *distance = distance.min(new.distance));
        next = sample(&distances, rng);
        centers.extend_from_slice(points.row(next));
    }
    centers
}

/// Samples an index with a probability proportional to its weight; uniformly if all weights are 0.
fn sample(weights: &[f32], rng: &mut Rng) -> usize {
    const STEPS: u64 = 1 << 53;
    let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
    if total <= 0.0 {
        return below(weights.len() as u64, rng) as usize;
    }
    let target = total * (below(STEPS, rng) as f64 / STEPS as f64);
    let mut sum = 0.0;
    let is_reached = |weight: &f32| {
        sum += f64::from(*weight);
        sum > target
    };
    weights.iter().position(is_reached).unwrap_or(weights.len() - 1)
}

/// Moves the centers to the means of their rows until no row changes its cluster or nothing is gained.
fn lloyd(
    points: &Points,
    mut centers: Vec<f32>,
    max_iterations: usize,
    progress: &dyn Fn() -> Result<()>,
) -> Result<Clustering> {
    let clusters = centers.len() / points.width;
    let mut found = nearest(points, &centers);
    let mut iterations = 0;
    while iterations < max_iterations {
        progress()?;
        iterations += 1;
        fill_empty(&mut found, clusters);
        centers = means(points, &found, clusters);
        let next = nearest(points, &centers);
        let is_same = next.iter().zip(&found).all(|(next, found)| next.center == found.center);
        let is_better = sum(&next) < sum(&found);
        found = next;
        if is_same || !is_better {
            break;
        }
    }
    let inertia = inertia(points, &found, clusters);
    Ok(Clustering { assigned: found.into_iter().map(|nearest| nearest.center).collect(), inertia, iterations })
}

fn sum(found: &[Nearest]) -> f64 {
    found.iter().map(|nearest| f64::from(nearest.distance)).sum()
}

/// Gives each empty cluster the row that is farthest from its center, as scikit-learn does.
fn fill_empty(found: &mut [Nearest], clusters: usize) {
    let mut sizes = vec![0_usize; clusters];
    found.iter().for_each(|nearest| sizes[nearest.center] += 1);
    let empty: Vec<usize> = (0..clusters).filter(|cluster| sizes[*cluster] == 0).collect();
    if empty.is_empty() {
        return;
    }
    let mut farthest: Vec<usize> = (0..found.len()).collect();
    farthest.sort_by(|a, b| found[*b].distance.total_cmp(&found[*a].distance));
    let mut farthest = farthest.into_iter();
    for cluster in empty {
        let Some(row) = farthest.find(|row| sizes[found[*row].center] > 1) else { return };
        sizes[found[row].center] -= 1;
        found[row] = Nearest { center: cluster, distance: 0.0 };
        sizes[cluster] = 1;
    }
}

/// Returns the mean of the rows of each cluster, `[clusters, width]`; 0 for an empty one. Each is summed in the order of
/// the rows.
fn means(points: &Points, found: &[Nearest], clusters: usize) -> Vec<f32> {
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); clusters];
    found.iter().enumerate().for_each(|(row, nearest)| members[nearest.center].push(row));
    let mut centers = vec![0.0; clusters * points.width];
    centers.par_chunks_exact_mut(points.width).zip(&members).for_each(|(center, members)| {
        let mut sum = vec![0.0; points.width];
        members.iter().for_each(|row| add(&mut sum, points.row(*row)));
        let count = members.len().max(1) as f64;
        center.iter_mut().zip(sum).for_each(|(x, sum)| *x = (sum / count) as f32);
    });
    centers
}

/// Returns the sum of squared distances from the means, in f64 from the differences themselves.
fn inertia(points: &Points, found: &[Nearest], clusters: usize) -> f64 {
    let centers = means(points, found, clusters);
    let of_row = |(row, nearest): (&[f32], &Nearest)| {
        let center = &centers[nearest.center * points.width..(nearest.center + 1) * points.width];
        row.iter().zip(center).map(|(x, c)| (f64::from(*x) - f64::from(*c)).powi(2)).sum::<f64>()
    };
    // Collected first: rayon's own sum depends on how the rows are divided among the threads.
    let distances: Vec<f64> = points.values.par_chunks_exact(points.width).zip(found).map(of_row).collect();
    distances.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::cluster_eval::golden;

    fn start(clusters: usize) -> KMeans {
        KMeans { clusters, restarts: 10, iterations: 300, seed: 1 }
    }

    #[test]
    fn lloyd_finds_the_clusters_that_scikit_learn_finds_from_the_same_start() {
        let cases = golden().kmeans;
        assert!(cases.len() > 2);
        for case in cases {
            let rows = FeatureMatrix::new(case.rows, case.width, &case.points);
            let points = Points::new(rows);
            let centers: Vec<f32> = case.start.iter().flat_map(|row| points.row(*row)).copied().collect();
            let found = lloyd(&points, centers, 300, &|| Ok(())).unwrap();
            assert_eq!(found.assigned, case.clusters);
            assert!((found.inertia / case.inertia - 1.0).abs() < 1e-5, "{} {}", found.inertia, case.inertia);
            let best = kmeans(start(case.start.len()), rows, &|_| Ok(())).unwrap();
            assert!(best.inertia <= case.best_inertia * 1.05, "{} {}", best.inertia, case.best_inertia);
        }
    }

    #[test]
    fn threads_do_not_change_the_clusters() {
        let case = &golden().kmeans[0];
        let rows = FeatureMatrix::new(case.rows, case.width, &case.points);
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| kmeans(start(5), rows, &|_| Ok(())).unwrap())
        };
        let one = with(1);
        assert_eq!(one, with(3));
        assert_ne!(one.inertia.to_bits(), 0);
    }

    #[test]
    fn equal_rows_and_empty_clusters_end() {
        let equal = vec![0.5; 40];
        let found = kmeans(start(3), FeatureMatrix::new(10, 4, &equal), &|_| Ok(())).unwrap();
        assert_eq!((found.inertia, found.assigned.len()), (0.0, 10));
        // The second center is the nearest one of no row.
        let points = Points::new(FeatureMatrix::new(4, 1, &[0.0, 1.0, 10.0, 11.0]));
        let found = lloyd(&points, vec![-5.0, 1000.0], 10, &|| Ok(())).unwrap();
        assert_eq!(found.inertia, 1.0);
        assert_eq!(found.assigned[0], found.assigned[1]);
        assert_ne!(found.assigned[1], found.assigned[2]);
    }

    #[test]
    fn each_row_is_a_cluster_where_there_are_as_many() {
        let rows: Vec<f32> = (0..6).map(|x| (x * x) as f32).collect();
        let found = kmeans(start(6), FeatureMatrix::new(6, 1, &rows), &|_| Ok(())).unwrap();
        let mut clusters = found.assigned;
        clusters.sort_unstable();
        assert_eq!((clusters, found.inertia), ((0..6).collect(), 0.0));
    }
}
