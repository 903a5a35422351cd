//! Levels of convolutions, down from an image and up to one.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use rand::Rng;

use crate::config::Hidden;
use crate::linear::{glorot, zeros};
use crate::norm::Norm;
use crate::ops::{activate, convolve, convolve_transposed};
use crate::training::Training;
use crate::{Activation, Convolution};

/// How a decoder gets to a larger image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upsampling {
    /// By the transposed convolution of the encoder's.
    Transposed,
    /// By repeating the nearest pixel, and a convolution that keeps the size, with the encoder's kernel or, where that is
    /// even, the next smaller odd one: no position gets more terms than its neighbour.
    ///
    /// Source: Odena, Dumoulin and Olah, *Deconvolution and Checkerboard Artifacts* (2016).
    Resize,
}

/// A convolution with its weights.
#[derive(Module, Debug)]
pub struct ConvolutionLayer {
    /// `[kernel height, kernel width, channels, filters]`, the channels those of the larger image where it is transposed.
    pub weight: Param<Tensor<4>>,
    /// One for each channel of the output.
    pub bias: Param<Tensor<1>>,
    /// Of the channels of the output.
    pub norm: Option<Norm>,
    /// Its sizes; where it is transposed, those of the convolution that it is the transpose of.
    #[module(skip)]
    pub convolution: Convolution,
    /// Which way it goes.
    #[module(skip)]
    pub way: Way,
    /// After the norm.
    #[module(skip)]
    pub activation: Activation,
}

/// Which way a convolution goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From its image to a smaller one, or one of the same size.
    Plain,
    /// From the smaller image to the larger one.
    Transposed,
    /// Of an image that is first brought to the convolution's size.
    Resized,
}

/// Two convolutions that keep the size of what they are added to: `activation(x + g(f(x)))`.
///
/// Source: He et al., *Deep Residual Learning for Image Recognition* (2016).
#[derive(Module, Debug)]
pub struct ResidualBlock {
    /// With norm and activation.
    pub first: ConvolutionLayer,
    /// With a norm.
    pub second: ConvolutionLayer,
    /// Of the sum.
    #[module(skip)]
    pub activation: Activation,
}

/// A change of size with the residual blocks at the smaller one: after it on the way down, before it on the way up.
#[derive(Module, Debug)]
pub struct Level {
    /// The change of size.
    pub convolution: ConvolutionLayer,
    /// The residual blocks.
    pub blocks: Vec<ResidualBlock>,
}

impl ConvolutionLayer {
    fn init<R: Rng>(
        convolution: Convolution,
        way: Way,
        hidden: Hidden,
        rng: &mut R,
        device: &Device,
    ) -> Self {
        let Convolution { kernel: [height, width], channels, filters, .. } = convolution;
        let outputs = if way == Way::Transposed { channels } else { filters };
        Self {
            weight: glorot(
                [height, width, channels, filters],
                height * width * (channels + filters),
                rng,
                device,
            ),
            bias: zeros(outputs, device),
            norm: hidden.norm.map(|axis| Norm::init(axis, outputs, device)),
            convolution,
            way,
            activation: hidden.activation,
        }
    }

    fn forward(&self, images: Tensor<4>, training: Option<&mut Training>) -> Tensor<4> {
        let Self { weight, bias, norm, convolution, way, activation } = self;
        let fused = if norm.is_some() { Activation::Identity } else { *activation };
        let (weight, bias) = (weight.val(), bias.val());
        let output = match way {
            Way::Plain => convolve(*convolution, images, weight, bias, fused),
            Way::Transposed => convolve_transposed(*convolution, images, weight, bias, fused),
            Way::Resized => {
                let images = repeat_nearest(images, convolution.image);
                convolve(*convolution, images, weight, bias, fused)
            }
        };
        let Some(norm) = norm else { return output };
        let [batch, rows, columns, channels] = output.dims();
        let flat = norm.forward(output.reshape([batch * rows * columns, channels]), training);
        activate(flat, *activation).reshape([batch, rows, columns, channels])
    }
}

impl ResidualBlock {
    fn init<R: Rng>(
        [height, width]: [usize; 2],
        channels: usize,
        hidden: Hidden,
        rng: &mut R,
        device: &Device,
    ) -> Self {
        let convolution = Convolution {
            image: [height, width],
            channels,
            filters: channels,
            kernel: [3, 3],
            stride: [1, 1],
            padding: [1, 1],
        };
        let without_activation = Hidden { activation: Activation::Identity, ..hidden };
        Self {
            first: ConvolutionLayer::init(convolution, Way::Plain, hidden, rng, device),
            second: ConvolutionLayer::init(convolution, Way::Plain, without_activation, rng, device),
            activation: hidden.activation,
        }
    }

