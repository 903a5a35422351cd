//! What a network makes of the examples of its run: everything that a report shows of a member.

use anyhow::Result;
use burn::tensor::Device;
use data::{Dataset, Split};
use model::{Activation, Likelihood, Vae};
use ndarray::{Array1, Array2, Array3, Array4, Axis};
use record::{
    DenseDecoder, DenseLayer, Encoded, ExamplePart, Examples, Grid, Link, Outputs, Profiles, Traversals,
    dimensions_by_kl,
};
use spec_math::cephes64::ndtri;

use crate::diagnostics::{Decode, OnDevice};
use crate::encode_images::{encode_images, values};
use crate::random::Purpose;
use crate::together::together;

/// Images encoded, or codes decoded, at a time.
const BATCH: usize = 200;
/// How far from the origin codes of grids and traversals lie, in standard deviations of the prior.
const REACH: f32 = 3.0;
/// Dimensions that are traversed at most, and values of each.
const TRAVERSED: usize = 16;
const TRAVERSAL_VALUES: usize = 11;
/// Rows and columns of the plane that stands for a decoder that a page cannot compute.
const PLANE: usize = 28;
/// Rows and columns of a manifold, as in the classic experiment.
pub const CLASSIC_GRID: usize = 8;

/// Where the outputs of networks come from.
#[derive(Clone, Copy)]
pub struct Recorder<'a> {
    /// The images that the examples are of.
    pub dataset: &'a Dataset,
    /// Those that are recorded.
    pub examples: &'a Examples,
    /// Where the networks are.
    pub device: &'a Device,
    /// Rows and columns of the manifolds.
    pub grid: usize,
}

impl Recorder<'_> {
    /// The outputs of a member's network after so many epochs, when its latent dimensions have these KLs.
    ///
    /// The codes of the test examples are those that the [diagnostics](crate::diagnostics) of the seed draw.
    pub fn outputs(&self, vae: &Vae, epoch: usize, kl_per_dim: &[f64], seed: u64) -> Result<Outputs> {
        let Self { dataset, examples, device, grid } = *self;
        let encoded = |images: &Split, part: &ExamplePart, purpose| {
            let positions = part.positions.as_slice().expect("positions are contiguous");
            encode_images(vae, images, positions, seed, purpose, device)
        };
        let test = encoded(dataset.evaluated(), &examples.test, Purpose::DiagnosticNoise)?;
        let train = encoded(&dataset.train, &examples.train, Purpose::TrainingExampleNoise)?;
        let decoder = OnDevice { vae, device };
        let decoded = DecoderRecorder { decoder: &decoder, evaluated: dataset.evaluated(), examples, grid };
        // A page draws what it computes as from 0 to 1.
        let dense = dense_decoder(vae).filter(|_| dataset.evaluated().is_from_black_to_white());
        let outputs = decoded.outputs(dense, kl_per_dim, test)?;
        Ok(Outputs { epoch, train: Some(train), ..outputs })
    }
}

/// Where the outputs of a decoder come from, whatever runs it.
#[derive(Clone, Copy)]
pub struct DecoderRecorder<'a> {
    /// The decoder.
    pub decoder: &'a dyn Decode,
    /// The images on which members are compared.
    pub evaluated: &'a Split,
    /// Those that are recorded.
    pub examples: &'a Examples,
    /// Rows and columns of the manifolds.
    pub grid: usize,
}

