//! What the KL of a variational autoencoder is made of.

use kernels::{EXP_F64_LEAST, Vectorized, exp_f64, vectorized};
use ndarray::ArrayView2;
use rayon::prelude::*;

use super::dimensions::kl_to_standard_normal;
use super::information_upper::information_upper;
use super::posteriors::Posteriors;
use crate::samples::{Estimate, SampleError};

/// Densities of posteriors that are computed at most: about half a second of one core. All of them for 10,000 images of
/// two dimensions; beyond that only every second, third, ... code is looked at.
const MOST_DENSITIES: usize = 400_000_000;

/// Sums kept side by side, so that additions do not wait for each other. Their number is part of the result: it decides
/// the order of additions, which is the same on every processor.
const LANES: usize = 16;

/// The share of the greatest information that can be estimated, `ln N`, from which on the estimate falls visibly short of the
/// truth: of 6 nats and 2,000 images, by 0.3.
const SATURATED: f64 = 0.75;

/// The parts of `KL(q(z|x) ‖ p(z))`, in nats, averaged over the images:
///
/// ```text
/// kl = mutual_information + marginal_kl,    marginal_kl = total_correlation + dimension_kl
/// ```
///
/// Standard errors are over images and codes.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct KlDecomposition {
    /// `KL(q(z|x) ‖ p(z))`, in closed form.
    pub kl: Estimate,
    /// How much a code tells about which of these images it is of: a lower bound of `I(x; z)`, the information about the image
    /// among all that there are, and at most the logarithm of the number of images.
    pub mutual_information: Estimate,
    /// An upper bound of `I(x; z)`: the KL less that of the Normal with the moments of `q(z)`. Among all distributions of
    /// these moments it is the one nearest to the prior.
    pub information_upper: Estimate,
    /// Whether `mutual_information` has come so near the logarithm of the number of images that it says more of that number
    /// than of the encoder. What is computed from it, all that follows, is then off by as much in the other direction.
    pub saturated: bool,
    /// `KL(q(z) ‖ p(z))`: how far the aggregate posterior is from the prior.
    pub marginal_kl: Estimate,
    /// `KL(q(z) ‖ prod_d q(z_d))`: how much the dimensions of the aggregate posterior depend on each other.
    pub total_correlation: Estimate,
    /// `sum_d KL(q(z_d) ‖ p(z_d))`: how far each dimension by itself is from the prior.
    pub dimension_kl: Estimate,
}

