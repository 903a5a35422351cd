//! Closed-form KL as Burn tensors: differentiable, batched, on any backend.
//!
//! Every function takes the parameters of P and then those of the reference Q, tensors of one shape with a distribution in
//! each entry, and gives `KL(P ‖ Q)` in nats entry by entry; [`categorical_kl`] and [`dirichlet_kl`] take the outcomes along
//! a dimension. The distribution of independent coordinates, the diagonal Normal of a variational autoencoder among
//! them, is the sum over its coordinates:
//!
//! ```
//! # #[cfg(feature = "flex")] {
//! use burn::tensor::{Device, Tensor};
//! use metrics::families::tensor::standard_normal_kl;
//!
//! let device = Device::flex().autodiff();
//! let means = Tensor::<2>::from_floats([[1.0, 0.0], [0.0, 2.0]], &device).require_grad();
//! let log_vars = Tensor::<2>::zeros([2, 2], &device);
//! let kl = standard_normal_kl(means.clone(), log_vars).sum_dim(1).mean();
//! let gradients = kl.backward();
//! assert_eq!(kl.into_scalar::<f32>(), 1.25);
//! assert_eq!(means.grad(&gradients).unwrap().into_data().to_vec::<f32>().unwrap(), [0.5, 0.0, 0.0, 1.0]);
//! # }
//! ```
//!
//! Nothing is checked but the shapes: a look at the values would stop the device. Parameters are finite, and positive where
//! the family wants it. The values are sums of non-negative terms, as those of the families in `f64`, so that in 32-bit
//! floats too the KL of two close distributions keeps six digits. Gradients that are closed forms are not differentiable
//! again; those of the Normals are.

use burn::tensor::{DType, Tensor};

use crate::differentiable::{exp_excess, expm1, ln_1p, polynomial, with_gradients};
use crate::discrete::logits;
use crate::discrete::tensor::Ratio;
use crate::numeric::special::{BERNOULLI, GAUSS_LEGENDRE};

/// KL(Normal ‖ Normal) from means and logarithms of variances.
///
/// `KL = (v_p / v_q - 1 - ln(v_p / v_q) + (mean_p - mean_q)^2 / v_q) / 2`, variances v.
///
/// # Shapes
///
/// - mean_p, log_var_p, mean_q, log_var_q, output: any, the same
///
/// # Panics
///
/// If the shapes differ.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
/// use metrics::families::tensor::normal_kl;
///
/// let device = Device::flex();
/// let mean_p = Tensor::<1>::from_floats([0.0, 1.0], &device);
/// let log_var_p = Tensor::<1>::from_floats([0.0, 0.0], &device);
/// let mean_q = Tensor::<1>::from_floats([1.0, 1.0], &device);
/// let log_var_q = Tensor::<1>::from_floats([0.0, 0.0], &device);
/// let kl = normal_kl(mean_p, log_var_p, mean_q, log_var_q).into_data().to_vec::<f32>().unwrap();
/// assert!(kl == [0.5, 0.0]);
/// # }
/// ```
pub fn normal_kl<const D: usize>(
    mean_p: Tensor<D>,
    log_var_p: Tensor<D>,
    mean_q: Tensor<D>,
    log_var_q: Tensor<D>,
) -> Tensor<D> {
    assert_same(&[&mean_p, &log_var_p, &mean_q, &log_var_q]);
    let shift = (mean_p - mean_q) * (log_var_q.clone() * -0.5).exp();
    (exp_excess(log_var_p - log_var_q) + shift.clone() * shift) * 0.5
}

/// KL(Normal ‖ N(0, 1)) from a mean and the logarithm of a variance.
///
/// `KL = (v - 1 - ln v + mean^2) / 2`, variance v: the rate of a variational autoencoder.
///
/// # Shapes
///
/// - mean, log_var, output: any, the same
///
/// # Panics
///
/// If the shapes differ.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
/// use metrics::families::tensor::standard_normal_kl;
///
/// let device = Device::flex();
/// let mean = Tensor::<1>::from_floats([0.0, 2.0], &device);
/// let log_var = Tensor::<1>::from_floats([0.0, 0.0], &device);
/// let kl = standard_normal_kl(mean, log_var).into_data().to_vec::<f32>().unwrap();
/// assert!(kl == [0.0, 2.0]);
/// # }
/// ```
pub fn standard_normal_kl<const D: usize>(mean: Tensor<D>, log_var: Tensor<D>) -> Tensor<D> {
    assert_same(&[&mean, &log_var]);
    (exp_excess(log_var) + mean.clone() * mean) * 0.5
}

