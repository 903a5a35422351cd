use burn::tensor::{Tensor, activation::log_sigmoid, assert_shape};

/// The two terms of the objective, in nats per image.
///
/// Both are sums over pixels or latent dimensions and means over the images of a batch. They are kept apart because
/// only [`objective`](Self::objective) depends on the coefficient: [`elbo_loss`](Self::elbo_loss) can be compared
/// between networks that were trained with different ones.
#[derive(Clone, Debug)]
pub struct ElboTerms {
    /// `-E[log p(x|z)]`, the distortion, `[1]`.
    pub reconstruction: Tensor<1>,
    /// `KL(q(z|x) ‖ p(z))`, the rate, `[1]`.
    pub kl: Tensor<1>,
}

impl ElboTerms {
    /// What is minimised: `reconstruction + kl_coefficient * kl`, in nats per image, `[1]`.
    pub fn objective(&self, kl_coefficient: f64) -> Tensor<1> {
        self.reconstruction.clone() + self.kl.clone().mul_scalar(kl_coefficient)
    }

    /// The negative evidence lower bound, `reconstruction + kl`, in nats per image, `[1]`.
    pub fn elbo_loss(&self) -> Tensor<1> {
        self.objective(1.0)
    }
}

/// The cross-entropy between pixels and Bernoulli distributions given by their logits, in nats per image:
///
/// `-Σ x log σ(l) + (1 - x) log(1 - σ(l)) = Σ -log σ(-l) - x l`, summed over pixels, averaged over the batch, `[1]`.
///
/// Pixels between 0 and 1 are taken as probabilities, as is usual for grey MNIST; the minimum is then the entropy of
/// the pixels and not 0. Finite for every finite logit; the gradient with respect to the logits is `(σ(l) - x) / batch`.
///
/// # Shapes
///
/// - logits and images: `[batch, pixels]`
///
/// # Panics
///
/// Panics if the shapes differ.
pub fn bernoulli_reconstruction(logits: Tensor<2>, images: Tensor<2>) -> Tensor<1> {
    let [batch, pixels] = logits.dims();
    assert_shape!(images, [batch, pixels]);
    let log_likelihood = log_sigmoid(-logits.clone()) + images * logits;
    log_likelihood.sum().div_scalar(-(batch as f64))
}

/// `KL(N(mean, diag(exp(log_var))) ‖ N(0, I))` in nats per image:
///
/// `-1/2 Σ (1 + log_var - mean² - exp(log_var))`, summed over latent dimensions, averaged over the batch, `[1]`.
///
/// Source: Kingma and Welling, *Auto-Encoding Variational Bayes* (2013), appendix B.
///
/// # Shapes
///
/// - mean and log_var: `[batch, latent]`
///
/// # Panics
///
/// Panics if the shapes differ.
pub fn gaussian_kl(mean: Tensor<2>, log_var: Tensor<2>) -> Tensor<1> {
    let [batch, latent] = mean.dims();
    assert_shape!(log_var, [batch, latent]);
    let terms = mean.square() + log_var.clone().exp() - log_var - 1.0;
    terms.sum().div_scalar(2.0 * batch as f64)
}
