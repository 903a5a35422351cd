//! The principal components of the training images: a space of few dimensions in which images are compared.

use data::{Result, Split};
use kernels::{Matrix, multiply};
use ndarray::{Array1, Array2, Axis};
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use super::held_out::Subset;
use crate::random::{Purpose, stream};
use crate::together::together;

/// Components at most.
pub const MOST_COMPONENTS: usize = 50;
/// Training images that they are computed from at most.
const IMAGES: usize = 20_000;
/// Images multiplied at a time, at most.
const BATCH: usize = 1000;
/// Products with the covariance: each shrinks what lies beside the components by the ratio of its variance to theirs.
const ITERATIONS: usize = 12;

/// An orthonormal basis of the directions in which images vary most.
#[derive(Clone, Debug, PartialEq)]
pub struct Components {
    /// The mean image in the basis.
    mean: Array1<f32>,
    /// `[pixels, components]`.
    basis: Array2<f32>,
}

impl Components {
    /// Of up to 20,000 evenly spaced images, by orthogonal iteration from random directions.
    ///
    /// Distances in the basis are all that it is used for, so that no direction in it has to be a component by itself.
    ///
    /// # Errors
    ///
    /// Fails when a file that they are read from has changed.
    ///
    /// # Source
    ///
    /// Golub and Van Loan, *Matrix Computations* (2013), section 8.2.4.
    pub fn of(images: &Split) -> Result<Self> {
        let subset = Subset::evenly_spaced(images, IMAGES);
        let pixels = images.numbers();
        let count = MOST_COMPONENTS.min(pixels).min(subset.count());
        let mean = mean_image(&subset)?;
        let normal: StandardNormal = StandardNormal;
        let start: Vec<f64> =
            normal.sample_iter(stream(0, Purpose::ComponentStart, 0, 0)).take(pixels * count).collect();
        let mut basis = Array2::from_shape_vec((pixels, count), start).expect("as many numbers as it holds");
        for _ in 0..ITERATIONS {
            // On the way, apart is enough.
            orthonormalise(&mut basis, 1);
            basis = covariance_times(&subset, &mean, &basis.mapv(|value| value as f32))?;
        }
        // Once leaves the rounding errors of a long vector, twice is enough.
        orthonormalise(&mut basis, 2);
        let basis = basis.mapv(|value| value as f32);
        Ok(Self { mean: mean.dot(&basis), basis })
    }

    /// How many they are.
    pub fn count(&self) -> usize {
        self.basis.ncols()
    }

    /// Numbers of an image.
    pub fn numbers(&self) -> usize {
        self.basis.nrows()
    }

    /// Where images lie, `[images, components]`, given their pixels, `[images, pixels]`.
    pub fn project(&self, values: &[f32]) -> Array2<f32> {
        let (pixels, count) = self.basis.dim();
        let images = values.len() / pixels;
        let batches: Vec<Vec<f32>> = values
            .par_chunks(together(BATCH, pixels) * pixels)
            .map(|values| {
                let mut places = vec![0.0; values.len() / pixels * count];
                multiply(
                    Matrix::new(values, values.len() / pixels, pixels),
                    matrix(&self.basis),
                    &mut places,
                );
                places
            })
            .collect();
        Array2::from_shape_vec((images, count), batches.concat()).expect("as many numbers as it holds")
            - &self.mean
    }

    /// Where some images of a set lie.
    ///
    /// # Errors
    ///
    /// Fails when a file that they are read from has changed.
    pub fn project_subset(&self, subset: &Subset<'_>) -> Result<Array2<f32>> {
        let mut places = Array2::zeros((0, self.count()));
        for positions in subset.positions.chunks(together(BATCH, subset.images.numbers())) {
            let chunk = self.project(&subset.images.gather(positions)?);
            places.append(Axis(0), chunk.view()).expect("all have as many components");
        }
        Ok(places)
    }
}

fn matrix(array: &Array2<f32>) -> Matrix<'_> {
    Matrix::new(array.as_slice().expect("it is stored row by row"), array.nrows(), array.ncols())
}

fn mean_image(subset: &Subset<'_>) -> Result<Array1<f32>> {
    let numbers = subset.images.numbers();
    let mut sums = Array1::<f64>::zeros(numbers);
    for positions in subset.positions.chunks(together(BATCH, subset.images.numbers())) {
        for image in subset.images.gather(positions)?.chunks(numbers) {
            sums.iter_mut().zip(image).for_each(|(sum, value)| *sum += f64::from(*value));
        }
    }
    Ok(sums.mapv(|sum| (sum / subset.count() as f64) as f32))
}

