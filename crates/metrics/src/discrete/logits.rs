//! The divergences as Burn tensors, of distributions given by logits: differentiable, batched, on any backend.
//!
//! A softmax along the dimension makes a distribution of the logits. Log-probabilities are logits as well, and a
//! logit of -∞ is a probability of 0. Nothing is checked but the shapes: a look at the values would stop the device.
//!
//! # Why not a softmax and [`tensor`](super::tensor)
//!
//! A probability below 1e-38 is 0 in 32 bits, its logarithm is not; and the softmax of two logits that differ in their
//! sixth digit rounds the difference away. Here the difference of the logits is taken first, where it is exact.
//!
//! # Values and gradients
//!
//! With `x = (a - b) - E_p[a - b]` for the logits a of P and b of Q, `KL = ln E_p[e^-x] = ln(1 + E_p[e^-x - 1 + x])`: a sum of
//! terms that are at least 0, accurate where the two are close. Where they are not it is the sum of
//! `p (e^-t - 1 + t)`, `t = ln(p / q)`. Gradients are closed forms, and are not differentiable again:
//!
//! ```text
//! d KL / da = p (ln(p / q) - KL),     d KL / db = q - p
//! ```

use std::f64::consts::LN_2;

use burn::tensor::activation::log_softmax;
use burn::tensor::{Bool, Tensor};

use super::tensor::{assert_dim, assert_pair, binary_information};
use crate::differentiable::{exp_excess, expm1, ln_1p, with_gradients};

/// The entropy `-sum p ln p` along `dim`, in nats, with the gradient `-p (ln p + H)` with respect to the logits.
///
/// # Shapes
///
/// - logits: any, with the outcomes along `dim`
/// - output: that of `logits` with a length of 1 along `dim`
///
/// # Panics
///
/// If `logits` has no dimension `dim`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
/// use metrics::discrete::logits;
///
/// let fair = Tensor::<1>::from_floats([0.3, 0.3], &Device::flex());
/// let bits = logits::entropy(fair, 0).into_scalar::<f32>() / std::f32::consts::LN_2;
/// assert!((bits - 1.0).abs() < 1e-6);
/// # }
/// ```
pub fn entropy<const D: usize>(logits: Tensor<D>, dim: usize) -> Tensor<D> {
    assert_dim::<D>(dim);
    let ln_p = log_softmax(logits, dim);
    product_with_logarithm(ln_p.clone(), ln_p).neg().sum_dim(dim)
}

/// The cross-entropy `-sum p ln q` along `dim`, in nats, with `q` as the reference.
///
/// Infinite where a logit of `q` is -∞ and that of `p` is not.
///
/// # Shapes
///
/// - p, q: logits, the same shape, with the outcomes along `dim`
/// - output: theirs with a length of 1 along `dim`
///
/// # Panics
///
/// If the shapes differ or lack the dimension `dim`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
/// use metrics::discrete::logits::cross_entropy;
///
/// let device = Device::flex();
/// // What a fair coin costs with the code made for odds of 3 to 1: ln 4 - ln 3 / 2.
/// let p = Tensor::<1>::from_floats([0.0, 0.0], &device);
/// let q = Tensor::<1>::from_floats([3f32.ln(), 0.0], &device);
/// let nats = cross_entropy(p, q, 0).into_scalar::<f32>();
/// assert!((nats - (4f32.ln() - 0.5 * 3f32.ln())).abs() < 1e-6);
/// # }
/// ```
pub fn cross_entropy<const D: usize>(p: Tensor<D>, q: Tensor<D>, dim: usize) -> Tensor<D> {
    assert_pair(&p, &q, dim);
    product_with_logarithm(log_softmax(p, dim), log_softmax(q, dim)).neg().sum_dim(dim)
}

