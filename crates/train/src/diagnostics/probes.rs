//! What can be told of an image's class from some numbers that stand for it: its code, its pixels.

use kernels::{Matrix, multiply};
use metrics::samples::SampleError;
use metrics::samples::classification::{Labelled, most_frequent_class, nearest_neighbour_classes};
use metrics::samples::logistic::LogisticRegression;
use ndarray::{Array1, Array2, ArrayView2, Axis};
use rayon::prelude::*;
use record::Estimate;

/// Neighbours that vote on a class.
const NEIGHBOURS: usize = 10;
/// Dimensions beyond which distances to all training images, as one product, are found sooner than a search in a tree that has
/// nothing to leave out.
const MOST_OF_TREE: usize = 32;
/// Images whose distances to all training images are in memory at a time.
const BATCH: usize = 100;
/// Ridges of the regressions, the greatest first. Which one is used is decided on the choosing part.
const RIDGES: [f64; 5] = [1.0, 1e-1, 1e-2, 1e-3, 1e-4];
/// Labels of each class that a regression of few labels learns from ...
const FEW_LABELS: usize = 10;
/// ... and regressions of so few, each from other ones: by itself, one says more of its labels than of the codes.
const FEW_LABEL_PROBES: usize = 10;

/// Representations of images and their classes.
#[derive(Clone, Debug)]
pub struct Represented {
    /// `[images, dimensions]`.
    pub samples: Array2<f32>,
    /// A class for each.
    pub labels: Vec<u8>,
}

/// The training images that are learnt from, and both parts of the held-out ones: the part that chooses first.
pub struct Probed {
    /// What is learnt from.
    pub train: Represented,
    /// What is classified.
    pub held_out: [Represented; 2],
}

/// How often each image of a part was classified right: 0, 1, or a share of several probes.
#[derive(Clone, Debug, PartialEq)]
pub struct Rights {
    /// For each image.
    pub right: Array1<f32>,
    /// The share of all, its error over the images and, where there are several probes, over these.
    pub accuracy: Estimate,
}

impl Represented {
    fn rights(&self, classes: &[u8]) -> Array1<f32> {
        classes.iter().zip(&self.labels).map(|(a, b)| if a == b { 1.0 } else { 0.0 }).collect()
    }
}

impl Probed {
    /// A multinomial logistic regression.
    ///
    /// # Errors
    ///
    /// [`SampleError`] if there is one class only, or a number is not finite.
    pub fn logistic(&self) -> Result<[Rights; 2], SampleError> {
        let rights = self.best_regression(self.train.samples.view(), &self.train.labels)?;
        Ok(rights.map(|right| Rights { accuracy: share(right.view().insert_axis(Axis(0))), right }))
    }

    /// The same from [`FEW_LABELS`] training images of each class, the first ones, those after them, and so on: the mean of
    /// [`FEW_LABEL_PROBES`] regressions, or of as many as the smallest class has images for.
    ///
    /// # Errors
    ///
    /// As [`logistic`](Self::logistic), and if a class has fewer images.
    pub fn few_labels(&self) -> Result<[Rights; 2], SampleError> {
        let mut of_classes = vec![Vec::new(); 256];
        for (image, label) in self.train.labels.iter().enumerate() {
            of_classes[usize::from(*label)].push(image);
        }
        of_classes.retain(|images| !images.is_empty());
        let fewest = of_classes.iter().map(Vec::len).min().unwrap_or(0);
        if fewest < FEW_LABELS {
            return Err(SampleError::TooFew { needed: FEW_LABELS, found: fewest });
        }
        let probes = FEW_LABEL_PROBES.min(fewest / FEW_LABELS);
        let of_probe = |probe: usize| {
            let taken = probe * FEW_LABELS..(probe + 1) * FEW_LABELS;
            let images: Vec<usize> =
                of_classes.iter().flat_map(|images| images[taken.clone()].to_vec()).collect();
            let samples = self.train.samples.select(Axis(0), &images);
            let labels: Vec<u8> = images.iter().map(|&image| self.train.labels[image]).collect();
            self.best_regression(samples.view(), &labels)
        };
        let found = (0..probes).into_par_iter().map(of_probe).collect::<Result<Vec<_>, _>>()?;
        let all = [0, 1].map(|part| {
            Array2::from_shape_fn((probes, self.held_out[part].labels.len()), |(probe, image)| {
                found[probe][part][image]
            })
        });
        let mean = |all: &Array2<f32>| all.mean_axis(Axis(0)).expect("there is a probe");
        Ok(all.map(|all| Rights { right: mean(&all), accuracy: share(all.view()) }))
    }

