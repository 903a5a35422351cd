//! Multivariate Normal, with a diagonal or a full covariance.

use std::f64::consts::{E, TAU};

use super::error::{FamilyError, Length, Problem};
use super::kl::{Entropy, KlDivergence, within};
use super::normal::Normal;
use super::parameters::{Range, write_list};
use super::parse::{Argument, Call};
use super::renyi::RenyiDivergence;
use crate::numeric::special::squared_ratio_half_excess;
use crate::numeric::{bures_distance, singular_values};

/// Normal distribution on vectors.
///
/// ```
/// use metrics::families::MultivariateNormal;
///
/// let p = MultivariateNormal::diagonal(&[0.0, 0.0], &[1.0, 4.0])?;
/// let q = MultivariateNormal::full(&[3.0, 4.0], &[1.0, 0.0, 0.0, 4.0])?;
/// assert_eq!(p.dimensions(), 2);
/// assert!((p.wasserstein_2(&q)? - 5.0).abs() < 1e-15);
/// # Ok::<(), metrics::families::FamilyError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct MultivariateNormal {
    mean: Vec<f64>,
    scale: Scale,
}

/// The Cholesky factor L of the covariance, `covariance = L L^T`.
#[derive(Debug, Clone, PartialEq)]
enum Scale {
    /// The diagonal of a diagonal L: standard deviations.
    Diagonal(Vec<f64>),
    /// The lower triangle, row by row, with its zeros.
    Full(Vec<f64>),
}

/// How far the two halves of a covariance may differ, relative to the product of the two standard deviations: the rounding
/// of a covariance that was computed in f64 without enforcing its symmetry.
const SYMMETRY_TOLERANCE: f64 = 1e-12;

impl MultivariateNormal {
    pub(super) const NAME: &'static str = "multivariate_normal";
    pub(super) const PARAMETERS: &'static [&'static str] =
        &["[mean...]", "[variances...] or [[covariance...]...]"];

    pub(super) fn from_call(call: &Call) -> Result<Self, FamilyError> {
        match call.arguments.as_slice() {
            [Argument::Vector(mean), Argument::Vector(variances)] => Self::diagonal(mean, variances),
            [Argument::Vector(mean), Argument::Matrix(rows)] => {
                for row in rows {
                    check_length("a row of the covariance", row.len(), rows.len())?;
                }
                Self::full(mean, &rows.concat())
            }
            _ => Err(call.problem(1, Problem::NotMeanAndCovariance)),
        }
    }

    /// A Normal with independent coordinates, from their means and variances.
    ///
    /// # Errors
    ///
    /// [`FamilyError::Entry`] for a mean that is not finite or a variance that is not above 0, [`FamilyError::Length`].
    pub fn diagonal(mean: &[f64], variances: &[f64]) -> Result<Self, FamilyError> {
        check_mean(mean)?;
        check_length("variances", variances.len(), mean.len())?;
        Range::Positive.check_entries(Self::NAME, "variances", variances)?;
        let sds = variances.iter().map(|v| v.sqrt()).collect();
        Ok(Self { mean: mean.to_vec(), scale: Scale::Diagonal(sds) })
    }

    /// A Normal with a full covariance, given row by row: `mean.len()` squared entries.
    ///
    /// # Errors
    ///
    /// [`FamilyError::Entry`] for a number that is not finite, [`FamilyError::Length`], [`FamilyError::NotSymmetric`],
    /// [`FamilyError::NotPositiveDefinite`].
    pub fn full(mean: &[f64], covariance: &[f64]) -> Result<Self, FamilyError> {
        check_mean(mean)?;
        check_length("covariance", covariance.len(), mean.len() * mean.len())?;
        Range::Finite.check_entries(Self::NAME, "covariance", covariance)?;
        Ok(Self { mean: mean.to_vec(), scale: Scale::Full(cholesky(covariance, mean.len())?) })
    }

    /// Mean.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Number of coordinates.
    pub fn dimensions(&self) -> usize {
        self.mean.len()
    }
}

