#[cfg(feature = "flex")]
use burn::backend::Flex;
use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, TensorMetadata, backend_extension};
use burn::tensor::{BoolDType, Tensor, assert_shape};
use kernels::Family;
#[cfg(feature = "flex")]
use kernels::{Likelihood, Matrix, NllGradients};

#[cfg(feature = "flex")]
use super::flex::{FlexTensor, are_f32, in_order, matrix, numbers, tensor, writable};

/// The cross-entropy between the pixels of each image and Bernoulli distributions given by their logits, in nats:
///
/// `-Σ x log σ(l) + (1 - x) log(1 - σ(l)) = Σ log(1 + exp(l)) - x l`, summed over pixels.
///
/// Pixels between 0 and 1 are taken as probabilities, as is usual for grey MNIST; the minimum is then the entropy of
/// the pixels and not 0. Finite for every finite logit. The gradient with respect to the logits is `σ(l) - x`; the images
/// get none.
///
/// # Shapes
///
/// - logits and images: `[batch, pixels]`
/// - output: `[batch]`
///
/// # Panics
///
/// Panics if the shapes differ.
pub fn bernoulli_nll(logits: Tensor<2>, images: Tensor<2>) -> Tensor<1> {
    nll(Family::Bernoulli, logits, images)
}

/// The negative log-likelihood of each image, in nats, summed over its pixels, of a family without scales.
///
/// # Shapes
///
/// - outputs and images: `[batch, pixels]`
/// - output: `[batch]`
///
/// # Panics
///
/// Panics if the shapes differ, or the family has scales.
pub(crate) fn nll(family: Family, outputs: Tensor<2>, images: Tensor<2>) -> Tensor<1> {
    let [batch, pixels] = outputs.dims();
    assert_shape!(images, [batch, pixels]);
    assert!(!family.has_scale(), "{family:?} has scales");
    let images = images.detach().into_dispatch();
    Tensor::from_dispatch(Dispatch::nll(family, outputs.into_dispatch(), images))
}

/// The same of a family with scales, given by their logarithms: one for all pixels, or one for each.
///
/// # Shapes
///
/// - outputs and images: `[batch, pixels]`
/// - log_scales: `[1]` or `[pixels]`
/// - output: `[batch]`
///
/// # Panics
///
/// Panics if the shapes are not those, or the family has no scales.
pub(crate) fn scaled_nll(
    family: Family,
    log_scales: Tensor<1>,
    outputs: Tensor<2>,
    images: Tensor<2>,
) -> Tensor<1> {
    let [batch, pixels] = outputs.dims();
    assert_shape!(images, [batch, pixels]);
    let [scales] = log_scales.dims();
    assert!(family.has_scale(), "{family:?} has no scales");
    assert!(scales == 1 || scales == pixels, "{scales} scales of {pixels} pixels");
    let (log_scales, images) = (log_scales.into_dispatch(), images.detach().into_dispatch());
    Tensor::from_dispatch(Dispatch::scaled_nll(family, log_scales, outputs.into_dispatch(), images))
}

/// The operations behind [`nll`] and [`scaled_nll`].
#[backend_extension(
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm")),
    Autodiff
)]
pub trait LikelihoodOps: Backend {
    /// The negative log-likelihood of each image, of a family without scales.
    fn nll(family: Family, outputs: FloatTensor<Self>, images: FloatTensor<Self>) -> FloatTensor<Self> {
        plain::<Self>(family, outputs, images)
    }

    /// The same of a family with scales.
    fn scaled_nll(
        family: Family,
        log_scales: FloatTensor<Self>,
        outputs: FloatTensor<Self>,
        images: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        plain_scaled::<Self>(family, log_scales, outputs, images)
    }
}

fn plain<B: Backend>(family: Family, outputs: FloatTensor<B>, images: FloatTensor<B>) -> FloatTensor<B> {
    let normaliser = match family {
        Family::ContinuousBernoulli => plain_normaliser::<B>(outputs.clone()),
        _ => softplus::<B>(outputs.clone()),
    };
    sum_of_pixels::<B>(B::float_sub(normaliser, B::float_mul(images, outputs)))
}

