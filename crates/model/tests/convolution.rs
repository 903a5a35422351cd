//! Convolutions against PyTorch: values and gradients on Flex, whose kernels are under test, and of the plain form on
//! ndarray.
//!
//! The reference values are made by
//! `python scripts/reference_convolution.py > crates/model/tests/reference_convolution.json`.
#![cfg(all(feature = "flex", feature = "ndarray"))]
#![allow(deprecated)]

use burn::tensor::{DType, Device, Tensor, TensorData, Tolerance};
use model::{Activation, Convolution, convolve, convolve_transposed};
use serde::Deserialize;

/// Sums of up to a hundred products of numbers up to 1, which are exact: all that is left is the rounding of sums.
const ABSOLUTE: f32 = 1e-5;

#[derive(Deserialize)]
struct Reference {
    image: [usize; 2],
    channels: usize,
    filters: usize,
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    transposed: bool,
    input: Vec<f32>,
    weight: Vec<f32>,
    bias: Vec<f32>,
    upstream: Vec<f32>,
    output: Vec<f32>,
    of_input: Vec<f32>,
    of_weight: Vec<f32>,
    of_bias: Vec<f32>,
}

/// Of both ways.
const BATCH: usize = 2;

fn references() -> Vec<Reference> {
    serde_json::from_str(include_str!("reference_convolution.json")).unwrap()
}

impl Reference {
    fn convolution(&self) -> Convolution {
        let Self { image, channels, filters, kernel, stride, padding, .. } = *self;
        Convolution { image, channels, filters, kernel, stride, padding }
    }

    fn shape_of_input(&self) -> [usize; 4] {
        let [rows, columns] = self.convolution().output().unwrap();
        let [height, width] = self.image;
        if self.transposed {
            [BATCH, rows, columns, self.filters]
        } else {
            [BATCH, height, width, self.channels]
        }
    }

    fn shape_of_weight(&self) -> [usize; 4] {
        [self.kernel[0], self.kernel[1], self.channels, self.filters]
    }

    fn compute(&self, input: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>) -> Tensor<4> {
        let operation = if self.transposed { convolve_transposed } else { convolve };
        operation(self.convolution(), input, weight, bias, Activation::Relu)
    }
}

#[test]
fn values_and_gradients_are_those_of_pytorch() {
    for device in [Device::flex().autodiff(), Device::ndarray().autodiff()] {
        for reference in references() {
            let shaped = |values: &[f32], shape| {
                Tensor::<4>::from_data(TensorData::new(values.to_vec(), shape), &device).require_grad()
            };
            let input = shaped(&reference.input, reference.shape_of_input());
            let weight = shaped(&reference.weight, reference.shape_of_weight());
            let bias = Tensor::<1>::from_data(&reference.bias[..], &device).require_grad();
            let output = reference.compute(input.clone(), weight.clone(), bias.clone());
            let upstream =
                Tensor::<4>::from_data(TensorData::new(reference.upstream.clone(), output.dims()), &device);
            let gradients = (output.clone() * upstream).sum().backward();
            let of = |tensor: &Tensor<4>| tensor.grad(&gradients).expect("it has a gradient").into_data();
            for (found, expected) in [
                (output.into_data(), &reference.output),
                (of(&input), &reference.of_input),
                (of(&weight), &reference.of_weight),
                (bias.grad(&gradients).expect("it has a gradient").into_data(), &reference.of_bias),
            ] {
                let expected = TensorData::new(expected.clone(), found.shape().clone());
                found.assert_approx_eq::<f32>(&expected, Tolerance::absolute(ABSOLUTE));
            }
        }
    }
}

#[test]
fn tensors_in_any_order_of_memory_give_the_same() {
    let device = Device::flex();
    for reference in references() {
        let [input, weight] = [
            (&reference.input, reference.shape_of_input()),
            (&reference.weight, reference.shape_of_weight()),
        ]
        .map(|(values, shape)| Tensor::<4>::from_data(TensorData::new(values.clone(), shape), &device));
        let bias = Tensor::<1>::from_data(&reference.bias[..], &device);
        let expected = reference.compute(input.clone(), weight.clone(), bias.clone());
        // The same numbers, stored with the axes the other way round.
        let turned = |tensor: Tensor<4>| {
            let reversed = tensor.permute([3, 2, 1, 0]).into_data();
            Tensor::<4>::from_data(reversed, &device).permute([3, 2, 1, 0])
        };
        let found = reference.compute(turned(input), turned(weight), bias);
        found.into_data().assert_eq(&expected.into_data(), true);
    }
}

#[test]
fn other_numbers_than_those_of_the_kernels_take_the_plain_form() {
    let device = Device::flex().autodiff();
    for reference in references() {
        let in_64_bits = |values: &[f32], shape| {
            let values: Vec<f64> = values.iter().copied().map(f64::from).collect();
            Tensor::<4>::from_data(TensorData::new(values, shape), (&device, DType::F64))
        };
        let input = in_64_bits(&reference.input, reference.shape_of_input());
        let weight = in_64_bits(&reference.weight, reference.shape_of_weight()).require_grad();
        let bias = Tensor::<1>::from_data(&reference.bias[..], (&device, DType::F64));
        let output = reference.compute(input, weight.clone(), bias);
        assert_eq!(output.dtype(), DType::F64);
        let expected: f64 = reference.output.iter().copied().map(f64::from).sum();
        let sum: f64 = output.clone().sum().into_scalar();
        assert!((sum - expected).abs() <= 1e-4 * expected.abs().max(1.0), "{sum}, expected {expected}");
        assert!(weight.grad(&output.sum().backward()).is_some());
    }
}

#[test]
#[should_panic(expected = "images")]
fn images_of_another_size_are_refused() {
    let device = Device::flex();
    let convolution = Convolution {
        image: [8, 8],
        channels: 1,
        filters: 3,
        kernel: [4, 4],
        stride: [2, 2],
        padding: [1, 1],
    };
    let images = Tensor::<4>::zeros([1, 8, 7, 1], &device);
    convolve(
        convolution,
        images,
        Tensor::zeros([4, 4, 1, 3], &device),
        Tensor::zeros([3], &device),
        Activation::Relu,
    );
}
