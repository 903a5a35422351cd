//! The divergences as Burn tensors along a dimension: differentiable, batched, on any backend.
//!
//! Nothing is checked but the shapes: a look at the values would stop the device. The distributions are expected to be
//! non-negative and to sum to 1 along the dimension, as a softmax makes them. Infinite divergences are infinite here
//! too.
//!
//! # Values and gradients
//!
//! Values are at least 0, as on slices: the terms are `p ln(p / q) - p + q`, each computed without cancellation, so that in
//! 32-bit floats too the divergence of two softmaxes that differ in their fifth digit has six good digits. Gradients are
//! those of the plain `sum p ln(p / q)` over the outcomes with `p > 0`:
//!
//! ```text
//! d KL / dp = ln(p / q) + 1,     d KL / dq = -p / q
//! ```
//!
//! and 0 with respect to both where `p` is 0. For `q` that is the derivative; for `p`, where the true slope is infinite,
//! it is the one that a softmax needs, whose own derivative is 0 there. The usual `where(p == 0, 0, p ln(p / q))` has the
//! right value and the gradient NaN: the branch that is not taken is differentiated all the same, and 0 times infinity
//! comes back. The gradients here are closed forms, and are not differentiable again.

use std::f64::consts::LN_2;

use burn::tensor::{Bool, Tensor};

use crate::differentiable::{ln_1p, polynomial, terms, with_gradients};

/// The entropy `-sum p ln p` along `dim`, in nats.
///
/// The gradient is `-(ln p + 1)`, and 0 where `p` is 0.
///
/// # Shapes
///
/// - p: any, with the outcomes along `dim`
/// - output: that of `p` with a length of 1 along `dim`
///
/// # Panics
///
/// If `p` has no dimension `dim`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
/// use metrics::discrete::tensor::entropy;
///
/// let device = Device::flex();
/// let p = Tensor::<2>::from_floats([[0.25, 0.75], [1.0, 0.0]], &device);
/// let nats = entropy(p, 1).into_data().to_vec::<f32>().unwrap();
/// assert!((nats[0] - 0.562_335).abs() < 1e-6 && nats[1] == 0.0);
/// # }
/// ```
pub fn entropy<const D: usize>(p: Tensor<D>, dim: usize) -> Tensor<D> {
    assert_dim::<D>(dim);
    let impossible = p.clone().equal_elem(0.0);
    let p = p.mask_fill(impossible, 1.0);
    at_least_zero((p.clone() * p.log()).neg().sum_dim(dim))
}

/// The cross-entropy `-sum p ln q` along `dim`, in nats, with `q` as the reference.
///
/// The gradients are `-ln q` with respect to `p` and `-p / q` with respect to `q`, and 0 where `p` is 0.
///
/// # Shapes
///
/// - p, q: any, the same, with the outcomes along `dim`
/// - output: theirs with a length of 1 along `dim`
///
/// # Panics
///
/// If the shapes differ or lack the dimension `dim`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
/// use metrics::discrete::tensor::cross_entropy;
///
/// let device = Device::flex();
/// let p = Tensor::<1>::from_floats([0.5, 0.5, 0.0], &device);
/// let q = Tensor::<1>::from_floats([0.5, 0.25, 0.25], &device);
/// let bits = cross_entropy(p, q, 0).into_scalar::<f32>() / std::f32::consts::LN_2;
/// assert!((bits - 1.5).abs() < 1e-6);
/// # }
/// ```
pub fn cross_entropy<const D: usize>(p: Tensor<D>, q: Tensor<D>, dim: usize) -> Tensor<D> {
    assert_pair(&p, &q, dim);
    let impossible = p.clone().equal_elem(0.0);
    let q = q.mask_fill(impossible.clone(), 1.0);
    let p = p.mask_fill(impossible, 0.0);
    at_least_zero((p * q.log()).neg().sum_dim(dim))
}