/// The Kullback-Leibler divergence `KL(P ‖ Q) = sum p ln(p / q)` along `dim`, in nats, with `q` as the reference.
///
/// Infinite where a logit of `q` is -∞ and that of `p` is not; the gradient with respect to `p` is 0 there.
///
/// # Shapes
///
/// - p, q: logits, the same shape, with the outcomes along `dim`
/// - output: theirs with a length of 1 along `dim`
///
/// # Panics
///
/// If the shapes differ or lack the dimension `dim`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
/// use metrics::discrete::logits;
///
/// let device = Device::flex();
/// let p = Tensor::<2>::from_floats([[0.0, 0.5], [0.0, 0.0]], &device);
/// let q = Tensor::<2>::from_floats([[0.0, 0.5], [0.0, 1e-4]], &device);
/// let kl: Vec<f64> = logits::kl_divergence(p, q, 1).into_data().iter::<f64>().collect();
/// assert_eq!(kl[0], 0.0);
/// assert!((kl[1] / 1.25e-9 - 1.0).abs() < 1e-5);
/// # }
/// ```
pub fn kl_divergence<const D: usize>(p: Tensor<D>, q: Tensor<D>, dim: usize) -> Tensor<D> {
    assert_pair(&p, &q, dim);
    let pair = Pair::of(&p, &q, dim);
    let by_p = pair.p.clone() * (pair.ln_ratio.clone() - pair.kl.clone());
    // Without a slope: outcomes that P rules out, and all where the divergence is infinite.
    let flat = pair.ln_ratio.clone().is_inf().bool_or(pair.kl.clone().is_inf().expand(p.shape()));
    let by_p = by_p.mask_fill(flat, 0.0);
    let by_q = pair.q_less_p();
    summed_with_gradients(pair.kl, dim, [(p, by_p), (q, by_q)])
}

/// The Jensen-Shannon divergence `KL(P ‖ M) / 2 + KL(Q ‖ M) / 2` with `M = (P + Q) / 2` along `dim`, in nats, at most `ln 2`.
///
/// # Shapes
///
/// - p, q: logits, the same shape, with the outcomes along `dim`
/// - output: theirs with a length of 1 along `dim`
///
/// # Panics
///
/// If the shapes differ or lack the dimension `dim`.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
/// use metrics::discrete::logits::jensen_shannon_divergence;
///
/// let device = Device::flex();
/// let p = Tensor::<2>::from_floats([[50.0, -50.0], [1.0, 2.0]], &device);
/// let q = Tensor::<2>::from_floats([[-50.0, 50.0], [3.0, 4.0]], &device);
/// let js = jensen_shannon_divergence(p, q, 1).into_data().to_vec::<f32>().unwrap();
/// assert!((js[0] - std::f32::consts::LN_2).abs() < 1e-6 && js[1] < 1e-12);
/// # }
/// ```
pub fn jensen_shannon_divergence<const D: usize>(p: Tensor<D>, q: Tensor<D>, dim: usize) -> Tensor<D> {
    assert_pair(&p, &q, dim);
    let pair = Pair::of(&p, &q, dim);
    let u = pair.relative_difference();
    let terms = (pair.p.clone() + pair.q.clone()) * 0.5 * binary_information(u.clone());
    let value = terms.sum_dim(dim).clamp(0.0, LN_2);
    // Through the softmax the slope ln(p / m) / 2 becomes p (ln(p / m) - E_p[ln(p / m)]) / 2.
    let by = |probabilities: Tensor<D>, u: Tensor<D>| {
        let alone = u.clone().equal_elem(-1.0);
        let slope = ln_1p(u.mask_fill(alone, 0.0)) * 0.5;
        probabilities.clone() * (slope.clone() - (probabilities * slope).sum_dim(dim))
    };
    let (by_p, by_q) = (by(pair.p.clone(), u.clone()), by(pair.q.clone(), u.neg()));
    summed_with_gradients(value, dim, [(p, by_p), (q, by_q)])
}

/// `e^a b`, and 0 where `a` is -∞.
fn product_with_logarithm<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
    let impossible = a.clone().equal_elem(f64::NEG_INFINITY);
    a.exp() * b.mask_fill(impossible, 0.0)
}

/// Two distributions outside the graph, with what their divergences are made of.
struct Pair<const D: usize> {
    p: Tensor<D>,
    q: Tensor<D>,
    /// `ln(p / q)`: infinite where one of the two is 0, and 0 where both are.
    ln_ratio: Tensor<D>,
    /// Of length 1 along the dimension.
    kl: Tensor<D>,
}

/// How far apart logits are for which the exponentials of their differences are expanded around the mean.
const NEAR: f64 = 0.5;

/// A logarithm beyond which one of two probabilities is nothing beside the other, in every float type. Of infinity some
/// backends have no hyperbolic tangent.
const LARGEST: f64 = 100.0;

