//! The coefficients at which a linear decoder would give up its latent dimensions.

use burn::tensor::{Device, Tensor};
use data::{Result, Split};
use kernels::{Matrix, multiply};
use model::{Likelihood, Variance};
use ndarray::{Array1, Array2, s};
use record::NetworkConfig;

use crate::diagnostics::{Normaliser, Subset};
use crate::image_tensors::ImageTensors;
use crate::network::likelihood_of;

/// Rows of a matrix at most. Of images of more numbers, products of images are in the place of covariances of numbers.
const MOST_ROWS: usize = 4096;
/// Numbers of such images at most, all of which are in memory together: 256 MB.
const MOST_NUMBERS: usize = 1 << 26;
/// Images taken at a time.
const BATCH: usize = 5000;
/// Steps of the Lanczos process for each eigenvalue asked for, and beyond them: those asked for have settled by then.
const STEPS_EACH: usize = 4;
const MORE_STEPS: usize = 60;
/// Of lengths and eigenvalues, what is beyond the rounding of 64-bit numbers over some thousand rows.
const TOLERANCE: f64 = 1e-12;

/// The coefficients at which the latent dimensions of a linear decoder collapse, the greatest first: at most `count`.
///
/// With a decoder whose outputs are `b + W z`, no hidden layer, a dimension that carries next to nothing can be judged from
/// the objective's second order in `W`. With `m` the mean image, `D` the diagonal of the variances that the likelihood gives
/// the pixels there, `y = D^(-1/2) (x - m)` and, where the outputs are logits, `V = D^(1/2) W`, where they are means, `V =
/// D^(-1/2) W`,
///
/// ```text
/// reconstruction = constant - y' V z + |V z|^2 / 2 = constant + |y - V z|^2 / 2,
/// ```
///
/// which is a Gaussian decoder of unit noise. For that one Lucas, Tucker, Grosse and Norouzi, *Don't Blame the ELBO!*
/// (2019), show that with a coefficient `c` (for them, a noise of variance `c`) the optimum has a dimension in use for
/// each eigenvalue of the covariance of `y` above `c`, and no more. These eigenvalues are what is given back. Pixels that
/// are black or white in every image carry nothing and are left out.
///
/// Variances: `m (1 - m)` of Bernoulli pixels, that of the density with the mean `m` of continuous Bernoulli ones, the given
/// variance of Gaussian ones, or where that is learnt the one that is the likeliest at `W = 0`. Of discretised logistic pixels
/// none are given back. Of images of more than 4,096 numbers, they are those of up to 4,096 evenly spaced images, and of as many
/// as are 2^26 numbers: the fewer they are, the greater they are by chance.
///
/// # Errors
///
/// Fails when a file that the images are read from has changed.
pub fn collapse_coefficients(images: &Split, model: &NetworkConfig, device: &Device) -> Result<Vec<f64>> {
    let (likelihood, latent) = (likelihood_of(model.likelihood, model.variance), model.latent);
    if likelihood == Likelihood::DiscretisedLogistic {
        return Ok(Vec::new());
    }
    let matrix = match images.numbers() {
        numbers if numbers > MOST_ROWS => {
            let most = MOST_ROWS.min(MOST_NUMBERS / numbers).max(2);
            whitened_products(&Subset::evenly_spaced(images, most), likelihood)?
        }
        _ => whitened_covariance(images, likelihood, device)?,
    };
    let count = latent.min(matrix.nrows());
    Ok(greatest_eigenvalues(&matrix, count))
}