/// The Kullback-Leibler divergence `KL(P ‖ Q) = sum p ln(p / q)` along `dim`, in nats, with `q` as the reference.
///
/// # Shapes
///
/// - p, q: any, the same, with the outcomes along `dim`
/// - output: theirs with a length of 1 along `dim`
///
/// # Panics
///
/// If the shapes differ or lack the dimension `dim`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
/// use metrics::discrete::tensor::kl_divergence;
///
/// let device = Device::flex();
/// let p = Tensor::<1>::from_floats([0.10, 0.40, 0.50], &device.clone().autodiff()).require_grad();
/// let q = Tensor::<1>::from_floats([0.80, 0.15, 0.05], &device.autodiff());
/// let kl = kl_divergence(p.clone(), q, 0);
/// let gradient = p.grad(&kl.backward()).unwrap().into_data().to_vec::<f32>().unwrap();
/// assert!((kl.into_scalar::<f32>() - 1.335_680).abs() < 1e-6);
/// assert!((gradient[0] - (1.0 - 8f32.ln())).abs() < 1e-6, "ln(p / q) + 1");
/// # }
/// ```
pub fn kl_divergence<const D: usize>(p: Tensor<D>, q: Tensor<D>, dim: usize) -> Tensor<D> {
    assert_pair(&p, &q, dim);
    kl_terms(p, q).sum_dim(dim)
}

/// The Jensen-Shannon divergence `KL(P ‖ M) / 2 + KL(Q ‖ M) / 2` with `M = (P + Q) / 2` along `dim`, in nats.
///
/// At most `ln 2`. The gradient is `ln(p / m) / 2` with respect to `p`, and alike for `q`.
///
/// # Shapes
///
/// - p, q: any, the same, with the outcomes along `dim`
/// - output: theirs with a length of 1 along `dim`
///
/// # Panics
///
/// If the shapes differ or lack the dimension `dim`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
/// use metrics::discrete::tensor::jensen_shannon_divergence;
///
/// let device = Device::flex();
/// let p = Tensor::<2>::from_floats([[1.0, 0.0], [0.5, 0.5]], &device);
/// let q = Tensor::<2>::from_floats([[0.0, 1.0], [0.5, 0.5]], &device);
/// let js = jensen_shannon_divergence(p, q, 1).into_data().to_vec::<f32>().unwrap();
/// assert_eq!(js, [std::f32::consts::LN_2, 0.0]);
/// # }
/// ```
pub fn jensen_shannon_divergence<const D: usize>(p: Tensor<D>, q: Tensor<D>, dim: usize) -> Tensor<D> {
    assert_pair(&p, &q, dim);
    let js = jensen_shannon_terms(p, q).sum_dim(dim);
    let excess = (js.clone().detach() - LN_2).clamp_min(0.0);
    js - excess
}

/// `p ln(p / q) - p + q`, with the gradient of `p ln(p / q)`.
fn kl_terms<const D: usize>(p: Tensor<D>, q: Tensor<D>) -> Tensor<D> {
    let (p_value, q_value) = (p.clone().detach(), q.clone().detach());
    let impossible = p_value.clone().equal_elem(0.0);
    let infinite = q_value.clone().equal_elem(0.0).bool_and(impossible.clone().bool_not());
    let aside = impossible.clone().bool_or(infinite.clone());
    let (p_inside, q_inside) =
        (p_value.mask_fill(aside.clone(), 1.0), q_value.clone().mask_fill(aside.clone(), 1.0));

    let ratio = Ratio::of(p_inside.clone(), q_inside.clone());
    let value = only_where(q_value, impossible).mask_where(aside.clone().bool_not(), ratio.kl_term());
    let by_p = (ratio.ln() + 1.0).mask_fill(aside.clone(), 0.0);
    let by_q = (p_inside / q_inside).neg().mask_fill(aside, 0.0);

    // -p ln q where only q is 0: infinite, with gradients that are.
    let certain = infinite.bool_not();
    let of_ruled_out =
        (p.clone().mask_fill(certain.clone(), 0.0) * q.clone().mask_fill(certain, 1.0).log()).neg();
    with_gradients(value, [(p, by_p), (q, by_q)]) + of_ruled_out
}

/// `(p ln(p / m) + q ln(q / m)) / 2` with `m = (p + q) / 2`, and its gradients.
///
/// With `u = (p - q) / (p + q)` this is `m ((1 + u) ln(1 + u) + (1 - u) ln(1 - u)) / 2`, at least 0 and without the quotient
/// of a mean that has underflowed.
fn jensen_shannon_terms<const D: usize>(p: Tensor<D>, q: Tensor<D>) -> Tensor<D> {
    let (p_value, q_value) = (p.clone().detach(), q.clone().detach());
    let sum = p_value.clone() + q_value.clone();
    let impossible = sum.clone().equal_elem(0.0);
    let u = (p_value - q_value) / sum.clone().mask_fill(impossible, 1.0);
    let value = sum * 0.5 * binary_information(u.clone());
    // ln(p / m) / 2. Where p is 0 it is infinite, and 0 is what a softmax needs.
    let half_ln = |u: Tensor<D>| {
        let alone = u.clone().equal_elem(-1.0);
        ln_1p(u.mask_fill(alone, 0.0)) * 0.5
    };
    with_gradients(value, [(p, half_ln(u.clone())), (q, half_ln(u.neg()))])
}