/// KL(Bernoulli ‖ Bernoulli) from logits `ln(p / (1 - p))`.
///
/// `KL = p ln(p / q) + (1 - p) ln((1 - p) / (1 - q))`, with the gradients `p (1 - p) (a - b)` with respect to the logit a of
/// P and `q - p` with respect to the logit b of Q.
///
/// # Shapes
///
/// - logit_p, logit_q, output: any, the same
///
/// # Panics
///
/// If the shapes differ.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
/// use metrics::families::tensor::bernoulli_kl;
///
/// let device = Device::flex();
/// let logit_p = Tensor::<1>::from_floats([0.0], &device);
/// let logit_q = Tensor::<1>::from_floats([3f32.ln()], &device);
/// let kl = bernoulli_kl(logit_p, logit_q).into_data().to_vec::<f32>().unwrap();
/// assert!((kl[0] - 0.5 * (4.0 / 3f32).ln()).abs() < 1e-6);
/// # }
/// ```
pub fn bernoulli_kl<const D: usize>(logit_p: Tensor<D>, logit_q: Tensor<D>) -> Tensor<D> {
    assert_same(&[&logit_p, &logit_q]);
    let (a, b) = (logit_p.clone().detach(), logit_q.clone().detach());
    let difference = a.clone() - b.clone();
    let near = difference.clone().abs().lower_elem(NEAR);
    let small = difference.clone().clamp(-NEAR, NEAR);
    // p (e^-t - 1 + t) with t = ln(p / q), and the same of 1 - p: with ln(p / q) = ln(1 + (1 - p) (e^(a - b) - 1)) where the
    // logits are close.
    let side = |a: Tensor<D>, b: Tensor<D>, small: Tensor<D>| {
        let probability = sigmoid(a.clone());
        let close = ln_1p(sigmoid(a.clone().neg()) * expm1(small));
        let ln_ratio = (log_sigmoid(a) - log_sigmoid(b.clone())).mask_where(near.clone(), close);
        let ratio_near = ln_ratio.clone().abs().lower_elem(NEAR);
        let term = probability.clone() * exp_excess(ln_ratio.clone().clamp(-NEAR, NEAR).neg());
        let direct = probability * (ln_ratio - 1.0) + sigmoid(b);
        direct.mask_where(ratio_near, term).clamp_min(0.0)
    };
    let value = side(a.clone(), b.clone(), small.clone())
        + side(a.clone().neg(), b.clone().neg(), small.clone().neg());
    let (p, not_p) = (sigmoid(a.clone()), sigmoid(a.neg()));
    // q - p = (1 - p) p (e^(b - a) - 1) / (1 + p (e^(b - a) - 1)).
    let moved = expm1(small.neg());
    let close = not_p.clone() * p.clone() * moved.clone() / (p.clone() * moved + 1.0);
    let by_q = (sigmoid(b) - p.clone()).mask_where(near, close);
    with_gradients(value, [(logit_p, p * not_p * difference), (logit_q, by_q)])
}

/// KL(categorical ‖ categorical) along `dim` from logits or log-probabilities: [`logits::kl_divergence`].
///
/// # Shapes
///
/// - logits_p, logits_q: any, the same, with the outcomes along `dim`
/// - output: theirs with a length of 1 along `dim`
///
/// # Panics
///
/// If the shapes differ or lack the dimension `dim`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
/// use metrics::families::tensor::categorical_kl;
///
/// let device = Device::flex();
/// let logits_p = Tensor::<1>::from_floats([0.0, 0.0], &device);
/// let logits_q = Tensor::<1>::from_floats([3f32.ln(), 0.0], &device);
/// let kl = categorical_kl(logits_p, logits_q, 0).into_data().to_vec::<f32>().unwrap();
/// assert!((kl[0] - 0.5 * (4.0 / 3f32).ln()).abs() < 1e-6);
/// # }
/// ```
pub fn categorical_kl<const D: usize>(logits_p: Tensor<D>, logits_q: Tensor<D>, dim: usize) -> Tensor<D> {
    logits::kl_divergence(logits_p, logits_q, dim)
}