impl MultivariateNormal {
    /// Logarithm of the density at x.
    ///
    /// # Errors
    ///
    /// [`FamilyError::Length`] unless x has a coordinate for each dimension.
    pub fn ln_pdf(&self, x: &[f64]) -> Result<f64, FamilyError> {
        check_length("the point", x.len(), self.dimensions())?;
        let shift: Vec<f64> = x.iter().zip(&self.mean).map(|(x, mean)| x - mean).collect();
        let mut solved = vec![0.0; shift.len()];
        self.scale.solve_lower(&shift, &mut solved);
        let square: f64 = solved.iter().map(|s| s * s).sum();
        Ok(-0.5 * square - self.ln_root_determinant() - 0.5 * self.dimensions() as f64 * TAU.ln())
    }

    /// The Rényi divergence of an order other than 1: see [`RenyiDivergence`](super::RenyiDivergence).
    pub(super) fn renyi_of_mixed_covariance(&self, q: &Self, alpha: f64) -> Result<f64, FamilyError> {
        let n = self.dimensions();
        if n != q.dimensions() {
            return Err(FamilyError::Dimensions { family: Self::NAME, p: n, q: q.dimensions() });
        }
        let (of_p, of_q) = (self.scale.covariance(n), q.scale.covariance(n));
        let mixed: Vec<f64> = of_p.iter().zip(&of_q).map(|(p, q)| q * alpha + p * (1.0 - alpha)).collect();
        let mixed = match cholesky(&mixed, n) {
            Ok(lower) => Self { mean: vec![0.0; n], scale: Scale::Full(lower) },
            Err(_) => return Ok(f64::INFINITY),
        };
        let shift: Vec<f64> = self.mean.iter().zip(&q.mean).map(|(p, q)| p - q).collect();
        let mut solved = vec![0.0; n];
        mixed.scale.solve_lower(&shift, &mut solved);
        let square: f64 = solved.iter().map(|s| s * s).sum();
        // The determinants are those of Normals on the axes on which one covariance is the unit and the other diagonal, each by
        // itself, where nothing cancels.
        let mut ratio = vec![0.0; n * n];
        let mut solved = vec![0.0; n];
        for column in 0..n {
            let of_q: Vec<f64> = (0..n).map(|row| q.scale.at(n, row, column)).collect();
            self.scale.solve_lower(&of_q, &mut solved);
            solved.iter().enumerate().for_each(|(row, x)| ratio[row * n + column] = *x);
        }
        let mut divergence = 0.5 * alpha * square;
        for sd in singular_values(&ratio, n) {
            divergence += Normal::new(0.0, 1.0)?.renyi_divergence(&Normal::new(0.0, sd)?, alpha)?;
        }
        within(Self::NAME, divergence)
    }

    /// The Wasserstein-2 distance to q, a metric in the unit of the coordinates:
    /// `sqrt(|μ_p - μ_q|^2 + tr(Σ_p + Σ_q - 2 (Σ_q^(1/2) Σ_p Σ_q^(1/2))^(1/2)))`.
    ///
    /// # Errors
    ///
    /// [`FamilyError::Dimensions`] where the two have different numbers of coordinates.
    ///
    /// Source: Dowson and Landau, *The Fréchet distance between multivariate normal distributions* (1982).
    pub fn wasserstein_2(&self, q: &Self) -> Result<f64, FamilyError> {
        let n = self.dimensions();
        if n != q.dimensions() {
            return Err(FamilyError::Dimensions { family: Self::NAME, p: n, q: q.dimensions() });
        }
        let root = |scale: &Scale| -> Vec<f64> {
            (0..n * n).map(|index| scale.at(n, index / n, index % n)).collect()
        };
        let shift = self.mean.iter().zip(&q.mean).map(|(p, q)| p - q);
        let shapes = bures_distance(&root(&self.scale), &root(&q.scale), n);
        // hypot does not overflow where the squares would.
        Ok(shift.fold(shapes, f64::hypot))
    }

    /// `ln ∫ p q`: the logarithm of the density of the difference of the means under `Σ_p + Σ_q`.
    pub(super) fn ln_overlap(&self, q: &Self) -> Result<f64, FamilyError> {
        let n = self.dimensions();
        let (of_p, of_q) = (self.scale.covariance(n), q.scale.covariance(n));
        let sum: Vec<f64> = of_p.iter().zip(&of_q).map(|(p, q)| p + q).collect();
        Self { mean: self.mean.clone(), scale: Scale::Full(cholesky(&sum, n)?) }.ln_pdf(&q.mean)
    }

