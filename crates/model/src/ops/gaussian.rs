use burn::backend::tensor::FloatTensor;
#[cfg(feature = "flex")]
use burn::backend::{
    Autodiff, Flex,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
};
use burn::backend::{Backend, Dispatch, TensorMetadata, backend_extension};
use burn::tensor::{Tensor, assert_shape};

#[cfg(feature = "flex")]
use super::flex::{FlexTensor, are_f32, in_order, numbers, tensor};

/// A sample of N(mean, diag(exp(log_var))) as a differentiable function of its parameters:
///
/// `z = mean + exp(log_var / 2) * noise`, with standard normal noise, which gets no gradient.
///
/// Source: Kingma and Welling, *Auto-Encoding Variational Bayes* (2013), section 2.4.
///
/// # Shapes
///
/// - all arguments and the output: `[batch, latent]`
///
/// # Panics
///
/// Panics if the shapes differ.
pub fn reparameterize(mean: Tensor<2>, log_var: Tensor<2>, noise: Tensor<2>) -> Tensor<2> {
    let [batch, latent] = mean.dims();
    assert_shape!(log_var, [batch, latent]);
    assert_shape!(noise, [batch, latent]);
    let (mean, log_var) = (mean.into_dispatch(), log_var.into_dispatch());
    Tensor::from_dispatch(Dispatch::sample(mean, log_var, noise.detach().into_dispatch()))
}

/// `KL(N(mean, exp(log_var)) ‖ N(0, 1))` of each image and latent dimension, in nats:
///
/// `-1/2 (1 + log_var - mean² - exp(log_var))`.
///
/// The sum over the dimensions is the divergence of the image's posterior from the prior.
///
/// Source: Kingma and Welling, *Auto-Encoding Variational Bayes* (2013), appendix B.
///
/// # Shapes
///
/// - mean, log_var and the output: `[batch, latent]`
///
/// # Panics
///
/// Panics if the shapes differ.
pub fn gaussian_kl(mean: Tensor<2>, log_var: Tensor<2>) -> Tensor<2> {
    let [batch, latent] = mean.dims();
    assert_shape!(log_var, [batch, latent]);
    Tensor::from_dispatch(Dispatch::gaussian_kl(mean.into_dispatch(), log_var.into_dispatch()))
}

/// How many of the numbers, which are within the bounds, are one of them, `[1]`.
pub(crate) fn count_at_bounds(clamped: Tensor<2>, min: f32, max: f32) -> Tensor<1> {
    Tensor::from_dispatch(Dispatch::count_at_bounds(clamped.into_dispatch(), min, max))
}

/// The operations behind [`reparameterize`], [`gaussian_kl`] and [`Posterior::clamped`](crate::Posterior::clamped).
#[backend_extension(
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm")),
    Autodiff
)]
pub trait GaussianOps: Backend {
    /// As [`reparameterize`].
    fn sample(
        mean: FloatTensor<Self>,
        log_var: FloatTensor<Self>,
        noise: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        plain_sample::<Self>(mean, log_var, noise)
    }

    /// As [`gaussian_kl`].
    fn gaussian_kl(mean: FloatTensor<Self>, log_var: FloatTensor<Self>) -> FloatTensor<Self> {
        plain_kl::<Self>(mean, log_var)
    }

    /// How many of the numbers, which are within the bounds, are one of them, `[1]`. It has no gradient.
    fn count_at_bounds(clamped: FloatTensor<Self>, min: f32, max: f32) -> FloatTensor<Self> {
        plain_count::<Self>(clamped, min, max)
    }
}

fn plain_sample<B: Backend>(
    mean: FloatTensor<B>,
    log_var: FloatTensor<B>,
    noise: FloatTensor<B>,
) -> FloatTensor<B> {
    let deviation = B::float_exp(B::float_mul_scalar(log_var, 0.5.into()));
    B::float_add(mean, B::float_mul(deviation, noise))
}

fn plain_kl<B: Backend>(mean: FloatTensor<B>, log_var: FloatTensor<B>) -> FloatTensor<B> {
    let squares = B::float_mul(mean.clone(), mean);
    let terms = B::float_sub(B::float_add(squares, B::float_exp(log_var.clone())), log_var);
    B::float_mul_scalar(B::float_add_scalar(terms, (-1.0).into()), 0.5.into())
}

fn plain_count<B: Backend>(clamped: FloatTensor<B>, min: f32, max: f32) -> FloatTensor<B> {
    let dtype = clamped.dtype();
    let settings = burn::backend::get_or_init_device_settings::<B>(&clamped.device());
    let inside = B::float_clamp(clamped.clone(), min.next_up().into(), max.next_down().into());
    let at_bounds = B::float_not_equal(clamped, inside, settings.bool_dtype);
    B::float_sum(B::bool_into_float(at_bounds, dtype.into()))
}

super::plain_backends!(GaussianOps);

