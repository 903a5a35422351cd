use super::*;
use crate::assisted;
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Of sums of up to 500 products of numbers below 1.
const ABSOLUTE: f64 = 3e-5;

fn convolution(
    image: [usize; 2],
    channels: usize,
    filters: usize,
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
) -> Convolution {
    Convolution { image, channels, filters, kernel, stride, padding }
}

/// Odd and even sizes, one channel and several, strides that skip pixels, kernels that are smaller than the stride or
/// as large as the image.
fn cases() -> Vec<Convolution> {
    vec![
        convolution([1, 1], 1, 1, [1, 1], [1, 1], [0, 0]),
        convolution([8, 8], 1, 5, [4, 4], [2, 2], [1, 1]),
        convolution([7, 9], 3, 4, [3, 3], [2, 2], [1, 1]),
        convolution([5, 6], 2, 3, [3, 2], [1, 1], [0, 1]),
        convolution([10, 7], 2, 7, [5, 3], [3, 2], [2, 0]),
        convolution([9, 9], 4, 2, [1, 1], [2, 2], [0, 0]),
        convolution([6, 5], 3, 2, [6, 5], [1, 1], [0, 0]),
        convolution([4, 4], 2, 3, [3, 3], [1, 1], [2, 2]),
        convolution([28, 28], 1, 32, [4, 4], [2, 2], [1, 1]),
        // With so many channels, patches are read where they are.
        convolution([7, 9], 17, 20, [3, 3], [2, 2], [1, 1]),
        convolution([6, 5], 16, 70, [4, 4], [2, 2], [1, 1]),
        convolution([9, 7], 33, 5, [2, 3], [3, 2], [0, 1]),
        convolution([4, 4], 20, 3, [3, 3], [1, 1], [2, 2]),
        convolution([8, 6], 130, 2, [1, 2], [3, 1], [0, 1]),
    ]
}

struct Work {
    convolution: Convolution,
    batch: usize,
    images: Vec<f32>,
    weight: Vec<f32>,
    outputs: Vec<f32>,
}

impl Work {
    fn new(convolution: Convolution, batch: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(3);
        let mut random =
            |count: usize| -> Vec<f32> { (0..count).map(|_| 2.0 * rng.random::<f32>() - 1.0).collect() };
        let [rows, columns] = convolution.output().unwrap();
        let images = random(batch * convolution.numbers_of_image());
        let weight = random(convolution.taps() * convolution.filters);
        let outputs = random(batch * rows * columns * convolution.filters);
        Self { convolution, batch, images, weight, outputs }
    }

    /// For each term of the definition: the places of output, image and weight.
    fn for_each_term(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let Convolution { image: [height, width], channels, filters, kernel, stride, padding } =
            self.convolution;
        let [rows, columns] = self.convolution.output().unwrap();
        for b in 0..self.batch {
            for (y, x) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
                for (i, j) in (0..kernel[0]).flat_map(|i| (0..kernel[1]).map(move |j| (i, j))) {
                    let (row, column) = (stride[0] * y + i, stride[1] * x + j);
                    let inside = (padding[0]..padding[0] + height).contains(&row)
                        && (padding[1]..padding[1] + width).contains(&column);
                    if !inside {
                        continue;
                    }
                    let pixel = (b * height + row - padding[0]) * width + column - padding[1];
                    for (c, f) in (0..channels).flat_map(|c| (0..filters).map(move |f| (c, f))) {
                        visit(
                            ((b * rows + y) * columns + x) * filters + f,
                            pixel * channels + c,
                            ((i * kernel[1] + j) * channels + c) * filters + f,
                        );
                    }
                }
            }
        }
    }

    /// Output, images and weights: the sums of products of the other two.
    fn expected(&self) -> [Vec<f64>; 3] {
        let zeros = |like: &[f32]| vec![0.0; like.len()];
        let [mut outputs, mut images, mut weight] =
            [zeros(&self.outputs), zeros(&self.images), zeros(&self.weight)];
        self.for_each_term(|o, i, w| {
            let [output, image, tap] = [self.outputs[o], self.images[i], self.weight[w]].map(f64::from);
            outputs[o] += image * tap;
            images[i] += output * tap;
            weight[w] += output * image;
        });
        [outputs, images, weight]
    }

    fn found(&self, set: KernelSet) -> [Vec<f32>; 3] {
        let Self { convolution, images, weight, outputs, .. } = self;
        [
            convolve_with(set, convolution, images, weight, |_| {}),
            convolve_transposed_with(set, convolution, outputs, weight, |_| {}),
            gradient_of_weight(set, convolution, images, outputs),
        ]
    }
}

