//! What layers do with their sums, number by number.

use crate::KernelSet;
use crate::exponential::exp;
use crate::helper::in_halves;
use crate::logistic::logistic;
use crate::memory::Parts;
use crate::vectors::{Arithmetic, for_each_set};

/// What a layer does with its sums. NaN stays NaN, so that it shows that training diverged.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Activation {
    /// Nothing.
    #[default]
    Identity,
    /// Negative numbers become 0.
    Relu,
    /// Numbers beyond the bounds become the bounds, and get no gradient.
    Clamp {
        /// The least output.
        min: f32,
        /// The greatest output.
        max: f32,
    },
    /// The hyperbolic tangent.
    Tanh,
    /// `x` above 0 and `exp(x) - 1` below.
    ///
    /// Source: Clevert, Unterthiner and Hochreiter, *Fast and Accurate Deep Network Learning by Exponential Linear Units*
    /// (2016), with α = 1.
    Elu,
    /// `x Φ(x)`, with the distribution function of the standard normal.
    ///
    /// Source: Hendrycks and Gimpel, *Gaussian Error Linear Units* (2016).
    Gelu,
    /// `x σ(x)`, with the logistic function.
    ///
    /// Source: Elfwing, Uchibe and Doya, *Sigmoid-weighted linear units* (2018).
    Silu,
}

impl Activation {
    /// Whether its slope can be told from what it gave, so that nobody needs to keep what it was given.
    pub fn is_told_by_output(self) -> bool {
        !matches!(self, Self::Gelu | Self::Silu)
    }
}

/// Numbers of a pass that are done before a second thread could begin.
pub(crate) const NUMBERS_OF_A_HALF: usize = 16_384;

/// The activation of each number.
pub fn activate(input: &[f32], activation: Activation) -> Vec<f32> {
    activate_with(KernelSet::active(), input, activation)
}

pub(crate) fn activate_with(set: KernelSet, input: &[f32], activation: Activation) -> Vec<f32> {
    let mut output = input.to_vec();
    let parts = Parts::new(&mut output);
    in_halves(input.len(), NUMBERS_OF_A_HALF, |range| {
        // SAFETY: `output` is borrowed for as long, and the halves do not overlap.
        let output = unsafe { parts.part(range.clone()) };
        activate_in_place(set, output, activation);
    });
    output
}

/// Turns the gradient with respect to what [`activate`] gave into that with respect to what it was given.
///
/// `kept` is what it gave where [`Activation::is_told_by_output`], else what it was given; an identity needs neither.
///
/// # Panics
///
/// Panics if the numbers are not as many, or nothing was kept that is needed.
pub fn activate_backward(gradient: &mut [f32], kept: Option<&[f32]>, activation: Activation) {
    pass_activation(KernelSet::active(), gradient, kept, activation);
}

/// [`activate_backward`] with a set of kernels.
pub(crate) fn pass_activation(
    set: KernelSet,
    gradient: &mut [f32],
    kept: Option<&[f32]>,
    activation: Activation,
) {
    if activation == Activation::Identity {
        return;
    }
    let kept = kept.expect("what an activation was given or gave");
    assert_eq!(kept.len(), gradient.len(), "numbers and gradients of an activation");
    let parts = Parts::new(gradient);
    in_halves(kept.len(), NUMBERS_OF_A_HALF, |range| {
        // SAFETY: `gradient` is borrowed for as long, and the halves do not overlap.
        let gradient = unsafe { parts.part(range.clone()) };
        multiply_by_slopes(set, gradient, &kept[range], activation);
    });
}

/// Runs `$body` with the function of an activation, so that its loop is compiled for each.
macro_rules! with_function {
    ($activation:expr, $arithmetic:ident, |$function:ident| $body:expr) => {
        match $activation {
            Activation::Identity => {
                let $function = |x: f32| x;
                $body
            }
            Activation::Relu => {
                // `max` would turn NaN into 0.
                let $function = |x: f32| if x < 0.0 { 0.0 } else { x };
                $body
            }
            Activation::Clamp { min, max } => {
                let $function = |x: f32| x.clamp(min, max);
                $body
            }
            Activation::Tanh => {
                let $function = tanh::<$arithmetic>;
                $body
            }
            Activation::Elu => {
                let $function = |x: f32| if x < 0.0 { exp_m1_of_negative::<$arithmetic>(x) } else { x };
                $body
            }
            Activation::Gelu => {
                let $function = |x: f32| x * normal_distribution::<$arithmetic>(x);
                $body
            }
            Activation::Silu => {
                let $function = |x: f32| x * logistic::<$arithmetic>(x).sigmoid;
                $body
            }
        }
    };
}

for_each_set! {
    /// Adds the biases to each row, and activates the sums.
    pub(crate) fn add_bias_and_activate(rows: &mut [f32], bias: &[f32], activation: Activation) = add_bias_and_activate_body
}

