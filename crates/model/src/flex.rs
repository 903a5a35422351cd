//! The kernels on the tensors of Burn's Flex backend.

use std::cell::RefCell;

use burn::backend::{DispatchDevice, Flex, tensor::FloatTensor};
use burn::module::{Module, ModuleMapper, Param};
use burn::nn::Linear;
use burn::tensor::{DType, Device, Tensor, TensorData, assert_shape};

use crate::adam::Update;
use crate::kernels::{
    AdamStep, Batch, Buffers, Layer, LayerState, Parameter, PerLayer, TermSums, terms, train_step,
};
use crate::objective::{Measured, TrainStep};
use crate::{Adam, AdamConfig, ElboTerms, Moments, Vae};

type FlexTensor = FloatTensor<Flex>;

thread_local! {
    /// The activations and deltas of a step, 1 MB for 128 images in the classic network, kept for the next one.
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

/// What an optimiser breaks that was made for another network.
const FITTING_MOMENTS: &str = "the optimiser holds moments of another network";

/// The parameters of a network on Flex.
pub(crate) struct Network {
    layers: PerLayer<LayerTensors>,
    device: Device,
}

struct LayerTensors {
    weight: FlexTensor,
    bias: FlexTensor,
}

/// A parameter and its moments, the storage of each of which are its values in order.
struct ParameterTensors {
    values: FlexTensor,
    first: FlexTensor,
    second: FlexTensor,
}

/// Whether the kernels train networks on the device.
pub(crate) fn is_flex(device: &Device) -> bool {
    matches!(device.as_dispatch(), DispatchDevice::Flex(_))
}

impl Network {
    /// The parameters of a network; nothing if it is not on Flex, or not of 32-bit numbers with biases.
    pub(crate) fn of(vae: &Vae) -> Option<Self> {
        let device = vae.encoder.mean.weight.val().inner().device();
        let all = |layers: &[Linear]| layers.iter().map(LayerTensors::of).collect::<Option<Vec<_>>>();
        let layers = PerLayer {
            encoder: all(&vae.encoder.hidden)?,
            mean: LayerTensors::of(&vae.encoder.mean)?,
            log_var: LayerTensors::of(&vae.encoder.log_var)?,
            decoder: all(&vae.decoder.hidden)?,
            logits: LayerTensors::of(&vae.decoder.logits)?,
        };
        Some(Self { layers, device })
    }

    /// As [`Vae::measure`] states it.
    pub(crate) fn measure(&self, images: Tensor<2>, noise: Tensor<2>) -> Measured {
        let [rows, latent] = noise.dims();
        let matrix = |values: &[f32]| {
            Tensor::from_data(TensorData::new(values.to_vec(), [rows, latent]), &self.device)
        };
        let network = self.layers.each().map(LayerTensors::slices);
        let batch = BatchTensors::new(images, noise, &network);
        BUFFERS.with_borrow_mut(|buffers| {
            let sums = terms(&network, batch.slices(), buffers);
            let (mean, log_var) = buffers.posteriors();
            Measured {
                terms: mean_terms(sums, rows, &self.device),
                mean: matrix(mean),
                log_var: matrix(log_var),
            }
        })
    }

    /// As [`Vae::train_step`] states it.
    pub(crate) fn train_step(
        self,
        vae: Vae,
        images: Tensor<2>,
        noise: Tensor<2>,
        kl_coefficient: f64,
        adam: &mut Adam,
    ) -> TrainStep {
        let Self { layers, device } = self;
        let batch = BatchTensors::new(images, noise, &layers.each().map(LayerTensors::slices));
        // From here on, the values are where nothing else holds them.
        let layers = layers.map(|_| ());
        let mut taken = Take(Vec::new());
        let vae = vae.map(&mut taken);
        let update = adam.next_update();
        let moments = adam.take_moments();
        assert_eq!(moments.len(), taken.0.len(), "{FITTING_MOMENTS}");
        let mut parameters = taken.0.into_iter().zip(moments).map(ParameterTensors::new);
        let mut parameter = || parameters.next().expect("each layer has a weight and a bias");
        let mut layers = layers.map(|()| [parameter(), parameter()]);

        let states = layers
            .each_mut()
            .map(|[weight, bias]| LayerState { weight: weight.slices(), bias: bias.slices() });
        let sums = BUFFERS.with_borrow_mut(|buffers| {
            train_step(states, batch.slices(), kl_coefficient, in_32_bits(&update), buffers)
        });

        let (values, moments): (Vec<_>, _) =
            layers.into_order().into_iter().flatten().map(ParameterTensors::into_parts).unzip();
        adam.put_moments(moments);
        TrainStep {
            vae: vae.map(&mut Put(values.into_iter())),
            terms: mean_terms(sums, batch.rows, &device),
            saturated: scalar(sums.saturated as f64, &device),
        }
    }
}

struct BatchTensors {
    images: FlexTensor,
    noise: FlexTensor,
    rows: usize,
}

impl BatchTensors {
    fn new(images: Tensor<2>, noise: Tensor<2>, network: &PerLayer<Layer<'_>>) -> Self {
        let [rows, pixels] = images.dims();
        assert_eq!(pixels, network.logits.bias.len(), "pixels of an image");
        assert_shape!(noise, [rows, network.mean.bias.len()]);
        let [images, noise] = [images, noise]
            .map(|tensor| flex_tensor(tensor).expect("the batch is on the network's device").to_contiguous());
        Self { images, noise, rows }
    }

    fn slices(&self) -> Batch<'_> {
        Batch { images: values(&self.images), noise: values(&self.noise), rows: self.rows }
    }
}