/// Splits the KL of the posteriors of `N` images into its parts.
///
/// `codes` holds one code for each image, drawn from its posterior. Given a code `z` the images have the probabilities
/// `r_i = q(z|x_i) / sum_j q(z|x_j)`, and
///
/// ```text
/// I(x; z) = E_{q(z)} KL(r ‖ uniform) = ln N - E_{q(z)} H(r)
/// ```
///
/// The mean over the codes of `KL(r ‖ uniform)` is an unbiased estimate, for these `N` images, that lies between 0 and
/// `ln N` for every set of codes; for all images that there are it is the InfoNCE bound with the best critic. The same in
/// one dimension alone gives `I(x; z_d)`. As the posteriors are diagonal and their KL is known in closed form, the rest
/// follows:
///
/// ```text
/// KL(q(z) ‖ p(z))           = KL - I(x; z)
/// KL(q(z_d) ‖ p(z_d))       = KL_d - I(x; z_d)
/// KL(q(z) ‖ prod_d q(z_d))  = sum_d I(x; z_d) - I(x; z)
/// ```
///
/// A divergence is never negative, but an estimate of one may be, by its noise.
///
/// With the mean `m` and the covariance `S` of `q(z)`, and the covariances `S_i` of the posteriors, the upper bound is
///
/// ```text
/// KL - KL(N(m, S) ‖ p(z)) = 1/2 ln det S - 1/(2N) sum_i ln det S_i
/// ```
///
/// # Shapes
///
/// - codes: `[images, latent dimensions]`
///
/// # Errors
///
/// [`SampleError`] if a code is not finite.
///
/// # Panics
///
/// Panics unless there is a code of the right dimensions for each posterior.
///
/// # Source
///
/// Hoffman and Johnson, *ELBO Surgery* (2016), for the split into two; Chen, Li, Grosse and Duvenaud, *Isolating Sources
/// of Disentanglement in Variational Autoencoders* (2018), equation 2, for the split into three; van den Oord, Li and
/// Vinyals, *Representation Learning with Contrastive Predictive Coding* (2018), for the bound.
///
/// ```
/// use metrics::latent::{Posteriors, decompose_kl};
/// use ndarray::array;
///
/// // Two images, so far apart that a code says which of them it is of: one bit, ln 2 nats.
/// let (means, log_vars) = (array![[-9.0], [9.0]], array![[0.0], [0.0]]);
/// let parts = decompose_kl(Posteriors::new(means.view(), log_vars.view())?, means.view())?;
/// assert_eq!(parts.kl.value, 40.5);
/// assert!((parts.mutual_information.value - 2f64.ln()).abs() < 1e-12 && parts.saturated);
/// assert_eq!(parts.total_correlation.value, 0.0);
/// # Ok::<(), metrics::samples::SampleError>(())
/// ```
pub fn decompose_kl(
    posteriors: Posteriors<'_>,
    codes: ArrayView2<'_, f64>,
) -> Result<KlDecomposition, SampleError> {
    let (images, dimensions) = (posteriors.images(), posteriors.dimensions());
    assert_eq!(codes.dim(), (images, dimensions), "every posterior has a code");
    for ((sample, dimension), &value) in codes.indexed_iter() {
        if !value.is_finite() {
            return Err(SampleError::NotFinite { sample, dimension, value });
        }
    }
    let mixture = Mixture::new(posteriors);
    let stride = (images * images * (dimensions + 1)).div_ceil(MOST_DENSITIES);
    let taken: Vec<usize> = (0..images).step_by(stride).collect();
    let informations: Vec<Vec<f64>> = taken
        .par_iter()
        .map_init(
            || Scratch { exponents: vec![0.0; images], joint: vec![0.0; images] },
            |scratch, &i| {
                let code: Vec<f64> = codes.row(i).to_vec();
                mixture.informations(&code, scratch)
            },
        )
        .collect();
    let (means, log_vars) = (posteriors.means(), posteriors.log_vars());
    let kl_of = |i: usize, d: usize| kl_to_standard_normal(means[[i, d]], log_vars[[i, d]]);
    let kl = Estimate::of_mean((0..images).map(|i| (0..dimensions).map(|d| kl_of(i, d)).sum()));
    // Of an image and its code: the information in all dimensions, that in each by itself, and the KL.
    let of_codes = |value: &dyn Fn(f64, f64, f64) -> f64| {
        Estimate::of_mean(taken.iter().zip(&informations).map(|(&i, informations)| {
            let kl = (0..dimensions).map(|d| kl_of(i, d)).sum();
            value(informations[dimensions], informations[..dimensions].iter().sum(), kl)
        }))
    };
    let mutual_information = of_codes(&|joint, _, _| joint);
    let single = of_codes(&|_, single, _| single);
    let marginal = of_codes(&|joint, _, kl| kl - joint);
    let of_dimensions = of_codes(&|_, single, kl| kl - single);
    // The KL is that of all images, also where not every code is looked at.
    let marginal_kl = Estimate { value: kl.value - mutual_information.value, ..marginal };
    let dimension_kl = Estimate { value: kl.value - single.value, ..of_dimensions };
    Ok(KlDecomposition {
        kl,
        mutual_information,
        information_upper: information_upper(posteriors),
        saturated: mutual_information.value >= SATURATED * (images as f64).ln(),
        marginal_kl,
        total_correlation: Estimate {
            value: marginal_kl.value - dimension_kl.value,
            ..of_codes(&|joint, single, _| single - joint)
        },
        dimension_kl,
    })
}

/// The posteriors column by column, as the exponents of their densities need them.
struct Mixture {
    dimensions: Vec<Dimension>,
}

/// One latent dimension of all posteriors: `ln q(z_d|x_i) = offset_i - precision_i (z_d - mean_i)^2` but for a constant.
struct Dimension {
    means: Vec<f64>,
    /// Half the inverse variances.
    precisions: Vec<f64>,
    /// Half the logarithms of the inverse variances.
    offsets: Vec<f64>,
}

