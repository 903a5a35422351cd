//! The posteriors of a set of images.

use ndarray::ArrayView2;

use crate::samples::SampleError;

/// A diagonal Gaussian `q(z|x_i) = N(means_i, diag(exp(log_vars_i)))` for each of `N` images.
#[derive(Debug, Clone, Copy)]
pub struct Posteriors<'a> {
    means: ArrayView2<'a, f64>,
    log_vars: ArrayView2<'a, f64>,
}

impl<'a> Posteriors<'a> {
    /// The posteriors with these means and natural logarithms of variances.
    ///
    /// # Shapes
    ///
    /// - both: `[images, latent dimensions]`
    ///
    /// # Errors
    ///
    /// [`SampleError`] if the shapes differ, there are no images or no dimensions, or a number is not finite.
    ///
    /// ```
    /// use metrics::latent::Posteriors;
    /// use ndarray::array;
    ///
    /// let (means, log_vars) = (array![[0.5, -1.0], [2.0, 0.0], [0.1, 0.3]], array![[-2.0, 0.0], [-3.0, 0.0], [-2.0, 0.0]]);
    /// let posteriors = Posteriors::new(means.view(), log_vars.view())?;
    /// assert_eq!((posteriors.images(), posteriors.dimensions()), (3, 2));
    /// # Ok::<(), metrics::samples::SampleError>(())
    /// ```
    pub fn new(means: ArrayView2<'a, f64>, log_vars: ArrayView2<'a, f64>) -> Result<Self, SampleError> {
        if means.dim() != log_vars.dim() {
            return Err(SampleError::Posteriors { means: means.dim(), log_vars: log_vars.dim() });
        }
        let (images, dimensions) = means.dim();
        if images == 0 {
            return Err(SampleError::TooFew { needed: 1, found: 0 });
        }
        if dimensions == 0 {
            return Err(SampleError::NoDimensions);
        }
        for values in [means, log_vars] {
            for ((sample, dimension), &value) in values.indexed_iter() {
                if !value.is_finite() {
                    return Err(SampleError::NotFinite { sample, dimension, value });
                }
            }
        }
        Ok(Self { means, log_vars })
    }

    /// How many images there are.
    pub fn images(&self) -> usize {
        self.means.nrows()
    }

    /// Latent dimensions.
    pub fn dimensions(&self) -> usize {
        self.means.ncols()
    }

    /// The means, `[images, latent dimensions]`.
    pub fn means(&self) -> ArrayView2<'a, f64> {
        self.means
    }

    /// The natural logarithms of the variances, `[images, latent dimensions]`.
    pub fn log_vars(&self) -> ArrayView2<'a, f64> {
        self.log_vars
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    #[test]
    fn what_is_no_posterior_is_refused() {
        let refused = |means: &Array2<f64>| Posteriors::new(means.view(), means.view()).unwrap_err();
        assert_eq!(refused(&Array2::zeros((0, 2))), SampleError::TooFew { needed: 1, found: 0 });
        assert_eq!(refused(&Array2::zeros((2, 0))), SampleError::NoDimensions);
        let (three, two) = (Array2::zeros((3, 1)), Array2::zeros((2, 1)));
        let error = Posteriors::new(three.view(), two.view()).unwrap_err();
        assert_eq!(error, SampleError::Posteriors { means: (3, 1), log_vars: (2, 1) });
        let error = refused(&array![[0.0, f64::INFINITY]]);
        assert_eq!(error, SampleError::NotFinite { sample: 0, dimension: 1, value: f64::INFINITY });
    }
}