    /// `ln det Σ / 2`
    fn ln_root_determinant(&self) -> f64 {
        let n = self.dimensions();
        (0..n).map(|i| self.scale.at(n, i, i).ln()).sum()
    }
}

impl Entropy for MultivariateNormal {
    /// `H = (d ln(2 π e) + ln det Σ) / 2`
    fn entropy(&self) -> f64 {
        0.5 * self.dimensions() as f64 * (TAU * E).ln() + self.ln_root_determinant()
    }
}

impl KlDivergence for MultivariateNormal {
    /// KL(self ‖ q) in nats.
    ///
    /// `KL = (tr(Σ_q⁻¹ Σ_p) - d + ln(det Σ_q / det Σ_p) + (μ_q - μ_p)ᵀ Σ_q⁻¹ (μ_q - μ_p)) / 2`
    ///
    /// With the Cholesky factors L and `M = L_q⁻¹ L_p`, which is lower triangular with `M_ii = L_p,ii / L_q,ii`, this is
    /// `sum_i (M_ii^2 - 1 - ln M_ii^2) / 2 + sum_{i > j} M_ij^2 / 2 + |L_q⁻¹ (μ_q - μ_p)|^2 / 2`: nothing but non-negative
    /// terms.
    ///
    /// # Errors
    ///
    /// [`FamilyError::Dimensions`] where the two have different numbers of coordinates.
    ///
    /// Source: Kullback, *Information Theory and Statistics* (1959), chapter 9.
    fn kl_divergence(&self, q: &Self) -> Result<f64, FamilyError> {
        let n = self.dimensions();
        if n != q.dimensions() {
            return Err(FamilyError::Dimensions { family: Self::NAME, p: n, q: q.dimensions() });
        }
        let mut kl = 0.0;
        for i in 0..n {
            kl += squared_ratio_half_excess(self.scale.at(n, i, i), q.scale.at(n, i, i));
        }
        let mut solved = vec![0.0; n];
        let shift: Vec<f64> = self.mean.iter().zip(&q.mean).map(|(p, q)| p - q).collect();
        q.scale.solve_lower(&shift, &mut solved);
        kl += 0.5 * solved.iter().map(|s| s * s).sum::<f64>();
        if let (Scale::Diagonal(_), Scale::Diagonal(_)) = (&self.scale, &q.scale) {
            return within(Self::NAME, kl);
        }
        for column in 0..n {
            let of_p: Vec<f64> = (0..n).map(|row| self.scale.at(n, row, column)).collect();
            q.scale.solve_lower(&of_p, &mut solved);
            kl += 0.5 * solved[column + 1..].iter().map(|m| m * m).sum::<f64>();
        }
        within(Self::NAME, kl)
    }
}

impl Scale {
    /// The entry of L.
    fn at(&self, n: usize, row: usize, column: usize) -> f64 {
        match self {
            Self::Diagonal(sds) => {
                if row == column {
                    sds[row]
                } else {
                    0.0
                }
            }
            Self::Full(lower) => lower[row * n + column],
        }
    }

    /// `L L^T`, row by row.
    fn covariance(&self, n: usize) -> Vec<f64> {
        let entry = |i: usize, j: usize| (0..=i.min(j)).map(|k| self.at(n, i, k) * self.at(n, j, k)).sum();
        (0..n * n).map(|index| entry(index / n, index % n)).collect()
    }

    /// Solves `L x = b` by forward substitution.
    fn solve_lower(&self, b: &[f64], x: &mut [f64]) {
        let n = b.len();
        match self {
            Self::Diagonal(sds) => {
                for i in 0..n {
                    x[i] = b[i] / sds[i];
                }
            }
            Self::Full(lower) => {
                for i in 0..n {
                    let row = &lower[i * n..(i + 1) * n];
                    let known: f64 = row[..i].iter().zip(&*x).map(|(l, x)| l * x).sum();
                    x[i] = (b[i] - known) / row[i];
                }
            }
        }
    }
}