/// Log-densities under all posteriors.
struct Scratch {
    exponents: Vec<f64>,
    joint: Vec<f64>,
}

impl Mixture {
    fn new(posteriors: Posteriors<'_>) -> Self {
        let dimension = |d: usize| {
            let (means, log_vars) = (posteriors.means(), posteriors.log_vars());
            let log_vars = log_vars.column(d);
            Dimension {
                means: means.column(d).to_vec(),
                precisions: log_vars.iter().map(|log_var| 0.5 * (-log_var).exp()).collect(),
                offsets: log_vars.iter().map(|log_var| -0.5 * log_var).collect(),
            }
        };
        Self { dimensions: (0..posteriors.dimensions()).map(dimension).collect() }
    }

    /// `KL(r ‖ uniform)` of a code: in each dimension alone, and last in all together.
    fn informations(&self, code: &[f64], scratch: &mut Scratch) -> Vec<f64> {
        scratch.joint.fill(0.0);
        let dimensions = self.dimensions.iter().zip(code);
        let mut found: Vec<f64> =
            dimensions.map(|(dimension, &z)| dimension.information(z, scratch)).collect();
        found.push(vectorized(Information(&scratch.joint)));
        found
    }
}

impl Dimension {
    /// `KL(r ‖ uniform)` of a code in this dimension alone; its log-densities are added to the joint ones.
    fn information(&self, z: f64, scratch: &mut Scratch) -> f64 {
        let posteriors = self.means.iter().zip(&self.precisions).zip(&self.offsets);
        let log_densities = scratch.exponents.iter_mut().zip(&mut scratch.joint);
        for ((exponent, joint), ((mean, precision), offset)) in log_densities.zip(posteriors) {
            let distance = z - mean;
            *exponent = offset - precision * distance * distance;
            *joint += *exponent;
        }
        vectorized(Information(&scratch.exponents))
    }
}

/// What a relative exponent `e <= 0` adds to `S` and to `T` of [`information_anywhere`].
struct Term {
    weight: f64,
    weighted: f64,
}

impl Term {
    #[inline(always)]
    fn of(exponent: f64) -> Self {
        let exponent = if exponent < EXP_F64_LEAST { EXP_F64_LEAST } else { exponent };
        let weight = exp_f64(exponent);
        Self { weight, weighted: exponent * weight }
    }
}

/// [`information_anywhere`] of these exponents.
struct Information<'a>(&'a [f64]);

impl Vectorized for Information<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        information_anywhere(self.0)
    }
}

