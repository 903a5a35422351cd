//! A network in numbers, before any memory is taken for it.

use kernels::Convolution;

use crate::VaeConfig;
use crate::convolutional::{Upsampling, keeping_size};

/// A layer of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Where its parameters stand, for example `encoder.hidden.0`.
    pub name: String,
    /// What it computes, in words.
    pub what: String,
    /// The shape of what it gives for one image.
    pub output: Vec<usize>,
    /// Numbers that are learnt, and averages that are kept; as a floating-point number, since it may be beyond any memory.
    pub parameters: f64,
    /// Multiplications, each followed by an addition, of a forward pass of one image.
    pub multiply_adds: f64,
}

impl Layer {
    /// Numbers that it gives for one image.
    pub fn outputs(&self) -> f64 {
        product(&self.output)
    }
}

fn product(sizes: &[usize]) -> f64 {
    sizes.iter().map(|&size| size as f64).product()
}

impl VaeConfig {
    /// The layers of the network that [`init`](Self::init) makes for images of so many numbers, in the order of a forward pass.
    pub fn layers(&self, pixels: usize) -> Vec<Layer> {
        let mut layers = Vec::new();
        for (number, convolution) in self.convolutions.iter().enumerate() {
            let name = format!("encoder.levels.{number}");
            layers.push(self.convolution(&name, "convolution", *convolution, false));
            layers.extend(self.blocks(&name, convolution));
        }
        let given = self.flattened(pixels);
        let mut inputs = given;
        for (number, &width) in self.encoder_hidden.iter().enumerate() {
            layers.push(self.dense(format!("encoder.hidden.{number}"), inputs, width, true));
            inputs = width;
        }
        for head in ["encoder.mean", "encoder.log_var"] {
            layers.push(self.dense(head.to_string(), inputs, self.latent, false));
        }
        let mut inputs = self.latent;
        let to_levels = (!self.convolutions.is_empty()).then_some(given);
        for (number, width) in self.decoder_hidden.iter().copied().chain(to_levels).enumerate() {
            layers.push(self.dense(format!("decoder.hidden.{number}"), inputs, width, true));
            inputs = width;
        }
        if self.convolutions.is_empty() {
            layers.push(self.dense("decoder.logits".to_string(), inputs, pixels, false));
        }
        for (number, (place, convolution)) in self.convolutions.iter().enumerate().rev().enumerate() {
            let name = format!("decoder.levels.{number}");
            layers.extend(self.blocks(&name, convolution));
            layers.push(match self.upsampling {
                Upsampling::Transposed => self.transposed(&name, *convolution, place == 0),
                Upsampling::Resize => {
                    self.convolution(&name, "resize, convolution", keeping_size(*convolution), place == 0)
                }
            });
        }
        layers
    }

    fn norm_parameters(&self, features: usize) -> f64 {
        let of_a_feature = match self.hidden.norm {
            None => 0.0,
            Some(kernels::NormAxis::Rows) => 2.0,
            Some(kernels::NormAxis::Columns) => 4.0,
        };
        of_a_feature * features as f64
    }

    fn dense(&self, name: String, inputs: usize, outputs: usize, is_hidden: bool) -> Layer {
        let weights = product(&[inputs, outputs]);
        let of_norm = if is_hidden { self.norm_parameters(outputs) } else { 0.0 };
        Layer {
            name,
            what: "dense".to_string(),
            output: vec![outputs],
            parameters: weights + outputs as f64 + of_norm,
            multiply_adds: weights,
        }
    }

    fn convolution(&self, level: &str, what: &str, convolution: Convolution, is_last: bool) -> Layer {
        let Convolution { kernel: [height, width], channels, filters, stride: [stride, _], .. } = convolution;
        let [rows, columns] = convolution.output().expect("`init` panics of convolutions without output");
        let weights = product(&[height, width, channels, filters]);
        let of_norm = if is_last { 0.0 } else { self.norm_parameters(filters) };
        Layer {
            name: format!("{level}.convolution"),
            what: format!("{what} {height} x {width}, stride {stride}"),
            output: vec![rows, columns, filters],
            parameters: weights + filters as f64 + of_norm,
            multiply_adds: weights * product(&[rows, columns]),
        }
    }