#[inline(always)]
fn add_bias_and_activate_body<A: Arithmetic>(rows: &mut [f32], bias: &[f32], activation: Activation) {
    with_function!(activation, A, |function| {
        for row in rows.chunks_exact_mut(bias.len().max(1)) {
            row.iter_mut().zip(bias).for_each(|(value, bias)| *value = function(*value + bias));
        }
    });
}

for_each_set! {
    fn activate_in_place(values: &mut [f32], activation: Activation) = activate_in_place_body
}

#[inline(always)]
fn activate_in_place_body<A: Arithmetic>(values: &mut [f32], activation: Activation) {
    with_function!(activation, A, |function| values.iter_mut().for_each(|value| *value = function(*value)));
}

for_each_set! {
    /// As [`pass_activation`], on one thread.
    pub(crate) fn multiply_by_slopes(gradient: &mut [f32], kept: &[f32], activation: Activation) = multiply_by_slopes_body
}

#[inline(always)]
fn multiply_by_slopes_body<A: Arithmetic>(gradient: &mut [f32], kept: &[f32], activation: Activation) {
    let pairs = gradient.iter_mut().zip(kept);
    match activation {
        Activation::Identity => {}
        Activation::Relu => pairs.for_each(|(gradient, &output)| {
            *gradient = if output > 0.0 { *gradient } else { 0.0 };
        }),
        Activation::Clamp { min, max } => pairs.for_each(|(gradient, &output)| {
            *gradient = if output <= min || output >= max { 0.0 } else { *gradient };
        }),
        Activation::Tanh => {
            pairs.for_each(|(gradient, &output)| *gradient *= A::multiply_add(-output, output, 1.0));
        }
        Activation::Elu => pairs.for_each(|(gradient, &output)| {
            *gradient *= if output < 0.0 { 1.0 + output } else { 1.0 };
        }),
        Activation::Gelu => pairs.for_each(|(gradient, &x)| {
            let density = FRAC_1_SQRT_TAU * exp::<A>(-0.5 * x * x);
            *gradient *= A::multiply_add(x, density, normal_distribution::<A>(x));
        }),
        Activation::Silu => pairs.for_each(|(gradient, &x)| {
            let sigmoid = logistic::<A>(x).sigmoid;
            *gradient *= sigmoid * A::multiply_add(x, 1.0 - sigmoid, 1.0);
        }),
    }
}

/// `1 / √(2π)`.
const FRAC_1_SQRT_TAU: f32 = 0.398_942_3;

/// `P(x²) / Q(x²)` with the coefficients from the highest power on.
#[inline(always)]
fn rational<A: Arithmetic, const P: usize, const Q: usize>(square: f32, p: [f32; P], q: [f32; Q]) -> f32 {
    let horner = |coefficients: &[f32]| {
        coefficients.iter().fold(0.0, |sum, &coefficient| A::multiply_add(sum, square, coefficient))
    };
    horner(&p) / horner(&q)
}

/// `tanh(x)`, to a few units in the last place. NaN gives NaN.
///
/// Source: the minimax approximation of Eigen, `MathFunctionsImpl.h`, `ptanh_float`.
#[inline(always)]
fn tanh<A: Arithmetic>(x: f32) -> f32 {
    /// Beyond it, the nearest number is 1.
    const SATURATED: f32 = 7.905_311;
    let clamped = if x > SATURATED { SATURATED } else { x };
    let clamped = if clamped < -SATURATED { -SATURATED } else { clamped };
    let p = [
        -2.760_768_5e-16,
        2.000_188e-13,
        -8.604_672e-11,
        5.122_297e-8,
        1.485_722_4e-5,
        6.372_619e-4,
        4.893_524_6e-3,
    ];
    let q = [1.198_258_4e-6, 1.185_347_1e-4, 2.268_434_6e-3, 4.893_525e-3];
    clamped * rational::<A, 7, 4>(clamped * clamped, p, q)
}

/// `exp(x) - 1` for `x <= 0`, to a few units in the last place: `2 t / (1 - t)` with `t = tanh(x / 2)`.
#[inline(always)]
fn exp_m1_of_negative<A: Arithmetic>(x: f32) -> f32 {
    let t = tanh::<A>(0.5 * x);
    2.0 * t / (1.0 - t)
}

