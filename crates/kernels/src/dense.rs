//! A fully connected layer, forward and backward.

use std::mem::MaybeUninit;

use crate::KernelSet;
use crate::activation::{Activation, NUMBERS_OF_A_HALF, add_bias_and_activate, pass_activation};
use crate::helper::in_halves;
use crate::memory::{Parts, written};
use crate::product::{Matrix, multiply_with, rows_of_a_half};
use crate::vectors::{Arithmetic, for_each_set};

/// The gradients of a layer, each with as many numbers as what it is of.
#[derive(Clone, Debug, PartialEq)]
pub struct DenseGradients {
    /// `[rows, inputs]`; `None` where it was not asked for.
    pub input: Option<Vec<f32>>,
    /// `[inputs, outputs]`; `None` where it was not asked for.
    pub weight: Option<Vec<f32>>,
    /// `[outputs]`.
    pub bias: Vec<f32>,
}

/// Which of the gradients are wanted: each is a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DenseWanted {
    /// That of the input.
    pub input: bool,
    /// That of the weight.
    pub weight: bool,
}

/// `activation(input weight + bias)`, `[rows, outputs]`.
///
/// The weight is `[inputs, outputs]`.
///
/// # Panics
///
/// Panics if the sizes do not fit each other.
pub fn dense(input: Matrix<'_>, weight: Matrix<'_>, bias: &[f32], activation: Activation) -> Vec<f32> {
    dense_with(KernelSet::active(), input, weight, bias, activation)
}

fn dense_with(
    set: KernelSet,
    input: Matrix<'_>,
    weight: Matrix<'_>,
    bias: &[f32],
    activation: Activation,
) -> Vec<f32> {
    assert_eq!(bias.len(), weight.columns(), "biases of a layer with {} outputs", weight.columns());
    product(set, input, weight, |rows| add_bias_and_activate(set, rows, bias, activation))
}

/// The gradients of [`dense`] from the gradient with respect to its output, which becomes that with respect to the sums before
/// the activation: the right factor of the weight's gradient, of which the left one is the input, transposed.
///
/// `output` is what [`dense`] gave; an identity does not need it.
///
/// # Panics
///
/// Panics if the sizes do not fit each other.
pub fn dense_backward(
    input: Matrix<'_>,
    weight: Matrix<'_>,
    output: Option<&[f32]>,
    activation: Activation,
    gradient: &mut [f32],
    wanted: DenseWanted,
) -> DenseGradients {
    dense_backward_with(KernelSet::active(), input, weight, output, activation, gradient, wanted)
}

fn dense_backward_with(
    set: KernelSet,
    input: Matrix<'_>,
    weight: Matrix<'_>,
    output: Option<&[f32]>,
    activation: Activation,
    gradient: &mut [f32],
    wanted: DenseWanted,
) -> DenseGradients {
    let (rows, outputs) = (input.rows(), weight.columns());
    assert_eq!(gradient.len(), rows * outputs, "gradients of {rows} rows of {outputs} outputs");
    pass_activation(set, gradient, output, activation);
    let gradient = &*gradient;
    let bias = sums_of_columns(set, gradient, outputs);
    let gradient = Matrix::new(gradient, rows, outputs);
    DenseGradients {
        input: wanted.input.then(|| product(set, gradient, weight.transposed(), |_| {})),
        weight: wanted.weight.then(|| product(set, input.transposed(), gradient, |_| {})),
        bias,
    }
}

/// The sum of each column, in the order of the rows.
pub(crate) fn sums_of_columns(set: KernelSet, values: &[f32], columns: usize) -> Vec<f32> {
    let mut sums = vec![0.0; columns];
    let parts = Parts::new(&mut sums);
    let rows = values.len() / columns.max(1);
    let cut = (NUMBERS_OF_A_HALF / rows.max(1)).max(1).next_multiple_of(16);
    in_halves(columns, cut, |range| {
        // SAFETY: `sums` is borrowed for as long, and the halves do not overlap.
        let sums = unsafe { parts.part(range.clone()) };
        add_rows(set, sums, values, columns, range.start);
    });
    sums
}

/// A product, and what is done to its rows after, on up to two threads.
fn product(set: KernelSet, lhs: Matrix<'_>, rhs: Matrix<'_>, finish: impl Fn(&mut [f32]) + Sync) -> Vec<f32> {
    let (rows, columns) = (lhs.rows(), rhs.columns());
    let write = |output: &mut [MaybeUninit<f32>]| {
        let parts = Parts::new(output);
        in_halves(rows, rows_of_a_half(set, lhs.columns(), columns), |range| {
            // SAFETY: `output` is borrowed for as long, and the halves do not overlap.
            let output = unsafe { parts.part(range.start * columns..range.end * columns) };
            multiply_with(set, lhs.rows_between(range.start, range.end), rhs, output);
            // SAFETY: the product initialised them.
            finish(unsafe { output.assume_init_mut() });
        });
    };
    // SAFETY: the halves together are all rows.
    unsafe { written(rows * columns, write) }
}

for_each_set! {
    pub(crate) fn add_rows(sums: &mut [f32], values: &[f32], stride: usize, start: usize) = add_rows_body
}