    /// The nearest neighbours.
    ///
    /// # Errors
    ///
    /// [`SampleError`] if there are fewer training images than neighbours, or a number is not finite.
    pub fn neighbours(&self) -> Result<[Rights; 2], SampleError> {
        let (dimensions, in_64_bits) =
            (self.train.samples.ncols(), |samples: &Array2<f32>| samples.mapv(f64::from));
        let of_part = |part: &Represented| {
            let classes = if dimensions > MOST_OF_TREE {
                self.classes_by_product(&part.samples)?
            } else {
                let samples = in_64_bits(&self.train.samples);
                let train = Labelled { samples: samples.view(), labels: &self.train.labels };
                nearest_neighbour_classes(train, in_64_bits(&part.samples).view(), NEIGHBOURS)?
            };
            let right = part.rights(&classes);
            Ok(Rights { accuracy: share(right.view().insert_axis(Axis(0))), right })
        };
        let [choose, report] = &self.held_out;
        Ok([of_part(choose)?, of_part(report)?])
    }

    /// The classes of most of the nearest neighbours, `|x - y|^2` less what is the same for all `y` from a product of matrices.
    fn classes_by_product(&self, queries: &Array2<f32>) -> Result<Vec<u8>, SampleError> {
        let (count, dimensions) = self.train.samples.dim();
        if count < NEIGHBOURS {
            return Err(SampleError::TooFew { needed: NEIGHBOURS, found: count });
        }
        let contiguous = |samples: ArrayView2<'_, f32>| -> Vec<f32> { samples.iter().copied().collect() };
        let train = self.train.samples.as_standard_layout();
        let train = train.as_slice().expect("it is stored row by row");
        let squares: Vec<f32> =
            train.chunks(dimensions).map(|sample| sample.iter().map(|x| x * x).sum()).collect();
        let of_batch = |batch: ArrayView2<'_, f32>| -> Vec<u8> {
            let (values, rows) = (contiguous(batch), batch.nrows());
            let mut products = vec![0.0; rows * count];
            let train = Matrix::new(train, count, dimensions).transposed();
            multiply(Matrix::new(&values, rows, dimensions), train, &mut products);
            let of_image = |products: &[f32]| {
                let mut nearest = [(f32::INFINITY, 0); NEIGHBOURS];
                for (image, (product, square)) in products.iter().zip(&squares).enumerate() {
                    let distance = square - 2.0 * product;
                    if distance < nearest[NEIGHBOURS - 1].0 {
                        let place = nearest.partition_point(|(other, _)| *other <= distance);
                        nearest[place..].rotate_right(1);
                        nearest[place] = (distance, image);
                    }
                }
                most_frequent_class(nearest.iter().map(|(_, image)| self.train.labels[*image]))
            };
            products.chunks(count).map(of_image).collect()
        };
        Ok(queries.axis_chunks_iter(Axis(0), BATCH).into_par_iter().flat_map_iter(of_batch).collect())
    }

    /// Which images of both parts the regression classifies right whose ridge does best on the part that chooses; of
    /// several that do, the greatest.
    fn best_regression(
        &self,
        samples: ArrayView2<'_, f32>,
        labels: &[u8],
    ) -> Result<[Array1<f32>; 2], SampleError> {
        let [choose, report] = &self.held_out;
        let mut best: Option<(f32, &LogisticRegression, Array1<f32>)> = None;
        let fitted = LogisticRegression::path(samples, labels, &RIDGES)?;
        for regression in &fitted {
            let right = choose.rights(&regression.classify(choose.samples.view()));
            let count = right.sum();
            if best.as_ref().is_none_or(|(most, ..)| count > *most) {
                best = Some((count, regression, right));
            }
        }
        let (_, regression, right) = best.expect("there is a ridge");
        Ok([right, report.rights(&regression.classify(report.samples.view()))])
    }
}