/// `Φ(x) = (1 + erf(x / √2)) / 2`, to about 1e-7. NaN gives NaN.
///
/// Source: the minimax approximation of erf of Eigen, `SpecialFunctionsImpl.h`, `generic_fast_erf_float`.
#[inline(always)]
fn normal_distribution<A: Arithmetic>(x: f32) -> f32 {
    /// Beyond it, the nearest number to erf is 1.
    const SATURATED: f32 = 4.0;
    let x = x * std::f32::consts::FRAC_1_SQRT_2;
    let p = [
        -2.726_142_3e-10,
        2.770_681_4e-8,
        -2.101_024e-6,
        -5.692_506_4e-5,
        -7.349_906_4e-4,
        -2.954_6e-3,
        -1.609_603_3e-2,
    ];
    let q = [-1.456_607_2e-5, -2.133_740_5e-4, -1.682_827e-3, -7.373_329_2e-3, -1.426_473_9e-2];
    let erf = x * rational::<A, 7, 5>(x * x, p, q);
    let erf = if x > SATURATED { 1.0 } else { erf };
    let erf = if x < -SATURATED { -1.0 } else { erf };
    0.5 + 0.5 * erf
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURVED: [Activation; 4] = [Activation::Tanh, Activation::Elu, Activation::Gelu, Activation::Silu];

    /// `Φ(x)` by the series of Marsaglia, *Evaluating the Normal Distribution* (2004).
    fn phi(x: f64) -> f64 {
        let (mut term, mut sum, mut before, mut i) = (x, x, 0.0, 1.0);
        while sum != before {
            before = sum;
            i += 2.0;
            term *= x * x / i;
            sum += term;
        }
        0.5 + sum * density(x)
    }

    fn density(x: f64) -> f64 {
        (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt()
    }

    /// Value and slope by their definitions.
    fn definition(activation: Activation, x: f64) -> (f64, f64) {
        let sigmoid = 1.0 / (1.0 + (-x).exp());
        match activation {
            Activation::Tanh => (x.tanh(), 1.0 - x.tanh().powi(2)),
            Activation::Elu if x < 0.0 => (x.exp_m1(), x.exp()),
            Activation::Elu => (x, 1.0),
            Activation::Gelu => (x * phi(x), phi(x) + x * density(x)),
            Activation::Silu => (x * sigmoid, sigmoid * (1.0 + x * (1.0 - sigmoid))),
            other => unreachable!("{other:?}"),
        }
    }

    fn numbers() -> Vec<f32> {
        let small = (0..30).flat_map(|power| [1.0, -1.4].map(|factor: f32| factor * 10f32.powi(-power)));
        (-6000..=6000).map(|step| step as f32 * 1e-3).chain(small).collect()
    }

    #[test]
    fn values_and_slopes_are_those_of_the_definitions() {
        // Of numbers up to 6: a few roundings of 6e-8 of the greatest, and 1e-7 of erf, which |x| multiplies.
        const ABSOLUTE: f64 = 1.5e-6;
        for set in KernelSet::available() {
            for activation in CURVED {
                let input = numbers();
                let output = activate_with(set, &input, activation);
                let kept = if activation.is_told_by_output() { &output } else { &input };
                let mut slopes = vec![1.0; input.len()];
                pass_activation(set, &mut slopes, Some(kept), activation);
                for ((&x, &value), &slope) in input.iter().zip(&output).zip(&slopes) {
                    let (expected, expected_slope) = definition(activation, f64::from(x));
                    let (value, slope) = (f64::from(value), f64::from(slope));
                    assert!(
                        (value - expected).abs() <= ABSOLUTE,
                        "{set} {activation:?}({x}) = {value}, not {expected}"
                    );
                    assert!(
                        (slope - expected_slope).abs() <= ABSOLUTE,
                        "{set} {activation:?}'({x}) = {slope}, not {expected_slope}"
                    );
                }
            }
        }
    }

    #[test]
    fn near_zero_values_are_accurate_by_their_own_size() {
        // A few roundings.
        const RELATIVE: f64 = 1e-6;
        for activation in [Activation::Tanh, Activation::Elu] {
            let input: Vec<f32> =
                numbers().into_iter().filter(|x| x.abs() < 0.5 && x.abs() > 1e-30).collect();
            for (&x, value) in input.iter().zip(activate(&input, activation)) {
                let (expected, _) = definition(activation, f64::from(x));
                assert!(
                    (f64::from(value) / expected - 1.0).abs() < RELATIVE,
                    "{activation:?}({x}) = {value}"
                );
            }
        }
    }

    #[test]
    fn far_out_there_are_the_limits() {
        for (activation, below) in CURVED.into_iter().zip([-1.0, -1.0, 0.0, 0.0]) {
            let above = if activation == Activation::Tanh { 1.0 } else { 1e4 };
            let found = activate(&[-1e4, 1e4], activation);
            assert!(
                (found[0] - below).abs() < 1e-6 && (found[1] - above).abs() <= 1e-6 * above,
                "{activation:?}: {found:?}"
            );
            let mut slopes = [1.0; 2];
            let kept = if activation.is_told_by_output() { found } else { vec![-1e4, 1e4] };
            activate_backward(&mut slopes, Some(&kept), activation);
            let expected = [0.0, if activation == Activation::Tanh { 0.0 } else { 1.0 }];
            assert!(
                slopes.iter().zip(expected).all(|(slope, expected)| (slope - expected).abs() < 1e-6),
                "{activation:?}: {slopes:?}"
            );
        }
    }

    #[test]
    fn nan_is_passed_on() {
        for activation in CURVED {
            assert!(activate(&[f32::NAN], activation)[0].is_nan(), "{activation:?}");
        }
    }
}
