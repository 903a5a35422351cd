//! The posteriors of many images, on the host.

use burn::tensor::{Device, Tensor};
use data::{Result as DataResult, Split};
use metrics::latent::{Posteriors, active_units, kl_per_dimension};
use metrics::samples::SampleError;
use model::{Posterior, Vae};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use record::LatentUse;

use crate::encode_images::values;
use crate::image_tensors::ImageTensors;
use crate::together::together;

/// Images encoded at a time. It changes no result: an image's posterior depends on no other image.
const BATCH: usize = 200;

/// The parameters of the posterior of every image, in 64-bit numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct EncodedImages {
    /// Means, `[images, latent]`.
    pub means: Array2<f64>,
    /// Logarithms of the variances, `[images, latent]`.
    pub log_vars: Array2<f64>,
}

impl EncodedImages {
    /// Empty, with capacity for `count` images.
    pub fn with_capacity(count: usize, latent: usize) -> Self {
        let empty = || {
            let mut array = Array2::zeros((0, latent));
            array.reserve_rows(count).expect("the posteriors fit into memory");
            array
        };
        Self { means: empty(), log_vars: empty() }
    }

    /// Appends the posteriors of a batch, each `[batch, latent]`.
    pub fn push(&mut self, mean: Tensor<2>, log_var: Tensor<2>) {
        for (array, tensor) in [(&mut self.means, mean), (&mut self.log_vars, log_var)] {
            let rows = tensor.dims();
            let values: Vec<f64> = values(tensor).into_iter().map(f64::from).collect();
            let batch =
                ArrayView2::from_shape(rows, &values).expect("a tensor has as many numbers as its shape");
            array.append(Axis(0), batch).expect("posteriors of one network have the same dimensions");
        }
    }

    /// Encodes all images.
    ///
    /// # Errors
    ///
    /// Fails when a file that they are read from has changed.
    pub fn encode(vae: &Vae, images: &Split, device: &Device) -> DataResult<Self> {
        let count = images.count();
        let mut encoded = Self::with_capacity(count, vae.latent());
        let batch = together(BATCH, images.numbers());
        for start in (0..count).step_by(batch) {
            let range = start..(start + batch).min(count);
            let Posterior { mean, log_var } = vae.encoder.forward(images.range(range, device)?);
            encoded.push(mean, log_var);
        }
        Ok(encoded)
    }

    /// Those of some of the images.
    pub fn select(&self, rows: &[usize]) -> Self {
        let select = |array: &Array2<f64>| array.select(Axis(0), rows);
        Self { means: select(&self.means), log_vars: select(&self.log_vars) }
    }

    /// How far each latent dimension is in use. Parameters that are not finite make its KL no number.
    pub fn latent_use(&self) -> LatentUse {
        let latent = self.means.ncols();
        LatentUse {
            kl_per_dim: self.posteriors().map_or(vec![f64::NAN; latent], kl_per_dimension),
            active_units: active_units(self.means.view()),
        }
    }

    /// The variance of the posteriors in each latent dimension, averaged over the images.
    pub fn mean_variances(&self) -> Vec<f64> {
        let of_dimension = |log_vars: ArrayView1<'_, f64>| {
            log_vars.iter().map(|log_var| log_var.exp()).sum::<f64>() / log_vars.len() as f64
        };
        self.log_vars.axis_iter(Axis(1)).map(of_dimension).collect()
    }

    /// The posteriors as `metrics` takes them.
    ///
    /// # Errors
    ///
    /// [`SampleError`] if a parameter is not finite.
    pub fn posteriors(&self) -> Result<Posteriors<'_>, SampleError> {
        Posteriors::new(self.means.view(), self.log_vars.view())
    }

    /// The codes `mean + exp(log_var / 2) * noise`, `[images, latent]`.
    ///
    /// # Panics
    ///
    /// Panics unless there is a number of `noise` for each dimension of each image.
    pub fn codes(&self, noise: &[f32]) -> Array2<f64> {
        assert_eq!(noise.len(), self.means.len(), "every dimension of a code has its noise");
        let mut codes = self.means.clone();
        for ((code, log_var), &noise) in codes.iter_mut().zip(&self.log_vars).zip(noise) {
            *code += (0.5 * log_var).exp() * f64::from(noise);
        }
        codes
    }
}
