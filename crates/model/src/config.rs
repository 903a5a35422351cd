use burn::tensor::Device;
use kernels::NormAxis;
use rand::Rng;

use crate::convolutional::Upsampling;
use crate::{Activation, Convolution, Decoder, Encoder, Likelihood, Vae};

/// The sizes of a [`Vae`], all but that of the images, which the data decides, and its likelihood.
///
/// The default is the classic network: one hidden layer of 256 units on each side of a two-dimensional code, and grey levels
/// scored as Bernoulli probabilities. Without hidden layers, encoder and decoder are linear.
#[derive(Clone, Debug, PartialEq)]
pub struct VaeConfig {
    /// The encoder's convolutions, from the image on, each of which takes what the one before gives; see [`convolutions`]. The
    /// decoder ends with their mirror.
    pub convolutions: Vec<Convolution>,
    /// How the decoder gets back to the size of an image.
    pub upsampling: Upsampling,
    /// Residual blocks after each of the encoder's convolutions, and before each of the decoder's.
    pub residual_blocks: usize,
    /// Widths of the encoder's dense hidden layers, from the image or the convolutions to the code.
    pub encoder_hidden: Vec<usize>,
    /// Dimensions of the code.
    pub latent: usize,
    /// Widths of the decoder's dense hidden layers, from the code to the image or the convolutions.
    pub decoder_hidden: Vec<usize>,
    /// What follows each hidden layer.
    pub hidden: Hidden,
    /// The distribution of the pixels.
    pub likelihood: Likelihood,
}

/// What follows each hidden layer and each convolution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hidden {
    /// After the norm.
    pub activation: Activation,
    /// Before the activation.
    pub norm: Option<NormAxis>,
    /// The share of a dense hidden layer's outputs that a training step leaves out; 0 for none.
    pub dropout: f64,
}

impl Default for Hidden {
    fn default() -> Self {
        Self { activation: Activation::Relu, norm: None, dropout: 0.0 }
    }
}

impl Default for VaeConfig {
    fn default() -> Self {
        Self {
            convolutions: Vec::new(),
            upsampling: Upsampling::Transposed,
            residual_blocks: 0,
            encoder_hidden: vec![256],
            latent: 2,
            decoder_hidden: vec![256],
            hidden: Hidden::default(),
            likelihood: Likelihood::GreyBernoulli,
        }
    }
}

impl VaeConfig {
    /// A network for images of `pixels` values, with Glorot-uniform weights and zero biases.
    ///
    /// The weights are drawn from `rng` on the host, layer after layer in the order of the forward pass (the mean's head
    /// before the log-variance's), so the same `rng` gives the same weights on every backend.
    ///
    /// # Panics
    ///
    /// Panics if the first convolution is not one of such images, or another not of what the one before it gives.
    pub fn init<R: Rng>(&self, pixels: usize, rng: &mut R, device: &Device) -> Vae {
        let mut given = pixels;
        for convolution in &self.convolutions {
            let Convolution { image: [height, width], channels, filters, .. } = *convolution;
            assert_eq!(height * width * channels, given, "the numbers that {convolution:?} is given");
            let [rows, columns] =
                convolution.output().unwrap_or_else(|| panic!("{convolution:?} has no output"));
            given = rows * columns * filters;
        }
        Vae {
            encoder: Encoder::init(self, pixels, rng, device),
            decoder: Decoder::init(self, pixels, rng, device),
        }
    }

    /// Numbers that the dense layers are given by the convolutions, or by an image of so many pixels where there are none.
    pub(crate) fn flattened(&self, pixels: usize) -> usize {
        self.convolutions.last().map_or(pixels, |last| {
            let [rows, columns] = last.output().expect("`init` has checked the convolutions");
            rows * columns * last.filters
        })
    }
}

/// One of a chain of convolutions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvolutionSize {
    /// Channels of its output.
    pub filters: usize,
    /// Height and width of its kernel.
    pub kernel: usize,
    /// Pixels from one position of the output to the next.
    pub stride: usize,
    /// Rows and columns of zeros on each side of its input.
    pub padding: usize,
}

/// A convolution that has no output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "convolution {} has a kernel of {kernel} x {kernel}, and its input of {height} x {width} is {} x {} with its padding: it \
     needs a smaller kernel, more padding, or smaller strides before it",
    number + 1, height + 2 * padding, width + 2 * padding
)]
pub struct NoOutput {
    /// Which of the chain, from 0 on.
    pub number: usize,
    /// Rows of its input.
    pub height: usize,
    /// Columns of its input.
    pub width: usize,
    /// Height and width of its kernel.
    pub kernel: usize,
    /// Rows and columns of zeros on each side.
    pub padding: usize,
}

/// A chain of convolutions, of images of `[height, width, channels]`.
///
/// # Errors
///
/// Fails when the kernel of one is larger than what it is given.
pub fn convolutions(
    [height, width, channels]: [usize; 3],
    sizes: &[ConvolutionSize],
) -> Result<Vec<Convolution>, NoOutput> {
    let (mut image, mut channels) = ([height, width], channels);
    sizes
        .iter()
        .enumerate()
        .map(|(number, &ConvolutionSize { filters, kernel, stride, padding })| {
            let convolution = Convolution {
                image,
                channels,
                filters,
                kernel: [kernel; 2],
                stride: [stride; 2],
                padding: [padding; 2],
            };
            let [height, width] = image;
            image = convolution.output().ok_or(NoOutput { number, height, width, kernel, padding })?;
            channels = filters;
            Ok(convolution)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_convolution_of_a_chain_takes_what_the_one_before_gives() {
        let level = ConvolutionSize { filters: 8, kernel: 4, stride: 2, padding: 1 };
        let chain = convolutions([28, 30, 3], &[level, level]).unwrap();
        assert_eq!((chain[0].image, chain[0].channels), ([28, 30], 3));
        assert_eq!((chain[1].image, chain[1].channels), ([14, 15], 8));
        assert_eq!(chain[1].output(), Some([7, 7]));
    }

    #[test]
    fn a_kernel_that_does_not_fit_is_named_with_what_it_was_given() {
        let level = ConvolutionSize { filters: 8, kernel: 4, stride: 4, padding: 0 };
        let error = convolutions([9, 9, 1], &[level, level]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "convolution 2 has a kernel of 4 x 4, and its input of 2 x 2 is 2 x 2 with its padding: it needs a smaller \
             kernel, more padding, or smaller strides before it"
        );
    }
}