impl DecoderRecorder<'_> {
    /// What it makes of codes, when its latent dimensions have these KLs and the test examples are encoded so; `dense`, if a page can
    /// compute it.
    pub fn outputs(&self, dense: Option<DenseDecoder>, kl_per_dim: &[f64], test: Encoded) -> Result<Outputs> {
        let examples = self.examples;
        let reconstructions = examples.reconstructed.as_ref().map(|shown| {
            let means = shown.examples.iter().flat_map(|&example| test.mean.row(example as usize).to_vec());
            self.decode(means.collect())
        });
        let pictures = examples.shape.image().is_some();
        let prior_codes = examples.prior_codes.as_ref().filter(|_| pictures);
        let prior_images = prior_codes.map(|codes| self.decode(codes.iter().copied().collect()));
        let axes = on_axes(kl_per_dim);
        let images = |images: Vec<u8>| {
            let [height, width] = examples.picture_size();
            Array3::from_shape_vec((images.len() / (height * width), height, width), images)
        };
        Ok(Outputs {
            reconstructions: reconstructions.transpose()?.map(images).transpose()?,
            manifold: pictures.then(|| self.grid(&axes, evenly_spaced(self.grid))).transpose()?,
            manifold_quantiles: pictures.then(|| self.grid(&axes, quantiles(self.grid))).transpose()?,
            traversals: pictures.then(|| self.traversals(kl_per_dim)).transpose()?,
            plane: (pictures && dense.is_none())
                .then(|| self.grid(&axes, closer_near_codes(&test.mean, &axes)))
                .transpose()?,
            prior_images: prior_images.transpose()?.map(images).transpose()?,
            profiles: (!pictures).then(|| self.profiles(kl_per_dim, &test)).transpose()?,
            decoder: dense,
            test: Some(test),
            ..Outputs::default()
        })
    }

    /// The decoder's means for some codes, `[codes, latent]`, as grey levels; what is beyond black or white becomes that, NaN black.
    fn decode(&self, codes: Vec<f32>) -> Result<Vec<u8>> {
        Ok(self.means(codes)?.into_iter().map(|mean| self.evaluated.pixel(mean)).collect())
    }

    /// The decoder's means for some codes, `[codes, latent]`.
    fn means(&self, codes: Vec<f32>) -> Result<Vec<f32>> {
        let batch = together(BATCH, self.decoder.numbers());
        let mut means = Vec::new();
        for batch in codes.chunks(batch * self.decoder.latent()) {
            means.extend(self.decoder.means(batch.to_vec())?);
        }
        Ok(means)
    }

    /// The decoded codes whose coordinates along one or two dimensions are these values; the second grows upwards.
    fn grid(&self, dimensions: &[usize], values: Vec<f32>) -> Result<Grid> {
        let rows = if dimensions.len() == 2 { values.iter().rev().copied().collect() } else { vec![0.0] };
        let latent = self.decoder.latent();
        let mut codes = Vec::with_capacity(rows.len() * values.len() * latent);
        for &y in &rows {
            for &x in &values {
                let mut code = vec![0.0; latent];
                for (&dimension, value) in dimensions.iter().zip([x, y]) {
                    code[dimension] = value;
                }
                codes.extend(code);
            }
        }
        let [height, width] = self.examples.picture_size();
        let shape = (rows.len(), values.len(), height, width);
        Ok(Grid {
            images: Array4::from_shape_vec(shape, self.decode(codes)?)?,
            dimensions: dimensions.iter().map(|&dimension| dimension as u32).collect(),
            values: Array1::from(values),
        })
    }

    /// The dimensions of highest KL, each varied by itself.
    fn traversals(&self, kl_per_dim: &[f64]) -> Result<Traversals> {
        let Along { dimensions, values, codes } = Along::new(kl_per_dim);
        let [height, width] = self.examples.picture_size();
        let shape = (dimensions.len(), values.len(), height, width);
        let images = Array4::from_shape_vec(shape, self.decode(codes)?)?;
        Ok(Traversals { images, dimensions, values })
    }

    /// The same of a table, and how far off its columns are.
    fn profiles(&self, kl_per_dim: &[f64], test: &Encoded) -> Result<Profiles> {
        let Along { dimensions, values, codes } = Along::new(kl_per_dim);
        let columns = self.examples.shape.numbers();
        let shape = (dimensions.len(), values.len(), columns);
        let means = Array3::from_shape_vec(shape, self.means(codes)?)?;
        let positions = self.examples.test.positions.as_slice().expect("positions are contiguous");
        let mut squares = vec![0.0f64; columns];
        for (batch, codes) in positions.chunks(BATCH).zip(test.mean.axis_chunks_iter(Axis(0), BATCH)) {
            let seen = self.evaluated.gather(batch)?;
            let decoded = self.means(codes.iter().copied().collect())?;
            for (place, (seen, decoded)) in seen.into_iter().zip(decoded).enumerate() {
                squares[place % columns] += f64::from(seen - decoded).powi(2);
            }
        }
        let errors = squares.iter().map(|sum| (sum / positions.len().max(1) as f64).sqrt() as f32).collect();
        Ok(Profiles { errors, dimensions, values, means })
    }
}