/// KL(Gamma ‖ Gamma) from shapes and rates.
///
/// `KL = a_q (m_p / m_q - 1 - ln(m_p / m_q)) + S(a_q) - S(a_p) - (a_q - a_p) S'(a_p)`, shapes a, means m,
/// `S(a) = ln Γ(a) - a ln a + a`, as for [`Gamma`](super::Gamma).
///
/// # Shapes
///
/// - shape_p, rate_p, shape_q, rate_q, output: any, the same
///
/// # Panics
///
/// If the shapes differ.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
/// use metrics::families::tensor::gamma_kl;
///
/// let device = Device::flex();
/// let shape_p = Tensor::<1>::from_floats([1.0], &device);
/// let rate_p = Tensor::<1>::from_floats([2.0], &device);
/// let shape_q = Tensor::<1>::from_floats([1.0], &device);
/// let rate_q = Tensor::<1>::from_floats([1.0], &device);
/// let kl = gamma_kl(shape_p, rate_p, shape_q, rate_q).into_data().to_vec::<f32>().unwrap();
/// assert!((kl[0] - (2f32.ln() - 0.5)).abs() < 1e-6, "two exponential distributions");
/// # }
/// ```
pub fn gamma_kl<const D: usize>(
    shape_p: Tensor<D>,
    rate_p: Tensor<D>,
    shape_q: Tensor<D>,
    rate_q: Tensor<D>,
) -> Tensor<D> {
    assert_same(&[&shape_p, &rate_p, &shape_q, &rate_q]);
    let [a_p, b_p, a_q, b_q] = [&shape_p, &rate_p, &shape_q, &rate_q].map(|x| x.clone().detach());
    let shape_difference = a_p.clone() - a_q.clone();
    let rate_excess = (b_q.clone() - b_p.clone()) / b_p.clone();
    // r - 1 - ln r for the ratio r of the means.
    let means = product_of_ratios(
        Ratios { ratio: a_p.clone() / a_q.clone(), less_one: shape_difference.clone() / a_q.clone() },
        Ratios { ratio: b_q.clone() / b_p.clone(), less_one: rate_excess.clone() },
    );
    let of_shapes = stirling_divergence(a_q.clone(), a_p.clone(), shape_difference.clone().neg());
    let value = a_q.clone() * means.kl_term() + of_shapes;

    let by_shape_p = shape_difference.clone() * trigamma(a_p.clone()) + rate_excess.clone();
    let ln_rates = Ratio::of(b_p.clone(), b_q.clone()).ln();
    let by_shape_q = digamma(a_q.clone()) - digamma(a_p.clone()) + ln_rates;
    // (a_q - a_p b_q / b_p) / b_p, and (a_p / b_p - a_q / b_q), over what the two have in common.
    let common = (shape_difference + a_p * rate_excess).neg();
    let by_rate_p = common.clone() / b_p;
    let by_rate_q = common.neg() / b_q;
    with_gradients(
        value,
        [(shape_p, by_shape_p), (rate_p, by_rate_p), (shape_q, by_shape_q), (rate_q, by_rate_q)],
    )
}

/// KL(Beta ‖ Beta) from the two exponents plus 1.
///
/// The [`dirichlet_kl`] of two outcomes.
///
/// # Shapes
///
/// - alpha_p, beta_p, alpha_q, beta_q, output: any, the same
///
/// # Panics
///
/// If the shapes differ.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
/// use metrics::families::tensor::beta_kl;
///
/// let device = Device::flex();
/// let alpha_p = Tensor::<1>::from_floats([1.0], &device);
/// let beta_p = Tensor::<1>::from_floats([1.0], &device);
/// let alpha_q = Tensor::<1>::from_floats([2.0], &device);
/// let beta_q = Tensor::<1>::from_floats([1.0], &device);
/// let kl = beta_kl(alpha_p, beta_p, alpha_q, beta_q).into_data().to_vec::<f32>().unwrap();
/// assert!((kl[0] - (1.0 - 2f32.ln())).abs() < 1e-6, "the density 2x from a flat one");
/// # }
/// ```
pub fn beta_kl<const D: usize>(
    alpha_p: Tensor<D>,
    beta_p: Tensor<D>,
    alpha_q: Tensor<D>,
    beta_q: Tensor<D>,
) -> Tensor<D> {
    assert_same(&[&alpha_p, &beta_p, &alpha_q, &beta_q]);
    let [a_p, b_p, a_q, b_q] = [&alpha_p, &beta_p, &alpha_q, &beta_q].map(|x| x.clone().detach());
    let sums = Sums {
        difference: (a_q.clone() - a_p.clone()) + (b_q.clone() - b_p.clone()),
        p: a_p.clone() + b_p.clone(),
        q: a_q.clone() + b_q.clone(),
    };
    let (of_a, of_b) = (sums.outcome(&a_p, &a_q), sums.outcome(&b_p, &b_q));
    let common = sums.common();
    let value = of_a.term + of_b.term - common.term;
    with_gradients(
        value.clamp_min(0.0),
        [
            (alpha_p, of_a.by_p - common.by_p.clone()),
            (beta_p, of_b.by_p - common.by_p),
            (alpha_q, of_a.by_q - common.by_q.clone()),
            (beta_q, of_b.by_q - common.by_q),
        ],
    )
}

