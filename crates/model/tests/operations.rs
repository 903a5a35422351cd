//! Each operation against its plain form: values and gradients on Flex, whose kernels are under test, and those of the same
//! tensor operations under Burn's autodiff on ndarray.
#![cfg(all(feature = "flex", feature = "ndarray"))]
#![allow(deprecated)]

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::optim::GradientsParams;
use burn::tensor::{DType, Device, Tensor, TensorData, Tolerance};
use model::{
    Activation, Adam, AdamConfig, Likelihood, PixelDistribution, Variance, activate, batch_norm,
    bernoulli_nll, dense, gaussian_kl, gradients, layer_norm, linear, named_parameters, reparameterize,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Sums of up to 300 products of numbers below 1, in 32 bits and in another order.
const ABSOLUTE: f32 = 2e-5;
/// A few roundings of 6e-8, and those of two exponentials.
const RELATIVE: f32 = 5e-6;
const ACTIVATIONS: [Activation; 7] = [
    Activation::Identity,
    Activation::Relu,
    Activation::Clamp { min: -0.5, max: 0.75 },
    Activation::Tanh,
    Activation::Elu,
    Activation::Gelu,
    Activation::Silu,
];

fn random(shape: [usize; 2], scale: f32, seed: u64) -> TensorData {
    let mut rng = StdRng::seed_from_u64(seed);
    let values: Vec<f32> =
        (0..shape[0] * shape[1]).map(|_| scale * (2.0 * rng.random::<f32>() - 1.0)).collect();
    TensorData::new(values, shape)
}

fn devices() -> [Device; 2] {
    [Device::flex().autodiff(), Device::ndarray().autodiff()]
}

/// What the operation gives and the gradients of all its inputs, where the upstream gradient differs from number to number.
fn value_and_gradients<const N: usize>(
    device: &Device,
    inputs: &[TensorData; N],
    operation: impl Fn([Tensor<2>; N]) -> Tensor<2>,
) -> Vec<TensorData> {
    let inputs = inputs.each_ref().map(|data| Tensor::from_data(data.clone(), device).require_grad());
    let value = operation(inputs.clone());
    let upstream = Tensor::from_data(random(value.dims(), 1.0, 99), device);
    let gradients = (value.clone() * upstream).sum().backward();
    let of_inputs = inputs.iter().filter_map(|input| input.grad(&gradients)).map(Tensor::into_data);
    std::iter::once(value.into_data()).chain(of_inputs).collect()
}

fn assert_as_plain<const N: usize>(
    inputs: [TensorData; N],
    gradients: usize,
    operation: impl Fn([Tensor<2>; N]) -> Tensor<2>,
) {
    let [flex, plain] = devices().map(|device| value_and_gradients(&device, &inputs, &operation));
    assert_eq!((flex.len(), plain.len()), (1 + gradients, 1 + gradients));
    for (flex, plain) in flex.iter().zip(&plain) {
        flex.assert_approx_eq::<f32>(plain, Tolerance::rel_abs(RELATIVE, ABSOLUTE));
    }
}

fn layer([input, weight, bias]: [Tensor<2>; 3], activation: Activation) -> Tensor<2> {
    dense(input, weight, bias.reshape([-1]), activation)
}

#[test]
fn a_layer() {
    for activation in ACTIVATIONS {
        for (rows, inputs, outputs) in [(1, 1, 1), (7, 300, 20), (128, 17, 65), (5, 2, 256)] {
            assert_as_plain(
                [
                    random([rows, inputs], 1.0, 1),
                    random([inputs, outputs], 0.3, 2),
                    random([1, outputs], 1.0, 3),
                ],
                3,
                |tensors| layer(tensors, activation),
            );
        }
    }
}

#[test]
fn a_layer_of_tensors_in_any_order_of_memory() {
    for activation in ACTIVATIONS {
        assert_as_plain(
            [random([40, 9], 1.0, 1), random([30, 80], 0.3, 2), random([1, 30], 1.0, 3)],
            3,
            |[input, weight, bias]| {
                let input = input.transpose().slice([1..8, 0..40]);
                let weight = weight.slice([0..30, 20..60]).transpose();
                layer([input, weight, bias], activation)
            },
        );
    }
}

#[test]
fn activations_of_tensors_in_any_order_of_memory() {
    for activation in ACTIVATIONS {
        assert_as_plain([random([40, 9], 4.0, 1)], 1, |[input]| {
            activate(input.transpose().slice([1..8, 0..40]), activation)
        });
    }
}

#[test]
fn norms_of_rows_and_columns() {
    for (rows, features) in [(2, 3), (17, 40), (128, 256)] {
        let inputs = || {
            [random([rows, features], 2.0, 1), random([1, features], 1.0, 2), random([1, features], 1.0, 3)]
        };
        assert_as_plain(inputs(), 3, |[input, gain, shift]| {
            layer_norm(input, gain.reshape([-1]), shift.reshape([-1]))
        });
        assert_as_plain(inputs(), 3, |[input, gain, shift]| {
            batch_norm(input, gain.reshape([-1]), shift.reshape([-1])).output
        });
    }
    let [flex, plain] = devices().map(|device| {
        let input = Tensor::from_data(random([40, 9], 2.0, 1), &device).transpose().slice([1..8, 0..40]);
        let ones = Tensor::ones([40], &device);
        let normalized = batch_norm(input, ones.clone(), ones);
        [normalized.mean, normalized.variance].map(Tensor::into_data)
    });
    for (flex, plain) in flex.iter().zip(&plain) {
        flex.assert_approx_eq::<f32>(plain, Tolerance::rel_abs(RELATIVE, ABSOLUTE));
    }
}

#[test]
fn layers_without_rows_or_outputs_give_empty_tensors() {
    let device = Device::flex().autodiff();
    for (rows, outputs) in [(0, 3), (2, 0)] {
        let [input, weight, bias] = [[rows, 4], [4, outputs], [1, outputs]]
            .map(|shape| Tensor::<2>::ones(shape, &device).require_grad());
        let output = layer([input, weight.clone(), bias], Activation::Relu);
        assert_eq!(output.dims(), [rows, outputs]);
        let gradient = weight.grad(&output.sum().backward()).expect("the weight has a gradient");
        assert_eq!(gradient.into_data(), TensorData::zeros::<f32, _>([4, outputs]));
    }
}

#[test]
fn samples_and_divergences() {
    let posterior = || [random([13, 5], 3.0, 1), random([13, 5], 8.0, 2)];
    let [mean, log_var] = posterior();
    // The noise gets no gradient.
    assert_as_plain([mean, log_var, random([13, 5], 2.0, 3)], 2, |[mean, log_var, noise]| {
        reparameterize(mean, log_var, noise).tanh()
    });
    assert_as_plain(posterior(), 2, |[mean, log_var]| gaussian_kl(mean, log_var).log1p());
    let turned = |tensor: Tensor<2>| tensor.transpose().slice([1..4, 0..13]);
    assert_as_plain(posterior(), 2, |[mean, log_var]| gaussian_kl(turned(mean), turned(log_var)).log1p());
}

/// Levels from 0 to 1, half of them 0.
fn grey(shape: [usize; 2]) -> TensorData {
    let level = |value: f32| (255.0 * value.max(0.0)).round() / 255.0;
    TensorData::new(random(shape, 1.0, 5).iter::<f32>().map(level).collect::<Vec<_>>(), shape)
}

#[test]
fn every_likelihood_of_images() {
    let gaussian = |variance| Likelihood::Gaussian { variance };
    for (rows, pixels) in [(1, 1), (6, 50), (3, 784)] {
        // Sums of hundreds of nats are compared as a share of them.
        let nll = |likelihood, outputs, images, log_scales| {
            let nll = PixelDistribution { likelihood, outputs, log_scales }.nll(images);
            nll.reshape([rows, 1]).div_scalar(pixels as f64)
        };
        for likelihood in [Likelihood::GreyBernoulli, Likelihood::Bernoulli, Likelihood::ContinuousBernoulli]
        {
            // The images get no gradient.
            for reach in [0.5, 30.0] {
                assert_as_plain(
                    [random([rows, pixels], reach, 4), grey([rows, pixels])],
                    1,
                    |[outputs, images]| nll(likelihood, outputs, images, None),
                );
            }
        }
        for likelihood in [gaussian(Variance::Learned), Likelihood::DiscretisedLogistic] {
            for scales in [1, pixels] {
                let inputs =
                    [random([rows, pixels], 1.0, 4), grey([rows, pixels]), random([1, scales], 1.5, 6)];
                assert_as_plain(inputs, 2, |[outputs, images, log_scales]| {
                    nll(likelihood, outputs, images, Some(log_scales.reshape([-1])))
                });
            }
        }
        let inputs = [random([rows, pixels], 1.0, 4), grey([rows, pixels])];
        assert_as_plain(inputs, 1, |[outputs, images]| {
            let log_scales = Tensor::from_data([-0.7f32], &images.device());
            nll(gaussian(Variance::Fixed(0.5)), outputs, images, Some(log_scales))
        });
    }
}

#[test]
fn the_likelihood_of_tensors_in_any_order_of_memory() {
    assert_as_plain([random([50, 8], 30.0, 4), grey([50, 6])], 1, |[logits, images]| {
        let logits = logits.transpose().slice([2..8, 0..50]);
        bernoulli_nll(logits, images.transpose()).reshape([6, 1]).div_scalar(50.0)
    });
}

#[test]
fn logits_that_something_else_holds_are_left_as_they_are() {
    let device = Device::flex().autodiff();
    let data = random([3, 4], 5.0, 1);
    let logits = Tensor::<2>::from_data(data.clone(), &device).require_grad();
    let kept = logits.clone();
    let nll = bernoulli_nll(logits, Tensor::ones([3, 4], &device));
    let _ = nll.sum().backward();
    kept.into_data().assert_eq(&data, true);
}

#[test]
fn other_numbers_than_those_of_the_kernels_take_the_plain_form() {
    let device = Device::flex().autodiff();
    let in_64_bits =
        |shape, seed| Tensor::<2>::from_data(random(shape, 1.0, seed), (&device, DType::F64)).require_grad();
    let (input, weight, bias) = (in_64_bits([3, 4], 1), in_64_bits([4, 2], 2), in_64_bits([1, 2], 3));
    let output = layer([input, weight.clone(), bias], Activation::Relu);
    assert_eq!(output.dtype(), DType::F64);
    assert!(weight.grad(&output.sum().backward()).is_some());
}

/// A module that is not ours.
#[derive(Module, Debug)]
struct Network {
    first: Linear,
    second: Linear,
}

fn network(device: &Device) -> Network {
    let layer = |inputs, outputs, seed| Linear {
        weight: Param::from_data(random([inputs, outputs], 0.5, seed), device),
        bias: Some(Param::from_data(TensorData::zeros::<f32, _>([outputs]), device)),
    };
    Network { first: layer(6, 40, 1), second: layer(40, 3, 2) }
}

fn trained(device: &Device, steps: usize, multiplied_out: bool) -> (Network, Adam) {
    let mut network = network(device);
    let mut adam = Adam::new(AdamConfig::default(), &network);
    let images = Tensor::from_data(random([9, 6], 1.0, 3), &device.clone().inner());
    for _ in 0..steps {
        let hidden = linear(&network.first, images.clone(), Activation::Relu);
        let loss = linear(&network.second, hidden, Activation::Identity).square().mean();
        let of_loss = gradients(loss, &network);
        network = if multiplied_out {
            adam.step(network, GradientsParams::from(of_loss))
        } else {
            adam.step(network, of_loss)
        };
    }
    (network, adam)
}

#[test]
fn a_module_of_a_user_trains_as_on_tensor_operations() {
    let [(flex, flex_adam), (plain, plain_adam)] = devices().map(|device| trained(&device, 10, false));
    assert_eq!(flex_adam.updates(), 10);
    for (flex, plain) in named_parameters(&flex).into_iter().zip(named_parameters(&plain)) {
        // Ten steps of 1e-3: a hundredth of the way.
        flex.data.assert_approx_eq::<f32>(&plain.data, Tolerance::absolute(1e-4));
    }
    for (flex, plain) in flex_adam.moments().into_iter().zip(plain_adam.moments()) {
        flex.first.into_data().assert_approx_eq::<f32>(&plain.first.into_data(), Tolerance::absolute(1e-6));
    }
}

#[test]
fn an_update_by_a_product_has_the_bits_of_one_by_its_values() {
    let [(by_products, _), (by_values, _)] =
        [false, true].map(|out| trained(&Device::flex().autodiff(), 5, out));
    for (by_product, by_value) in named_parameters(&by_products).into_iter().zip(named_parameters(&by_values))
    {
        by_product.data.assert_eq(&by_value.data, true);
    }
}

/// One weight is used by two layers, the other by a term that is no layer, too.
#[test]
fn gradients_are_those_of_burn_however_often_a_weight_is_used() {
    let device = Device::flex().autodiff();
    let network = network(&device);
    let loss = || {
        let images = Tensor::from_data(random([9, 6], 1.0, 3), &device.clone().inner());
        let half = images.clone().mul_scalar(0.5);
        let hidden =
            linear(&network.first, images, Activation::Relu) + linear(&network.first, half, Activation::Tanh);
        let output = linear(&network.second, hidden, Activation::Identity);
        output.square().mean() + network.second.weight.val().square().sum()
    };
    let mut expected = GradientsParams::from_grads(loss().backward(), &network);
    let mut found = GradientsParams::from(gradients(loss(), &network));
    assert_eq!((found.len(), expected.len()), (4, 4));
    for layer in [&network.first, &network.second] {
        let [found, expected] = [&mut found, &mut expected]
            .map(|gradients| gradients.remove::<2>(layer.weight.id).unwrap().into_data());
        found.assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-6));
    }
}