/// The mean of `[probes, images]`. Probes and images count as drawn independently, each with its own share of the variance.
fn share(right: ArrayView2<'_, f32>) -> Estimate {
    let mean_of = |axis| {
        right
            .axis_iter(axis)
            .map(|values| values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len() as f64)
    };
    let of_images = Estimate::of_mean(mean_of(Axis(1)));
    let of_probes = Estimate::of_mean(mean_of(Axis(0)));
    let error = |estimate: Option<Estimate>| estimate.and_then(|estimate| estimate.standard_error);
    Estimate {
        value: of_images.map_or(f64::NAN, |estimate| estimate.value),
        standard_error: error(of_images).map(|images| images.hypot(error(of_probes).unwrap_or(0.0))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use rand_distr::{Distribution, StandardNormal};

    /// Two classes of unit variance in two dimensions, three apart along the first.
    fn represented(count: usize, seed: u64) -> Represented {
        let mut rng = StdRng::seed_from_u64(seed);
        let labels: Vec<u8> = (0..count).map(|image| (image % 2) as u8).collect();
        let samples = Array2::from_shape_fn((count, 2), |(image, axis)| {
            let normal: f32 = StandardNormal.sample(&mut rng);
            normal + if axis == 0 { 3.0 * f32::from(labels[image]) } else { 0.0 }
        });
        Represented { samples, labels }
    }

    fn probed(train: usize) -> Probed {
        Probed { train: represented(train, 1), held_out: [represented(3000, 2), represented(2000, 3)] }
    }

    #[test]
    fn every_probe_comes_near_what_the_classes_allow() {
        // The mass of N(1.5, 1) above 0.
        const BEST: f64 = 0.933_19;
        let probed = probed(4000);
        for (name, rights, loss) in [
            ("logistic", probed.logistic().unwrap(), 0.005),
            ("few labels", probed.few_labels().unwrap(), 0.04),
            ("neighbours", probed.neighbours().unwrap(), 0.02),
        ] {
            for (Rights { right, accuracy }, count) in rights.iter().zip([3000, 2000]) {
                assert_eq!(right.len(), count);
                let error = accuracy.standard_error.unwrap();
                // Five standard errors; ten samples of each class and ten neighbours lose something of what can be had.
                assert!(
                    (BEST - loss - 5.0 * error..BEST + 5.0 * error).contains(&accuracy.value),
                    "{name}: {accuracy:?}"
                );
                let binomial = (accuracy.value * (1.0 - accuracy.value) / count as f64).sqrt();
                assert!((0.8 * binomial..3.0 * binomial).contains(&error), "{name}: {error}, {binomial}");
            }
        }
    }

    #[test]
    fn a_product_finds_the_neighbours_that_a_search_finds() {
        let mut rng = StdRng::seed_from_u64(9);
        let mut wide = |count: usize| Represented {
            samples: Array2::from_shape_simple_fn((count, 5), || StandardNormal.sample(&mut rng)),
            labels: (0..count).map(|image| (image * 7 % 4) as u8).collect(),
        };
        let probed = Probed { train: wide(400), held_out: [wide(150), wide(30)] };
        let classes = probed.classes_by_product(&probed.held_out[0].samples).unwrap();
        assert_eq!(probed.neighbours().unwrap()[0].right, probed.held_out[0].rights(&classes));
    }

    #[test]
    fn too_few_images_are_said() {
        let probed = probed(9);
        assert_eq!(probed.neighbours().unwrap_err(), SampleError::TooFew { needed: 10, found: 9 });
        assert_eq!(probed.few_labels().unwrap_err(), SampleError::TooFew { needed: 10, found: 4 });
        assert!(probed.logistic().is_ok());
        let one = Probed { train: Represented { labels: vec![7; 9], ..probed.train }, ..probed };
        assert_eq!(one.logistic().unwrap_err(), SampleError::OneClass { class: 7 });
    }
}