/// `log((exp(l) - 1) / l)` as the sum of `l / 2` and `log(sinh h / h)` with `h = l / 2`, near 0 by its series.
fn plain_normaliser<B: Backend>(logits: FloatTensor<B>) -> FloatTensor<B> {
    const SERIES: f32 = 0.75;
    let half = B::float_mul_scalar(logits, 0.5.into());
    let square = B::float_mul(half.clone(), half.clone());
    let near = B::float_lower_elem(B::float_abs(half.clone()), SERIES.into(), bool_dtype::<B>(&half));
    let mut series = B::float_mul_scalar(square.clone(), (-691.0 / 3_831_077_250.0).into());
    for coefficient in [1.0 / 467_775.0, -1.0 / 37_800.0, 1.0 / 2_835.0, -1.0 / 180.0, 1.0 / 6.0] {
        series = B::float_mul(B::float_add_scalar(series, coefficient.into()), square.clone());
    }
    // Where the series is taken, the logarithm must only be finite.
    let far = B::float_mask_fill(B::float_abs(half.clone()), near.clone(), 1.0.into());
    let lost = B::float_exp(B::float_mul_scalar(far.clone(), (-2.0).into()));
    let ratio = B::float_div(
        B::float_add_scalar(B::float_neg(lost), 1.0.into()),
        B::float_mul_scalar(far.clone(), 2.0.into()),
    );
    let far = B::float_add(far, B::float_log(ratio));
    B::float_add(half, B::float_mask_where(far, near, series))
}

fn plain_scaled<B: Backend>(
    family: Family,
    log_scales: FloatTensor<B>,
    outputs: FloatTensor<B>,
    images: FloatTensor<B>,
) -> FloatTensor<B> {
    let scales = log_scales.shape().num_elements();
    let log_scales = B::float_reshape(log_scales, [1, scales].into());
    let inverse = B::float_exp(B::float_neg(log_scales.clone()));
    let difference = B::float_sub(images.clone(), outputs);
    let terms = match family {
        Family::DiscretisedLogistic => plain_logistic::<B>(difference, inverse, images),
        _ => {
            let square = B::float_mul(B::float_mul(difference.clone(), difference), inverse);
            let constant = B::float_add_scalar(log_scales, std::f32::consts::TAU.ln().into());
            B::float_mul_scalar(B::float_add(square, constant), 0.5.into())
        }
    };
    sum_of_pixels::<B>(terms)
}

/// Of the levels `images`, each so far above its location: `softplus(-a) + softplus(b) - log(1 - exp(a - b))` with its ends
/// `a` and `b`, where it has them.
fn plain_logistic<B: Backend>(
    difference: FloatTensor<B>,
    inverse: FloatTensor<B>,
    images: FloatTensor<B>,
) -> FloatTensor<B> {
    const HALF: f32 = 0.5 / 255.0;
    let first = B::float_lower_elem(images.clone(), HALF.into(), bool_dtype::<B>(&images));
    let last = B::float_greater_elem(images.clone(), (1.0 - HALF).into(), bool_dtype::<B>(&images));
    let end = |half: f32| B::float_mul(B::float_add_scalar(difference.clone(), half.into()), inverse.clone());
    let beyond = B::float_mask_fill(softplus::<B>(B::float_neg(end(HALF))), last.clone(), 0.0.into());
    let below = B::float_mask_fill(softplus::<B>(end(-HALF)), first.clone(), 0.0.into());
    // 1 - exp(-d) = 2 t / (1 + t) with t = tanh(d / 2), in which nothing cancels.
    let t = B::float_tanh(B::float_mul_scalar(inverse, HALF.into()));
    let ratio = B::float_div(B::float_mul_scalar(t.clone(), 2.0.into()), B::float_add_scalar(t, 1.0.into()));
    let of_width = B::float_expand(B::float_neg(B::float_log(ratio)), difference.shape());
    let of_width = B::float_mask_fill(B::float_mask_fill(of_width, first, 0.0.into()), last, 0.0.into());
    B::float_add(B::float_add(beyond, below), of_width)
}

/// How the tensor's device stores truth values: not every one has a type for them.
fn bool_dtype<B: Backend>(tensor: &FloatTensor<B>) -> BoolDType {
    burn::backend::get_or_init_device_settings::<B>(&tensor.device()).bool_dtype
}

fn softplus<B: Backend>(logits: FloatTensor<B>) -> FloatTensor<B> {
    B::float_neg(B::log_sigmoid(B::float_neg(logits)))
}

fn sum_of_pixels<B: Backend>(terms: FloatTensor<B>) -> FloatTensor<B> {
    let batch = terms.shape()[0];
    B::float_reshape(B::float_sum_dim(terms, 1), [batch].into())
}

