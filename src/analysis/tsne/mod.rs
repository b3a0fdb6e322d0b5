//! t-distributed stochastic neighbor embedding (van der Maaten and Hinton 2008) with Barnes and Hut's approximation
//! (van der Maaten 2014), after scikit-learn's defaults: see [`tsne`].

mod affinities;
mod descent;
mod tree;

use crate::analysis::{Features, TsneConfig, principal_components};
use crate::base::{Error, Result, rng};
use affinities::Affinities;

/// Wider features are reduced to this many principal components first.
const WIDEST: usize = 50;

/// Standard deviation of the first coordinate at the start.
const START_DEVIATION: f64 = 1e-4;

/// Places the rows in the plane; the result is `[rows, 2]`.
///
/// As scikit-learn's `TSNE` with its defaults: start from the first two principal components, exaggeration 12 for the
/// first 250 steps, learning rate rows / 48 but at least 50, angle 0.5. Deviations: features wider than 50 are reduced
/// to 50 principal components first (van der Maaten and Hinton's advice, section 4.2), and all steps are made even if
/// nothing moves any more. `seed` matters only for features that vary in fewer than two directions. `progress` is told
/// the steps made and their number. The same for any number of threads.
///
/// # Errors
/// The perplexity is not below the number of rows, or a feature is not a finite number.
pub fn tsne(features: Features<'_>, config: &TsneConfig, seed: u64, progress: &dyn Fn(u64, u64)) -> Result<Vec<f32>> {
    let (affinities, components) = prepare(features, config)?;
    let start = start(&components, features.rows, seed);
    Ok(descent::descend(&affinities, start, config.iterations, progress))
}

/// Kullback and Leibler's divergence of a placement from the features: what t-SNE makes small. Exact, so quadratic in
/// the number of rows.
///
/// # Errors
/// As [`tsne`].
pub fn tsne_divergence(features: Features<'_>, config: &TsneConfig, points: &[f32]) -> Result<f64> {
    Ok(prepare(features, config)?.0.divergence(points))
}

/// The affinities of the rows and their first two principal components, `[rows, 2]`.
fn prepare(features: Features<'_>, config: &TsneConfig) -> Result<(Affinities, Vec<f32>)> {
    check(features, config)?;
    if features.width <= WIDEST {
        let components = principal_components(features, 2);
        return Ok((Affinities::new(features, config.perplexity), components.points));
    }
    let reduced = principal_components(features, WIDEST);
    let components = reduced.points.chunks(WIDEST).flat_map(|row| [row[0], row[1]]).collect();
    let reduced = Features::new(features.rows, WIDEST, &reduced.points);
    Ok((Affinities::new(reduced, config.perplexity), components))
}

fn check(features: Features<'_>, config: &TsneConfig) -> Result<()> {
    let rows = features.rows;
    if config.perplexity >= rows as f64 {
        let error = Error::stage(format!("t-SNE: perplexity {} needs more than {rows} images", config.perplexity));
        let usual = (rows.saturating_sub(1) / 3).max(2);
        return Err(error.help(format!("set perplexity to about {usual} or show a larger subset")));
    }
    if features.values.iter().any(|x| !x.is_finite()) {
        return Err(Error::stage("t-SNE: the features hold numbers that are not finite")
            .help("the network has diverged: train it with a smaller learning rate"));
    }
    Ok(())
}

/// The first two components, scaled so that the first has [`START_DEVIATION`]; one that does not vary is drawn.
fn start(components: &[f32], rows: usize, seed: u64) -> Vec<f32> {
    let deviation = |column: usize| {
        let sum: f64 = components.iter().skip(column).step_by(2).map(|&x| f64::from(x) * f64::from(x)).sum();
        (sum / rows as f64).sqrt()
    };
    let (first, second) = (deviation(0), deviation(1));
    let mut random = rng::stream(seed, "tsne", &[]);
    let mut place = |value: f32, own: f64| {
        // Of a direction without variance only rounding is left.
        if own > 1e-6 * first {
            (f64::from(value) / first * START_DEVIATION) as f32
        } else {
            START_DEVIATION as f32 * rng::normal(&mut random)
        }
    };
    components.chunks(2).flat_map(|row| [place(row[0], first), place(row[1], second)]).collect()
}
