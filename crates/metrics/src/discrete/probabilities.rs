//! What the divergences take as a distribution: slices and arrays of either float type, and weights to be normalised.

use std::borrow::Cow;

use ndarray::{ArrayBase, Data, Ix1};

use super::validate::{SUM_TOLERANCE_F32, check_entries, check_sum_within, divided_by_sum};
use crate::error::{Argument, DivergenceError};

/// The probabilities of a distribution, or with [`Weights`] what is proportional to them: a slice, an array, a vector or a
/// one-dimensional `ndarray` array of `f64` or `f32`.
///
/// 64-bit probabilities have to sum to 1 within [`SUM_TOLERANCE`](super::SUM_TOLERANCE). Those in 32 bits miss 1 by the
/// rounding of 32-bit floats: they are taken within [`SUM_TOLERANCE_F32`](super::SUM_TOLERANCE_F32), and what is computed in
/// 64 bits is the divergence between the distributions that they are proportional to.
///
/// ```
/// use metrics::{Weights, kl_divergence};
///
/// let (counts, p) = ([30_f32, 10.0, 0.0], [0.75, 0.25, 0.0]);
/// assert_eq!(kl_divergence(&Weights(&counts), &p)?, 0.0);
/// assert_eq!(kl_divergence(&[0.1_f32, 0.9], &[0.1_f32, 0.9])?, 0.0);
/// assert!(kl_divergence(&counts, &p).is_err(), "counts are no probabilities, and are not taken for some");
/// # Ok::<(), metrics::DivergenceError>(())
/// ```
pub trait Probabilities: sealed::Values {}

impl<T: sealed::Values + ?Sized> Probabilities for T {}

/// Counts, or a density on a grid: what is divided by its sum before it is taken as a distribution.
///
/// ```
/// use metrics::{Weights, entropy};
///
/// assert_eq!(entropy(&Weights(&[7.0, 7.0])), entropy(&[0.5, 0.5]));
/// ```
#[derive(Debug)]
pub struct Weights<'a, T: ?Sized>(
    /// Numbers from 0 up, with a finite sum above 0.
    pub &'a T,
);

// Not derived, which would ask the same of the values.
impl<T: ?Sized> Clone for Weights<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Weights<'_, T> {}

/// The distribution that is proportional to `weights`: counts, say, or a density on a grid.
///
/// Every divergence insists on a sum of 1; this is how one asks for the other reading, once for several calls.
/// [`Weights`] asks for it within a call.
///
/// # Errors
///
/// [`DivergenceError`] if `weights` is empty, if an entry is negative, NaN or infinite, or if the sum is 0 or too
/// large for an `f64`.
///
/// ```
/// assert_eq!(metrics::normalized(&[3.0, 0.0, 1.0])?, [0.75, 0.0, 0.25]);
/// # Ok::<(), metrics::DivergenceError>(())
/// ```
pub fn normalized(weights: &(impl Probabilities + ?Sized)) -> Result<Vec<f64>, DivergenceError> {
    read(Argument::Weights, &Weights(weights)).map(Cow::into_owned)
}

/// The numbers as a checked distribution, copied only where they have to be converted or divided. Those that are not copied
/// are left for the pass over them to check.
pub(crate) fn read<'a>(
    argument: Argument,
    p: &'a (impl Probabilities + ?Sized),
) -> Result<Cow<'a, [f64]>, DivergenceError> {
    let values = p.values();
    match p.reading() {
        sealed::Reading::Exact => Ok(values),
        sealed::Reading::Rounded => {
            let sum = check_entries(argument, values.iter())?.value();
            check_sum_within(SUM_TOLERANCE_F32, argument, sum)?;
            divided_by_sum(argument, values.into_owned()).map(Cow::Owned)
        }
        sealed::Reading::Weights => divided_by_sum(argument, values.into_owned()).map(Cow::Owned),
    }
}

/// Calls a function of two slices. Its body is compiled once, with this crate, whatever the arguments are.
pub(crate) fn with_pair<T>(
    p: &(impl Probabilities + ?Sized),
    q: &(impl Probabilities + ?Sized),
    divergence: impl FnOnce(&[f64], &[f64]) -> Result<T, DivergenceError>,
) -> Result<T, DivergenceError> {
    divergence(&read(Argument::P, p)?, &read(Argument::Q, q)?)
}

mod sealed {
    use std::borrow::Cow;

    /// How numbers are read as a distribution.
    pub enum Reading {
        /// As they are.
        Exact,
        /// Divided by a sum that rounding alone keeps from 1.
        Rounded,
        /// Divided by their sum.
        Weights,
    }

    pub trait Values {
        fn values(&self) -> Cow<'_, [f64]>;

        fn reading(&self) -> Reading;
    }

    /// `f64` and `f32`.
    pub trait Float: Copy {
        const READING: Reading;