/// The plain forms. What a Bernoulli likelihood's gradient is, `σ(l) - x`, is kept from the forward pass: it takes a graphics
/// card three launches, the chain of the sums' own gradients a dozen.
macro_rules! plain_backend {
    ($backend:ty, $condition:meta) => {
        #[cfg($condition)]
        impl LikelihoodOps for $backend {}
        #[cfg($condition)]
        impl<C: CheckpointStrategy> LikelihoodOps for Autodiff<$backend, C> {
            fn nll(
                family: Family,
                outputs: FloatTensor<Self>,
                images: FloatTensor<Self>,
            ) -> FloatTensor<Self> {
                if family == Family::Bernoulli {
                    plain_bernoulli::<$backend, C>(outputs, images)
                } else {
                    plain::<Self>(family, outputs, images)
                }
            }
        }
    };
}
plain_backend!(burn::backend::NdArray, feature = "ndarray");
plain_backend!(burn::backend::Cube, any(feature = "wgpu", feature = "cuda", feature = "rocm"));

#[cfg(any(feature = "ndarray", feature = "wgpu", feature = "cuda", feature = "rocm"))]
fn plain_bernoulli<B: Backend, C: CheckpointStrategy>(
    logits: FloatTensor<Autodiff<B, C>>,
    images: FloatTensor<Autodiff<B, C>>,
) -> FloatTensor<Autodiff<B, C>> {
    let (logits, of_logits) = logits.into_parts();
    let (images, _) = images.into_parts();
    let sums = plain::<B>(Family::Bernoulli, logits.clone(), images.clone());
    match PlainBernoulliBackward.prepare::<C>([of_logits]).compute_bound().stateful() {
        OpsKind::Tracked(preparation) => preparation.finish(B::float_sub(B::sigmoid(logits), images), sums),
        OpsKind::UnTracked(preparation) => preparation.finish(sums),
    }
}

#[cfg(any(feature = "ndarray", feature = "wgpu", feature = "cuda", feature = "rocm"))]
#[derive(Debug)]
struct PlainBernoulliBackward;

#[cfg(any(feature = "ndarray", feature = "wgpu", feature = "cuda", feature = "rocm"))]
impl<B: Backend> Backward<B, 1> for PlainBernoulliBackward {
    /// The gradient of each image's sum with respect to the logits.
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let of_images = gradients.consume::<B>(&ops.node);
        let [of_logits] = ops.parents;
        if let Some(node) = of_logits {
            let batch = of_images.shape()[0];
            let of_rows = B::float_reshape(of_images, [batch, 1].into());
            gradients.register::<B>(node.id, B::float_mul(ops.state, of_rows));
        }
    }
}

#[cfg(feature = "flex")]
impl LikelihoodOps for Flex {
    fn nll(family: Family, outputs: FlexTensor, images: FlexTensor) -> FlexTensor {
        if !are_f32([&outputs, &images]) {
            return plain::<Self>(family, outputs, images);
        }
        let [batch, pixels] = outputs.shape().dims();
        let likelihood = Likelihood::new(family, pixels, &[]);
        tensor(likelihood.nll(numbers(&in_order(outputs)), numbers(&in_order(images))), [batch])
    }

    fn scaled_nll(
        family: Family,
        log_scales: FlexTensor,
        outputs: FlexTensor,
        images: FlexTensor,
    ) -> FlexTensor {
        if !are_f32([&log_scales, &outputs, &images]) {
            return plain_scaled::<Self>(family, log_scales, outputs, images);
        }
        let [batch, pixels] = outputs.shape().dims();
        let likelihood = Likelihood::new(family, pixels, numbers(&in_order(log_scales)));
        tensor(likelihood.nll(numbers(&in_order(outputs)), numbers(&in_order(images))), [batch])
    }
}

#[cfg(feature = "flex")]
impl<C: CheckpointStrategy> LikelihoodOps for Autodiff<Flex, C> {
    fn nll(family: Family, outputs: FloatTensor<Self>, images: FloatTensor<Self>) -> FloatTensor<Self> {
        if !are_f32([&outputs, &images]) {
            return plain::<Self>(family, outputs, images);
        }
        let (outputs, of_outputs) = outputs.into_parts();
        let (images, _) = images.into_parts();
        match NllBackward.prepare::<C>([of_outputs]).compute_bound().stateful() {
            OpsKind::Tracked(preparation) => {
                let [batch, pixels] = outputs.shape().dims();
                let images = in_order(images);
                // In the place of the outputs, where nothing else holds them.
                let mut gradient = writable(outputs);
                let likelihood = Likelihood::new(family, pixels, &[]);
                let sums = likelihood.nll_and_gradient(gradient.storage_mut(), numbers(&images));
                preparation.finish(gradient, tensor(sums, [batch]))
            }
            OpsKind::UnTracked(preparation) => preparation.finish(Flex::nll(family, outputs, images)),
        }
    }