/// `1/N Y Y'`, `[images, images]`, with the rows `y_i = D^(-1/2) (x_i - m)`: it has the eigenvalues of the covariance `1/N Y' Y` that
/// are not 0.
fn whitened_products(subset: &Subset<'_>, likelihood: Likelihood) -> Result<Array2<f64>> {
    let (count, pixels) = (subset.count(), subset.images.numbers());
    let mut values = subset.images.gather(&subset.positions)?;
    let mean_of = |value: &dyn Fn(usize, f32) -> f64| {
        let mut sums = Array1::<f64>::zeros(pixels);
        for image in values.chunks(pixels) {
            for (pixel, number) in image.iter().enumerate() {
                sums[pixel] += value(pixel, *number);
            }
        }
        sums / count as f64
    };
    let mean = mean_of(&|_, number| f64::from(number));
    let variance = mean_of(&|pixel, number| (f64::from(number) - mean[pixel]).powi(2));
    let scale = inverse_deviations(&given_variances(likelihood, &mean, &variance));
    for image in values.chunks_mut(pixels) {
        for (pixel, number) in image.iter_mut().enumerate() {
            *number = ((f64::from(*number) - mean[pixel]) * scale[pixel]) as f32;
        }
    }
    let mut products = vec![0.0; count * count];
    let rows = || Matrix::new(&values, count, pixels);
    multiply(rows(), rows().transposed(), &mut products);
    Ok(Array2::from_shape_fn((count, count), |(i, j)| f64::from(products[i * count + j]) / count as f64))
}

fn inverse_deviations(variances: &Array1<f64>) -> Array1<f64> {
    variances.mapv(|variance| if variance > 0.0 { variance.sqrt().recip() } else { 0.0 })
}

/// The variances that a likelihood gives pixels of these means and variances, if nothing is known of the image.
fn given_variances(likelihood: Likelihood, mean: &Array1<f64>, variance: &Array1<f64>) -> Array1<f64> {
    let all = |value: f64| Array1::from_elem(mean.len(), value);
    match likelihood {
        Likelihood::GreyBernoulli | Likelihood::Bernoulli => mean.mapv(|mean| mean * (1.0 - mean)),
        Likelihood::ContinuousBernoulli => mean.mapv(|mean| Normaliser::of_mean(mean).variance),
        Likelihood::Gaussian { variance: Variance::Fixed(given) } => all(given),
        Likelihood::Gaussian { variance: Variance::LearnedPerPixel } => variance.clone(),
        Likelihood::Gaussian { variance: Variance::Learned | Variance::Optimal } => {
            all(variance.sum() / variance.len() as f64)
        }
        Likelihood::DiscretisedLogistic => all(0.0),
    }
}

/// `D^(-1/2) cov(x) D^(-1/2)`, `[pixels, pixels]`, with zeros for pixels that never change.
fn whitened_covariance(images: &Split, likelihood: Likelihood, device: &Device) -> Result<Array2<f64>> {
    let (count, pixels) = (images.count(), images.numbers());
    let mut sums = Array1::<f64>::zeros(pixels);
    let mut products = Array2::<f64>::zeros((pixels, pixels));
    for start in (0..count).step_by(BATCH) {
        let batch = images.range(start..(start + BATCH).min(count), device)?;
        let add = |total: &mut [f64], part: Tensor<2>| {
            for (total, part) in total.iter_mut().zip(part.into_data().iter::<f32>()) {
                *total += f64::from(part);
            }
        };
        add(sums.as_slice_mut().expect("it is contiguous"), batch.clone().sum_dim(0));
        add(products.as_slice_mut().expect("it is contiguous"), batch.clone().transpose().matmul(batch));
    }
    let mean = sums / count as f64;
    let covariance = |i: usize, j: usize| products[[i, j]] / count as f64 - mean[i] * mean[j];
    let variance = Array1::from_shape_fn(pixels, |pixel| covariance(pixel, pixel));
    let scale = inverse_deviations(&given_variances(likelihood, &mean, &variance));
    Ok(Array2::from_shape_fn((pixels, pixels), |(i, j)| covariance(i, j) * scale[i] * scale[j]))
}