/// `1/N sum_i (x_i - m) (x_i - m)' B`.
fn covariance_times(subset: &Subset<'_>, mean: &Array1<f32>, basis: &Array2<f32>) -> Result<Array2<f64>> {
    let (pixels, count) = basis.dim();
    let of_mean = mean.dot(basis);
    let of_batch = |positions: &[u32]| {
        let values = subset.images.gather(positions)?;
        let images = Matrix::new(&values, positions.len(), pixels);
        let mut places = vec![0.0; positions.len() * count];
        multiply(images, matrix(basis), &mut places);
        for row in places.chunks_mut(count) {
            row.iter_mut().zip(&of_mean).for_each(|(place, mean)| *place -= mean);
        }
        let mut products = vec![0.0; pixels * count];
        multiply(images.transposed(), Matrix::new(&places, positions.len(), count), &mut products);
        let of_places: Vec<f32> = (0..count).map(|c| places.iter().skip(c).step_by(count).sum()).collect();
        Ok((products, of_places))
    };
    let batches: Vec<Result<_>> =
        subset.positions.par_chunks(together(BATCH, pixels)).map(of_batch).collect();
    let mut total = Array2::<f64>::zeros((pixels, count));
    for batch in batches {
        let (products, of_places) = batch?;
        for ((pixel, component), total) in total.indexed_iter_mut() {
            let product = products[pixel * count + component] - mean[pixel] * of_places[component];
            *total += f64::from(product) / subset.count() as f64;
        }
    }
    Ok(total)
}

/// The columns, made orthogonal and of length 1 one after another; what is nothing beside those before becomes 0.
fn orthonormalise(basis: &mut Array2<f64>, times: usize) {
    /// Of a column, what is left by rounding.
    const TOLERANCE: f64 = 1e-10;
    // Each column in one piece of memory.
    let mut columns = basis.t().as_standard_layout().into_owned();
    for column in 0..columns.nrows() {
        let mut vector = columns.row(column).to_owned();
        let before = vector.dot(&vector).sqrt();
        for _ in 0..times {
            for earlier in columns.rows().into_iter().take(column) {
                let along = earlier.dot(&vector);
                vector.scaled_add(-along, &earlier);
            }
        }
        let length = vector.dot(&vector).sqrt();
        let scale = if length > TOLERANCE * before { length.recip() } else { 0.0 };
        columns.row_mut(column).assign(&(vector * scale));
    }
    basis.assign(&columns.t());
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::Shape;

    /// Images in which two patterns, whose strengths are independent, and a faint noise make the pixels.
    fn images(count: usize) -> Split {
        let mut bytes = Vec::new();
        for i in 0..count {
            let strength = |period: usize| ((i * 7919) % period) as f64 / period as f64 - 0.5;
            let (a, b) = (strength(101), strength(89));
            for pixel in 0..80 {
                let (first, second) = ((pixel % 2) as f64, (pixel / 40) as f64);
                let noise = ((i * 31 + pixel * 17) % 7) as f64;
                bytes.push((100.0 + 80.0 * a * first + 50.0 * b * second + noise) as u8);
            }
        }
        Split::of_bytes(Shape::grey(8, 10), bytes, None)
    }

    #[test]
    fn the_directions_of_greatest_variance_are_found() {
        let images = images(600);
        let components = Components::of(&images).unwrap();
        assert_eq!(components.count(), 50);
        let found = components.basis.t().dot(&components.basis);
        for ((i, j), product) in found.indexed_iter() {
            // The images have fewer directions than fifty: what is missing is 0.
            let is_unit = i == j && (product - 1.0).abs() < 1e-5;
            assert!(is_unit || product.abs() < 1e-5, "{i} {j}: {product}");
        }
        for pattern in [|pixel: usize| (pixel % 2) as f32, |pixel: usize| (pixel / 40) as f32] {
            let pattern = Array1::from_shape_fn(80, pattern);
            let inside = components.basis.t().dot(&pattern);
            assert!(
                (inside.dot(&inside) / pattern.dot(&pattern) - 1.0).abs() < 1e-3,
                "a pattern lies in the basis"
            );
        }
    }

    #[test]
    fn distances_are_those_of_the_pixels_where_nothing_is_left_out() {
        let images =
            Split::of_bytes(Shape::grey(1, 3), (0..30).map(|i| (i * i * 13 % 251) as u8).collect(), None);
        let components = Components::of(&images).unwrap();
        let places = components.project_subset(&Subset::evenly_spaced(&images, 100)).unwrap();
        for (i, j) in [(0, 1), (3, 7), (2, 9)] {
            let between = &places.row(i as usize) - &places.row(j as usize);
            let [a, b] = [i, j].map(|image| Array1::from(images.gather(&[image]).unwrap()));
            let expected = (&a - &b).mapv(|d| d * d).sum();
            assert!((between.dot(&between) - expected).abs() < 1e-5, "{i} {j}");
        }
    }
}