/// KL(Dirichlet ‖ Dirichlet) along `dim` from concentrations.
///
/// `KL = A_q KL(a_q / A_q ‖ a_p / A_p) + sum_i D_S(a_q,i, a_p,i) - D_S(A_q, A_p)`, as for
/// [`Dirichlet`](super::Dirichlet).
///
/// # Shapes
///
/// - concentrations_p, concentrations_q: any, the same, with the outcomes along `dim`
/// - output: theirs with a length of 1 along `dim`
///
/// # Panics
///
/// If the shapes differ or lack the dimension `dim`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
/// use metrics::families::tensor::dirichlet_kl;
///
/// let device = Device::flex();
/// let concentrations_p = Tensor::<1>::from_floats([1.0, 1.0], &device);
/// let concentrations_q = Tensor::<1>::from_floats([2.0, 1.0], &device);
/// let kl = dirichlet_kl(concentrations_p, concentrations_q, 0).into_data().to_vec::<f32>().unwrap();
/// assert!((kl[0] - (1.0 - 2f32.ln())).abs() < 1e-6, "that of two Beta distributions");
/// # }
/// ```
pub fn dirichlet_kl<const D: usize>(
    concentrations_p: Tensor<D>,
    concentrations_q: Tensor<D>,
    dim: usize,
) -> Tensor<D> {
    assert_same(&[&concentrations_p, &concentrations_q]);
    assert!(dim < D, "dimension {dim} of a tensor with {D} dimensions: they count from 0");
    let (p, q) = (concentrations_p.clone().detach(), concentrations_q.clone().detach());
    let sums = Sums {
        difference: (q.clone() - p.clone()).sum_dim(dim),
        p: p.clone().sum_dim(dim),
        q: q.clone().sum_dim(dim),
    };
    let (outcomes, common) = (sums.outcome(&p, &q), sums.common());
    let value = outcomes.term.sum_dim(dim) - common.term;
    let (by_p, by_q) = (outcomes.by_p - common.by_p, outcomes.by_q - common.by_q);
    let zeros = with_gradients(by_p.zeros_like(), [(concentrations_p, by_p), (concentrations_q, by_q)]);
    value.clamp_min(0.0) + zeros.sum_dim(dim)
}

/// A part of the KL of two Dirichlet distributions, and of its gradient.
struct Part<const D: usize> {
    term: Tensor<D>,
    by_p: Tensor<D>,
    by_q: Tensor<D>,
}

/// The sums of the concentrations, and their difference from those of the concentrations: that of the sums is rounded.
struct Sums<const D: usize> {
    p: Tensor<D>,
    q: Tensor<D>,
    /// `q - p`
    difference: Tensor<D>,
}

impl<const D: usize> Sums<D> {
    /// What each outcome adds.
    fn outcome(&self, p: &Tensor<D>, q: &Tensor<D>) -> Part<D> {
        // r - 1 for the ratio r of the mean under P to that under Q; their KL is q (r - 1 - ln r), times the sum of Q.
        let relative = (p.clone() - q.clone()) / q.clone();
        let of_sums = self.difference.clone() / self.p.clone();
        let means = product_of_ratios(
            Ratios { ratio: p.clone() / q.clone(), less_one: relative },
            Ratios { ratio: self.q.clone() / self.p.clone(), less_one: of_sums },
        );
        let difference = q.clone() - p.clone();
        Part {
            term: q.clone() * means.kl_term() + stirling_divergence(q.clone(), p.clone(), difference.clone()),
            by_p: difference.neg() * trigamma(p.clone()),
            by_q: digamma(q.clone()) - digamma(p.clone()),
        }
    }

    /// What the sums take off again, from the gradient by every outcome.
    fn common(&self) -> Part<D> {
        Part {
            term: stirling_divergence(self.q.clone(), self.p.clone(), self.difference.clone()),
            by_p: self.difference.clone().neg() * trigamma(self.p.clone()),
            by_q: digamma(self.q.clone()) - digamma(self.p.clone()),
        }
    }
}

/// A ratio of positive numbers, and what it has beyond 1, from the difference of the two.
struct Ratios<const D: usize> {
    ratio: Tensor<D>,
    less_one: Tensor<D>,
}

