//! The coefficients at which a linear decoder would give up its latent dimensions.

use burn::tensor::{Device, Tensor};
use data::Images;
use ndarray::{Array1, Array2};

use crate::image_tensors::ImageTensors;

/// Images taken at a time.
const BATCH: usize = 5000;
/// Vectors iterated beside those asked for: they take up what lies close below.
const GUARD: usize = 8;
const MOST_ITERATIONS: usize = 500;
/// Relative change at which an eigenvalue counts as found: a thousandth of what is shown of it.
const TOLERANCE: f64 = 1e-6;

/// The coefficients at which the latent dimensions of a linear decoder collapse, the greatest first: at most `count`.
///
/// With a decoder `logits = b + W z`, no hidden layer, a dimension that carries next to nothing can be judged from the
/// objective's second order in `W`. With `p` the mean image, `D = diag(p (1 - p))` the curvature of the Bernoulli
/// likelihood there, `y = D^(-1/2) (x - p)` and `V = D^(1/2) W`,
///
/// ```text
/// reconstruction = constant - y' V z + |V z|^2 / 2 = constant + |y - V z|^2 / 2,
/// ```
///
/// which is a Gaussian decoder of unit noise. For that one Lucas, Tucker, Grosse and Norouzi, *Don't Blame the ELBO!*
/// (2019), show that with a coefficient `c` (for them, a noise of variance `c`) the optimum has a dimension in use for
/// each eigenvalue of the covariance of `y` above `c`, and no more. These eigenvalues are what is given back. Pixels that
/// are black or white in every image carry nothing and are left out.
pub fn collapse_coefficients(images: &Images, count: usize, device: &Device) -> Vec<f64> {
    let covariance = whitened_covariance(images, device);
    let count = count.min(covariance.nrows());
    greatest_eigenvalues(&covariance, count)
}

/// `D^(-1/2) cov(x) D^(-1/2)`, `[pixels, pixels]`, with zeros for pixels that never change.
fn whitened_covariance(images: &Images, device: &Device) -> Array2<f64> {
    let (count, pixels) = (images.count(), images.pixels());
    let mut sums = Array1::<f64>::zeros(pixels);
    let mut products = Array2::<f64>::zeros((pixels, pixels));
    for start in (0..count).step_by(BATCH) {
        let batch = images.range(start..(start + BATCH).min(count), device);
        let add = |total: &mut [f64], part: Tensor<2>| {
            for (total, part) in total.iter_mut().zip(part.into_data().iter::<f32>()) {
                *total += f64::from(part);
            }
        };
        add(sums.as_slice_mut().expect("it is contiguous"), batch.clone().sum_dim(0));
        add(products.as_slice_mut().expect("it is contiguous"), batch.clone().transpose().matmul(batch));
    }
    let mean = sums / count as f64;
    let scale = mean.mapv(|p| if p > 0.0 && p < 1.0 { (p * (1.0 - p)).sqrt().recip() } else { 0.0 });
    Array2::from_shape_fn((pixels, pixels), |(i, j)| {
        (products[[i, j]] / count as f64 - mean[i] * mean[j]) * scale[i] * scale[j]
    })
}

/// The greatest eigenvalues of a symmetric positive semidefinite matrix, by orthogonal iteration (Golub and Van Loan,
/// *Matrix Computations*, section 7.3).
fn greatest_eigenvalues(matrix: &Array2<f64>, count: usize) -> Vec<f64> {
    let size = matrix.nrows();
    let width = (count + GUARD).min(size);
    // Any start that is not orthogonal to an eigenvector does; this one has no symmetry.
    let mut basis = Array2::from_shape_fn((size, width), |(i, j)| ((i * width + j + 1) as f64).sqrt().sin());
    orthonormalise(&mut basis);
    let mut found = vec![0.0; width];
    for _ in 0..MOST_ITERATIONS {
        basis = matrix.dot(&basis);
        let lengths = orthonormalise(&mut basis);
        let settled = lengths
            .iter()
            .zip(&found)
            .take(count)
            .all(|(now, before): (&f64, &f64)| (now - before).abs() <= TOLERANCE * now.abs());
        found = lengths;
        if settled {
            break;
        }
    }
    found.sort_by(|a, b| b.total_cmp(a));
    found.truncate(count);
    found
}

/// Makes the columns orthonormal, by the modified Gram-Schmidt process; gives back the length of each before that.
fn orthonormalise(columns: &mut Array2<f64>) -> Vec<f64> {
    (0..columns.ncols())
        .map(|j| {
            for i in 0..j {
                let along = columns.column(i).dot(&columns.column(j));
                let earlier = columns.column(i).to_owned();
                columns.column_mut(j).scaled_add(-along, &earlier);
            }
            let length = columns.column(j).dot(&columns.column(j)).sqrt();
            if length > 0.0 {
                columns.column_mut(j).mapv_inplace(|value| value / length);
            }
            length
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvalues_of_a_matrix_with_known_ones() {
        // H diag(9, 4, 1, 0) H, with the reflection H = I - 2 v v', v = (1, 1, 1, 1) / 2.
        let eigenvalues = [9.0, 4.0, 1.0, 0.0];
        let reflection = Array2::from_shape_fn((4, 4), |(i, j)| f64::from(u8::from(i == j)) - 0.5);
        let matrix = reflection.dot(&Array2::from_diag(&Array1::from(eigenvalues.to_vec()))).dot(&reflection);
        let found = greatest_eigenvalues(&matrix, 3);
        for (found, expected) in found.iter().zip(eigenvalues) {
            assert!((found - expected).abs() < 1e-5 * expected, "{found}, expected {expected}");
        }
    }

    #[test]
    fn of_binary_pixels_it_is_the_correlation() {
        // Two pixels that agree in three of four images, one that is always white.
        let bytes = [[0, 0, 255], [0, 0, 255], [255, 255, 255], [255, 0, 255]].concat();
        let images = Images { height: 1, width: 3, bytes, labels: None };
        let found = collapse_coefficients(&images, 5, &Device::flex());
        // Means 1/2 and 1/4, covariance 1/4 - 1/8.
        let correlation = 0.125 / (0.25f64 * 0.1875).sqrt();
        for (found, expected) in found.iter().zip([1.0 + correlation, 1.0 - correlation, 0.0]) {
            assert!((found - expected).abs() < 1e-5, "{found}, expected {expected}");
        }
    }
}