/// `((1 + u) ln(1 + u) + (1 - u) ln(1 - u)) / 2` for `u` from -1 to 1: what a biased bit lacks of `ln 2`.
pub(super) fn binary_information<const D: usize>(u: Tensor<D>) -> Tensor<D> {
    // sum_k u^2k / (2k (2k - 1)): at u = 1/4 the thirteenth term is below 1e-17 of the first.
    const SERIES: [f64; 12] = [
        1.0 / 2.0,
        1.0 / 12.0,
        1.0 / 30.0,
        1.0 / 56.0,
        1.0 / 90.0,
        1.0 / 132.0,
        1.0 / 182.0,
        1.0 / 240.0,
        1.0 / 306.0,
        1.0 / 380.0,
        1.0 / 462.0,
        1.0 / 552.0,
    ];
    let near = u.clone().abs().lower_elem(0.25);
    let square = u.clone() * u.clone();
    let series = square.clone() * polynomial(&square, &SERIES[..terms(&u, SERIES.len())]);
    let side = |u: Tensor<D>| {
        let alone = u.clone().equal_elem(-1.0);
        let u = u.mask_fill(alone, 0.0);
        (u.clone() + 1.0) * ln_1p(u)
    };
    let direct = (side(u.clone()) + side(u.neg())) * 0.5;
    direct.mask_where(near, series)
}

/// Two positive tensors, and what their logarithm is computed from.
pub(crate) struct Ratio<const D: usize> {
    p: Tensor<D>,
    q: Tensor<D>,
    /// `p - q`, exact where the two are close.
    difference: Tensor<D>,
    /// `s = (p - q) / (p + q)`, of which `ln(p / q) = 2 atanh(s)`.
    s: Tensor<D>,
    near: Tensor<D, Bool>,
}

impl<const D: usize> Ratio<D> {
    pub(crate) fn of(p: Tensor<D>, q: Tensor<D>) -> Self {
        let difference = p.clone() - q.clone();
        let s = difference.clone() / (p.clone() + q.clone());
        let near = s.clone().abs().lower_elem(0.1);
        Self { p, q, difference, s, near }
    }

    /// 1 and `ratio`, with a `ratio - 1` that is known better than the ratio tells.
    pub(crate) fn of_one_to(ratio: Tensor<D>, less_one: Tensor<D>) -> Self {
        let s = less_one.clone().neg() / (ratio.clone() + 1.0);
        let near = s.clone().abs().lower_elem(0.1);
        Self { p: ratio.ones_like(), q: ratio, difference: less_one.neg(), s, near }
    }

    /// `atanh(s) / s - 1`, for the close ones.
    fn atanh_tail(&self) -> Tensor<D> {
        // s^2 / 3 + s^4 / 5 + ...: at s = 1/10 the ninth term is below 1e-17.
        const SERIES: [f64; 8] =
            [1.0 / 3.0, 1.0 / 5.0, 1.0 / 7.0, 1.0 / 9.0, 1.0 / 11.0, 1.0 / 13.0, 1.0 / 15.0, 1.0 / 17.0];
        let square = self.s.clone() * self.s.clone();
        square.clone() * polynomial(&square, &SERIES[..terms(&self.s, SERIES.len())])
    }

    /// `ln(p / q)`
    pub(crate) fn ln(&self) -> Tensor<D> {
        let near = self.s.clone() * (self.atanh_tail() + 1.0) * 2.0;
        (self.p.clone().log() - self.q.clone().log()).mask_where(self.near.clone(), near)
    }

    /// `p ln(p / q) - p + q`, near equality as `s (p - q) + 2 p (atanh(s) - s)`.
    pub(crate) fn kl_term(&self) -> Tensor<D> {
        let tail = self.p.clone() * self.s.clone() * self.atanh_tail() * 2.0;
        let near = self.s.clone() * self.difference.clone() + tail;
        let direct = self.p.clone() * (self.p.clone().log() - self.q.clone().log()) - self.difference.clone();
        direct.mask_where(self.near.clone(), near).clamp_min(0.0)
    }
}

