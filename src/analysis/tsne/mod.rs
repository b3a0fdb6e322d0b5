//! t-distributed stochastic neighbor embedding (van der Maaten and Hinton 2008) with Barnes and Hut's approximation
//! (van der Maaten 2014), after scikit-learn's defaults: see [`tsne`].

mod affinities;
mod descent;
mod tree;

use crate::analysis::{FeatureMatrix, TsneConfig, principal_components};
use crate::base::{Error, Result, rng};
use affinities::Affinities;

/// Wider features are first reduced to this many principal components.
const MAX_WIDTH: usize = 50;

/// Initial standard deviation of the first coordinate.
const INITIAL_STD: f64 = 1e-4;

/// Embeds the rows in the plane; returns `[rows, 2]`.
///
/// As scikit-learn's `TSNE` with its defaults: PCA initialization, early exaggeration 12 for 250 steps, learning rate
/// rows / 48 but at least 50, angle 0.5. Differences: features wider than 50 are first reduced to 50 principal
/// components (as van der Maaten and Hinton advise, section 4.2), and all steps are taken even after convergence.
/// `seed` matters only for features that vary in fewer than two directions. `progress` is called with the number of
/// steps done and the total. The result does not depend on the number of threads.
///
/// # Errors
/// The perplexity is not below the number of rows, or a feature is not a finite number.
pub fn tsne(
    features: FeatureMatrix<'_>,
    config: &TsneConfig,
    seed: u64,
    progress: &dyn Fn(u64, u64),
) -> Result<Vec<f32>> {
    let (affinities, components) = prepare(features, config)?;
    let start = start(&components, features.rows, seed);
    Ok(descent::descend(&affinities, start, config.iterations, progress))
}

/// Returns the Kullback-Leibler divergence that t-SNE minimizes, for given points. Exact, so quadratic in the number of
/// rows.
///
/// # Errors
/// As [`tsne`].
pub fn tsne_divergence(features: FeatureMatrix<'_>, config: &TsneConfig, points: &[f32]) -> Result<f64> {
    Ok(prepare(features, config)?.0.divergence(points))
}

/// Returns the affinities of the rows and their first two principal components, `[rows, 2]`.
fn prepare(features: FeatureMatrix<'_>, config: &TsneConfig) -> Result<(Affinities, Vec<f32>)> {
    check(features, config)?;
    if features.width <= MAX_WIDTH {
        let components = principal_components(features, 2);
        return Ok((Affinities::new(features, config.perplexity), components.points));
    }
    let reduced = principal_components(features, MAX_WIDTH);
    let components = reduced.points.chunks(MAX_WIDTH).flat_map(|row| [row[0], row[1]]).collect();
    let reduced = FeatureMatrix::new(features.rows, MAX_WIDTH, &reduced.points);
    Ok((Affinities::new(reduced, config.perplexity), components))
}

fn check(features: FeatureMatrix<'_>, config: &TsneConfig) -> Result<()> {
    let rows = features.rows;
    if config.perplexity >= rows as f64 {
        let error = Error::stage(format!("t-SNE: perplexity {} needs more than {rows} images", config.perplexity));
        let usual = (rows.saturating_sub(1) / 3).max(2);
        return Err(error.help(format!("set `perplexity` to about {usual} or use a larger subset")));
    }
    if features.values.iter().any(|x| !x.is_finite()) {
        return Err(Error::stage("t-SNE: the features contain values that are not finite")
            .help("the network has diverged: train it with a lower learning rate"));
    }
    Ok(())
}

/// Returns the first two components, scaled so that the first has standard deviation [`INITIAL_STD`]; a component that
/// does not vary is sampled.
fn start(components: &[f32], rows: usize, seed: u64) -> Vec<f32> {
    let std = |column: usize| {
        let sum: f64 = components.iter().skip(column).step_by(2).map(|&x| f64::from(x) * f64::from(x)).sum();
        (sum / rows as f64).sqrt()
    };
    let (first, second) = (std(0), std(1));
    let mut random = rng::stream(seed, "tsne", &[]);
    let mut initial = |value: f32, std: f64| {
        // A direction without variance contains rounding errors only.
        if std > 1e-6 * first {
            (f64::from(value) / first * INITIAL_STD) as f32
        } else {
            INITIAL_STD as f32 * rng::normal(&mut random)
        }
    };
    components.chunks(2).flat_map(|row| [initial(row[0], first), initial(row[1], second)]).collect()
}
