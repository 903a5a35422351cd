//! What a member's network makes of the examples and of codes: `outputs.safetensors` of a member.

use std::path::Path;

use ndarray::{Array1, Array2, Array3, Array4, Ix1};
use serde::{Deserialize, Serialize};

use crate::arrays::{Arrays, header_number};
use crate::error::Result;
use crate::examples::{Examples, picture_size};

/// The outputs of a network; `None` where something was not recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outputs {
    /// The finished epochs after which the network was as it is here.
    pub epoch: usize,
    /// Of the test examples.
    pub test: Option<Encoded>,
    /// Of the training examples.
    pub train: Option<Encoded>,
    /// The decoder's means for the posterior means of the reconstructed images, `[images, height, width * channels]`;
    /// as all images here, from 0 (black) to 255 (white).
    pub reconstructions: Option<Array3<u8>>,
    /// The decoder's means for codes at equal distances.
    pub manifold: Option<Grid>,
    /// The decoder's means for codes at quantiles of the prior.
    pub manifold_quantiles: Option<Grid>,
    /// The decoder's means for codes that lie closer together where codes of examples do, of decoders that are not made of dense
    /// layers.
    pub plane: Option<Grid>,
    /// The decoder's means along single dimensions.
    pub traversals: Option<Traversals>,
    /// The decoder's means for the run's codes from the prior, `[codes, height, width * channels]`.
    pub prior_images: Option<Array3<u8>>,
    /// What it makes of a table.
    pub profiles: Option<Profiles>,
    /// The decoder itself, where it is made of dense layers.
    pub decoder: Option<DenseDecoder>,
}

/// Posteriors, codes and losses of examples.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    /// Means of the posteriors, `[examples, latent]`.
    pub mean: Array2<f32>,
    /// Logarithms of their variances, `[examples, latent]`.
    pub log_var: Array2<f32>,
    /// A code drawn from each, `[examples, latent]`.
    pub code: Option<Array2<f32>>,
    /// `-log p(x|z)` of each example for that code, in nats.
    pub reconstruction: Option<Array1<f32>>,
    /// `KL(q(z|x) ‖ N(0, I))` of each example, in nats.
    pub kl: Option<Array1<f32>>,
}

/// Decoded codes of a plane, or of a line if there is one latent dimension.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// The latent dimensions along the columns and, from bottom to top, the rows; the others are 0.
    pub dimensions: Array1<u32>,
    /// The values of both, rising.
    pub values: Array1<f32>,
    /// The images, `[rows, columns, height, width * channels]`, the top row first; one row if there is one dimension.
    pub images: Array4<u8>,
}

/// Decoded codes along single dimensions.
#[derive(Clone, Debug, PartialEq)]
pub struct Traversals {
    /// The dimensions, by falling KL.
    pub dimensions: Array1<u32>,
    /// The values of each, the other dimensions being 0.
    pub values: Array1<f32>,
    /// `[dimensions, values, height, width * channels]`.
    pub images: Array4<u8>,
}

/// What the decoder makes of a table, on the scale that the network sees.
#[derive(Clone, Debug, PartialEq)]
pub struct Profiles {
    /// The root of the mean squared error of each column over the test examples, for the means of their posteriors.
    pub errors: Array1<f32>,
    /// The dimensions along which codes are decoded, by falling KL.
    pub dimensions: Array1<u32>,
    /// The values of each, the other dimensions being 0.
    pub values: Array1<f32>,
    /// The decoder's means, `[dimensions, values, columns]`.
    pub means: Array3<f32>,
}

/// A decoder of dense layers: relu between them.
#[derive(Clone, Debug, PartialEq)]
pub struct DenseDecoder {
    /// From the code to the image.
    pub layers: Vec<DenseLayer>,
    /// What makes means of the last layer's outputs.
    pub link: Link,
}

/// What makes the means of pixels of a decoder's outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// `1 / (1 + exp(-x))`.
    #[default]
    Logistic,
    /// The mean of the continuous Bernoulli distribution with this logit, `1 / (1 - exp(-x)) - 1 / x`.
    ContinuousBernoulli,
    /// They are the means.
    Identity,
}

/// `x weight + bias`.
#[derive(Clone, Debug, PartialEq)]
pub struct DenseLayer {
    /// `[inputs, outputs]`.
    pub weight: Array2<f32>,
    /// `[outputs]`.
    pub bias: Array1<f32>,
}