fn check_mean(mean: &[f64]) -> Result<(), FamilyError> {
    if mean.is_empty() {
        return Err(FamilyError::Length {
            family: MultivariateNormal::NAME,
            parameter: "mean",
            actual: 0,
            expected: Length::AtLeast(1),
        });
    }
    Range::Finite.check_entries(MultivariateNormal::NAME, "mean", mean)
}

fn check_length(parameter: &'static str, actual: usize, expected: usize) -> Result<(), FamilyError> {
    if actual == expected {
        return Ok(());
    }
    Err(FamilyError::Length {
        family: MultivariateNormal::NAME,
        parameter,
        actual,
        expected: Length::Exactly(expected),
    })
}

/// The lower-triangular L with `L L^T = a`, for a symmetric positive definite matrix of n rows.
pub(crate) fn cholesky(a: &[f64], n: usize) -> Result<Vec<f64>, FamilyError> {
    for row in 0..n {
        for column in row + 1..n {
            let (upper, lower) = (a[row * n + column], a[column * n + row]);
            let deviations = a[row * n + row].abs().sqrt() * a[column * n + column].abs().sqrt();
            if (upper - lower).abs() > SYMMETRY_TOLERANCE * deviations {
                return Err(FamilyError::NotSymmetric { row, column, upper, lower });
            }
        }
    }
    let mut l = vec![0.0; n * n];
    for row in 0..n {
        for column in 0..=row {
            let known: f64 = (0..column).map(|k| l[row * n + k] * l[column * n + k]).sum();
            let rest = a[row * n + column] - known;
            if row > column {
                l[row * n + column] = rest / l[column * n + column];
            } else if rest > 0.0 && rest.is_finite() {
                l[row * n + row] = rest.sqrt();
            } else {
                return Err(FamilyError::NotPositiveDefinite { row, pivot: rest });
            }
        }
    }
    Ok(l)
}