/// Codes along the dimensions of highest KL, each varied by itself.
struct Along {
    dimensions: Array1<u32>,
    values: Array1<f32>,
    /// `[dimensions, values, latent]`.
    codes: Vec<f32>,
}

impl Along {
    fn new(kl_per_dim: &[f64]) -> Self {
        let mut dimensions = dimensions_by_kl(kl_per_dim);
        dimensions.truncate(TRAVERSED);
        let values = evenly_spaced(TRAVERSAL_VALUES);
        let mut codes = Vec::with_capacity(dimensions.len() * values.len() * kl_per_dim.len());
        for &dimension in &dimensions {
            for &value in &values {
                let mut code = vec![0.0; kl_per_dim.len()];
                code[dimension] = value;
                codes.extend(code);
            }
        }
        let dimensions = dimensions.into_iter().map(|dimension| dimension as u32).collect();
        Self { dimensions, values: Array1::from(values), codes }
    }
}

/// The dimensions along the axes of a plane: both in their order, or the two of highest KL, that first; only one if there
/// is only one.
fn on_axes(kl_per_dim: &[f64]) -> Vec<usize> {
    match kl_per_dim.len() {
        0..=2 => (0..kl_per_dim.len()).collect(),
        _ => dimensions_by_kl(kl_per_dim)[..2].to_vec(),
    }
}

/// So many numbers from -3 to 3; 0 where there is one.
fn evenly_spaced(count: usize) -> Vec<f32> {
    match count {
        1 => vec![0.0],
        _ => (0..count).map(|i| REACH * (2.0 * i as f32 / (count - 1) as f32 - 1.0)).collect(),
    }
}

/// The quantiles of the standard normal that divide it into so many equal parts and halve each: as if the unit square were
/// mapped through its inverse distribution function.
///
/// Source: Kingma and Welling, *Auto-Encoding Variational Bayes* (2013), figure 4.
fn quantiles(count: usize) -> Vec<f32> {
    (0..count).map(|i| ndtri((i as f64 + 0.5) / count as f64) as f32).collect()
}

/// Values along the axes of a plane: half of them at equal distances over all codes and the prior, half at the quantiles of the
/// codes, so that they lie closer together where codes do.
fn closer_near_codes(codes: &Array2<f32>, dimensions: &[usize]) -> Vec<f32> {
    let mut seen: Vec<f32> =
        dimensions.iter().flat_map(|&dimension| codes.column(dimension).to_vec()).collect();
    seen.sort_by(f32::total_cmp);
    let (Some(&least), Some(&greatest)) = (seen.first(), seen.last()) else { return evenly_spaced(PLANE) };
    let (least, greatest) = (least.min(-REACH), greatest.max(REACH));
    let half = PLANE / 2;
    let even = (0..half).map(|i| least + (greatest - least) * i as f32 / (half - 1) as f32);
    let quantiles = (0..half).map(|i| seen[(seen.len() - 1) * (2 * i + 1) / (2 * half)]);
    let mut values: Vec<f32> = even.chain(quantiles).collect();
    values.sort_by(f32::total_cmp);
    values
}