impl Outputs {
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let mut arrays = Arrays::new(path);
        arrays.insert_number("epoch", self.epoch);
        for (name, encoded) in [("test", &self.test), ("train", &self.train)] {
            let Some(Encoded { mean, log_var, code, reconstruction, kl }) = encoded else { continue };
            arrays.insert(&format!("{name}.mean"), mean);
            arrays.insert(&format!("{name}.log_var"), log_var);
            arrays.insert_some(&format!("{name}.code"), code.as_ref());
            arrays.insert_some(&format!("{name}.reconstruction"), reconstruction.as_ref());
            arrays.insert_some(&format!("{name}.kl"), kl.as_ref());
        }
        arrays.insert_some("reconstructions", self.reconstructions.as_ref());
        let Self { manifold, manifold_quantiles, plane, .. } = self;
        for (name, grid) in
            [("manifold", manifold), ("manifold_quantiles", manifold_quantiles), ("plane", plane)]
        {
            let Some(Grid { dimensions, values, images }) = grid else { continue };
            arrays.insert(&format!("{name}.dimensions"), dimensions);
            arrays.insert(&format!("{name}.values"), values);
            arrays.insert(&format!("{name}.images"), images);
        }
        if let Some(Traversals { dimensions, values, images }) = &self.traversals {
            arrays.insert("traversals.dimensions", dimensions);
            arrays.insert("traversals.values", values);
            arrays.insert("traversals.images", images);
        }
        arrays.insert_some("prior.images", self.prior_images.as_ref());
        if let Some(Profiles { errors, dimensions, values, means }) = &self.profiles {
            arrays.insert("profiles.errors", errors);
            arrays.insert("profiles.dimensions", dimensions);
            arrays.insert("profiles.values", values);
            arrays.insert("profiles.means", means);
        }
        if let Some(decoder) = &self.decoder {
            arrays.insert_value("decoder_link", &decoder.link);
        }
        let layers = self.decoder.iter().flat_map(|decoder| &decoder.layers);
        for (layer, DenseLayer { weight, bias }) in layers.enumerate() {
            arrays.insert(&format!("decoder.{layer}.weight"), weight);
            arrays.insert(&format!("decoder.{layer}.bias"), bias);
        }
        arrays.write()
    }

    /// Reads and checks a file against the examples of its run; `None` if it is not there.
    pub(crate) fn read(path: &Path, examples: &Examples, latent: usize) -> Result<Option<Self>> {
        let Some(arrays) = Arrays::read(path)? else { return Ok(None) };
        let (size, numbers) = (picture_size(&examples.shape), examples.shape.numbers());
        let mut reader = Reader { arrays, size, numbers, latent };
        let count = |codes: &Option<Array2<f32>>| codes.as_ref().map(|codes| codes.nrows());
        let reconstructed = examples.reconstructed.as_ref().map(|shown| shown.examples.len());
        Ok(Some(Self {
            epoch: reader.arrays.number("epoch")?,
            test: reader.encoded("test", examples.test.positions.len())?,
            train: reader.encoded("train", examples.train.positions.len())?,
            reconstructions: reader.images("reconstructions", reconstructed)?,
            manifold: reader.grid("manifold")?,
            manifold_quantiles: reader.grid("manifold_quantiles")?,
            plane: reader.grid("plane")?,
            traversals: reader.traversals()?,
            prior_images: reader.images("prior.images", count(&examples.prior_codes))?,
            profiles: reader.profiles()?,
            decoder: reader.decoder()?,
        }))
    }

    /// The epoch of a file, without reading the rest; `None` if there is no such file.
    pub(crate) fn epoch_of(path: &Path) -> Option<usize> {
        header_number(path, "epoch")
    }
}

/// A file, and what its arrays have to fit.
struct Reader {
    arrays: Arrays,
    size: [usize; 2],
    /// Numbers of an example.
    numbers: usize,
    latent: usize,
}

impl Reader {
    fn check(&self, name: &str, found: &[usize], expected: &[usize]) -> Result<()> {
        if found == expected {
            return Ok(());
        }
        Err(self.arrays.damaged(format!("{name} has the shape {found:?} instead of {expected:?}")))
    }

    fn encoded(&mut self, part: &str, count: usize) -> Result<Option<Encoded>> {
        let name = |array: &str| format!("{part}.{array}");
        let Some(mean) = self.arrays.take(&name("mean"))? else { return Ok(None) };
        let encoded = Encoded {
            mean,
            log_var: self.arrays.require(&name("log_var"))?,
            code: self.arrays.take(&name("code"))?,
            reconstruction: self.arrays.take(&name("reconstruction"))?,
            kl: self.arrays.take(&name("kl"))?,
        };
        let of_dimensions = [("mean", Some(&encoded.mean)), ("log_var", Some(&encoded.log_var))];
        let expected = [count, self.latent];
        for (array, values) in of_dimensions.into_iter().chain([("code", encoded.code.as_ref())]) {
            let found = values.map_or(&expected[..], |values| values.shape());
            self.check(&name(array), found, &expected)?;
        }
        for (array, values) in [("reconstruction", &encoded.reconstruction), ("kl", &encoded.kl)] {
            self.check(&name(array), &[values.as_ref().map_or(count, Array1::len)], &[count])?;
        }
        Ok(Some(encoded))
    }

