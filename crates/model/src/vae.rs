use burn::module::Module;
use burn::tensor::Tensor;

use crate::norm::Norm;
use crate::training::Training;
use crate::{Decoder, ElboTerms, Encoder, PixelDistribution, Posterior, gaussian_kl, reparameterize};

/// A variational autoencoder with Gaussian posteriors.
#[derive(Module, Debug)]
pub struct Vae {
    /// From images to posteriors.
    pub encoder: Encoder,
    /// From codes to pixels.
    pub decoder: Decoder,
}

/// What a forward pass gives for a batch.
#[derive(Clone, Debug)]
pub struct VaeOutput {
    /// `q(z|x)` of each image.
    pub posterior: Posterior,
    /// One code drawn from each posterior, `[batch, latent]`.
    pub codes: Tensor<2>,
    /// The distributions of the pixels, decoded from the codes.
    pub pixels: PixelDistribution,
}

impl Vae {
    /// Dimensions of the code.
    pub fn latent(&self) -> usize {
        self.encoder.mean.weight.dims()[1]
    }

    /// Encodes the images, draws a code from each posterior with the given noise, and decodes it.
    ///
    /// # Shapes
    ///
    /// - images: `[batch, pixels]`, values that the likelihood knows
    /// - noise: `[batch, latent]`, standard normal
    ///
    /// # Panics
    ///
    /// Panics if the shapes are not those, for the sizes that the network was made with.
    pub fn forward(&self, images: Tensor<2>, noise: Tensor<2>) -> VaeOutput {
        self.pass(images, noise, None)
    }

    pub(crate) fn pass(
        &self,
        images: Tensor<2>,
        noise: Tensor<2>,
        mut training: Option<&mut Training>,
    ) -> VaeOutput {
        let posterior = self.encoder.pass(images, training.as_deref_mut());
        let codes = reparameterize(posterior.mean.clone(), posterior.log_var.clone(), noise);
        let pixels = self.decoder.distribution(self.decoder.pass(codes.clone(), training));
        VaeOutput { posterior, codes, pixels }
    }

    /// The norms in the order of the forward pass.
    pub(crate) fn norms(&mut self) -> impl Iterator<Item = &mut Norm> {
        self.encoder.norms().chain(self.decoder.norms())
    }
}

impl VaeOutput {
    /// The two terms of the objective for the images that were encoded.
    ///
    /// # Shapes
    ///
    /// - images: `[batch, pixels]`, values that the likelihood knows
    ///
    /// # Panics
    ///
    /// Panics if the images are not of the shape of the decoder's outputs.
    pub fn elbo_terms(self, images: Tensor<2>) -> ElboTerms {
        let [batch, _] = images.dims();
        ElboTerms {
            reconstruction: self.pixels.nll(images).mean(),
            kl: gaussian_kl(self.posterior.mean, self.posterior.log_var).sum().div_scalar(batch as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::VaeConfig;
    use burn::tensor::{Device, TensorData};
    use rand::{SeedableRng, rngs::StdRng};

    #[test]
    fn a_code_is_the_mean_plus_the_noise_scaled_by_the_standard_deviation() {
        let device = Device::flex();
        let mean = Tensor::from_data([[1.0f32, -2.0]], &device);
        // Variances 4 and 1/4: standard deviations 2 and 1/2.
        let log_var = Tensor::from_data([[4f32.ln(), -4f32.ln()]], &device);
        let noise = Tensor::from_data([[0.5f32, 3.0]], &device);
        let expected = TensorData::from([[2.0f32, -0.5]]);
        reparameterize(mean, log_var, noise)
            .into_data()
            .assert_approx_eq::<f32>(&expected, burn::tensor::Tolerance::absolute(1e-6));
    }

    #[test]
    #[should_panic(expected = "noise")]
    fn noise_of_another_shape_is_refused() {
        let device = Device::flex();
        let code = Tensor::<2>::zeros([4, 2], &device);
        reparameterize(code.clone(), code, Tensor::zeros([1, 2], &device));
    }

    #[test]
    fn every_list_of_widths_gives_a_network_of_the_right_shapes() {
        let device = Device::flex();
        for (encoder_hidden, latent, decoder_hidden) in
            [(vec![], 1, vec![]), (vec![5, 4], 3, vec![6]), (vec![8], 16, vec![4, 5, 6])]
        {
            let config = VaeConfig { encoder_hidden, latent, decoder_hidden, ..VaeConfig::default() };
            let vae = config.init(9, &mut StdRng::seed_from_u64(0), &device);
            let output = vae.forward(Tensor::zeros([7, 9], &device), Tensor::zeros([7, latent], &device));
            assert_eq!(output.posterior.mean.dims(), [7, latent]);
            assert_eq!(output.codes.dims(), [7, latent]);
            assert_eq!(output.pixels.outputs.dims(), [7, 9]);
        }
    }
}