#[cfg(feature = "flex")]
impl GaussianOps for Flex {
    fn sample(mean: FlexTensor, log_var: FlexTensor, noise: FlexTensor) -> FlexTensor {
        if !are_f32([&mean, &log_var, &noise]) {
            return plain_sample::<Self>(mean, log_var, noise);
        }
        sample(&in_order(mean), &in_order(log_var), &in_order(noise))
    }

    fn gaussian_kl(mean: FlexTensor, log_var: FlexTensor) -> FlexTensor {
        if !are_f32([&mean, &log_var]) {
            return plain_kl::<Self>(mean, log_var);
        }
        kl(&in_order(mean), &in_order(log_var))
    }

    fn count_at_bounds(clamped: FlexTensor, min: f32, max: f32) -> FlexTensor {
        if !are_f32([&clamped]) {
            return plain_count::<Self>(clamped, min, max);
        }
        let clamped = in_order(clamped);
        let count = numbers(&clamped).iter().filter(|&&number| number <= min || number >= max).count();
        tensor(vec![count as f32], [1])
    }
}

#[cfg(feature = "flex")]
fn sample(mean: &FlexTensor, log_var: &FlexTensor, noise: &FlexTensor) -> FlexTensor {
    tensor(kernels::sample(numbers(mean), numbers(log_var), numbers(noise)), mean.shape())
}

#[cfg(feature = "flex")]
fn kl(mean: &FlexTensor, log_var: &FlexTensor) -> FlexTensor {
    tensor(kernels::kl_to_standard_normal(numbers(mean), numbers(log_var)), mean.shape())
}

#[cfg(feature = "flex")]
impl<C: CheckpointStrategy> GaussianOps for Autodiff<Flex, C> {
    fn sample(
        mean: FloatTensor<Self>,
        log_var: FloatTensor<Self>,
        noise: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        if !are_f32([&mean, &log_var, &noise]) {
            return plain_sample::<Self>(mean, log_var, noise);
        }
        let [(mean, of_mean), (log_var, of_log_var)] = [mean, log_var].map(|tensor| tensor.into_parts());
        let [log_var, noise] = [log_var, noise.into_parts().0].map(in_order);
        let codes = sample(&in_order(mean), &log_var, &noise);
        match SampleBackward.prepare::<C>([of_mean, of_log_var]).compute_bound().stateful() {
            OpsKind::Tracked(preparation) => preparation.finish([log_var, noise], codes),
            OpsKind::UnTracked(preparation) => preparation.finish(codes),
        }
    }

    fn gaussian_kl(mean: FloatTensor<Self>, log_var: FloatTensor<Self>) -> FloatTensor<Self> {
        if !are_f32([&mean, &log_var]) {
            return plain_kl::<Self>(mean, log_var);
        }
        let [(mean, of_mean), (log_var, of_log_var)] = [mean, log_var].map(|tensor| tensor.into_parts());
        let [mean, log_var] = [mean, log_var].map(in_order);
        let divergences = kl(&mean, &log_var);
        match KlBackward.prepare::<C>([of_mean, of_log_var]).compute_bound().stateful() {
            OpsKind::Tracked(preparation) => preparation.finish([mean, log_var], divergences),
            OpsKind::UnTracked(preparation) => preparation.finish(divergences),
        }
    }
}

#[cfg(feature = "flex")]
#[derive(Debug)]
struct SampleBackward;

#[cfg(feature = "flex")]
impl Backward<Flex, 2> for SampleBackward {
    /// Log-variances and noise.
    type State = [FlexTensor; 2];

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [log_var, noise] = &ops.state;
        let gradient = in_order(gradients.consume::<Flex>(&ops.node));
        let of_posteriors = kernels::sample_backward(numbers(log_var), numbers(noise), numbers(&gradient));
        let [of_mean, of_log_var] = ops.parents;
        let shape = log_var.shape();
        if let Some(node) = of_mean {
            gradients.register::<Flex>(node.id, gradient);
        }
        if let Some(node) = of_log_var {
            gradients.register::<Flex>(node.id, tensor(of_posteriors, shape));
        }
    }
}

#[cfg(feature = "flex")]
#[derive(Debug)]
struct KlBackward;

#[cfg(feature = "flex")]
impl Backward<Flex, 2> for KlBackward {
    /// Means and log-variances.
    type State = [FlexTensor; 2];

    fn backward(self, ops: Ops<Self::State, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [mean, log_var] = &ops.state;
        let gradient = in_order(gradients.consume::<Flex>(&ops.node));
        let of_posteriors =
            kernels::kl_to_standard_normal_backward(numbers(mean), numbers(log_var), numbers(&gradient));
        let [of_mean, of_log_var] = ops.parents;
        if let Some(node) = of_mean {
            gradients.register::<Flex>(node.id, tensor(of_posteriors.mean, mean.shape()));
        }
        if let Some(node) = of_log_var {
            gradients.register::<Flex>(node.id, tensor(of_posteriors.log_var, mean.shape()));
        }
    }
}