        fn widened(values: &[Self]) -> Cow<'_, [f64]>;
    }

    impl Float for f64 {
        const READING: Reading = Reading::Exact;

        fn widened(values: &[Self]) -> Cow<'_, [f64]> {
            Cow::Borrowed(values)
        }
    }

    impl Float for f32 {
        const READING: Reading = Reading::Rounded;

        fn widened(values: &[Self]) -> Cow<'_, [f64]> {
            values.iter().copied().map(f64::from).collect()
        }
    }
}

use sealed::{Float, Reading, Values};

impl<F: Float> Values for [F] {
    fn values(&self) -> Cow<'_, [f64]> {
        F::widened(self)
    }

    fn reading(&self) -> Reading {
        F::READING
    }
}

impl<F: Float, const N: usize> Values for [F; N] {
    fn values(&self) -> Cow<'_, [f64]> {
        F::widened(self)
    }

    fn reading(&self) -> Reading {
        F::READING
    }
}

impl<F: Float> Values for Vec<F> {
    fn values(&self) -> Cow<'_, [f64]> {
        F::widened(self)
    }

    fn reading(&self) -> Reading {
        F::READING
    }
}

impl<F: Float, S: Data<Elem = F>> Values for ArrayBase<S, Ix1> {
    fn values(&self) -> Cow<'_, [f64]> {
        match self.as_slice() {
            Some(slice) => F::widened(slice),
            None => Cow::Owned(F::widened(&self.to_vec()).into_owned()),
        }
    }

    fn reading(&self) -> Reading {
        F::READING
    }
}

impl<T: Values + ?Sized> Values for Weights<'_, T> {
    fn values(&self) -> Cow<'_, [f64]> {
        self.0.values()
    }

    fn reading(&self) -> Reading {
        Reading::Weights
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{array, s};

    use super::*;
    use crate::{entropy, kl_divergence, normalized};

    #[test]
    fn every_form_of_a_distribution_gives_the_same_bits() {
        let (p, q) = ([0.10, 0.40, 0.50], [0.80, 0.15, 0.05]);
        let expected = kl_divergence(&p, &q).unwrap();
        let table = array![[0.10, 0.80], [0.40, 0.15], [0.50, 0.05]];
        let found = [
            kl_divergence(&p[..], &q.to_vec()),
            kl_divergence(&array![0.10, 0.40, 0.50], &q),
            kl_divergence(&table.column(0), &table.slice(s![.., 1])),
        ];
        assert!(found.into_iter().all(|found| found == Ok(expected)));
    }

    #[test]
    fn weights_are_what_is_normalised_first() {
        let (p, q) = ([3.0, 9.0, 1.5, 0.0], [1e300, 2e299, 5e298, 1.0]);
        let by_hand = kl_divergence(&normalized(&p).unwrap(), &normalized(&q).unwrap());
        assert_eq!(kl_divergence(&Weights(&p), &Weights(&q)), by_hand);
        let nothing = entropy(&Weights(&[0.0, 0.0]));
        assert_eq!(nothing, Err(DivergenceError::NotNormalizable { argument: Argument::P, sum: 0.0 }));
        let negative = kl_divergence(&p.map(|p| p / 13.5), &Weights(&[1.0, -2.0, 1.0, 1.0]));
        assert_eq!(negative, Err(DivergenceError::Negative { argument: Argument::Q, index: 1, value: -2.0 }));
    }

    #[test]
    fn floats_of_32_bits_are_distributions_up_to_their_rounding() {
        // A softmax of 50,000 logits in 32 bits, whose sum misses 1 by far more than 64 bits would.
        let logits = |scale: f32| (0..50_000).map(move |i| scale * (i as f32 * 0.37).sin());
        let softmax = |scale: f32| -> Vec<f32> {
            let sum: f32 = logits(scale).map(f32::exp).sum();
            logits(scale).map(|l| l.exp() / sum).collect()
        };
        let (p, q) = (softmax(2.0), softmax(2.000_1));
        let wide = |p: &[f32]| normalized(&p.iter().copied().map(f64::from).collect::<Vec<_>>()).unwrap();
        let kl = kl_divergence(&p, &q).unwrap();
        assert_eq!(Ok(kl), kl_divergence(&wide(&p), &wide(&q)));
        assert!((1e-10..1e-7).contains(&kl), "{kl}");
        assert_eq!(
            entropy(&[0.5_f32, 0.4]),
            Err(DivergenceError::SumNotOne {
                argument: Argument::P,
                sum: 0.5 + f64::from(0.4_f32),
                tolerance: SUM_TOLERANCE_F32
            })
        );
        assert_eq!(
            entropy(&[f32::NAN]),
            Err(DivergenceError::NotANumber { argument: Argument::P, index: 0 })
        );
    }
}