/// The greatest eigenvalues of a symmetric positive semidefinite matrix, by the Lanczos process with full
/// reorthogonalisation (Golub and Van Loan, *Matrix Computations*, section 10.1): exact after as many steps as the matrix
/// has rows, and for the greatest ones long before.
fn greatest_eigenvalues(matrix: &Array2<f64>, count: usize) -> Vec<f64> {
    let size = matrix.nrows();
    let steps = (STEPS_EACH * count + MORE_STEPS).min(size);
    let mut basis = Array2::<f64>::zeros((steps, size));
    let (mut diagonal, mut beside) = (Vec::new(), Vec::new());
    for step in 0..steps {
        // A vector without anything new ends a part of the matrix that nothing leads out of: the next part starts afresh,
        // along the axis that the vectors so far say least about.
        if beside.last().is_none_or(|&length| length == 0.0) {
            let known = |axis: &usize| basis.column(*axis).iter().map(|value| value * value).sum::<f64>();
            let axis = (0..size).min_by(|a, b| known(a).total_cmp(&known(b))).unwrap_or(0);
            // The first start has no symmetry, so that it is orthogonal to no eigenvector but by an accident.
            let asymmetric = |i: usize| ((i + 1) as f64).sqrt().sin();
            let start = Array1::from_shape_fn(size, |i| {
                if step == 0 { asymmetric(i) } else { f64::from(u8::from(i == axis)) }
            });
            let (direction, length) = new_direction(start, &basis, step);
            if length == 0.0 {
                break;
            }
            basis.row_mut(step).assign(&direction);
        }
        let image = matrix.dot(&basis.row(step));
        let own = basis.row(step).dot(&image);
        diagonal.push(own);
        let greatest = diagonal.iter().copied().fold(0.0, f64::max);
        let (direction, length) = new_direction(image, &basis, step + 1);
        let length = if length > TOLERANCE * greatest { length } else { 0.0 };
        beside.push(length);
        if length > 0.0 && step + 1 < steps {
            basis.row_mut(step + 1).assign(&direction);
        }
    }
    beside.truncate(diagonal.len().saturating_sub(1));
    let found = diagonal.len().min(count);
    (0..found).map(|rank| tridiagonal_eigenvalue(&diagonal, &beside, rank)).collect()
}

/// What a vector has beside the first rows of a basis, of length 1, and how long that was.
fn new_direction(mut vector: Array1<f64>, basis: &Array2<f64>, rows: usize) -> (Array1<f64>, f64) {
    let before = vector.dot(&vector).sqrt();
    let basis = basis.slice(s![..rows, ..]);
    // Once leaves the rounding errors of a long vector, twice is enough.
    for _ in 0..2 {
        let along = basis.dot(&vector);
        vector -= &basis.t().dot(&along);
    }
    let length = vector.dot(&vector).sqrt();
    if length <= TOLERANCE * before { (vector, 0.0) } else { (vector / length, length) }
}