/// Adds up the columns from `start` on of rows that are `stride` long.
#[inline(always)]
fn add_rows_body<A: Arithmetic>(sums: &mut [f32], values: &[f32], stride: usize, start: usize) {
    for row in values.chunks_exact(stride.max(1)) {
        for (sum, value) in sums.iter_mut().zip(&row[start..]) {
            *sum += value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assisted;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    /// Of sums of up to 300 products of numbers below 1.
    const ABSOLUTE: f64 = 3e-5;
    const ACTIVATIONS: [Activation; 4] = [
        Activation::Identity,
        Activation::Relu,
        Activation::Clamp { min: -0.5, max: 0.75 },
        Activation::Tanh,
    ];

    struct Layer {
        rows: usize,
        inputs: usize,
        outputs: usize,
        input: Vec<f32>,
        weight: Vec<f32>,
        bias: Vec<f32>,
        gradient: Vec<f32>,
    }

    fn layer(rows: usize, inputs: usize, outputs: usize) -> Layer {
        let mut rng = StdRng::seed_from_u64(7);
        let mut random =
            |count: usize| -> Vec<f32> { (0..count).map(|_| 2.0 * rng.random::<f32>() - 1.0).collect() };
        Layer {
            rows,
            inputs,
            outputs,
            input: random(rows * inputs),
            weight: random(inputs * outputs),
            bias: random(outputs),
            gradient: random(rows * outputs),
        }
    }

    impl Layer {
        fn input(&self) -> Matrix<'_> {
            Matrix::new(&self.input, self.rows, self.inputs)
        }

        fn weight(&self) -> Matrix<'_> {
            Matrix::new(&self.weight, self.inputs, self.outputs)
        }

        fn run(&self, set: KernelSet, activation: Activation) -> (Vec<f32>, DenseGradients) {
            let output = dense_with(set, self.input(), self.weight(), &self.bias, activation);
            let mut gradient = self.gradient.clone();
            let gradients = dense_backward_with(
                set,
                self.input(),
                self.weight(),
                Some(&output),
                activation,
                &mut gradient,
                DenseWanted { input: true, weight: true },
            );
            (output, gradients)
        }
    }

    fn assert_close(found: f32, expected: f64) {
        assert!((f64::from(found) - expected).abs() <= ABSOLUTE, "{found}, expected {expected}");
    }

    #[test]
    fn outputs_and_gradients_are_those_of_the_definition() {
        for set in KernelSet::available() {
            for activation in ACTIVATIONS {
                for (rows, inputs, outputs) in [(1, 1, 1), (5, 3, 17), (13, 300, 20), (3, 4, 0), (0, 4, 3)] {
                    let layer = layer(rows, inputs, outputs);
                    let (output, gradients) = layer.run(set, activation);
                    let mut masked = vec![0.0; rows * outputs];
                    for row in 0..rows {
                        for column in 0..outputs {
                            let terms = (0..inputs).map(|k| {
                                f64::from(layer.input[row * inputs + k])
                                    * f64::from(layer.weight[k * outputs + column])
                            });
                            let sum = terms.sum::<f64>() + f64::from(layer.bias[column]);
                            let (value, slope) = match activation {
                                Activation::Identity => (sum, 1.0),
                                Activation::Relu => (sum.max(0.0), f64::from(u8::from(sum > 0.0))),
                                Activation::Clamp { min, max } => {
                                    let (min, max) = (f64::from(min), f64::from(max));
                                    (sum.clamp(min, max), f64::from(u8::from(sum > min && sum < max)))
                                }
                                Activation::Tanh => (sum.tanh(), 1.0 - sum.tanh().powi(2)),
                                other => unreachable!("{other:?}"),
                            };
                            let at = row * outputs + column;
                            assert_close(output[at], value);
                            masked[at] = slope * f64::from(layer.gradient[at]);
                        }
                    }
                    for column in 0..outputs {
                        assert_close(
                            gradients.bias[column],
                            (0..rows).map(|row| masked[row * outputs + column]).sum(),
                        );
                        for k in 0..inputs {
                            let terms = (0..rows).map(|row| {
                                f64::from(layer.input[row * inputs + k]) * masked[row * outputs + column]
                            });
                            assert_close(
                                gradients.weight.as_ref().unwrap()[k * outputs + column],
                                terms.sum(),
                            );
                        }
                    }
                    let of_input = gradients.input.unwrap();
                    for row in 0..rows {
                        for k in 0..inputs {
                            let terms = (0..outputs).map(|column| {
                                f64::from(layer.weight[k * outputs + column]) * masked[row * outputs + column]
                            });
                            assert_close(of_input[row * inputs + k], terms.sum());
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_second_thread_changes_no_bit() {
        let layer = layer(130, 300, 90);
        for set in KernelSet::available() {
            for activation in ACTIVATIONS {
                let alone = layer.run(set, activation);
                let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
                for _ in 0..20 {
                    let (shared, ()) = pool.install(|| assisted(|| layer.run(set, activation), || ()));
                    assert!(shared == alone, "{set}");
                }
            }
        }
    }

    #[test]
    fn more_rows_than_numbers_that_a_thread_begins_with_are_summed() {
        let values = vec![1.0; 2 * 20_000];
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let sums = || sums_of_columns(KernelSet::active(), &values, 2);
        let (sums, ()) = pool.install(|| assisted(sums, || ()));
        assert_eq!(sums, [20_000.0; 2]);
    }

    #[test]
    fn gradients_that_nobody_wants_are_left_out() {
        let layer = layer(4, 3, 2);
        for (input, weight) in [(false, true), (true, false)] {
            let mut gradient = layer.gradient.clone();
            let gradients = dense_backward(
                layer.input(),
                layer.weight(),
                None,
                Activation::Identity,
                &mut gradient,
                DenseWanted { input, weight },
            );
            assert_eq!((gradients.input.is_some(), gradients.weight.is_some()), (input, weight));
        }
    }

    #[test]
    fn nan_is_passed_on() {
        for activation in ACTIVATIONS {
            let output = dense(Matrix::new(&[f32::NAN], 1, 1), Matrix::new(&[1.0], 1, 1), &[0.0], activation);
            assert!(output[0].is_nan(), "{activation:?}");
        }
    }
}