    fn forward(&self, images: Tensor<4>, mut training: Option<&mut Training>) -> Tensor<4> {
        let change = self.first.forward(images.clone(), training.as_deref_mut());
        activate(images + self.second.forward(change, training), self.activation)
    }
}

impl Level {
    /// A level down from the convolution's image.
    pub(crate) fn down<R: Rng>(
        convolution: Convolution,
        blocks: usize,
        hidden: Hidden,
        rng: &mut R,
        device: &Device,
    ) -> Self {
        let smaller = convolution.output().expect("`VaeConfig::init` has checked the convolutions");
        Self {
            convolution: ConvolutionLayer::init(convolution, Way::Plain, hidden, rng, device),
            blocks: (0..blocks)
                .map(|_| ResidualBlock::init(smaller, convolution.filters, hidden, rng, device))
                .collect(),
        }
    }

    /// The level up to the convolution's image. What follows the last one is the likelihood, and no norm or activation.
    pub(crate) fn up<R: Rng>(
        convolution: Convolution,
        upsampling: Upsampling,
        blocks: usize,
        hidden: Hidden,
        is_last: bool,
        rng: &mut R,
        device: &Device,
    ) -> Self {
        let smaller = convolution.output().expect("`VaeConfig::init` has checked the convolutions");
        let blocks = (0..blocks)
            .map(|_| ResidualBlock::init(smaller, convolution.filters, hidden, rng, device))
            .collect();
        let after =
            if is_last { Hidden { activation: Activation::Identity, norm: None, ..hidden } } else { hidden };
        let (convolution, way) = match upsampling {
            Upsampling::Transposed => (convolution, Way::Transposed),
            Upsampling::Resize => (keeping_size(convolution), Way::Resized),
        };
        Self { convolution: ConvolutionLayer::init(convolution, way, after, rng, device), blocks }
    }

    pub(crate) fn forward(&self, images: Tensor<4>, mut training: Option<&mut Training>) -> Tensor<4> {
        if self.is_up() {
            let images = self.through_blocks(images, training.as_deref_mut());
            self.convolution.forward(images, training)
        } else {
            let images = self.convolution.forward(images, training.as_deref_mut());
            self.through_blocks(images, training)
        }
    }

    /// Whether it leads to a larger image.
    pub fn is_up(&self) -> bool {
        self.convolution.way != Way::Plain
    }

    fn through_blocks(&self, images: Tensor<4>, mut training: Option<&mut Training>) -> Tensor<4> {
        self.blocks.iter().fold(images, |images, block| block.forward(images, training.as_deref_mut()))
    }

    /// The norms in the order of the forward pass.
    pub(crate) fn norms(&mut self) -> impl Iterator<Item = &mut Norm> {
        let is_up = self.is_up();
        let Self { convolution, blocks } = self;
        let [before, after] = if is_up { [None, Some(convolution)] } else { [Some(convolution), None] };
        let of_blocks = blocks.iter_mut().flat_map(|block| [&mut block.first, &mut block.second]);
        before.into_iter().chain(of_blocks).chain(after).filter_map(|layer| layer.norm.as_mut())
    }
}

/// The convolution from the mirrored one's filters to its channels that keeps the size of its image.
pub(crate) fn keeping_size(convolution: Convolution) -> Convolution {
    let kernel = convolution.kernel.map(|size| if size % 2 == 0 { size - 1 } else { size });
    Convolution {
        image: convolution.image,
        channels: convolution.filters,
        filters: convolution.channels,
        kernel,
        stride: [1, 1],
        padding: kernel.map(|size| size / 2),
    }
}

/// Images brought to a larger size, each pixel by the nearest one.
fn repeat_nearest(images: Tensor<4>, [height, width]: [usize; 2]) -> Tensor<4> {
    let [batch, rows, columns, channels] = images.dims();
    if [rows, columns] == [height, width] {
        return images;
    }
    let (down, across) = (height.div_ceil(rows), width.div_ceil(columns));
    let repeated = images
        .reshape([batch, rows, 1, columns, 1, channels])
        .expand([batch, rows, down, columns, across, channels])
        .reshape([batch, rows * down, columns * across, channels]);
    repeated.slice([0..batch, 0..height, 0..width, 0..channels])
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::TensorData;

    #[test]
    fn pixels_are_repeated_to_the_size_that_is_asked_for() {
        let device = Device::flex();
        let images =
            Tensor::<4>::from_data(TensorData::new(vec![1.0f32, 2.0, 3.0, 4.0], [1, 2, 2, 1]), &device);
        let repeated = repeat_nearest(images, [3, 4]);
        assert_eq!(
            repeated.into_data(),
            TensorData::new(
                vec![1.0f32, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0],
                [1, 3, 4, 1]
            )
        );
    }
}
