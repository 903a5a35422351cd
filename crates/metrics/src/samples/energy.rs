//! The energy distance: a discrepancy without a bandwidth.

use ndarray::ArrayView2;

use super::error::SampleError;
use super::estimate::Estimate;
use super::mmd::{Kernel, discrepancy};
use super::pairs::BLOCK;
use super::points::Points;

/// The unbiased estimate of the energy distance
///
/// ```text
/// D(P, Q) = 2 E|X - Y| - E|X - X'| - E|Y - Y'|
/// ```
///
/// between samples `x` and `y`, in the unit of the coordinates; 0 only for equal distributions. (Its root is a metric; SciPy's
/// `energy_distance` is the root, of the estimate that counts each sample as its own pair.) It is the squared discrepancy of
/// [`mmd`](super::mmd) with the kernel `-|x - y|`, and has its standard error.
///
/// # Shapes
///
/// - x: `[samples of P, dimensions]`
/// - y: `[samples of Q, dimensions]`
///
/// # Errors
///
/// [`SampleError`] if there are fewer than two samples on a side, if the dimensions differ or there are none, or if a
/// coordinate is not finite.
///
/// # Source
///
/// Székely and Rizzo, *Energy statistics: A class of statistics based on distances*, J. Stat. Plan. Inference 143 (2013).
///
/// ```
/// use metrics::samples::energy::energy_distance;
/// use ndarray::array;
///
/// let (x, y) = (array![[0.0], [1.0]], array![[4.0], [6.0]]);
/// // Across 4, 6, 3, 5 with a mean of 4.5; within 1 and 2.
/// assert_eq!(energy_distance(x.view(), y.view())?.value, 2.0 * 4.5 - 1.0 - 2.0);
/// # Ok::<(), metrics::samples::SampleError>(())
/// ```
pub fn energy_distance(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> Result<Estimate, SampleError> {
    let (x, y) = Points::pair(x, y, 2)?;
    let ([x, y], exponent) = Points::in_range([x, y]);
    let Estimate { value, standard_error } = discrepancy(&x, &y, &NegativeDistance);
    let back = |number| libm::ldexp(number, exponent);
    Ok(Estimate { value: back(value), standard_error: back(standard_error) })
}

struct NegativeDistance;

impl Kernel for NegativeDistance {
    #[inline(always)]
    fn of(&self, squared_distances: &[f64], values: &mut [f64; BLOCK]) {
        for (value, squared) in values.iter_mut().zip(squared_distances) {
            *value = -squared.sqrt();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::draws::Draws;

    #[test]
    fn at_the_ends_of_the_range_it_scales_as_the_coordinates_do() {
        let (x, y) =
            (Draws::seeded(5).normals((30, 2), 0.5, 0.7), Draws::seeded(6).normals((40, 2), 0.0, 1.0));
        let Estimate { value, standard_error } = energy_distance(x.view(), y.view()).unwrap();
        for exponent in [-600, 600] {
            let scaled = |number| libm::ldexp(number, exponent);
            let found = energy_distance(x.mapv(scaled).view(), y.mapv(scaled).view()).unwrap();
            assert_eq!(found, Estimate { value: scaled(value), standard_error: scaled(standard_error) });
        }
    }

    #[test]
    fn normals_against_the_closed_form() {
        // |X - Y| of two Normals is folded: of standard deviation s and mean m, E = s sqrt(2 / π) e^(-m^2 / 2 s^2) + m erf(..).
        let folded = |m: f64, s: f64| {
            let z = m / s;
            s * (2.0 / std::f64::consts::PI).sqrt() * (-0.5 * z * z).exp() + m * libm::erf(z / 2f64.sqrt())
        };
        let mut draws = Draws::seeded(4);
        for (mean, sd) in [(0.0, 1.0), (0.7, 1.5)] {
            let x = draws.normals((1500, 1), mean, sd);
            let y = draws.normals((1200, 1), 0.0, 1.0);
            let root = (1.0 + sd * sd).sqrt();
            let expected =
                2.0 * folded(mean, root) - folded(0.0, sd * 2f64.sqrt()) - folded(0.0, 2f64.sqrt());
            let found = energy_distance(x.view(), y.view()).unwrap();
            let error = (found.value - expected).abs();
            assert!(error < 4.0 * found.standard_error && error < 0.1, "{found:?}, not {expected}");
        }
    }
}