#[test]
fn what_is_no_parameter_of_the_module_gets_its_gradient_as_ever() {
    let device = Device::flex().autodiff();
    let network = network(&device);
    let input = Tensor::<2>::from_data(random([9, 6], 1.0, 3), &device).require_grad();
    let loss = linear(&network.first, input.clone(), Activation::Identity).square().mean();
    let of_second = GradientsParams::from(gradients(loss, &network.second));
    assert!(of_second.is_empty());
    let twice = network.first.weight.val().mul_scalar(2.0);
    let bias = network.first.bias.as_ref().unwrap().val();
    let loss = dense(input, twice, bias, Activation::Identity).square().mean();
    let of_first = GradientsParams::from(gradients(loss, &network.first));
    assert_eq!(of_first.len(), 2);
}

#[test]
fn a_weight_that_is_part_of_other_memory_is_updated_and_that_memory_is_not() {
    let device = Device::flex().autodiff();
    let whole = Tensor::<2>::from_data(random([10, 40], 1.0, 7), &device);
    let before = whole.to_data();
    let mut with_part = network(&device);
    with_part.first.weight = Param::from_tensor(whole.clone().slice([2..8, 0..40]).detach().require_grad());
    let mut adam = Adam::new(AdamConfig::default(), &with_part);
    let loss = linear(&with_part.first, Tensor::ones([2, 6], &device), Activation::Identity).sum()
        + linear(&with_part.second, Tensor::ones([2, 40], &device), Activation::Identity).sum();
    let of_loss = gradients(loss, &with_part);
    let updated = adam.step(with_part, of_loss);
    assert_ne!(updated.first.weight.val().into_data(), before.clone());
    whole.into_data().assert_eq(&before, true);
}

#[test]
#[should_panic(expected = "moments of another network")]
fn the_optimiser_of_another_network_is_refused() {
    let device = Device::flex().autodiff();
    let (network, _) = trained(&device, 0, false);
    let mut adam = Adam::new(AdamConfig::default(), &network.first);
    let loss = linear(&network.second, Tensor::ones([2, 40], &device), Activation::Identity).sum();
    let of_loss = gradients(loss, &network);
    adam.step(network, of_loss);
}