#[test]
fn values_and_gradients_are_those_of_the_definition() {
    for convolution in cases() {
        let work = Work::new(convolution, 3);
        let expected = work.expected();
        for set in KernelSet::available() {
            for (found, expected) in work.found(set).iter().zip(&expected) {
                assert_eq!(found.len(), expected.len());
                for (&found, &expected) in found.iter().zip(expected) {
                    assert!(
                        (f64::from(found) - expected).abs() <= ABSOLUTE * expected.abs().max(1.0),
                        "{set}, {convolution:?}: {found}, expected {expected}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_second_thread_changes_no_bit() {
    for convolution in cases() {
        let work = Work::new(convolution, 70);
        for set in KernelSet::available() {
            let alone = work.found(set);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
            let (shared, ()) = pool.install(|| assisted(|| work.found(set), || ()));
            assert!(shared == alone, "{set}, {convolution:?}");
        }
    }
}

#[test]
fn bias_and_activation_come_after_the_sum_and_stop_the_gradient_where_they_stop_the_value() {
    let work = Work::new(convolution([7, 9], 3, 4, [3, 3], [2, 2], [1, 1]), 2);
    let Work { convolution, images, weight, outputs, .. } = &work;
    let [sums, transposed, _] = work.expected();
    let of_filters = [0.5, -0.5, 0.0, 1.0];
    let forward = convolve(convolution, images, weight, &of_filters, Activation::Relu);
    for (place, (&found, sum)) in forward.iter().zip(sums).enumerate() {
        let expected = (sum + f64::from(of_filters[place % 4])).max(0.0);
        assert!((f64::from(found) - expected).abs() <= ABSOLUTE, "{found}, expected {expected}");
    }
    let of_channels = [0.25, -1.0, 0.0];
    let back = convolve_transposed(convolution, outputs, weight, &of_channels, Activation::Relu);
    for (place, (&found, sum)) in back.iter().zip(transposed).enumerate() {
        let expected = (sum + f64::from(of_channels[place % 3])).max(0.0);
        assert!((f64::from(found) - expected).abs() <= ABSOLUTE, "{found}, expected {expected}");
    }

    let through = |values: &[f32], gradient: &[f32]| -> Vec<f32> {
        values.iter().zip(gradient).map(|(&value, &slope)| if value > 0.0 { slope } else { 0.0 }).collect()
    };
    let sum_every = |values: &[f32], count: usize| -> Vec<f64> {
        (0..count)
            .map(|first| values.iter().skip(first).step_by(count).copied().map(f64::from).sum())
            .collect()
    };
    let mut gradient = outputs.clone();
    let found =
        convolve_backward(convolution, images, weight, Some(&forward), Activation::Relu, &mut gradient, true);
    let masked = Work { outputs: through(&forward, outputs), ..Work::new(*convolution, 2) };
    let [_, of_images, of_weight] = masked.expected();
    assert_gradients(found, [of_images, of_weight, sum_every(&masked.outputs, 4)]);

    let mut gradient = images.clone();
    let found = convolve_transposed_backward(
        convolution,
        outputs,
        weight,
        Some(&back),
        Activation::Relu,
        &mut gradient,
        true,
    );
    let masked = Work { images: through(&back, images), ..Work::new(*convolution, 2) };
    let [of_inputs, _, of_weight] = masked.expected();
    assert_gradients(found, [of_inputs, of_weight, sum_every(&masked.images, 3)]);
}

/// Of input, weight and bias.
fn assert_gradients(found: ConvolutionGradients, expected: [Vec<f64>; 3]) {
    let found = [found.input.unwrap(), found.weight, found.bias];
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.len(), expected.len());
        for (&found, expected) in found.iter().zip(expected) {
            assert!((f64::from(found) - expected).abs() <= 2.0 * ABSOLUTE, "{found}, expected {expected}");
        }
    }
}

#[test]
fn no_image_gives_no_output_and_gradients_of_zero() {
    let convolution = convolution([8, 8], 1, 5, [4, 4], [2, 2], [1, 1]);
    let weight = vec![1.0; convolution.taps() * 5];
    assert!(convolve(&convolution, &[], &weight, &[0.0; 5], Activation::Identity).is_empty());
    assert!(convolve_transposed(&convolution, &[], &weight, &[0.0], Activation::Identity).is_empty());
    let gradients = convolve_backward(&convolution, &[], &weight, None, Activation::Identity, &mut [], true);
    assert_eq!(gradients.input, Some(Vec::new()));
    assert!(gradients.weight == vec![0.0; weight.len()] && gradients.bias == [0.0; 5]);
}

#[test]
fn the_sizes_of_outputs_are_those_of_whole_steps() {
    assert_eq!(convolution([28, 28], 1, 1, [4, 4], [2, 2], [1, 1]).output(), Some([14, 14]));
    assert_eq!(convolution([7, 9], 1, 1, [3, 3], [2, 2], [1, 1]).output(), Some([4, 5]));
    assert_eq!(convolution([2, 2], 1, 1, [5, 5], [1, 1], [1, 1]).output(), None);
    assert_eq!(convolution([4, 4], 1, 1, [0, 2], [1, 1], [0, 0]).output(), None);
    assert_eq!(convolution([4, 4], 1, 1, [2, 2], [0, 1], [0, 0]).output(), None);
}

#[test]
#[should_panic(expected = "where an image has 64")]
fn a_part_of_an_image_is_refused() {
    let convolution = convolution([8, 8], 1, 1, [4, 4], [2, 2], [1, 1]);
    convolve(&convolution, &[0.0; 65], &[0.0; 16], &[0.0], Activation::Identity);
}