impl<const D: usize> Pair<D> {
    fn of(p: &Tensor<D>, q: &Tensor<D>, dim: usize) -> Self {
        let (a, b) = (p.clone().detach(), q.clone().detach());
        let shape = a.shape();
        let ruled_out = |logits: &Tensor<D>| logits.clone().equal_elem(f64::NEG_INFINITY);
        let (not_p, not_q) = (ruled_out(&a), ruled_out(&b));
        let aside = not_p.clone().bool_or(not_q.clone());
        let (ln_p, ln_q) = (log_softmax(a.clone(), dim), log_softmax(b.clone(), dim));
        let (p, q) = (ln_p.clone().exp(), ln_q.clone().exp());

        let difference = (a - b).mask_fill(aside.clone(), 0.0);
        let mean = (p.clone() * difference.clone()).sum_dim(dim);
        let centred = (difference - mean).mask_fill(aside.clone(), 0.0);
        let farthest = centred.clone().abs().max_dim(dim);
        let everywhere = aside.clone().int().max_dim(dim).equal_elem(0);
        let near = farthest.lower_elem(NEAR).bool_and(everywhere);
        let near_kl = ln_1p((p.clone() * exp_excess(centred.clone().clamp(-NEAR, NEAR).neg())).sum_dim(dim));

        let apart = (ln_p - ln_q).mask_fill(aside.clone(), 0.0);
        // e^-t overflows where q is far above p, so there p e^-t is q.
        let close = apart.clone().abs().lower_elem(NEAR);
        let term = p.clone() * exp_excess(apart.clone().clamp(-NEAR, NEAR).neg());
        let direct = p.clone() * (apart.clone() - 1.0) + q.clone();
        let terms = direct.mask_where(close, term).mask_fill(not_q.clone(), f64::INFINITY);
        let terms = terms.mask_where(not_p.clone(), q.clone());
        let kl = terms.clamp_min(0.0).sum_dim(dim).mask_where(near.clone(), near_kl.clone());

        let ln_ratio = apart.mask_where(near.expand(shape.clone()), centred + near_kl);
        let only = |of: Tensor<D, Bool>, other: Tensor<D, Bool>| of.bool_and(other.bool_not());
        let ln_ratio = ln_ratio
            .mask_fill(only(not_q.clone(), not_p.clone()), f64::INFINITY)
            .mask_fill(only(not_p, not_q), f64::NEG_INFINITY);
        Self { p, q, ln_ratio, kl }
    }

    /// `(p - q) / (p + q) = tanh(t / 2)`, near 0 as `(e^t - 1) / (e^t + 1)`.
    fn relative_difference(&self) -> Tensor<D> {
        let close = self.ln_ratio.clone().abs().lower_elem(NEAR);
        let excess = expm1(self.ln_ratio.clone().clamp(-NEAR, NEAR));
        let near = excess.clone() / (excess + 2.0);
        (self.ln_ratio.clone().clamp(-LARGEST, LARGEST) * 0.5).tanh().mask_where(close, near)
    }

    /// `q - p`, as `p (e^-t - 1)` where the two are close.
    fn q_less_p(&self) -> Tensor<D> {
        let close = self.ln_ratio.clone().abs().lower_elem(NEAR);
        let small = self.ln_ratio.clone().clamp(-NEAR, NEAR).neg();
        (self.q.clone() - self.p.clone()).mask_where(close, self.p.clone() * expm1(small))
    }
}

/// A value along a dimension with the gradient for each logit. Logits of -∞ have none.
fn summed_with_gradients<const D: usize>(
    value: Tensor<D>,
    dim: usize,
    gradients: [(Tensor<D>, Tensor<D>); 2],
) -> Tensor<D> {
    let tracked = gradients.into_iter().filter(|(logits, _)| logits.is_tracked());
    tracked.fold(value, |value, (logits, gradient)| {
        let ruled_out = logits.clone().detach().equal_elem(f64::NEG_INFINITY);
        let logits = logits.mask_fill(ruled_out, 0.0);
        let zeros = with_gradients(gradient.zeros_like(), [(logits, gradient)]);
        value + zeros.sum_dim(dim)
    })
}