impl LayerTensors {
    fn of(linear: &Linear) -> Option<Self> {
        let weight = flex_tensor(linear.weight.val())?.to_contiguous();
        let bias = flex_tensor(linear.bias.as_ref()?.val())?.to_contiguous();
        [weight.dtype(), bias.dtype()]
            .iter()
            .all(|&dtype| dtype == DType::F32)
            .then_some(Self { weight, bias })
    }

    fn slices(&self) -> Layer<'_> {
        Layer { weight: values(&self.weight), bias: values(&self.bias) }
    }
}

impl ParameterTensors {
    fn new((values, Moments { first, second }): (FlexTensor, Moments)) -> Self {
        let [first, second] = [first, second].map(contiguous);
        let count = |tensor: &FlexTensor| tensor.storage::<f32>().len();
        assert!(count(&first) == count(&values) && count(&second) == count(&values), "{FITTING_MOMENTS}");
        Self { values, first, second }
    }

    /// Copies what something else holds too, such as the moments' common zeros at the start.
    fn slices(&mut self) -> Parameter<'_> {
        Parameter {
            values: self.values.storage_mut(),
            first: self.first.storage_mut(),
            second: self.second.storage_mut(),
        }
    }

    fn into_parts(self) -> (FlexTensor, Moments) {
        let [first, second] = [self.first, self.second].map(Tensor::from_primitive::<Flex>);
        (self.values, Moments { first, second })
    }
}

/// Takes the values out of the parameters and leaves them empty.
struct Take(Vec<FlexTensor>);

impl ModuleMapper for Take {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, tensor, mapper) = param.consume();
        let empty = Tensor::zeros([0; D], &tensor.device());
        self.0.push(contiguous(tensor));
        Param::from_mapped_value(id, empty, mapper)
    }
}

/// Puts values in the place of the parameters'.
struct Put(std::vec::IntoIter<FlexTensor>);

impl ModuleMapper for Put {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, empty, mapper) = param.consume();
        let value = Tensor::from_primitive::<Flex>(self.0.next().expect("there is a value for each"));
        let value = if empty.is_autodiff() { value.autodiff().require_grad() } else { value };
        Param::from_mapped_value(id, value, mapper)
    }
}

fn in_32_bits(update: &Update) -> AdamStep {
    let AdamConfig { beta_1, beta_2, epsilon, .. } = update.config;
    AdamStep {
        beta_1: beta_1 as f32,
        beta_2: beta_2 as f32,
        one_minus_beta_1: (1.0 - beta_1) as f32,
        one_minus_beta_2: (1.0 - beta_2) as f32,
        step_size: update.step_size as f32,
        second_moment_scale: update.second_moment_scale as f32,
        epsilon: epsilon as f32,
    }
}

fn mean_terms(sums: TermSums, rows: usize, device: &Device) -> ElboTerms {
    let mean = |sum: f64| scalar(sum / rows as f64, device);
    ElboTerms { reconstruction: mean(sums.reconstruction), kl: mean(sums.kl) }
}

fn scalar(value: f64, device: &Device) -> Tensor<1> {
    Tensor::from_data([value as f32], device)
}

fn flex_tensor<const D: usize>(tensor: Tensor<D>) -> Option<FlexTensor> {
    tensor.inner().try_into_primitive::<Flex>().ok()
}

fn values(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().expect("contiguous 32-bit numbers")
}

/// The tensor's primitive, whose whole storage are its values in order.
fn contiguous<const D: usize>(tensor: Tensor<D>) -> FlexTensor {
    let primitive = flex_tensor(tensor).expect("the tensors of a parameter are on one device");
    let covers_storage = |tensor: &FlexTensor| {
        tensor.as_slice::<f32>().is_some_and(|values| values.len() == tensor.storage::<f32>().len())
    };
    if covers_storage(&primitive) { primitive } else { FlexTensor::from_data(primitive.into_data()) }
}