impl std::fmt::Display for MultivariateNormal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let n = self.dimensions();
        write!(f, "{}([", Self::NAME)?;
        write_list(f, &self.mean)?;
        write!(f, "], [")?;
        match &self.scale {
            Scale::Diagonal(sds) => write_list(f, &sds.iter().map(|s| s * s).collect::<Vec<_>>())?,
            Scale::Full(l) => {
                for row in 0..n {
                    write!(f, "{}", if row == 0 { "[" } else { ", [" })?;
                    let entry = |column: usize| (0..n).map(|k| l[row * n + k] * l[column * n + k]).sum();
                    write_list(f, &(0..n).map(entry).collect::<Vec<f64>>())?;
                    write!(f, "]")?;
                }
            }
        }
        write!(f, "])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagonal_covariance_written_in_full_gives_the_same() {
        let p = MultivariateNormal::diagonal(&[0.5, -1.0], &[2.0, 0.3]).unwrap();
        let q = MultivariateNormal::diagonal(&[0.0, 1.0], &[1.0, 4.0]).unwrap();
        let p_full = MultivariateNormal::full(&[0.5, -1.0], &[2.0, 0.0, 0.0, 0.3]).unwrap();
        let q_full = MultivariateNormal::full(&[0.0, 1.0], &[1.0, 0.0, 0.0, 4.0]).unwrap();
        let expected = p.kl_divergence(&q).unwrap();
        for (p, q) in [(&p, &q_full), (&p_full, &q), (&p_full, &q_full)] {
            assert_eq!(p.kl_divergence(q).unwrap(), expected);
        }
    }

    #[test]
    fn the_wasserstein_distance_of_rotated_normals() {
        // Variances 1 and 9 along the axes, and the same turned by 45 degrees: tr of the root of [[1, ..]] by hand,
        // (Σ_q^(1/2) Σ_p Σ_q^(1/2)) has the determinant 81 and the trace tr(Σ_p Σ_q) = 50: roots sum to sqrt(50 + 2 * 9).
        let p = MultivariateNormal::full(&[0.0, 0.0], &[1.0, 0.0, 0.0, 9.0]).unwrap();
        let q = MultivariateNormal::full(&[3.0, 0.0], &[5.0, 4.0, 4.0, 5.0]).unwrap();
        let expected = (9.0 + 20.0 - 2.0 * 68f64.sqrt()).sqrt();
        assert!((p.wasserstein_2(&q).unwrap() - expected).abs() < 1e-14);
        assert!((q.wasserstein_2(&p).unwrap() - expected).abs() < 1e-14);
        assert!(p.wasserstein_2(&p).unwrap() < 1e-14);
        let diagonal = MultivariateNormal::diagonal(&[0.0, 0.0], &[1.0, 4.0]).unwrap();
        assert_eq!(p.wasserstein_2(&diagonal), Ok(1.0));
    }

    /// What `Normal` gives along each axis, in orders close to 1 and for covariances that are nearly equal, also turned.
    #[test]
    fn renyi_divergences_add_up_over_independent_axes() {
        let unit = MultivariateNormal::full(&[0.0, 0.0], &[1.0, 0.0, 0.0, 1.0]).unwrap();
        for (variances, along) in [([1.0 + 2e-8, 1.0], 1e-22), ([4.0, 1.0], 1e-14), ([4.0, 0.25], 1e-14)] {
            let [a, b] = variances;
            let half = [0.5 * (a + b), 0.5 * (a - b)];
            let turned =
                MultivariateNormal::full(&[0.0, 0.0], &[half[0], half[1], half[1], half[0]]).unwrap();
            let straight = MultivariateNormal::full(&[0.0, 0.0], &[a, 0.0, 0.0, b]).unwrap();
            for order in [1e-9, 0.5, 1.0 - 1e-12, 1.0 - 1e-15, 1.0, 1.0 + 1e-15, 1.2] {
                let of_axis = |variance: f64| {
                    let (p, q) = (Normal::new(0.0, 1.0).unwrap(), Normal::new(0.0, variance.sqrt()).unwrap());
                    p.renyi_divergence(&q, order).unwrap()
                };
                let expected = of_axis(a) + of_axis(b);
                for q in [&straight, &turned] {
                    let found = unit.renyi_divergence(q, order).unwrap();
                    let limit = along * (1.0 + expected);
                    assert!((found - expected).abs() <= limit, "{order}: {found:e}, not {expected:e}");
                }
            }
        }
    }

    #[test]
    fn the_distance_of_very_wide_and_very_narrow_normals() {
        let of = |scale: f64, first: f64| {
            let covariance = [first, 0.3, 0.3, 1.0].map(|x| x * scale * scale);
            MultivariateNormal::full(&[0.0, 0.0], &covariance).unwrap()
        };
        for scale in [1e-90, 1.0, 1e40, 1e80, 1e150] {
            let found = of(scale, 2.0).wasserstein_2(&of(scale, 6.0)).unwrap() / scale;
            // By mpmath, in 50 digits.
            assert!((found - 1.038_372_22).abs() < 1e-8, "{scale:e}: {found}");
        }
    }

    #[test]
    fn matrices_that_are_no_covariance_are_named() {
        let asymmetric = MultivariateNormal::full(&[0.0, 0.0], &[1.0, 0.5, 0.4, 1.0]);
        let expected = FamilyError::NotSymmetric { row: 0, column: 1, upper: 0.5, lower: 0.4 };
        assert_eq!(asymmetric, Err(expected));
        let indefinite = MultivariateNormal::full(&[0.0, 0.0], &[1.0, 2.0, 2.0, 1.0]);
        assert_eq!(indefinite, Err(FamilyError::NotPositiveDefinite { row: 1, pivot: -3.0 }));
        let rounded = MultivariateNormal::full(&[0.0, 0.0], &[1.0, 1e-17, -1e-17, 1.0]);
        assert!(rounded.is_ok(), "{rounded:?}");
        let short = MultivariateNormal::full(&[0.0, 0.0], &[1.0, 2.0, 2.0]);
        assert!(matches!(short, Err(FamilyError::Length { actual: 3, .. })), "{short:?}");
        let flat = MultivariateNormal::diagonal(&[0.0, 0.0], &[1.0, 0.0]);
        assert!(matches!(flat, Err(FamilyError::Entry { index: 1, .. })), "{flat:?}");
    }
}
