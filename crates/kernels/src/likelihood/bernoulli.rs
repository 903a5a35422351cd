//! The cross-entropy of pixels with Bernoulli distributions.

use super::{Pixel, Term};
use crate::logistic::{Logistic, logistic};
use crate::vectors::Arithmetic;

pub(super) struct Bernoulli;

impl Pixel for Bernoulli {
    type Scale = ();

    /// `softplus(l) - x l` and `σ(l) - x`.
    #[inline(always)]
    fn term<A: Arithmetic>(logit: f32, value: f32, (): ()) -> Term {
        let Logistic { sigmoid, softplus } = logistic::<A>(logit);
        Term { nll: A::multiply_add(-value, logit, softplus), of_output: sigmoid - value, of_log_scale: 0.0 }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::vectors::{Fused, Separate};

    pub fn defined(l: f64, x: f64) -> f64 {
        l.max(0.0) + (-l.abs()).exp().ln_1p() - x * l
    }

    #[test]
    fn the_gradient_is_accurate_at_every_logit() {
        /// Of differences of numbers between 0 and 1.
        const ABSOLUTE: f64 = 3e-7;
        for step in -2000..=2000 {
            let (logit, value) = (0.05 * step as f32, 0.3f32);
            let expected = 1.0 / (1.0 + (-f64::from(logit)).exp()) - f64::from(value);
            for term in
                [Bernoulli::term::<Fused>(logit, value, ()), Bernoulli::term::<Separate>(logit, value, ())]
            {
                assert!((f64::from(term.of_output) - expected).abs() <= ABSOLUTE, "{logit}");
            }
        }
    }
}