/// The eigenvalue that so many others exceed, by bisection: the pivots of `T - x` that are positive are as many as the
/// eigenvalues above `x` (Golub and Van Loan, section 8.4).
fn tridiagonal_eigenvalue(diagonal: &[f64], beside: &[f64], rank: usize) -> f64 {
    let above = |x: f64| {
        let mut pivot = 1.0;
        let mut count = 0;
        for (i, own) in diagonal.iter().enumerate() {
            let coupling = if i > 0 { beside[i - 1] * beside[i - 1] } else { 0.0 };
            pivot = own - x - if coupling > 0.0 { coupling / pivot } else { 0.0 };
            if pivot == 0.0 {
                pivot = -f64::MIN_POSITIVE;
            }
            count += usize::from(pivot > 0.0);
        }
        count
    };
    // No eigenvalue is farther out than the sums of the rows.
    let row = |i: usize| {
        diagonal[i].abs() + beside.get(i).unwrap_or(&0.0) + if i > 0 { beside[i - 1] } else { 0.0 }
    };
    let reach = (0..diagonal.len()).map(row).fold(0.0, f64::max);
    let [mut low, mut high] = [-reach, reach];
    while high - low > TOLERANCE * reach {
        let middle = 0.5 * (low + high);
        if above(middle) > rank { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::{Likelihood, Variance};

    /// `H D H` with the reflection `H = I - 2 v v'`, `v` of equal entries: its eigenvalues are those of the diagonal.
    fn with_eigenvalues(eigenvalues: &[f64]) -> Array2<f64> {
        let size = eigenvalues.len();
        let reflection =
            Array2::from_shape_fn((size, size), |(i, j)| f64::from(u8::from(i == j)) - 2.0 / size as f64);
        reflection.dot(&Array2::from_diag(&Array1::from(eigenvalues.to_vec()))).dot(&reflection)
    }

    #[test]
    fn eigenvalues_of_a_matrix_with_known_ones() {
        let found = greatest_eigenvalues(&with_eigenvalues(&[9.0, 4.0, 1.0, 0.0]), 3);
        for (found, expected) in found.iter().zip([9.0, 4.0, 1.0]) {
            assert!((found - expected).abs() < 1e-9 * expected, "{found}, expected {expected}");
        }
    }

    #[test]
    fn the_greatest_of_many_have_settled_and_all_of_many_are_found() {
        // As of images: a few great ones, and a long tail that falls slowly; the last third is 0.
        let eigenvalues: Vec<f64> =
            (0..300).map(|i| if i < 200 { 40.0 / (1.0 + f64::from(i)) } else { 0.0 }).collect();
        let matrix = with_eigenvalues(&eigenvalues);
        for count in [2, 20, 250] {
            let found = greatest_eigenvalues(&matrix, count);
            assert_eq!(found.len(), count);
            for (found, expected) in found.iter().zip(&eigenvalues) {
                // The report shows three digits.
                assert!((found - expected).abs() < 1e-6 * 40.0, "{found}, expected {expected} of {count}");
            }
        }
    }

    #[test]
    fn a_matrix_of_parts_without_a_link_has_the_eigenvalues_of_all() {
        let found = greatest_eigenvalues(&Array2::from_diag(&Array1::from(vec![2.0, 2.0, 5.0, 0.0])), 4);
        for (found, expected) in found.iter().zip([5.0, 2.0, 2.0, 0.0]) {
            assert!((found - expected).abs() < 1e-9, "{found}, expected {expected}");
        }
    }

    fn model(latent: usize) -> NetworkConfig {
        NetworkConfig { latent, ..NetworkConfig::default() }
    }

    #[test]
    fn of_a_gaussian_it_is_the_covariance_over_the_variance() {
        // Standard deviations of 2 and 1, uncorrelated.
        let numbers = vec![2.0, 1.0, -2.0, 1.0, 2.0, -1.0, -2.0, -1.0];
        let columns = vec!["a".to_string(), "b".to_string()];
        let table = Split::of_numbers(record::Shape::Table { columns }, numbers, None);
        let model = |variance| NetworkConfig { likelihood: Likelihood::Gaussian, variance, ..model(2) };
        let found = collapse_coefficients(&table, &model(Variance::Fixed(0.5)), &Device::flex()).unwrap();
        for (found, expected) in found.iter().zip([8.0, 2.0]) {
            assert!((found - expected).abs() < 1e-5, "{found}, expected {expected}");
        }
    }

    #[test]
    fn of_binary_pixels_it_is_the_correlation() {
        // Two pixels that agree in three of four images, one that is always white.
        let bytes = [[0, 0, 255], [0, 0, 255], [255, 255, 255], [255, 0, 255]].concat();
        let images = Split::of_bytes(record::Shape::grey(1, 3), bytes, None);
        let found = collapse_coefficients(&images, &model(5), &Device::flex()).unwrap();
        // Means 1/2 and 1/4, covariance 1/4 - 1/8.
        let correlation = 0.125 / (0.25f64 * 0.1875).sqrt();
        for (found, expected) in found.iter().zip([1.0 + correlation, 1.0 - correlation, 0.0]) {
            assert!((found - expected).abs() < 1e-5, "{found}, expected {expected}");
        }
    }

    #[test]
    fn products_of_images_have_the_eigenvalues_of_covariances_of_pixels() {
        let bytes = (0..12 * 30u32).map(|i| (i * i * 31 % 251) as u8).collect();
        let images = Split::of_bytes(record::Shape::grey(5, 6), bytes, None);
        for likelihood in [model::Likelihood::GreyBernoulli, model::Likelihood::ContinuousBernoulli] {
            let covariance = whitened_covariance(&images, likelihood, &Device::flex()).unwrap();
            let products = whitened_products(&Subset::evenly_spaced(&images, 12), likelihood).unwrap();
            // Of twelve images, eleven directions are not 0.
            let [found, expected] = [&products, &covariance].map(|matrix| greatest_eigenvalues(matrix, 11));
            for (found, wanted) in found.iter().zip(&expected) {
                // Products of 32-bit numbers.
                assert!((found - wanted).abs() < 1e-5 * expected[0], "{found}, expected {wanted}");
            }
        }
    }

    #[test]
    fn large_images_have_theirs_too() {
        // Two images of each of two kinds, 5,000 pixels: the variance is along their difference.
        let kinds = [vec![0u8; 5000], vec![255; 5000]];
        let images =
            Split::of_bytes(record::Shape::grey(50, 100), [&kinds[..], &kinds[..]].concat().concat(), None);
        let found = collapse_coefficients(&images, &model(3), &Device::flex()).unwrap();
        // Every pixel has the variance 1/4 and that of the likelihood: each correlates with each.
        assert!((found[0] - 5000.0).abs() < 0.01 && found[1].abs() < 0.01, "{found:?}");
    }

    /// Two pixels of the variances 3/16 and 1/4 and the covariance 1/8, and one that never changes.
    #[test]
    fn the_likelihood_says_in_what_units_pixels_vary() {
        let bytes = [[0, 0, 51], [0, 0, 51], [255, 255, 51], [0, 255, 51]].concat();
        let images = Split::of_bytes(record::Shape::grey(1, 3), bytes, None);
        let greatest = |likelihood, variance| {
            let model = NetworkConfig { likelihood, variance, ..model(1) };
            collapse_coefficients(&images, &model, &Device::flex()).unwrap()
        };
        let gaussian = |variance| greatest(Likelihood::Gaussian, variance)[0];
        let covariance = [[0.1875, 0.125], [0.125, 0.25]];
        let [[a, b], [_, d]]: [[f64; 2]; 2] = covariance;
        let eigenvalue = |a: f64, b: f64, d: f64| 0.5 * (a + d) + (0.25 * (a - d).powi(2) + b * b).sqrt();
        for (found, expected) in [
            (gaussian(Variance::Fixed(1.0)), eigenvalue(a, b, d)),
            (gaussian(Variance::Fixed(0.25)), 4.0 * eigenvalue(a, b, d)),
            (gaussian(Variance::Optimal), eigenvalue(a, b, d) / ((a + d) / 3.0)),
            (gaussian(Variance::LearnedPerPixel), 1.0 + b / (a * d).sqrt()),
        ] {
            assert!((found - expected).abs() < 1e-5, "{found}, expected {expected}");
        }
        // The mean 1/2 has the uniform density, of the variance 1/12; the other mean is 1/4.
        let quarter = Normaliser::of_mean(0.25).variance;
        let expected = eigenvalue(a / quarter, b / (quarter / 12.0).sqrt(), d * 12.0);
        let found = greatest(Likelihood::ContinuousBernoulli, Variance::Fixed(1.0))[0];
        assert!((found - expected).abs() < 1e-4 * expected, "{found}, expected {expected}");
        assert!(greatest(Likelihood::DiscretisedLogistic, Variance::Fixed(1.0)).is_empty());
    }
}