/// 1 to the product of two ratios, of which what is beyond 1 is `x (1 + y) + y` where that does not cancel.
fn product_of_ratios<const D: usize>(first: Ratios<D>, second: Ratios<D>) -> Ratio<D> {
    let product = first.ratio * second.ratio.clone();
    let close = second.less_one.clone().abs().lower_elem(0.5);
    let excess = first.less_one * second.ratio + second.less_one;
    let close = close.expand(product.shape());
    Ratio::of_one_to(product.clone(), (product - 1.0).mask_where(close, excess))
}

/// `1 / (1 + e^-x)`; what some backends have is computed in 32 bits whatever the float type.
fn sigmoid<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    (x.neg().exp() + 1.0).recip()
}

/// `ln(1 / (1 + e^-x))`
fn log_sigmoid<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    x.clone().clamp_max(0.0) - ln_1p(x.abs().neg().exp())
}

/// The differences of logits for which exponentials are taken less 1.
const NEAR: f64 = 0.5;

fn assert_same<const D: usize>(tensors: &[&Tensor<D>]) {
    for tensor in tensors {
        assert_eq!(tensor.dims(), tensors[0].dims(), "the parameters have different shapes");
    }
}

/// `S(y) - S(x) - (y - x) S'(x)` for `S(x) = ln Γ(x) - x ln x + x`, at least 0, given `y - x`.
fn stirling_divergence<const D: usize>(y: Tensor<D>, x: Tensor<D>, difference: Tensor<D>) -> Tensor<D> {
    let ratio = y.clone() / x.clone();
    let near = ratio.clone().lower_equal_elem(2.0).bool_and(ratio.greater_equal_elem(0.5));
    // (y - x)^2 times the mean of S'' with a weight that falls from x to y.
    let relative = difference / x.clone();
    let inside = relative.clone().clamp(-0.5, 1.0);
    let mut curvature = x.zeros_like();
    for (node, weight) in GAUSS_LEGENDRE {
        for node in [-node, node] {
            let t = 0.5 * (1.0 + node);
            let stretch = inside.clone() * t + 1.0;
            let at = stirling_curvature(x.clone() * stretch.clone());
            curvature = curvature + at / (stretch.clone() * stretch) * (0.5 * weight * (1.0 - t));
        }
    }
    let close = curvature * relative.clone() * relative.clone();
    let direct = stirling(y) - stirling(x.clone()) - relative * stirling_slope(x);
    direct.mask_where(near, close).clamp_min(0.0)
}

/// How far an argument is shifted up before an asymptotic series is taken, and how many terms of it.
///
/// The error of the series of ln Γ after n terms is about `B_2n+2 / x^(2n + 1)`: 3e-9 for 4 terms at 4, 1e-17 for 7 at 12.
struct Series {
    from: u8,
    terms: usize,
}

fn series<const D: usize>(x: &Tensor<D>) -> Series {
    if x.dtype() == DType::F64 { Series { from: 12, terms: 7 } } else { Series { from: 4, terms: 4 } }
}

/// An argument where the series holds: its own where it is large, and otherwise that far up.
struct Shifted<const D: usize> {
    /// The argument of the series.
    x: Tensor<D>,
    /// The smaller ones, and 1 in the place of the others.
    small: Tensor<D>,
    is_small: Tensor<D, burn::tensor::Bool>,
    series: Series,
}

impl<const D: usize> Shifted<D> {
    fn of(x: Tensor<D>) -> Self {
        let series = series(&x);
        let from = f64::from(series.from);
        let is_small = x.clone().lower_elem(from);
        let small = x.clone().mask_fill(is_small.clone().bool_not(), 1.0);
        Self { x: x.mask_where(is_small.clone(), small.clone() + from), small, is_small, series }
    }

    /// `sum_k c_k x^(-2k)` with the coefficients that `of` makes of the Bernoulli numbers `B_2k`, from k = 1.
    fn sum(&self, of: impl Fn(f64, f64) -> f64) -> Tensor<D> {
        let coefficients: Vec<f64> = BERNOULLI
            .iter()
            .zip(1..)
            .take(self.series.terms)
            .map(|(b, k)| of(*b, f64::from(2 * k)))
            .collect();
        let inverse_square = (self.x.clone() * self.x.clone()).recip();
        polynomial(&inverse_square, &coefficients)
    }

    /// A function of the smaller ones that is summed over the steps of the shift.
    fn over_steps(&self, term: impl Fn(Tensor<D>) -> Tensor<D>) -> Tensor<D> {
        let start = self.small.zeros_like();
        (0..self.series.from).fold(start, |sum, i| sum + term(self.small.clone() + f64::from(i)))
    }

    fn only_small(&self, correction: Tensor<D>) -> Tensor<D> {
        correction.mask_fill(self.is_small.clone().bool_not(), 0.0)
    }
}