#[cfg(all(test, any(feature = "flex", feature = "ndarray")))]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::differentiable::devices;
    use crate::discrete;

    type Pairwise = fn(Tensor<1>, Tensor<1>, usize) -> Tensor<1>;

    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
        tensor.into_data().iter::<f64>().collect()
    }

    struct Evaluated {
        value: f64,
        by_p: Vec<f64>,
        by_q: Vec<f64>,
    }

    fn evaluate(divergence: Pairwise, p: &[f32], q: &[f32], device: &Device) -> Evaluated {
        let device = device.clone().autodiff();
        let p = Tensor::<1>::from_floats(p, &device).require_grad();
        let q = Tensor::<1>::from_floats(q, &device).require_grad();
        let value = divergence(p.clone(), q.clone(), 0);
        let gradients = value.backward();
        Evaluated {
            value: values(value)[0],
            by_p: values(p.grad(&gradients).expect("p is tracked")),
            by_q: values(q.grad(&gradients).expect("q is tracked")),
        }
    }

    /// In 64 bits, by the divergence of slices.
    fn softmax(logits: &[f32]) -> Vec<f64> {
        let weights: Vec<f64> = logits.iter().map(|&l| f64::from(l).exp()).collect();
        discrete::normalized(&weights).expect("exponentials can be normalised")
    }

    const A: [f32; 5] = [0.3, -1.0, 2.0, 0.1, -4.0];
    const B: [f32; 5] = [1.3, 0.5, -0.2, 0.0, 1.0];

    /// 32-bit floats, a handful of terms, and logarithms of up to 6 with an absolute rounding.
    const TOLERANCE: f64 = 5e-6;

    fn assert_close(what: &str, found: &[f64], expected: &[f64], scale: f64) {
        assert_eq!(found.len(), expected.len());
        for (f, e) in found.iter().zip(expected) {
            assert!((f - e).abs() <= TOLERANCE * scale.max(e.abs()), "{what}: {found:?}, not {expected:?}");
        }
    }

    #[test]
    fn values_agree_with_the_slices() {
        let (p, q) = (softmax(&A), softmax(&B));
        for device in devices() {
            let (a, b) = (Tensor::<1>::from_floats(A, &device), Tensor::<1>::from_floats(B, &device));
            let close = |name: &str, found: Tensor<1>, expected: f64| {
                assert_close(name, &values(found), &[expected], expected);
            };
            close("entropy", entropy(a.clone(), 0), discrete::entropy(&p).unwrap());
            close(
                "cross-entropy",
                cross_entropy(a.clone(), b.clone(), 0),
                discrete::cross_entropy(&p, &q).unwrap(),
            );
            close("kl", kl_divergence(a.clone(), b.clone(), 0), discrete::kl_divergence(&p, &q).unwrap());
            close(
                "js",
                jensen_shannon_divergence(a, b, 0),
                discrete::jensen_shannon_divergence(&p, &q).unwrap(),
            );
        }
    }

    #[test]
    fn close_logits_are_accurate_in_32_bit() {
        for device in devices() {
            for step in [0.3_f32, 1e-1, 1e-2, 1e-4, 1e-6] {
                let b: Vec<f32> =
                    A.iter().zip([1.0, -1.0, 0.5, 0.0, 2.0]).map(|(a, n)| a + step * n).collect();
                let (p, q) = (softmax(&A), softmax(&b));
                let kl = discrete::kl_divergence(&p, &q).unwrap();
                let found = evaluate(kl_divergence, &A, &b, &device);
                assert_close("kl", &[found.value], &[kl], kl);
                let by_p: Vec<f64> = p.iter().zip(&q).map(|(p, q)| p * ((p / q).ln() - kl)).collect();
                let by_q: Vec<f64> = p.iter().zip(&q).map(|(p, q)| q - p).collect();
                // The slopes are of the size of the step.
                assert_close("d kl / da", &found.by_p, &by_p, f64::from(step));
                assert_close("d kl / db", &found.by_q, &by_q, f64::from(step));
                let js = discrete::jensen_shannon_divergence(&p, &q).unwrap();
                let found = evaluate(jensen_shannon_divergence, &A, &b, &device);
                assert_close("js", &[found.value], &[js], js);
            }
        }
    }

    #[test]
    fn gradients_are_those_of_finite_differences() {
        // Of the 64-bit divergence of slices: a truncation of h^2 and a rounding of 1e-16 / h.
        let h = 1e-3_f32;
        type OfSlices = fn(&[f64], &[f64]) -> f64;
        let slices: [(&str, Pairwise, OfSlices); 4] = [
            ("kl", kl_divergence, |p, q| discrete::kl_divergence(p, q).unwrap()),
            ("js", jensen_shannon_divergence, |p, q| discrete::jensen_shannon_divergence(p, q).unwrap()),
            ("cross-entropy", cross_entropy, |p, q| discrete::cross_entropy(p, q).unwrap()),
            (
                "entropy",
                |a, b, dim| entropy(a, dim) + b.sum_dim(dim) * 0.0,
                |p, _| discrete::entropy(p).unwrap(),
            ),
        ];
        for device in devices() {
            for (name, divergence, exact) in slices {
                let found = evaluate(divergence, &A, &B, &device);
                let slope = |i: usize, of_p: bool| {
                    let at = |h: f32| {
                        let (mut a, mut b) = (A, B);
                        *(if of_p { &mut a[i] } else { &mut b[i] }) += h;
                        (f64::from(if of_p { a[i] } else { b[i] }), exact(&softmax(&a), &softmax(&b)))
                    };
                    let ((x, high), (y, low)) = (at(h), at(-h));
                    (high - low) / (x - y)
                };
                let expected_p: Vec<f64> = (0..5).map(|i| slope(i, true)).collect();
                let expected_q: Vec<f64> = (0..5).map(|i| slope(i, false)).collect();
                assert_close(name, &found.by_p, &expected_p, 1.0);
                assert_close(name, &found.by_q, &expected_q, 1.0);
            }
        }
    }

    #[test]
    fn impossible_outcomes() {
        let no = f32::NEG_INFINITY;
        for device in devices() {
            let finite = |numbers: &[f64]| numbers.iter().all(|x| x.is_finite());
            // Both impossible; only P; only Q.
            let both = evaluate(kl_divergence, &[0.0, 0.0, no], &[0.0, 0.0, no], &device);
            assert!(
                both.value == 0.0 && finite(&both.by_p) && finite(&both.by_q),
                "{both:?}",
                both = both.value
            );
            let p = evaluate(kl_divergence, &[0.0, 0.0, no], &[0.0, 0.0, 0.0], &device);
            assert!(
                (p.value - 1.5_f64.ln()).abs() < 1e-6 && finite(&p.by_p) && finite(&p.by_q),
                "{}",
                p.value
            );
            let q = evaluate(kl_divergence, &[0.0, 0.0, 0.0], &[0.0, 0.0, no], &device);
            assert!(q.value == f64::INFINITY && finite(&q.by_p) && finite(&q.by_q), "{}", q.value);
            let js = evaluate(jensen_shannon_divergence, &[0.0, no], &[no, 0.0], &device);
            assert!((js.value - LN_2).abs() < 1e-6 && finite(&js.by_p) && finite(&js.by_q), "{}", js.value);
            let ce = evaluate(cross_entropy, &[0.0, no], &[0.0, no], &device);
            assert!(ce.value == 0.0 && finite(&ce.by_p) && finite(&ce.by_q), "{}", ce.value);
        }
    }

    #[test]
    fn probabilities_that_32_bits_lack_keep_their_logarithms() {
        for device in devices() {
            let (a, b) = ([0.0_f32, -200.0], [-200.0_f32, 0.0]);
            let found = evaluate(kl_divergence, &a, &b, &device);
            assert!((found.value - 200.0).abs() < 1e-4, "{}", found.value);
        }
    }

    #[test]
    fn every_dimension_is_a_batch_of_the_others() {
        for device in devices() {
            let a = Tensor::<2>::from_floats([[0.5, 1.0], [0.5, 0.0]], &device);
            let b = Tensor::<2>::from_floats([[0.5, 0.0], [0.5, 3.0]], &device);
            let kl = kl_divergence(a, b, 0);
            assert_eq!(kl.dims(), [1, 2]);
            let expected = discrete::kl_divergence(&softmax(&[1.0, 0.0]), &softmax(&[0.0, 3.0])).unwrap();
            assert_close("kl", &values(kl), &[0.0, expected], 1.0);
        }
    }
}
