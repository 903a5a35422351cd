//! The linear Gaussian case: probabilistic principal components with a coefficient, all of whose numbers have closed forms.
//!
//! Images are `N(0, diag(λ))`, encoder and decoder are linear, and a pixel's noise has variance 1. For a coefficient `c` the
//! optimum has a latent dimension in use for each of the greatest eigenvalues `λ_d > c`, as many as there are. In it
//!
//! ```text
//! decoder weight      w_d = √(λ_d - c)
//! posterior           mean w_d x_d / λ_d, variance c / λ_d; the means have the variance 1 - c / λ_d
//! KL_d = I_d          ln(λ_d / c) / 2;  the aggregate posterior is the prior
//! squared error       c for each dimension in use, λ_d for each other one
//! log p(x)            that of N(0, diag(w² + 1))
//! ```
//!
//! so that rate and distortion are Shannon's for a Gaussian source (reverse water-filling).
//!
//! Sources: Tipping and Bishop, *Probabilistic Principal Component Analysis* (1999); Lucas, Tucker, Grosse and Norouzi,
//! *Don't Blame the ELBO!* (2019); Cover and Thomas, *Elements of Information Theory*, section 10.3.3.

use std::f64::consts::TAU;

use super::linear_network::DiagonalWeights;

/// The eigenvalues of the images' covariance: six that a code may carry, and fourteen that it may not.
pub const EIGENVALUES: [f64; 20] = {
    let mut eigenvalues = [0.25; 20];
    let greatest = [16.0, 8.0, 4.0, 2.0, 1.0, 0.5];
    let mut at = 0;
    while at < greatest.len() {
        eigenvalues[at] = greatest[at];
        at += 1;
    }
    eigenvalues
};
/// Dimensions of the code.
pub const LATENT: usize = 6;

/// The optimum for one coefficient.
#[derive(Clone, Debug)]
pub struct Optimum {
    eigenvalues: Vec<f64>,
    latent: usize,
    c: f64,
}

impl Optimum {
    /// Of images of these variances, the greatest first, for networks of so many latent dimensions.
    pub fn new(eigenvalues: &[f64], latent: usize, c: f64) -> Self {
        Self { eigenvalues: eigenvalues.to_vec(), latent, c }
    }

    /// Pixels of an image.
    pub fn pixels(&self) -> f64 {
        self.eigenvalues.len() as f64
    }

    /// How many dimensions are in use.
    pub fn active(&self) -> usize {
        self.eigenvalues.iter().take(self.latent).filter(|&&eigenvalue| eigenvalue > self.c).count()
    }

    /// The KL of each latent dimension, which is also what it tells about the image.
    pub fn kl_per_dim(&self) -> Vec<f64> {
        let of_dimension = |eigenvalue: &f64| (0.5 * (eigenvalue / self.c).ln()).max(0.0);
        self.eigenvalues[..self.latent].iter().map(of_dimension).collect()
    }

    /// The rate, the KL of all dimensions.
    pub fn rate(&self) -> f64 {
        self.kl_per_dim().iter().sum()
    }

    /// The squared error of an image, summed over its pixels.
    pub fn squared_error(&self) -> f64 {
        let active = self.active();
        active as f64 * self.c + self.eigenvalues[active..].iter().sum::<f64>()
    }

    /// The distortion: half the squared error and the constant of the density.
    pub fn distortion(&self) -> f64 {
        0.5 * (self.squared_error() + self.eigenvalues.len() as f64 * TAU.ln())
    }

    /// The weights of the optimum.
    pub fn weights(&self) -> DiagonalWeights {
        let active = self.active();
        let of_dimensions = |value: fn(f64, f64) -> f64| -> Vec<f64> {
            let of_dimension = |(dimension, &eigenvalue): (usize, &f64)| {
                if dimension < active { value(eigenvalue, self.c) } else { 0.0 }
            };
            self.eigenvalues[..self.latent].iter().enumerate().map(of_dimension).collect()
        };
        DiagonalWeights {
            encoder: of_dimensions(|eigenvalue, c| (eigenvalue - c).sqrt() / eigenvalue),
            log_var: of_dimensions(|eigenvalue, c| (c / eigenvalue).ln()),
            decoder: of_dimensions(|eigenvalue, c| (eigenvalue - c).sqrt()),
        }
    }

    /// `-log p(x)`, the mean over the images.
    pub fn nll(&self) -> f64 {
        let active = self.active();
        let of_pixel = |(pixel, eigenvalue): (usize, &f64)| {
            let variance = if pixel < active { eigenvalue - self.c + 1.0 } else { 1.0 };
            0.5 * ((TAU * variance).ln() + eigenvalue / variance)
        };
        self.eigenvalues.iter().enumerate().map(of_pixel).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of a review of this project, which derived it independently and rounded to four digits.
    #[test]
    fn the_table_of_the_closed_forms() {
        for (c, active, rate, distortion, elbo_loss, nll, squared_error) in [
            (0.25, 6, 7.2780, 20.8788, 28.1568, 26.5039, 0.25),
            (0.5, 5, 5.1986, 21.6288, 26.8274, 26.3966, 0.325),
            (1.0, 4, 3.4657, 22.8788, 26.3445, 26.3445, 0.45),
            (2.0, 3, 2.0794, 24.8788, 26.9582, 26.5265, 0.65),
            (4.0, 2, 1.0397, 27.8788, 28.9185, 27.3813, 0.95),
            (8.0, 1, 0.3466, 31.8788, 32.2253, 29.8663, 1.35),
            (16.0, 0, 0.0, 35.8788, 35.8788, 35.8788, 1.75),
        ] {
            let optimum = Optimum::new(&EIGENVALUES, LATENT, c);
            assert_eq!(optimum.active(), active);
            for (found, expected) in [
                (optimum.rate(), rate),
                (optimum.distortion(), distortion),
                (optimum.rate() + optimum.distortion(), elbo_loss),
                (optimum.nll(), nll),
                (optimum.squared_error() / 20.0, squared_error),
            ] {
                assert!((found - expected).abs() < 1.01e-4, "c = {c}: {found}, expected {expected}");
            }
        }
    }

    /// `dD/dR = -c` along the curve.
    #[test]
    fn the_slope_of_the_curve_is_the_coefficient() {
        for c in [0.3, 0.7, 3.0, 12.0] {
            let [left, right] = [c - 1e-5, c + 1e-5].map(|c| Optimum::new(&EIGENVALUES, LATENT, c));
            let slope = (right.distortion() - left.distortion()) / (right.rate() - left.rate());
            assert!((slope + c).abs() < 1e-8 * c.max(1.0) + 1e-7, "{slope} at {c}");
        }
    }
}