    fn images(&mut self, name: &str, count: Option<usize>) -> Result<Option<Array3<u8>>> {
        let images: Option<Array3<u8>> = self.arrays.take(name)?;
        if let Some(images) = &images {
            let [height, width] = self.size;
            self.check(name, images.shape(), &[count.unwrap_or(0), height, width])?;
        }
        Ok(images)
    }

    fn grid(&mut self, name: &str) -> Result<Option<Grid>> {
        let Some(images) = self.arrays.take::<u8, _>(&format!("{name}.images"))? else { return Ok(None) };
        let dimensions = self.dimensions(&format!("{name}.dimensions"))?;
        let values: Array1<f32> = self.arrays.require(&format!("{name}.values"))?;
        let images: Array4<u8> = images;
        let ([height, width], columns) = (self.size, values.len());
        let rows = if dimensions.len() == 2 { columns } else { 1 };
        self.check(&format!("{name}.images"), images.shape(), &[rows, columns, height, width])?;
        Ok(Some(Grid { dimensions, values, images }))
    }

    fn traversals(&mut self) -> Result<Option<Traversals>> {
        let Some(images) = self.arrays.take::<u8, _>("traversals.images")? else { return Ok(None) };
        let dimensions = self.dimensions("traversals.dimensions")?;
        let values: Array1<f32> = self.arrays.require("traversals.values")?;
        let images: Array4<u8> = images;
        let [height, width] = self.size;
        let expected = [dimensions.len(), values.len(), height, width];
        self.check("traversals.images", images.shape(), &expected)?;
        Ok(Some(Traversals { dimensions, values, images }))
    }

    fn dimensions(&mut self, name: &str) -> Result<Array1<u32>> {
        let dimensions: Array1<u32> = self.arrays.require(name)?;
        match dimensions.iter().find(|&&dimension| dimension as usize >= self.latent) {
            Some(dimension) => {
                Err(self.arrays.damaged(format!("{name} names dimension {dimension} of {}", self.latent)))
            }
            None => Ok(dimensions),
        }
    }

    fn decoder(&mut self) -> Result<Option<DenseDecoder>> {
        let (mut layers, mut inputs) = (Vec::new(), self.latent);
        loop {
            let name = format!("decoder.{}.weight", layers.len());
            let Some(weight) = self.arrays.take(&name)? else { break };
            let weight: Array2<f32> = weight;
            let bias = self.arrays.require::<f32, Ix1>(&format!("decoder.{}.bias", layers.len()))?;
            let outputs = bias.len();
            self.check(&name, weight.shape(), &[inputs, outputs])?;
            inputs = outputs;
            layers.push(DenseLayer { weight, bias });
        }
        if layers.is_empty() {
            return Ok(None);
        }
        self.check("the decoder's image", &[inputs], &[self.numbers])?;
        // Files from before there were others have none.
        let link = self.arrays.value("decoder_link")?.unwrap_or_default();
        Ok(Some(DenseDecoder { layers, link }))
    }

