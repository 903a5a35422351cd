//! Tensor functions whose values and gradients are each computed in the form that is accurate for it.
//!
//! A divergence of close distributions is a small number left over from larger ones, and so is what automatic
//! differentiation makes of it. Here the value is a sum of non-negative terms, computed outside the graph, and the gradient
//! is the closed form of the derivative. The price is that the gradient is not itself differentiable.

use burn::tensor::{DType, Tensor};

/// `value`, of a computation outside the graph, with a gradient for each `x`: `(x, d value / d x)`, finite entry by entry.
///
/// # Shapes
///
/// - value, x, gradient: the same
pub(crate) fn with_gradients<const D: usize>(
    value: Tensor<D>,
    gradients: impl IntoIterator<Item = (Tensor<D>, Tensor<D>)>,
) -> Tensor<D> {
    let tracked = gradients.into_iter().filter(|(x, _)| x.is_tracked());
    tracked.fold(value, |value, (x, gradient)| {
        let zero = x.clone() - x.detach();
        value + zero * gradient
    })
}

/// `c_0 + c_1 z + c_2 z^2 + ...`
pub(crate) fn polynomial<const D: usize>(z: &Tensor<D>, coefficients: &[f64]) -> Tensor<D> {
    let (last, rest) = coefficients.split_last().expect("a polynomial has a coefficient");
    let start = z.zeros_like() + *last;
    rest.iter().rev().fold(start, |sum, coefficient| sum * z.clone() + *coefficient)
}

/// How many terms of a series a float type can tell apart: of all that are given, or of the first half.
pub(crate) fn terms<const D: usize>(x: &Tensor<D>, all: usize) -> usize {
    if x.dtype() == DType::F64 { all } else { all.div_ceil(2) }
}

/// `e^x - 1 - x`, at least 0.
pub(crate) fn exp_excess<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    // 1/2! + x/3! + ...: up to 1/2 the sixteenth is below 1e-16 of the first.
    const SERIES: [f64; 14] = inverse_factorials();
    let near = x.clone().abs().lower_elem(0.5);
    let small = x.clone().clamp(-0.5, 0.5);
    let series = polynomial(&small, &SERIES[..terms(&x, SERIES.len())]) * small.clone() * small;
    let direct = x.clone().exp() - 1.0 - x;
    direct.mask_where(near, series)
}

/// `e^x - 1` for `x` from -1/2 to 1/2.
pub(crate) fn expm1<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    exp_excess(x.clone()) + x
}

/// `ln(1 + x)`, which some backends compute as the sum says.
pub(crate) fn ln_1p<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    // 2 atanh(s) = 2 s (1 + s^2 / 3 + ...), s = x / (2 + x): at x = -1/4 the eleventh term is below 1e-17 of the first.
    const SERIES: [f64; 10] = [
        1.0,
        1.0 / 3.0,
        1.0 / 5.0,
        1.0 / 7.0,
        1.0 / 9.0,
        1.0 / 11.0,
        1.0 / 13.0,
        1.0 / 15.0,
        1.0 / 17.0,
        1.0 / 19.0,
    ];
    let near = x.clone().abs().lower_elem(0.25);
    let small = x.clone().clamp(-0.25, 0.25);
    let s = small.clone() / (small + 2.0);
    let series = polynomial(&(s.clone() * s.clone()), &SERIES[..terms(&x, SERIES.len())]) * s * 2.0;
    (x + 1.0).log().mask_where(near, series)
}

/// `1 / (k + 2)!`
const fn inverse_factorials<const N: usize>() -> [f64; N] {
    let mut values = [0.5; N];
    let mut k = 1;
    while k < N {
        values[k] = values[k - 1] / (k + 2) as f64;
        k += 1;
    }
    values
}

/// The devices that the tests of tensors run on: all that this build and this machine have.
#[cfg(test)]
pub(crate) fn devices() -> Vec<burn::tensor::Device> {
    #[allow(unused_mut, reason = "there may be no backend but those of the processor")]
    let mut devices = processor_devices();
    // A developer's machine may lack a graphics driver; the machine of CI must not.
    #[cfg(feature = "wgpu")]
    match std::panic::catch_unwind(|| {
        burn::tensor::Device::enumerate(burn::tensor::DeviceType::Wgpu).into_vec()
    }) {
        Ok(found) if !found.is_empty() => devices.extend(found.into_iter().take(1)),
        _ => assert!(std::env::var_os("CI").is_none(), "there is no graphics driver to test wgpu with"),
    }
    devices
}

/// Those that compute in 64 bits.
#[cfg(test)]
pub(crate) fn processor_devices() -> Vec<burn::tensor::Device> {
    #[allow(deprecated)] // `Device::ndarray` is, and is one of the backends that this crate is built for.
    Vec::from([
        #[cfg(feature = "flex")]
        burn::tensor::Device::flex(),
        #[cfg(feature = "ndarray")]
        burn::tensor::Device::ndarray(),
    ])
}

#[cfg(all(test, any(feature = "flex", feature = "ndarray")))]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_next_to_one() {
        for device in devices() {
            let xs = [-1.0_f32, -0.9, -0.25, -1e-3, -1e-8, 0.0, 1e-8, 1e-3, 0.24, 0.25, 3.0, 1e30];
            let found: Vec<f64> =
                ln_1p(Tensor::<1>::from_floats(xs, &device)).into_data().iter::<f64>().collect();
            for (found, x) in found.into_iter().zip(xs) {
                let expected = f64::from(x).ln_1p();
                let close = found == expected || (found - expected).abs() <= 1e-6 * expected.abs();
                assert!(close, "{x}: {found:e}, not {expected:e}");
            }
        }
    }

    #[test]
    fn the_excess_of_the_exponential() {
        for device in devices() {
            let xs = [-90.0_f32, -0.7, -0.5, -1e-3, -1e-8, 0.0, 1e-8, 1e-3, 0.49, 0.5, 3.0];
            let device = device.autodiff();
            let x = Tensor::<1>::from_floats(xs, &device).require_grad();
            let value = exp_excess(x.clone());
            let gradients = value.backward();
            let slopes = x.grad(&gradients).expect("x is tracked").into_data();
            for ((found, slope), x) in value.into_data().iter::<f64>().zip(slopes.iter::<f64>()).zip(xs) {
                let x = f64::from(x);
                let expected =
                    if x.abs() < 1e-2 { x * x * (0.5 + x / 6.0 + x * x / 24.0) } else { x.exp_m1() - x };
                assert!((found - expected).abs() <= 1e-6 * expected, "{x}: {found:e}, not {expected:e}");
                assert!((slope - x.exp_m1()).abs() <= 1e-6 * x.exp_m1().abs(), "{x}: slope {slope:e}");
            }
        }
    }
}
