use burn::tensor::Tensor;

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