    fn profiles(&mut self) -> Result<Option<Profiles>> {
        let Some(means) = self.arrays.take::<f32, _>("profiles.means")? else { return Ok(None) };
        let means: Array3<f32> = means;
        let dimensions = self.dimensions("profiles.dimensions")?;
        let values: Array1<f32> = self.arrays.require("profiles.values")?;
        let errors: Array1<f32> = self.arrays.require("profiles.errors")?;
        self.check("profiles.errors", errors.shape(), &[self.numbers])?;
        self.check("profiles.means", means.shape(), &[dimensions.len(), values.len(), self.numbers])?;
        Ok(Some(Profiles { errors, dimensions, values, means }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::RecordError;
    use crate::examples::{ExamplePart, ShownImages};
    use ndarray::array;
    use tempfile::TempDir;

    fn examples() -> Examples {
        Examples {
            shape: crate::shape::Shape::grey(1, 2),
            classes: Vec::new(),
            test: ExamplePart { positions: array![0, 1, 2], labels: None },
            train: ExamplePart { positions: array![0], labels: None },
            picked: None,
            reconstructed: Some(ShownImages { examples: array![1], pixels: array![[[1, 2]]] }),
            prior_codes: Some(Array2::zeros((2, 2))),
            prior_points: None,
        }
    }

    fn outputs() -> Outputs {
        let grid = |columns: usize| Grid {
            dimensions: array![1, 0],
            values: Array1::linspace(-3.0, 3.0, columns),
            images: Array4::from_shape_fn((columns, columns, 1, 2), |(a, b, _, d)| (a + 2 * b + d) as u8),
        };
        let layer = |inputs, outputs| DenseLayer {
            weight: Array2::from_shape_fn((inputs, outputs), |(i, j)| i as f32 - 0.5 * j as f32),
            bias: Array1::ones(outputs),
        };
        Outputs {
            epoch: 7,
            test: Some(Encoded {
                mean: array![[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]],
                log_var: Array2::zeros((3, 2)),
                code: Some(Array2::ones((3, 2))),
                reconstruction: Some(array![140.0, 150.0, 160.0]),
                kl: None,
            }),
            train: None,
            reconstructions: Some(array![[[9, 8]]]),
            manifold: Some(grid(3)),
            manifold_quantiles: Some(grid(2)),
            plane: Some(grid(4)),
            traversals: Some(Traversals {
                dimensions: array![1],
                values: array![-1.0, 0.0, 1.0],
                images: Array4::zeros((1, 3, 1, 2)),
            }),
            prior_images: Some(Array3::zeros((2, 1, 2))),
            profiles: Some(Profiles {
                errors: array![0.5, 1.5],
                dimensions: array![1],
                values: array![-1.0, 1.0],
                means: array![[[0.0, 1.0], [2.0, 3.0]]],
            }),
            decoder: Some(DenseDecoder {
                layers: vec![layer(2, 5), layer(5, 2)],
                link: Link::ContinuousBernoulli,
            }),
        }
    }

    fn read_back(outputs: &Outputs) -> Result<Option<Outputs>, RecordError> {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("outputs.safetensors");
        outputs.write(&path).unwrap();
        assert_eq!(Outputs::epoch_of(&path), Some(outputs.epoch));
        Outputs::read(&path, &examples(), 2)
    }

    #[test]
    fn what_was_written_is_read_and_what_is_absent_is_none() {
        assert_eq!(read_back(&outputs()).unwrap(), Some(outputs()));
        let nothing = Outputs { epoch: 1, ..Outputs::default() };
        assert_eq!(read_back(&nothing).unwrap(), Some(nothing));
        let line =
            Grid { dimensions: array![0], values: array![0.0, 1.0], images: Array4::zeros((1, 2, 1, 2)) };
        let line = Outputs { manifold: Some(line), ..Outputs::default() };
        assert_eq!(read_back(&line).unwrap(), Some(line));
        let dir = TempDir::new().unwrap();
        assert_eq!(Outputs::read(&dir.path().join("absent"), &examples(), 2).unwrap(), None);
    }

    #[test]
    fn arrays_that_do_not_fit_the_run_are_refused() {
        type Change = fn(&mut Outputs);
        let cases: [(Change, &str); 8] = [
            (
                |o| o.test.as_mut().unwrap().log_var = Array2::zeros((2, 2)),
                "test.log_var has the shape [2, 2] instead of [3, 2]",
            ),
            (
                |o| o.test.as_mut().unwrap().reconstruction = Some(array![1.0]),
                "test.reconstruction has the shape [1] instead of [3]",
            ),
            (
                |o| o.test.as_mut().unwrap().mean[[1, 0]] = f32::NAN,
                "1 of the 6 values of test.mean are not finite",
            ),
            (
                |o| o.reconstructions = Some(Array3::zeros((2, 1, 2))),
                "reconstructions has the shape [2, 1, 2] instead of [1, 1, 2]",
            ),
            (
                |o| o.manifold.as_mut().unwrap().dimensions = array![0],
                "manifold.images has the shape [3, 3, 1, 2] instead of [1, 3, 1, 2]",
            ),
            (
                |o| o.traversals.as_mut().unwrap().dimensions = array![2],
                "traversals.dimensions names dimension 2 of 2",
            ),
            (
                |o| o.profiles.as_mut().unwrap().errors = array![0.5],
                "profiles.errors has the shape [1] instead of [2]",
            ),
            (
                |o| drop(o.decoder.as_mut().unwrap().layers.pop()),
                "the decoder's image has the shape [5] instead of [2]",
            ),
        ];
        for (change, expected) in cases {
            let mut outputs = outputs();
            change(&mut outputs);
            let error = read_back(&outputs).unwrap_err().to_string();
            assert!(error.ends_with(&format!("outputs.safetensors is damaged: {expected}")), "{error}");
        }
    }
}