/// `S(x) = ln Γ(x) - x ln x + x`
fn stirling<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let shifted = Shifted::of(x);
    let half_ln = ((shifted.x.clone().log().neg()) + std::f64::consts::TAU.ln()) * 0.5;
    let series = half_ln + shifted.sum(|b, n| b / (n * (n - 1.0))) / shifted.x.clone();
    // S(x) = S(x + n) + (x + n) ln(x + n) - x ln x - n - ln(x (x + 1) ... (x + n - 1)).
    let (small, n) = (shifted.small.clone(), f64::from(shifted.series.from));
    let up = shifted.x.clone();
    let factors = shifted.over_steps(|x| x.log());
    let correction = up.clone() * up.log() - small.clone() * small.log() - n - factors;
    series + shifted.only_small(correction)
}

/// `x S'(x) = x (ψ(x) - ln x)`
fn stirling_slope<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let direct = x.clone() * (digamma(x.clone()) - x.clone().log());
    let shifted = Shifted::of(x);
    // Of the series without ln x, which would cancel.
    let series = (shifted.sum(|b, n| b / n) / shifted.x.clone() + 0.5).neg();
    series.mask_where(shifted.is_small, direct)
}

/// `x^2 S''(x) = x^2 ψ'(x) - x`
fn stirling_curvature<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let shifted = Shifted::of(x);
    // Of the series without its leading 1 / x, which would cancel: 1/2 + B_2 / x + ...
    let series = shifted.sum(|b, _| b) / shifted.x.clone() + 0.5;
    // At x the sum over the steps has to be put back: x^2 (ψ'(x + n) + sum 1 / (x + i)^2) - x.
    let small = shifted.small.clone();
    let up = shifted.x.clone();
    let trigamma_up = (series.clone() / up.clone() + 1.0) / up;
    let steps = shifted.over_steps(|x| (x.clone() * x).recip());
    let at_small = small.clone() * small.clone() * (trigamma_up + steps) - small;
    series.mask_where(shifted.is_small.clone(), at_small)
}

/// `ψ(x)`
fn digamma<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let shifted = Shifted::of(x);
    let inverse = shifted.x.clone().recip();
    let tail = shifted.sum(|b, n| b / n) * inverse.clone() * inverse.clone();
    let series = shifted.x.clone().log() - inverse * 0.5 - tail;
    series - shifted.only_small(shifted.over_steps(|x| x.recip()))
}

/// `ψ'(x)`
fn trigamma<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let shifted = Shifted::of(x);
    let inverse = shifted.x.clone().recip();
    let tail = shifted.sum(|b, _| b) * inverse.clone() * inverse.clone() + inverse.clone() * 0.5 + 1.0;
    tail * inverse + shifted.only_small(shifted.over_steps(|x| (x.clone() * x).recip()))
}