/// The decoder, where a page can compute it: dense layers with ReLUs, and means that are a function of one output each.
fn dense_decoder(vae: &Vae) -> Option<DenseDecoder> {
    let logits = vae.decoder.logits.as_ref()?;
    if vae.decoder.activation != Activation::Relu || !vae.decoder.norms.is_empty() {
        return None;
    }
    let link = match vae.decoder.likelihood {
        Likelihood::GreyBernoulli | Likelihood::Bernoulli => Link::Logistic,
        Likelihood::ContinuousBernoulli => Link::ContinuousBernoulli,
        Likelihood::Gaussian { .. } => Link::Identity,
        Likelihood::DiscretisedLogistic => return None,
    };
    let layer = |linear: &burn::nn::Linear| {
        let [inputs, outputs] = linear.weight.dims();
        let bias = linear.bias.as_ref().expect("every layer has a bias").val();
        DenseLayer {
            weight: Array2::from_shape_vec((inputs, outputs), values(linear.weight.val()))
                .expect("a tensor fills its shape"),
            bias: Array1::from(values(bias)),
        }
    };
    let layers = vae.decoder.hidden.iter().chain([logits]).map(layer).collect();
    Some(DenseDecoder { layers, link })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example_choice::choose_examples;
    use burn::tensor::activation::sigmoid;
    use burn::tensor::{Tensor, TensorData};
    use model::VaeConfig;
    use rand::{SeedableRng, rngs::StdRng};
    use record::{RunConfig, Shape};

    const SIZE: [usize; 2] = [4, 3];
    const PIXELS: usize = SIZE[0] * SIZE[1];

    fn dataset() -> Dataset {
        let images = |count: usize| {
            let bytes = (0..count * PIXELS).map(|i| (i * i * 31 % 256) as u8).collect();
            Split::of_bytes(Shape::grey(SIZE[0], SIZE[1]), bytes, None)
        };
        Dataset::new(images(7), None, images(30))
    }

    fn vae(latent: usize) -> Vae {
        let config =
            VaeConfig { encoder_hidden: vec![8], latent, decoder_hidden: vec![8], ..VaeConfig::default() };
        config.init(PIXELS, &mut StdRng::seed_from_u64(1), &Device::flex())
    }

    /// What a network of so many dimensions with these KLs makes of the data set.
    fn outputs(vae: &Vae, kl_per_dim: &[f64]) -> (Examples, Outputs) {
        let mut config = RunConfig::default();
        config.model.latent = vae.latent();
        let (dataset, device) = (dataset(), Device::flex());
        let examples = choose_examples(&config, &dataset).unwrap();
        let recorder = Recorder { dataset: &dataset, examples: &examples, device: &device, grid: 7 };
        let outputs = recorder.outputs(vae, 3, kl_per_dim, 5).unwrap();
        (examples, outputs)
    }

    /// The grey levels of one code, by the decoder alone.
    fn decoded(vae: &Vae, code: &[f32]) -> Vec<u8> {
        let data = TensorData::new(code.to_vec(), [1, code.len()]);
        let means = sigmoid(vae.decoder.forward(Tensor::from_data(data, &Device::flex()))).into_data();
        means.iter::<f32>().map(|mean| (255.0 * mean).round() as u8).collect()
    }

    #[test]
    fn the_values_of_a_plane_reach_everywhere_and_lie_close_where_codes_do() {
        let codes = Array2::from_shape_fn((1001, 3), |(row, dimension)| {
            if dimension == 1 { 100.0 } else { 1.0 + (row as f32 - 500.0) * 1e-3 }
        });
        let values = closer_near_codes(&codes, &[0, 2]);
        assert_eq!(values.len(), PLANE);
        assert!(values.is_sorted());
        assert_eq!((values[0], values[PLANE - 1]), (-3.0, 3.0));
        let near = values.iter().filter(|value| (0.5..=1.5).contains(*value)).count();
        assert!(near >= PLANE / 2, "{values:?}");
    }

    #[test]
    fn what_is_recorded_fits_the_examples_and_is_read_back() {
        for latent in [1, 2, 5, 20] {
            let vae = vae(latent);
            let kl_per_dim: Vec<f64> = (0..latent).map(|dimension| dimension as f64).collect();
            let (examples, outputs) = outputs(&vae, &kl_per_dim);
            let root = tempfile::TempDir::new().unwrap();
            let mut config = RunConfig { kl_coefficients: vec![1.0], ..RunConfig::default() };
            config.model.latent = latent;
            let run = record::RunDir::create(root.path(), &config).unwrap();
            let member = run.member(config.members()[0]);
            member.create().unwrap();
            run.write_examples(&examples).unwrap();
            member.write_outputs(&outputs).unwrap();
            assert_eq!(run.examples().unwrap(), Some(examples.clone()));
            assert_eq!(member.outputs(&examples, latent).unwrap(), Some(outputs));
            assert_eq!(member.outputs_epoch(), Some(3));
        }
    }

    #[test]
    fn the_first_dimension_of_a_grid_grows_to_the_right_and_the_second_upwards() {
        let vae = vae(2);
        let manifold = outputs(&vae, &[1.0, 2.0]).1.manifold.unwrap();
        assert_eq!(manifold.dimensions.to_vec(), [0, 1]);
        for (row, column, code) in
            [(0, 0, [-3.0, 3.0]), (0, 6, [3.0, 3.0]), (6, 0, [-3.0, -3.0]), (2, 4, [1.0, 1.0])]
        {
            let tile: Vec<u8> =
                manifold.images.slice(ndarray::s![row, column, .., ..]).iter().copied().collect();
            assert_eq!(tile, decoded(&vae, &code), "{code:?}");
        }
    }

    #[test]
    fn of_many_dimensions_the_two_of_highest_kl_span_the_plane_and_traversals_are_ranked() {
        let vae = vae(4);
        let (examples, outputs) = outputs(&vae, &[0.1, 2.0, 0.0, 3.0]);
        let manifold = outputs.manifold.unwrap();
        assert_eq!(manifold.dimensions.to_vec(), [3, 1]);
        let tile: Vec<u8> = manifold.images.slice(ndarray::s![0, 0, .., ..]).iter().copied().collect();
        assert_eq!(tile, decoded(&vae, &[0.0, 3.0, 0.0, -3.0]));
        let traversals = outputs.traversals.unwrap();
        assert_eq!(traversals.dimensions.to_vec(), [3, 1, 0, 2]);
        let tile: Vec<u8> = traversals.images.slice(ndarray::s![1, 10, .., ..]).iter().copied().collect();
        assert_eq!(tile, decoded(&vae, &[0.0, 3.0, 0.0, 0.0]));
        let code = examples.prior_codes.unwrap().row(5).to_vec();
        let image: Vec<u8> =
            outputs.prior_images.unwrap().index_axis(ndarray::Axis(0), 5).iter().copied().collect();
        assert_eq!(image, decoded(&vae, &code));
    }

    #[test]
    fn the_recorded_decoder_decodes_as_the_network() {
        let vae = vae(2);
        let layers = outputs(&vae, &[1.0, 2.0]).1.decoder.unwrap().layers;
        let code = [0.7f32, -1.3];
        let mut values = Array1::from(code.to_vec());
        for (position, DenseLayer { weight, bias }) in layers.iter().enumerate() {
            values = values.dot(weight) + bias;
            if position + 1 < layers.len() {
                values.mapv_inplace(|value| value.max(0.0));
            }
        }
        let found: Vec<u8> = values.iter().map(|l| (255.0 / (1.0 + (-l).exp())).round() as u8).collect();
        assert_eq!(found, decoded(&vae, &code));
    }

    #[test]
    fn the_quantiles_divide_the_normal_into_equal_parts() {
        // The 0.975 quantile of N(0, 1), by any table.
        const UPPER: f32 = 1.959_964;
        let found = quantiles(20);
        assert!((found[19] - UPPER).abs() < 1e-6 && (found[0] + UPPER).abs() < 1e-6, "{found:?}");
        assert_eq!(evenly_spaced(3), [-3.0, 0.0, 3.0]);
        assert_eq!(evenly_spaced(1), [0.0]);
    }
}
