//! The divergences as Burn tensors along a dimension: differentiable, batched, on any backend.
//!
//! Nothing is checked but the shapes: a look at the values would stop the device. The distributions are expected to be
//! non-negative and to sum to 1 along the dimension, as a softmax makes them. Infinite divergences are infinite here
//! too.
//!
//! # Values and gradients
//!
//! Values are at least 0, as on slices: the terms are `p ln(p / q) - p + q`, and rounding that would make one negative is
//! cut off. Gradients are those of the plain `sum p ln(p / q)` over the outcomes with `p > 0`:
//!
//! ```text
//! d KL / dp = ln(p / q) + 1,     d KL / dq = -p / q
//! ```
//!
//! and 0 with respect to both where `p` is 0. For `q` that is the derivative; for `p`, where the true slope is infinite,
//! it is the one that a softmax needs, whose own derivative is 0 there. The usual `where(p == 0, 0, p ln(p / q))` has the
//! right value and the gradient NaN: the branch that is not taken is differentiated all the same, and 0 times infinity
//! comes back. Here the branch sees a 1 in place of the 0.

use std::f64::consts::LN_2;

use burn::tensor::{Bool, Tensor};

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
pub fn jensen_shannon_divergence<const D: usize>(p: Tensor<D>, q: Tensor<D>, dim: usize) -> Tensor<D> {
    assert_pair(&p, &q, dim);
    let mean = p.clone() * 0.5 + q.clone() * 0.5;
    let js = ((kl_terms(p, mean.clone()) + kl_terms(q, mean)) * 0.5).sum_dim(dim);
    let excess = (js.clone().detach() - LN_2).clamp_min(0.0);
    js - excess
}

/// `p ln(p / q) - p + q`, with the gradient of `p ln(p / q)`.
fn kl_terms<const D: usize>(p: Tensor<D>, q: Tensor<D>) -> Tensor<D> {
    let impossible = p.clone().equal_elem(0.0);
    let of_impossible = only_where(q.clone().detach(), impossible.clone());
    let p = p.mask_fill(impossible.clone(), 1.0);
    let q = q.mask_fill(impossible, 1.0);
    let difference = q.clone().detach() - p.clone().detach();
    let terms = p.clone() * (p.log() - q.log()) + difference;
    at_least_zero(terms) + of_impossible
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

fn assert_dim<const D: usize>(dim: usize) {
    assert!(dim < D, "dimension {dim} of a tensor with {D} dimensions: they count from 0");
}

fn assert_pair<const D: usize>(p: &Tensor<D>, q: &Tensor<D>, dim: usize) {
    assert_eq!(p.dims(), q.dims(), "p and q have different shapes");
    assert_dim::<D>(dim);
}

#[cfg(all(test, any(feature = "flex", feature = "ndarray")))]
mod tests {
    use burn::tensor::Device;
    use burn::tensor::activation::softmax;

    use super::*;
    use crate::discrete;

    /// 32-bit floats and a handful of terms of the order of 1.
    const TOLERANCE: f64 = 1e-6;

    const P: [f32; 4] = [0.10, 0.40, 0.50, 0.0];
    const Q: [f32; 4] = [0.70, 0.15, 0.05, 0.10];

    #[allow(deprecated)] // `Device::ndarray` is, and is one of the backends that this crate is built for.
    fn devices() -> Vec<Device> {
        Vec::from([
            #[cfg(feature = "flex")]
            Device::flex(),
            #[cfg(feature = "ndarray")]
            Device::ndarray(),
        ])
    }

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