#[cfg(all(test, any(feature = "flex", feature = "ndarray")))]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::super::{Bernoulli, Beta, Dirichlet, Gamma, KlDivergence, Normal};
    use super::*;
    use crate::differentiable::{devices, processor_devices};

    /// 32-bit floats and a handful of terms: of the value, however small.
    const TOLERANCE: f64 = 5e-6;

    /// Of a gradient: in units of its largest term, as it is a difference.
    const GRADIENT_TOLERANCE: f64 = 2e-5;

    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
        tensor.into_data().iter::<f64>().collect()
    }

    struct Case {
        name: &'static str,
        kl: fn(Vec<Tensor<1>>) -> Tensor<1>,
        /// The same in 64 bits.
        exact: fn(&[f64]) -> f64,
        /// Lists of parameters, those of P first.
        parameters: Vec<Vec<f32>>,
    }

    fn four(
        kl: impl Fn(Tensor<1>, Tensor<1>, Tensor<1>, Tensor<1>) -> Tensor<1>,
        of: Vec<Tensor<1>>,
    ) -> Tensor<1> {
        let [a, b, c, d] = of.try_into().expect("two parameters a side");
        kl(a, b, c, d)
    }

    /// Parameters far apart, and ever closer to each other.
    fn approaching(p: &[f32], q: &[f32]) -> Vec<Vec<f32>> {
        let near = |step: f32| p.iter().zip(q).map(|(p, q)| p + step * (q - p)).collect::<Vec<f32>>();
        [1.0_f32, 0.3, 1e-1, 1e-2, 1e-3, 1e-4].iter().map(|&step| [p, &near(step)].concat()).collect()
    }

    fn cases() -> Vec<Case> {
        let positive: [([f32; 2], [f32; 2]); 6] = [
            ([2.0, 0.5], [3.5, 2.0]),
            ([0.05, 1.0], [0.5, 3.0]),
            ([30.0, 1.0], [200.0, 7.0]),
            ([0.7, 4.5], [11.0, 0.3]),
            ([3.9, 12.5], [4.1, 11.5]),
            ([1000.0, 900.0], [2500.0, 800.0]),
        ];
        let all =
            |pairs: &[([f32; 2], [f32; 2])]| pairs.iter().flat_map(|(p, q)| approaching(p, q)).collect();
        vec![
            Case {
                name: "normal",
                kl: |of| four(normal_kl, of),
                exact: |v| {
                    let of = |mean: f64, log_var: f64| Normal::new(mean, (0.5 * log_var).exp()).unwrap();
                    of(v[0], v[1]).kl_divergence(&of(v[2], v[3])).unwrap()
                },
                parameters: all(&[([0.5, -1.0], [2.0, 0.7]), ([-3.0, 4.0], [1.0, -2.0])]),
            },
            Case {
                name: "standard normal",
                kl: |mut of| {
                    let log_var = of.remove(1);
                    standard_normal_kl(of.remove(0), log_var)
                },
                exact: |v| {
                    let (p, q) = (Normal::new(v[0], (0.5 * v[1]).exp()), Normal::new(0.0, 1.0));
                    p.unwrap().kl_divergence(&q.unwrap()).unwrap()
                },
                parameters: vec![vec![0.5, -1.0], vec![0.0, 1e-3], vec![1e-4, -1e-4], vec![3.0, 2.0]],
            },
            Case {
                name: "bernoulli",
                kl: |mut of| {
                    let q = of.remove(1);
                    bernoulli_kl(of.remove(0), q)
                },
                exact: |v| {
                    // 1 - p of a logit of 20 is lost in p, so the outcomes are exchanged where p is near 1.
                    let sign = -v[0].signum();
                    let probability = |logit: f64| 1.0 / (1.0 + (-sign * logit).exp());
                    let (p, q) = (Bernoulli::new(probability(v[0])), Bernoulli::new(probability(v[1])));
                    p.unwrap().kl_divergence(&q.unwrap()).unwrap()
                },
                parameters: [(0.3_f32, 2.0_f32), (20.0, 18.0), (-8.0, 3.0), (4.0, -4.0), (-30.0, -29.0)]
                    .iter()
                    .flat_map(|&(p, q)| approaching(&[p], &[q]))
                    .collect(),
            },
            Case {
                name: "gamma",
                kl: |of| four(gamma_kl, of),
                exact: |v| {
                    let of = |shape, rate| Gamma::new(shape, rate).unwrap();
                    of(v[0], v[1]).kl_divergence(&of(v[2], v[3])).unwrap()
                },
                parameters: all(&positive),
            },
            Case {
                name: "beta",
                kl: |of| four(beta_kl, of),
                exact: |v| {
                    let of = |alpha, beta| Beta::new(alpha, beta).unwrap();
                    of(v[0], v[1]).kl_divergence(&of(v[2], v[3])).unwrap()
                },
                parameters: all(&positive),
            },
        ]
    }

    /// Each case as one batch, in a float type, with the gradient by each parameter.
    fn evaluate(case: &Case, device: &Device, dtype: DType) -> (Vec<f64>, Vec<Vec<f64>>) {
        let device = device.clone().autodiff();
        let columns: Vec<Tensor<1>> = (0..case.parameters[0].len())
            .map(|i| {
                let column: Vec<f32> = case.parameters.iter().map(|row| row[i]).collect();
                let data = TensorData::new(column, [case.parameters.len()]);
                Tensor::<1>::from_data(data, (&device, dtype)).require_grad()
            })
            .collect();
        let kl = (case.kl)(columns.clone());
        let gradients = kl.clone().sum().backward();
        let slopes =
            columns.iter().map(|x| values(x.grad(&gradients).expect("a parameter is tracked"))).collect();
        (values(kl), slopes)
    }

    /// The slope of the exact KL, by central differences of the fourth order.
    fn slope(exact: fn(&[f64]) -> f64, at: &[f64], i: usize) -> f64 {
        let h = 1e-3 * at[i].abs().max(1e-3);
        let moved = |k: f64| {
            let mut at = at.to_vec();
            at[i] += k * h;
            exact(&at)
        };
        (8.0 * (moved(1.0) - moved(-1.0)) - (moved(2.0) - moved(-2.0))) / (12.0 * h)
    }

    #[test]
    fn values_and_gradients_are_those_of_the_families() {
        for device in devices() {
            for case in cases() {
                let (found, slopes) = evaluate(&case, &device, DType::F32);
                for (row, (parameters, found)) in case.parameters.iter().zip(&found).enumerate() {
                    let parameters: Vec<f64> = parameters.iter().map(|&x| f64::from(x)).collect();
                    let expected = (case.exact)(&parameters);
                    assert!(
                        (found - expected).abs() <= TOLERANCE * expected,
                        "{} at {parameters:?}: {found:e}, not {expected:e}",
                        case.name
                    );
                    for (i, slopes) in slopes.iter().enumerate() {
                        let expected_slope = slope(case.exact, &parameters, i);
                        // A shape below 1 has terms of the size of 1 / shape^2 in its slope.
                        let size =
                            (1.0 / parameters[i].abs().min(1.0).powi(2)).min(1e4) * expected.sqrt().min(1.0);
                        let limit = GRADIENT_TOLERANCE * (size + expected_slope.abs() + 0.1);
                        assert!(
                            (slopes[row] - expected_slope).abs() <= limit,
                            "{} at {parameters:?} by {i}: {:e}, not {expected_slope:e}",
                            case.name,
                            slopes[row]
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn in_64_bits_they_are_as_good_as_the_families() {
        for device in processor_devices() {
            for case in cases() {
                let (found, _) = evaluate(&case, &device, DType::F64);
                for (parameters, found) in case.parameters.iter().zip(&found) {
                    let parameters: Vec<f64> = parameters.iter().map(|&x| f64::from(x)).collect();
                    let expected = (case.exact)(&parameters);
                    // One rounding of a rate changes a small KL by its root times that of the shape.
                    let size = parameters.iter().fold(1.0_f64, |size, x| size.max(x.abs()));
                    let limit = 2e-13 * expected + 1e-15 * (size * expected).sqrt();
                    assert!(
                        (found - expected).abs() <= limit,
                        "{} at {parameters:?}: {found:e}, not {expected:e}",
                        case.name
                    );
                }
            }
        }
    }

    #[test]
    fn dirichlet_along_a_dimension() {
        let p = [[1.0_f32, 2.0, 3.0], [10.0, 20.0, 0.3]];
        let q = [[0.5_f32, 0.5, 4.0], [10.01, 20.0, 0.3001]];
        for device in devices() {
            let device = device.autodiff();
            let tensor = |rows| Tensor::<2>::from_floats(rows, &device).require_grad();
            let (tensor_p, tensor_q) = (tensor(p), tensor(q));
            let kl = dirichlet_kl(tensor_p.clone(), tensor_q.clone(), 1);
            assert_eq!(kl.dims(), [2, 1]);
            let gradients = kl.clone().sum().backward();
            let exact = |v: &[f64]| {
                let of = |v: &[f64]| Dirichlet::new(v).unwrap();
                of(&v[..3]).kl_divergence(&of(&v[3..])).unwrap()
            };
            let slopes = [&tensor_p, &tensor_q].map(|x| values(x.grad(&gradients).expect("tracked")));
            for (row, found) in values(kl).into_iter().enumerate() {
                let parameters: Vec<f64> = [p[row], q[row]].concat().iter().map(|&x| f64::from(x)).collect();
                let expected = exact(&parameters);
                assert!((found - expected).abs() <= TOLERANCE * expected, "{found:e}, not {expected:e}");
                for i in 0..6 {
                    let (found, expected) = (slopes[i / 3][3 * row + i % 3], slope(exact, &parameters, i));
                    assert!(
                        (found - expected).abs() <= GRADIENT_TOLERANCE * (1.0 + expected.abs()),
                        "{i}: {found}, {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn equal_parameters_are_at_zero_with_no_slope() {
        for device in devices() {
            for case in cases() {
                let half = case.parameters[0].len() / 2;
                if case.name == "standard normal" {
                    continue;
                }
                let rows = case.parameters.iter().map(|row| [&row[..half], &row[..half]].concat());
                let case = Case { parameters: rows.collect(), ..case };
                let (found, slopes) = evaluate(&case, &device, DType::F32);
                assert!(found.iter().all(|kl| *kl == 0.0), "{}: {found:?}", case.name);
                let flat = slopes.iter().flatten().all(|slope| slope.abs() < 1e-6);
                assert!(flat, "{}: {slopes:?}", case.name);
            }
        }
    }

    #[test]
    #[should_panic(expected = "different shapes")]
    fn shapes_have_to_fit() {
        let device = devices().swap_remove(0);
        let _ = standard_normal_kl(Tensor::<1>::zeros([2], &device), Tensor::<1>::zeros([3], &device));
    }
}
