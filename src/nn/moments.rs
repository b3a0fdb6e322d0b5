//! Sums over the pixels of a map that batch norm needs, in 64 bits, so that those of several shards can be added.

/// Mean and sum of squared deviations of each channel over some pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    /// Number of pixels.
    pub pixels: f64,
    /// Mean, `[channels]`.
    pub mean: Vec<f64>,
    /// Sum of the squared deviations from the mean, `[channels]`.
    pub squares: Vec<f64>,
}

impl Moments {
    /// Returns the moments of no pixels.
    pub fn empty(channels: usize) -> Self {
        Self { pixels: 0.0, mean: vec![0.0; channels], squares: vec![0.0; channels] }
    }

    /// Merges the moments of other pixels into these (Chan, Golub & LeVeque 1979).
    pub fn merge(&mut self, other: &Self) {
        let pixels = self.pixels + other.pixels;
        let (fraction, weight) = (other.pixels / pixels, self.pixels * other.pixels / pixels);
        for (i, (mean, squares)) in self.mean.iter_mut().zip(&mut self.squares).enumerate() {
            let difference = other.mean[i] - *mean;
            *mean += difference * fraction;
            *squares += other.squares[i] + difference * difference * weight;
        }
        self.pixels = pixels;
    }

    /// Returns `1 / sqrt(variance + epsilon)` of each channel, with the biased variance.
    pub fn inv_std(&self, epsilon: f32) -> impl Iterator<Item = f32> {
        let inv_std = move |squares: &f64| (1.0 / (squares / self.pixels + f64::from(epsilon)).sqrt()) as f32;
        self.squares.iter().map(inv_std)
    }

    /// Returns the variance of each channel with Bessel's correction.
    pub fn unbiased_variance(&self) -> impl Iterator<Item = f64> {
        let degrees = (self.pixels - 1.0).max(1.0);
        self.squares.iter().map(move |squares| squares / degrees)
    }
}

/// Moves running statistics towards those of a batch: `running = (1 - momentum) * running + momentum * batch`.
pub(crate) fn update_running(running: &mut [f32], batch: impl IntoIterator<Item = f64>, momentum: f32) {
    let momentum = f64::from(momentum);
    for (running, batch) in running.iter_mut().zip(batch) {
        *running = ((1.0 - momentum) * f64::from(*running) + momentum * batch) as f32;
    }
}

/// Sums of the backward pass of a batch norm over some pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct GradientSums {
    /// Number of pixels.
    pub pixels: f64,
    /// Sum of gradient times centered input, `[channels]`.
    pub products: Vec<f64>,
    /// Sum of the gradient, `[channels]`.
    pub sums: Vec<f64>,
}

impl GradientSums {
    /// Adds the sums over other pixels.
    pub fn add(&mut self, other: &Self) {
        self.pixels += other.pixels;
        self.products.iter_mut().zip(&other.products).for_each(|(sum, other)| *sum += other);
        self.sums.iter_mut().zip(&other.sums).for_each(|(sum, other)| *sum += other);
    }

    /// Returns the gradient of the scale of each channel, given the inverse standard deviations.
    pub(crate) fn of_scale(&self, inv_std: &[f32]) -> Vec<f32> {
        self.products.iter().zip(inv_std).map(|(product, inv_std)| (product * f64::from(*inv_std)) as f32).collect()
    }

    /// Returns the gradient of the shift of each channel.
    pub(crate) fn of_shift(&self) -> Vec<f32> {
        self.sums.iter().map(|sum| *sum as f32).collect()
    }
}