/// `KL(r ‖ uniform) = ln N + sum_i r_i ln r_i` in nats, for `r_i` proportional to `exp(exponents_i)`.
///
/// With `e_i` relative to the greatest exponent, `S = sum exp(e_i)` and `T = sum e_i exp(e_i)` it is `ln N + T / S - ln S`.
#[inline(always)]
fn information_anywhere(exponents: &[f64]) -> f64 {
    let mut greatest = [f64::NEG_INFINITY; LANES];
    let (whole, rest) = exponents.as_chunks::<LANES>();
    for chunk in whole {
        for lane in 0..LANES {
            greatest[lane] = if chunk[lane] > greatest[lane] { chunk[lane] } else { greatest[lane] };
        }
    }
    let greatest = greatest.iter().chain(rest).copied().fold(f64::NEG_INFINITY, f64::max);

    let (mut sums, mut weighted) = ([0.0; LANES], [0.0; LANES]);
    for chunk in whole {
        for lane in 0..LANES {
            let Term { weight, weighted: product } = Term::of(chunk[lane] - greatest);
            sums[lane] += weight;
            weighted[lane] += product;
        }
    }
    for (lane, exponent) in rest.iter().enumerate() {
        let Term { weight, weighted: product } = Term::of(exponent - greatest);
        sums[lane] += weight;
        weighted[lane] += product;
    }
    let (sum, weighted): (f64, f64) = (sums.iter().sum(), weighted.iter().sum());
    // Rounding may take it below 0.
    ((exponents.len() as f64).ln() + weighted / sum - sum.ln()).max(0.0)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Axis, array};

    use super::*;
    use crate::samples::draws::Draws;

    /// Codes drawn from the posteriors.
    fn drawn(draws: &mut Draws, means: &Array2<f64>, log_vars: &Array2<f64>) -> Array2<f64> {
        let noise = draws.normals(means.dim(), 0.0, 1.0);
        means + &(log_vars.mapv(|l| (0.5 * l).exp()) * noise)
    }

    fn decompose(seed: u64, means: &Array2<f64>, log_vars: &Array2<f64>) -> KlDecomposition {
        let codes = drawn(&mut Draws::seeded(seed), means, log_vars);
        decompose_kl(Posteriors::new(means.view(), log_vars.view()).unwrap(), codes.view()).unwrap()
    }

    fn assert_invariants(parts: KlDecomposition, images: usize) {
        let KlDecomposition { kl, mutual_information, marginal_kl, total_correlation, dimension_kl, .. } =
            parts;
        // Some roundings of a sum.
        let rounding = 1e-14 * kl.value.abs().max(1.0);
        assert!(mutual_information.value >= 0.0, "{parts:?}");
        assert!(mutual_information.value <= (images as f64).ln() + rounding, "{parts:?}");
        for divergence in [marginal_kl, total_correlation, dimension_kl] {
            // Of a single image there is no error.
            let noise = 5.0 * divergence.standard_error.max(0.0);
            assert!(divergence.value >= -noise - 1e-9 * kl.value.max(1.0), "{parts:?}");
        }
        assert!(parts.information_upper.value >= mutual_information.value - 0.1, "{parts:?}");
        assert!(parts.information_upper.value <= kl.value * (1.0 + 1e-12) + 1e-9, "{parts:?}");
        assert!((mutual_information.value + marginal_kl.value - kl.value).abs() <= rounding, "{parts:?}");
        let sum = total_correlation.value + dimension_kl.value;
        assert!((sum - marginal_kl.value).abs() <= rounding, "{parts:?}");
    }

    #[test]
    fn a_linear_gaussian_encoder_has_known_parts() {
        // x ~ N(0, I), means = A x, variance v each: q(z) = N(0, A A^T + v I). With A A^T = [[a, b], [b, a]]:
        let (images, a, b, v): (usize, f64, f64, f64) = (4000, 1.5, 0.9, 0.4);
        let mut draws = Draws::seeded(1);
        let x = draws.normals((images, 2), 0.0, 1.0);
        // The root of [[a, b], [b, a]], from its eigenvalues a ± b.
        let (plus, minus) = (0.5 * (a + b).sqrt(), 0.5 * (a - b).sqrt());
        let root = array![[plus + minus, plus - minus], [plus - minus, plus + minus]];
        let means = x.dot(&root);
        let log_vars = Array2::from_elem(means.dim(), v.ln());
        let parts = decompose(2, &means, &log_vars);
        assert_invariants(parts, images);

        let determinant = (a + v) * (a + v) - b * b;
        let information = 0.5 * (determinant / (v * v)).ln();
        let correlation = 0.5 * ((a + v) * (a + v) / determinant).ln();
        let per_dimension = (a + v) - 1.0 - (a + v).ln();
        // Of 4000 images and codes: the spread of -ln q(z|x) + ln q(z), about 1 nat, over the root of 4000 is 0.016, that
        // of the images themselves as much again; five such. A mixture of 4000 also smooths a little less than the Normal.
        let limit = 0.12;
        for (name, found, expected) in [
            ("information", parts.mutual_information, information),
            ("upper bound", parts.information_upper, information),
            ("total correlation", parts.total_correlation, correlation),
            ("per dimension", parts.dimension_kl, per_dimension),
        ] {
            let (found, error) = (found.value, found.standard_error);
            assert!((found - expected).abs() < limit, "{name}: {found}, not {expected} ± {limit}");
            assert!((0.003..0.03).contains(&error), "{name}: {error}");
        }
        assert!(!parts.saturated);
    }

    /// `q(z) = N(0, 1)` with posteriors of variance `exp(-2 I)`: `I(x; z) = I`.
    #[test]
    fn information_is_found_below_saturation_and_enclosed_beyond() {
        const IMAGES: usize = 2000;
        for (information, shortfall) in
            [(1.0, 0.0), (3.0, 0.05), (5.0, 0.3), (6.0, 0.5), (8.0, 1.2), (12.0, 4.5)]
        {
            let variance = f64::exp(-2.0 * information);
            let mut draws = Draws::seeded(11);
            let means = draws.normals((IMAGES, 1), 0.0, (1.0 - variance).sqrt());
            let parts = decompose(12, &means, &Array2::from_elem((IMAGES, 1), variance.ln()));
            let (lower, upper) = (parts.mutual_information, parts.information_upper);
            // The variance of so many images varies by 1 / sqrt(2 N) of itself, the half of its logarithm by 0.016; five such.
            assert!((upper.value - information).abs() < 0.08, "{upper:?}, not {information}");
            assert!((upper.standard_error / 0.0158 - 1.0).abs() < 0.25, "{upper:?}");
            let noise = 5.0 * lower.standard_error + 0.02;
            assert!(lower.value < information + noise, "{lower:?} of {information}");
            assert!(lower.value > information - shortfall - noise, "{lower:?} of {information}");
            assert_eq!(parts.saturated, information > 5.5, "{lower:?} of {information}");
        }
    }

    #[test]
    fn posteriors_that_are_all_alike_carry_no_information() {
        for log_var in [-80.0, -3.0, 0.0, 40.0] {
            let means = Array2::from_elem((300, 3), 0.7);
            let parts = decompose(3, &means, &Array2::from_elem((300, 3), log_var));
            assert_invariants(parts, 300);
            assert!(parts.mutual_information.value < 1e-12, "{parts:?}");
            // Beside a variance of e^-80 the rounding of the means looks like information.
            assert!(log_var < -60.0 || parts.information_upper.value.abs() < 1e-9, "{parts:?}");
            assert!(parts.total_correlation.value.abs() < 1e-9 * parts.kl.value.max(1.0), "{parts:?}");
        }
    }

    #[test]
    fn posteriors_without_overlap_carry_the_number_of_the_image() {
        let means = Array2::from_shape_fn((512, 2), |(i, axis)| if axis == 0 { i as f64 } else { 0.0 });
        let parts = decompose(4, &means, &Array2::from_elem((512, 2), -10.0));
        assert_invariants(parts, 512);
        assert!((parts.mutual_information.value - 512f64.ln()).abs() < 1e-12, "{parts:?}");
        assert!(parts.total_correlation.value.abs() < 1e-9, "the second dimension is constant: {parts:?}");
    }

    #[test]
    fn dimensions_that_repeat_each_other_are_totally_correlated() {
        let line = Array2::from_shape_fn((256, 1), |(i, _)| i as f64);
        let means = ndarray::concatenate(Axis(1), &[line.view(), line.view()]).unwrap();
        let parts = decompose(5, &means, &Array2::from_elem((256, 2), -10.0));
        // I(x; z_0) + I(x; z_1) - I(x; z), each ln 256.
        assert!((parts.total_correlation.value - 256f64.ln()).abs() < 1e-10, "{parts:?}");
    }

    #[test]
    fn the_invariants_hold_for_any_posteriors() {
        let mut draws = Draws::seeded(6);
        for (images, dimensions, spread, log_var, log_var_spread) in [
            (1, 1, 1.0, 0.0, 0.0),
            (2, 5, 0.0, 0.0, 1e-9),
            (17, 2, 1e-3, -1e-3, 1e-3),
            (200, 2, 1.0, -1.0, 0.5),
            (200, 7, 30.0, -12.0, 4.0),
            (333, 1, 1e6, -40.0, 20.0),
            (100, 2, 1.0, 40.0, 0.0),
            (1000, 2, 0.999, -6.2, 0.0),
        ] {
            let means = draws.normals((images, dimensions), 0.0, spread);
            let log_vars = draws.normals((images, dimensions), log_var, log_var_spread);
            assert_invariants(decompose(7, &means, &log_vars), images);
        }
    }

    #[test]
    fn codes_that_are_not_finite_are_refused() {
        let zeros = Array2::zeros((2, 1));
        let posteriors = Posteriors::new(zeros.view(), zeros.view()).unwrap();
        let error = decompose_kl(posteriors, array![[0.0], [f64::NEG_INFINITY]].view()).unwrap_err();
        assert_eq!(error, SampleError::NotFinite { sample: 1, dimension: 0, value: f64::NEG_INFINITY });
    }
}