    fn transposed(&self, level: &str, convolution: Convolution, is_last: bool) -> Layer {
        let Convolution { image: [rows, columns], channels, filters, .. } = convolution;
        let plain = self.convolution(level, "transposed convolution", convolution, true);
        let of_norm = if is_last { 0.0 } else { self.norm_parameters(channels) };
        Layer {
            output: vec![rows, columns, channels],
            parameters: plain.parameters - filters as f64 + channels as f64 + of_norm,
            ..plain
        }
    }

    fn blocks(&self, level: &str, convolution: &Convolution) -> Vec<Layer> {
        let image = convolution.output().expect("`init` panics of convolutions without output");
        let filters = convolution.filters;
        let of_block = Convolution {
            image,
            channels: filters,
            filters,
            kernel: [3, 3],
            stride: [1, 1],
            padding: [1, 1],
        };
        let layer = |number: usize, which: &str, what: &str| {
            let mut layer = self.convolution("", what, of_block, false);
            layer.name = format!("{level}.blocks.{number}.{which}");
            layer
        };
        let of_number = |number| {
            [
                layer(number, "first", "convolution"),
                layer(number, "second", "convolution added to its block's input,"),
            ]
        };
        (0..self.residual_blocks).flat_map(of_number).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ConvolutionSize, Hidden, convolutions, named_parameters};
    use burn::tensor::Device;
    use kernels::NormAxis;
    use rand::{SeedableRng, rngs::StdRng};

    #[test]
    fn the_layers_have_the_parameters_of_the_network_and_stand_where_it_has_them() {
        let size = |filters| ConvolutionSize { filters, kernel: 4, stride: 2, padding: 1 };
        let chain = convolutions([9, 10, 3], &[size(4), size(6)]).unwrap();
        for convolutions in [Vec::new(), chain] {
            for upsampling in [Upsampling::Transposed, Upsampling::Resize] {
                for norm in [None, Some(NormAxis::Rows), Some(NormAxis::Columns)] {
                    for residual_blocks in [0, 2] {
                        let config = VaeConfig {
                            convolutions: convolutions.clone(),
                            upsampling,
                            residual_blocks,
                            encoder_hidden: vec![8],
                            decoder_hidden: vec![5, 7],
                            hidden: Hidden { norm, ..Hidden::default() },
                            ..VaeConfig::default()
                        };
                        let vae = config.init(270, &mut StdRng::seed_from_u64(0), &Device::flex());
                        let parameters = named_parameters(&vae);
                        let layers = config.layers(270);
                        let count: f64 = parameters.iter().map(|p| p.data.num_elements() as f64).sum();
                        assert_eq!(layers.iter().map(|layer| layer.parameters).sum::<f64>(), count);
                        for Layer { name, .. } in &layers {
                            let weight = format!("{name}.weight");
                            assert!(parameters.iter().any(|parameter| parameter.name == weight), "{weight}");
                        }
                        assert_eq!(layers.last().unwrap().outputs(), 270.0);
                    }
                }
            }
        }
    }

    #[test]
    fn the_classic_convolutional_network_has_the_parameters_and_products_known_of_it() {
        let size = |filters| ConvolutionSize { filters, kernel: 4, stride: 2, padding: 1 };
        let config = VaeConfig {
            convolutions: convolutions([28, 28, 1], &[size(32), size(64)]).unwrap(),
            latent: 16,
            ..VaeConfig::default()
        };
        let layers = config.layers(784);
        assert_eq!(layers.iter().map(|layer| layer.parameters).sum::<f64>(), 1_688_289.0);
        // Convolutions: 14² 16·32 + 7² 512·64 twice; dense: 3136·256 + 3·256·16 + 256·3136.
        let expected = 2.0 * (100_352.0 + 1_605_632.0) + 2.0 * 802_816.0 + 12_288.0;
        assert_eq!(layers.iter().map(|layer| layer.multiply_adds).sum::<f64>(), expected);
    }
}
