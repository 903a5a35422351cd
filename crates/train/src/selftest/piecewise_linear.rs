//! The exact likelihood of images under a decoder of one latent dimension and one hidden layer.
//!
//! Between the points at which a hidden unit begins or ends to give something, such a decoder is linear: `g(z) = a + b z`. With
//! pixels of variance 1, the part of `p(x) = ∫ p(x|z) N(z; 0, 1) dz` over such a piece is the integral of a Gaussian:
//!
//! ```text
//! (2π)^(-P/2) exp(-(|x - a|² - τ m²) / 2) (Φ(√τ (u - m)) - Φ(√τ (l - m))) / √τ,    τ = 1 + |b|²,  m = b·(x - a) / τ
//! ```

use std::f64::consts::TAU;

use spec_math::cephes64::ndtr;

/// `g(z) = bias + Σ_h weight_h relu(slope_h z + offset_h)`.
#[derive(Clone, Debug, Default)]
pub struct PiecewiseLinear {
    /// The hidden units.
    pub units: Vec<Unit>,
    /// What is given out where all units give nothing.
    pub bias: Vec<f64>,
}

/// A hidden unit.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Its weight from the code.
    pub slope: f64,
    /// Its bias.
    pub offset: f64,
    /// Its weights to the pixels.
    pub weights: Vec<f64>,
}

/// A piece between two codes.
struct Piece {
    from: f64,
    to: f64,
    a: Vec<f64>,
    b: Vec<f64>,
}

impl PiecewiseLinear {
    /// The image of a code.
    pub fn image(&self, z: f64) -> Vec<f64> {
        let mut image = self.bias.clone();
        for Unit { slope, offset, weights } in &self.units {
            let given = (slope * z + offset).max(0.0);
            image.iter_mut().zip(weights).for_each(|(pixel, weight)| *pixel += weight * given);
        }
        image
    }

    /// `log p(x)` of an image.
    pub fn log_likelihood(&self, image: &[f64]) -> f64 {
        let logs: Vec<f64> = self.pieces().iter().map(|piece| piece.log_mass(image)).collect();
        let greatest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        greatest + logs.iter().map(|log| (log - greatest).exp()).sum::<f64>().ln()
    }

    fn pieces(&self) -> Vec<Piece> {
        let mut ends: Vec<f64> = self.units.iter().map(|unit| -unit.offset / unit.slope).collect();
        ends.sort_by(f64::total_cmp);
        let starts = std::iter::once(f64::NEG_INFINITY).chain(ends.iter().copied());
        let ends = ends.iter().copied().chain(std::iter::once(f64::INFINITY));
        starts.zip(ends).filter(|(from, to)| from < to).map(|(from, to)| self.piece(from, to)).collect()
    }

    fn piece(&self, from: f64, to: f64) -> Piece {
        let inside = if from.is_infinite() {
            to - 1.0
        } else if to.is_infinite() {
            from + 1.0
        } else {
            0.5 * (from + to)
        };
        let (mut a, mut b) = (self.bias.clone(), vec![0.0; self.bias.len()]);
        for Unit { slope, offset, weights } in &self.units {
            if slope * inside + offset > 0.0 {
                for (pixel, weight) in weights.iter().enumerate() {
                    a[pixel] += weight * offset;
                    b[pixel] += weight * slope;
                }
            }
        }
        Piece { from, to, a, b }
    }
}

impl Piece {
    /// The logarithm of the part of the likelihood that comes from the codes of the piece.
    fn log_mass(&self, image: &[f64]) -> f64 {
        let Self { from, to, a, b } = self;
        let (mut square, mut along, mut tau) = (0.0, 0.0, 1.0);
        for ((x, a), b) in image.iter().zip(a).zip(b) {
            square += (x - a).powi(2);
            along += b * (x - a);
            tau += b * b;
        }
        let mean = along / tau;
        let [low, high] = [from, to].map(|end| tau.sqrt() * (end - mean));
        // Far above the mean, both are 1 but for what is left of it: there, the same from the other side.
        let share = if low > 0.0 { ndtr(-low) - ndtr(-high) } else { ndtr(high) - ndtr(low) };
        share.ln() - 0.5 * (square - tau * mean * mean + tau.ln() + image.len() as f64 * TAU.ln())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the trapezoidal rule in steps of a ten-thousandth, over all codes that the prior has.
    #[test]
    fn the_closed_form_is_the_integral() {
        let unit =
            |slope: f64, offset: f64, weights: [f64; 2]| Unit { slope, offset, weights: weights.to_vec() };
        let units =
            vec![unit(3.0, 1.0, [2.0, -1.0]), unit(-2.0, 0.4, [0.5, 4.0]), unit(20.0, -12.0, [-3.0, 0.1])];
        let decoder = PiecewiseLinear { units, bias: vec![0.2, -0.7] };
        for image in [[0.0, 0.0], [2.0, -1.5], [-20.0, 4.0], [3.0, 9.0]] {
            const STEP: f64 = 1e-4;
            let integral: f64 = (-90_000..=90_000)
                .map(|step| {
                    let z = f64::from(step) * STEP;
                    let error: f64 =
                        decoder.image(z).iter().zip(image).map(|(mean, x)| (x - mean).powi(2)).sum();
                    (-0.5 * (z * z + error)).exp() * STEP / TAU.powf(1.5)
                })
                .sum();
            let found = decoder.log_likelihood(&image);
            assert!((found - integral.ln()).abs() < 1e-7, "{image:?}: {found}, expected {}", integral.ln());
        }
    }
}