fn only_where<const D: usize>(values: Tensor<D>, mask: Tensor<D, Bool>) -> Tensor<D> {
    values.mask_fill(mask.bool_not(), 0.0)
}

/// Lifts what rounding made negative to 0 and leaves the gradient alone.
///
/// Not `x.clamp_min(0)`, whose gradient vanishes there; and a sum, so that infinity stays infinite.
fn at_least_zero<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let missing = x.clone().detach().neg().clamp_min(0.0);
    x + missing
}

pub(super) fn assert_dim<const D: usize>(dim: usize) {
    assert!(dim < D, "dimension {dim} of a tensor with {D} dimensions: they count from 0");
}

pub(super) fn assert_pair<const D: usize>(p: &Tensor<D>, q: &Tensor<D>, dim: usize) {
    assert_eq!(p.dims(), q.dims(), "p and q have different shapes");
    assert_dim::<D>(dim);
}

#[cfg(all(test, any(feature = "flex", feature = "ndarray")))]
mod tests {
    use burn::tensor::Device;
    use burn::tensor::activation::softmax;

    use super::*;
    use crate::differentiable::devices;
    use crate::discrete;

    /// 32-bit floats and a handful of terms of the order of 1.
    const TOLERANCE: f64 = 1e-6;

    const P: [f32; 4] = [0.10, 0.40, 0.50, 0.0];
    const Q: [f32; 4] = [0.70, 0.15, 0.05, 0.10];

    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
        tensor.into_data().iter::<f64>().collect()
    }

    fn assert_close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found_one, expected_one) in found.iter().zip(expected) {
            let close = (found_one - expected_one).abs() <= TOLERANCE * (1.0 + expected_one.abs());
            assert!(found_one == expected_one || close, "{found:?}, not {expected:?}");
        }
    }

    fn exact(values: &[f32]) -> Vec<f64> {
        discrete::normalized(&values.iter().map(|&x| f64::from(x)).collect::<Vec<_>>())
            .expect("positive values can be normalised")
    }

    type Pairwise = fn(Tensor<1>, Tensor<1>, usize) -> Tensor<1>;

    fn value_and_gradients(
        divergence: Pairwise,
        p: &[f32],
        q: &[f32],
        device: &Device,
    ) -> (f64, Vec<f64>, Vec<f64>) {
        let device = device.clone().autodiff();
        let p = Tensor::<1>::from_floats(p, &device).require_grad();
        let q = Tensor::<1>::from_floats(q, &device).require_grad();
        let value = divergence(p.clone(), q.clone(), 0);
        let gradients = value.backward();
        (
            values(value)[0],
            values(p.grad(&gradients).expect("p is tracked")),
            values(q.grad(&gradients).expect("q is tracked")),
        )
    }

    #[test]
    fn values_agree_with_the_slices() {
        let (p, q) = (exact(&P), exact(&Q));
        for device in devices() {
            let (tp, tq) = (Tensor::<1>::from_floats(P, &device), Tensor::<1>::from_floats(Q, &device));
            assert_close(&values(entropy(tp.clone(), 0)), &[discrete::entropy(&p).unwrap()]);
            assert_close(
                &values(cross_entropy(tp.clone(), tq.clone(), 0)),
                &[discrete::cross_entropy(&p, &q).unwrap()],
            );
            assert_close(
                &values(kl_divergence(tp.clone(), tq.clone(), 0)),
                &[discrete::kl_divergence(&p, &q).unwrap()],
            );
            assert_close(
                &values(jensen_shannon_divergence(tp, tq, 0)),
                &[discrete::jensen_shannon_divergence(&p, &q).unwrap()],
            );
        }
    }

    #[test]
    fn gradients_of_kl_are_finite_and_right_where_p_is_zero() {
        for device in devices() {
            let (_, by_p, by_q) = value_and_gradients(kl_divergence, &P, &Q, &device);
            let expected_p: Vec<f64> =
                (0..3).map(|i| f64::from(P[i] / Q[i]).ln() + 1.0).chain([0.0]).collect();
            let expected_q: Vec<f64> = (0..4).map(|i| -f64::from(P[i] / Q[i])).collect();
            assert_close(&by_p, &expected_p);
            assert_close(&by_q, &expected_q);
        }
    }

    #[test]
    fn the_usual_form_has_a_nan_gradient() {
        // What the module's documentation says of it; should this fail, the double mask has become needless.
        for device in devices() {
            let usual: Pairwise = |p, q, dim| {
                let impossible = p.clone().equal_elem(0.0);
                (p.clone() * (p / q).log()).mask_fill(impossible, 0.0).sum_dim(dim)
            };
            let (value, by_p, _) = value_and_gradients(usual, &P, &Q, &device);
            assert!(value.is_finite() && by_p[3].is_nan(), "{value}, {by_p:?}");
        }
    }

    #[test]
    fn both_zero_is_no_contribution() {
        for device in devices() {
            for divergence in [kl_divergence as Pairwise, jensen_shannon_divergence, cross_entropy] {
                let (value, by_p, by_q) = value_and_gradients(divergence, &[1.0, 0.0], &[1.0, 0.0], &device);
                assert_eq!(value, 0.0);
                assert!(by_p.iter().chain(&by_q).all(|g| g.is_finite()), "{by_p:?}, {by_q:?}");
            }
        }
    }

    #[test]
    fn only_q_zero_is_infinite() {
        for device in devices() {
            let (value, _, by_q) = value_and_gradients(kl_divergence, &[0.5, 0.5], &[1.0, 0.0], &device);
            assert_eq!(value, f64::INFINITY);
            assert_eq!(by_q, [-0.5, f64::NEG_INFINITY]);
            let (js, _, _) =
                value_and_gradients(jensen_shannon_divergence, &[0.5, 0.5], &[1.0, 0.0], &device);
            let expected = discrete::jensen_shannon_divergence(&[0.5, 0.5], &[1.0, 0.0]).unwrap();
            assert_close(&[js], &[expected]);
        }
    }

    #[test]
    fn gradients_of_jensen_shannon() {
        for device in devices() {
            let (_, by_p, by_q) = value_and_gradients(jensen_shannon_divergence, &P, &Q, &device);
            let mean = |i: usize| f64::from(P[i] + Q[i]) / 2.0;
            let expected_q: Vec<f64> = (0..4).map(|i| 0.5 * (f64::from(Q[i]) / mean(i)).ln()).collect();
            let expected_p: Vec<f64> = (0..3).map(|i| 0.5 * (f64::from(P[i]) / mean(i)).ln()).collect();
            assert_close(&by_p[..3], &expected_p);
            assert_close(&by_q, &expected_q);
            assert!(by_p[3].is_finite());
        }
    }

    #[test]
    fn gradients_of_entropy_and_cross_entropy() {
        for device in devices() {
            let own: Pairwise = |p, q, dim| entropy(p, dim) + q.sum_dim(dim) * 0.0;
            let (_, by_p, _) = value_and_gradients(own, &P, &Q, &device);
            let expected: Vec<f64> = P[..3].iter().map(|&p| -f64::from(p).ln() - 1.0).chain([0.0]).collect();
            assert_close(&by_p, &expected);

            let (_, by_p, by_q) = value_and_gradients(cross_entropy, &P, &Q, &device);
            let expected: Vec<f64> = Q[..3].iter().map(|&q| -f64::from(q).ln()).chain([0.0]).collect();
            assert_close(&by_p, &expected);
            let expected: Vec<f64> = (0..4).map(|i| -f64::from(P[i] / Q[i])).collect();
            assert_close(&by_q, &expected);
        }
    }

    #[test]
    fn close_distributions_are_never_negative_in_32_bit() {
        for device in devices() {
            let logits = Tensor::<2>::from_floats([[0.3, -1.0, 2.0, 0.1], [0.0, 0.5, 1.0, -3.0]], &device);
            let p = softmax(logits.clone(), 1);
            for step in 0..40 {
                let nudge = Tensor::<2>::from_floats([[1.0, -1.0, 0.5, 0.0]], &device) * 0.7_f32.powi(step);
                let q = softmax(logits.clone() + nudge, 1);
                let all = values(kl_divergence(p.clone(), q.clone(), 1))
                    .into_iter()
                    .chain(values(jensen_shannon_divergence(p.clone(), q, 1)));
                for value in all {
                    assert!(value >= 0.0, "step {step}: {value}");
                }
            }
        }
    }

    /// Softmaxes of logits that differ by as little as one part in a million, against 64-bit arithmetic on the same 32-bit
    /// probabilities.
    #[test]
    fn close_distributions_are_accurate_in_32_bit() {
        let logits = [0.3_f32, -1.0, 2.0, 0.1, 0.7, -0.2];
        for device in devices() {
            for step in [1e-1_f32, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6] {
                let nudged: Vec<f32> =
                    logits.iter().zip([1.0, -1.0, 0.5, 0.0, -0.5, 1.0]).map(|(l, n)| l + step * n).collect();
                let of = |logits: &[f32]| softmax(Tensor::<1>::from_floats(logits, &device), 0);
                let (p, q) = (of(&logits), of(&nudged));
                let [exact_p, exact_q] = [&p, &q].map(|t| values(t.clone()));
                // The sums of 32-bit probabilities miss 1; the terms are those of the unnormalised ones.
                let kl: f64 = exact_p
                    .iter()
                    .zip(&exact_q)
                    .map(|(p, q)| {
                        let d = (p - q) / q;
                        // (1 + d) ln(1 + d) - d, below 1e-3 by its series.
                        q * if d.abs() < 1e-3 {
                            d * d / 2.0 - d.powi(3) / 6.0 + d.powi(4) / 12.0
                        } else {
                            (1.0 + d) * d.ln_1p() - d
                        }
                    })
                    .sum();
                let js: f64 = exact_p
                    .iter()
                    .zip(&exact_q)
                    .map(|(p, q)| {
                        let u = (p - q) / (p + q);
                        (p + q) / 2.0
                            * if u.abs() < 1e-2 {
                                u * u / 2.0 + u.powi(4) / 12.0 + u.powi(6) / 30.0
                            } else {
                                ((1.0 + u) * u.ln_1p() + (1.0 - u) * (-u).ln_1p()) / 2.0
                            }
                    })
                    .sum();
                let found = [kl_divergence(p.clone(), q.clone(), 0), jensen_shannon_divergence(p, q, 0)]
                    .map(|t| values(t)[0]);
                for (found, expected) in found.into_iter().zip([kl, js]) {
                    // A handful of 32-bit roundings.
                    assert!(
                        (found - expected).abs() <= 2e-6 * expected,
                        "step {step}: {found:e}, not {expected:e}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_smallest_probability_is_no_nan() {
        for device in devices() {
            // Half the smallest 32-bit number is 0, and so is a softmax of -103.2 but for that number.
            let js = |p: Tensor<1>, q: Tensor<1>| values(jensen_shannon_divergence(p, q, 0))[0];
            let certain = Tensor::<1>::from_floats([1.0, 0.0], &device);
            let nearly = Tensor::<1>::from_floats([1.0, f32::from_bits(1)], &device);
            let softmaxed = softmax(Tensor::<1>::from_floats([0.0, -103.2], &device), 0);
            for p in [nearly, softmaxed] {
                for found in [js(p.clone(), certain.clone()), js(certain.clone(), p)] {
                    assert!((0.0..1e-44).contains(&found), "{found}");
                }
            }
        }
    }

    #[test]
    fn every_dimension_is_a_batch_of_the_others() {
        for device in devices() {
            let p = Tensor::<2>::from_floats([[0.5, 0.25], [0.5, 0.75]], &device);
            let q = Tensor::<2>::from_floats([[0.25, 0.5], [0.75, 0.5]], &device);
            let kl = kl_divergence(p, q, 0);
            assert_eq!(kl.dims(), [1, 2]);
            let expected = [
                discrete::kl_divergence(&[0.5, 0.5], &[0.25, 0.75]).unwrap(),
                discrete::kl_divergence(&[0.25, 0.75], &[0.5, 0.5]).unwrap(),
            ];
            assert_close(&values(kl), &expected);
        }
    }

    #[test]
    fn disjoint_distributions_do_not_exceed_ln_2() {
        for device in devices() {
            let p = Tensor::<1>::from_floats([0.3, 0.7, 0.0, 0.0], &device);
            let q = Tensor::<1>::from_floats([0.0, 0.0, 0.1, 0.9], &device);
            let js = values(jensen_shannon_divergence(p, q, 0))[0];
            assert_close(&[js], &[LN_2]);
            assert!(js as f32 <= LN_2 as f32, "{js}");
        }
    }

    #[test]
    #[should_panic(expected = "different shapes")]
    fn shapes_have_to_fit() {
        let device = devices().swap_remove(0);
        let _ = kl_divergence(
            Tensor::<1>::from_floats([1.0], &device),
            Tensor::<1>::from_floats([0.5, 0.5], &device),
            0,
        );
    }
}
