//! A training step, and what is measured of a network.

use burn::tensor::Tensor;

use crate::gradients::gradients;
use crate::norm::Norm;
use crate::training::{Batch, Training};
use crate::{Adam, ElboTerms, Posterior, Vae};

/// What a training step gives.
#[derive(Debug)]
pub struct TrainStep {
    /// The updated network.
    pub vae: Vae,
    /// The terms of the objective before the update, without an autodiff graph.
    pub terms: ElboTerms,
    /// How many log-variances were clamped, `[1]`.
    pub clamped: Tensor<1>,
}

/// What is measured of a network on a batch.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The terms of the objective.
    pub terms: ElboTerms,
    /// Means of the posteriors, `[batch, latent]`.
    pub mean: Tensor<2>,
    /// Logarithms of the variances of the posteriors, `[batch, latent]`.
    pub log_var: Tensor<2>,
}

impl Vae {
    /// The terms of the objective for some images, each encoded to a code drawn with the given noise.
    ///
    /// # Shapes
    ///
    /// - images: `[batch, pixels]`, values that the likelihood knows
    /// - noise: `[batch, latent]`, standard normal
    ///
    /// # Panics
    ///
    /// Panics if the shapes are not those, for the sizes that the network was made with, or the batch is empty.
    pub fn measure(&self, images: Tensor<2>, noise: Tensor<2>) -> Measured {
        refuse_empty(&images);
        let output = self.forward(images.clone(), noise);
        let Posterior { mean, log_var } = output.posterior.clone();
        Measured { terms: output.elbo_terms(images), mean, log_var }
    }

    /// One step of training: the gradient of [`ElboTerms::objective`] in every parameter, and Adam's update by it.
    ///
    /// On Flex the bits are the same on however many threads; within [`kernels::assisted`] it computes on up to two.
    ///
    /// # Panics
    ///
    /// Panics if the shapes are not those of [`Batch`], for the sizes that the network was made with, if the batch is empty, if
    /// the optimiser was made for another network, or if the network was not made on a device with autodiff.
    pub fn train_step(mut self, batch: Batch, kl_coefficient: f64, adam: &mut Adam) -> TrainStep {
        let Batch { images, noise, masks } = batch;
        refuse_empty(&images);
        let mut training = Training::new(masks);
        let mut output = self.pass(images.clone(), noise, Some(&mut training));
        let clamped = output.posterior.clamped();
        let optimal_variance = output.pixels.take_optimal_variance(&images);
        let terms = output.elbo_terms(images);
        let objective = self.without_training_averages(terms.objective(kl_coefficient));
        let gradients = gradients(objective, &self);
        let mut vae = adam.step(self, gradients);
        if let Some(variance) = optimal_variance {
            vae.decoder = vae.decoder.keep_variance(variance, adam.updates());
        }
        vae.norms().filter(|norm| norm.keeps()).zip(training.moments).for_each(|(norm, of)| norm.keep(of));
        TrainStep {
            vae,
            terms: ElboTerms { reconstruction: terms.reconstruction.inner(), kl: terms.kl.inner() },
            clamped,
        }
    }

    /// The objective with a gradient of 0 for every average that is kept and not trained, so that the optimiser, which has a
    /// place for each parameter, leaves it as it is.
    fn without_training_averages(&mut self, objective: Tensor<1>) -> Tensor<1> {
        let of_decoder: Vec<_> = self.decoder.kept_variance().map(|kept| kept.val()).into_iter().collect();
        let of_norms = self.norms().flat_map(|norm| Norm::kept(norm).map(|kept| kept.val()));
        let averages = of_decoder.into_iter().chain(of_norms);
        averages.fold(objective, |objective, kept| objective + kept.sum().mul_scalar(0.0))
    }
}

/// On every backend: the means over no image are NaN.
fn refuse_empty(images: &Tensor<2>) {
    assert!(images.dims()[0] > 0, "a batch holds at least one image");
}