    fn scaled_nll(
        family: Family,
        log_scales: FloatTensor<Self>,
        outputs: FloatTensor<Self>,
        images: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        if !are_f32([&log_scales, &outputs, &images]) {
            return plain_scaled::<Self>(family, log_scales, outputs, images);
        }
        let learnt = log_scales.is_tracked();
        let [(log_scales, of_log_scales), (outputs, of_outputs)] =
            [log_scales, outputs].map(|tensor| tensor.into_parts());
        let (images, _) = images.into_parts();
        match ScaledNllBackward.prepare::<C>([of_log_scales, of_outputs]).compute_bound().stateful() {
            OpsKind::Tracked(preparation) => {
                let [batch, pixels] = outputs.shape().dims();
                let (log_scales, images) = (in_order(log_scales), in_order(images));
                let likelihood = Likelihood::new(family, pixels, numbers(&log_scales));
                let mut of_outputs = writable(outputs);
                let (outputs, images) = (of_outputs.storage_mut(), numbers(&images));
                let (sums, of_log_scales) = if learnt {
                    let NllGradients { nll, of_log_scales } = likelihood.nll_and_gradients(outputs, images);
                    (nll, Some(tensor(of_log_scales, [batch, pixels])))
                } else {
                    (likelihood.nll_and_gradient(outputs, images), None)
                };
                let scales = log_scales.shape().num_elements();
                preparation.finish(Slopes { of_outputs, of_log_scales, scales }, tensor(sums, [batch]))
            }
            OpsKind::UnTracked(preparation) => {
                preparation.finish(Flex::scaled_nll(family, log_scales, outputs, images))
            }
        }
    }
}

#[cfg(feature = "flex")]
#[derive(Debug)]
struct NllBackward;

#[cfg(feature = "flex")]
impl Backward<Flex, 1> for NllBackward {
    /// The gradient of each image's sum with respect to the outputs.
    type State = FlexTensor;

    fn backward(self, ops: Ops<FlexTensor, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let of_images = in_order(gradients.consume::<Flex>(&ops.node));
        let [of_outputs] = ops.parents;
        if let Some(node) = of_outputs {
            let mut gradient = writable(ops.state);
            kernels::scale_rows(gradient.storage_mut(), numbers(&of_images));
            gradients.register::<Flex>(node.id, gradient);
        }
    }
}

/// The gradients of each image's sum.
#[cfg(feature = "flex")]
#[derive(Clone, Debug)]
struct Slopes {
    of_outputs: FlexTensor,
    /// With respect to the logarithm of each pixel's scale, `[batch, pixels]`, where that is learnt.
    of_log_scales: Option<FlexTensor>,
    /// One, or one for each pixel.
    scales: usize,
}

#[cfg(feature = "flex")]
#[derive(Debug)]
struct ScaledNllBackward;

#[cfg(feature = "flex")]
impl Backward<Flex, 2> for ScaledNllBackward {
    type State = Slopes;

    fn backward(self, ops: Ops<Slopes, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [of_log_scales, of_outputs] = ops.parents;
        let Slopes { of_outputs: mut gradient, of_log_scales: slopes, scales } = ops.state;
        let of_images = in_order(gradients.consume::<Flex>(&ops.node));
        if let (Some(node), Some(slopes)) = (of_log_scales, slopes) {
            let [batch, pixels] = slopes.shape().dims();
            let mut of_pixels = vec![0.0; pixels];
            let upstream = Matrix::new(numbers(&of_images), 1, batch);
            kernels::multiply(upstream, matrix(&slopes), &mut of_pixels);
            let of_scales = if scales == 1 { vec![of_pixels.iter().sum()] } else { of_pixels };
            gradients.register::<Flex>(node.id, tensor(of_scales, [scales]));
        }
        if let Some(node) = of_outputs {
            gradient = writable(gradient);
            kernels::scale_rows(gradient.storage_mut(), numbers(&of_images));
            gradients.register::<Flex>(node.id, gradient);
        }
    }
}
