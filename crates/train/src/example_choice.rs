//! The examples that a run records, chosen from its data set once for all members.

use data::{Dataset, Result, Split};
use ndarray::{Array1, Array2, Array3};
use record::{ExamplePart, Examples, RunConfig, Shape, ShownImages, example_positions, picture_size};

use crate::random::{Purpose, noise};

/// Test images to pick from at most, evenly spaced.
const PICKED: usize = 100;
/// Test images that are shown beside their reconstructions.
const RECONSTRUCTED: usize = 20;
/// Codes from the prior that every member decodes.
const PRIOR_CODES: usize = 64;
/// Points of the prior's own picture.
const PRIOR_POINTS: usize = 2000;

/// Where examples are chosen from: a part of the data.
pub struct ExampleSource<'a> {
    /// How many examples it has.
    pub count: usize,
    /// The class of each.
    pub labels: Option<&'a [u8]>,
    /// The examples themselves, where they are at hand.
    pub images: Option<&'a Split>,
}

impl<'a> ExampleSource<'a> {
    /// A part of a data set.
    pub fn of(images: &'a Split) -> Self {
        Self { count: images.count(), labels: images.labels.as_deref(), images: Some(images) }
    }
}

/// The examples of a run.
///
/// # Errors
///
/// Fails when a file that they are read from has changed.
pub fn choose_examples(config: &RunConfig, dataset: &Dataset) -> Result<Examples> {
    let (shape, classes) = (dataset.test.shape().clone(), dataset.record.classes.clone());
    let [test, train] = [dataset.evaluated(), &dataset.train].map(ExampleSource::of);
    choose_examples_of(config.model.latent, shape, classes, &test, &train)
}

/// The same of examples whose shape and classes are known, and perhaps no more.
///
/// # Errors
///
/// Fails when a file that they are read from has changed.
pub fn choose_examples_of(
    latent: usize,
    shape: Shape,
    classes: Vec<String>,
    from_test: &ExampleSource<'_>,
    from_train: &ExampleSource<'_>,
) -> Result<Examples> {
    let test = part(from_test, latent);
    let of_test = |position: &u32| position.to_owned();
    let positions: Vec<u32> = test.positions.iter().map(of_test).collect();
    let picked: Vec<usize> = (0..positions.len()).step_by(positions.len().div_ceil(PICKED).max(1)).collect();
    let reconstructed = of_classes_in_turn(test.labels.as_ref(), positions.len());
    let pictures = from_test.images.filter(|_| shape.image().is_some());
    let shown =
        |examples: Vec<usize>| pictures.map(|images| shown_images(images, &positions, &examples)).transpose();
    let prior = |purpose, rows: usize, columns: usize| {
        let drawn = noise(0, purpose, 0, 0, rows * columns);
        Array2::from_shape_vec((rows, columns), drawn).expect("as many numbers were drawn as it holds")
    };
    Ok(Examples {
        train: part(from_train, latent),
        classes,
        picked: shown(picked)?,
        reconstructed: shown(reconstructed)?,
        prior_codes: Some(prior(Purpose::FigureSamples, PRIOR_CODES, latent)),
        prior_points: Some(prior(Purpose::FigurePrior, PRIOR_POINTS, 2)),
        shape,
        test,
    })
}

fn part(from: &ExampleSource<'_>, latent: usize) -> ExamplePart {
    let positions = example_positions(from.count, latent);
    let labels = from.labels;
    let labels = labels.map(|labels| positions.iter().map(|&position| labels[position as usize]).collect());
    ExamplePart { positions, labels }
}

/// The first examples of each class in turn, or the first of all where there are no classes.
fn of_classes_in_turn(labels: Option<&Array1<u8>>, count: usize) -> Vec<usize> {
    let Some(labels) = labels else { return (0..count.min(RECONSTRUCTED)).collect() };
    let mut classes = labels.to_vec();
    classes.sort_unstable();
    classes.dedup();
    let mut of_classes: Vec<_> = classes
        .iter()
        .map(|class| (0..labels.len()).filter(move |&example| labels[example] == *class))
        .collect();
    let mut chosen = Vec::new();
    while chosen.len() < RECONSTRUCTED.min(labels.len()) {
        chosen.extend(of_classes.iter_mut().filter_map(Iterator::next).take(RECONSTRUCTED - chosen.len()));
    }
    chosen
}

fn shown_images(images: &Split, positions: &[u32], examples: &[usize]) -> Result<ShownImages> {
    let positions: Vec<u32> = examples.iter().map(|&example| positions[example]).collect();
    let [height, width] = picture_size(images.shape());
    let pixels = Array3::from_shape_vec((examples.len(), height, width), images.pixels(&positions)?)
        .expect("all images are of one size");
    Ok(ShownImages { examples: examples.iter().map(|&example| example as u32).collect(), pixels })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dataset(count: usize, labels: Option<Vec<u8>>) -> Dataset {
        let bytes: Vec<u8> = (0..count * 6).map(|i| (i * i % 256) as u8).collect();
        let images = |bytes: &Vec<u8>| Split::of_bytes(Shape::grey(2, 3), bytes.clone(), labels.clone());
        Dataset::new(images(&bytes), None, images(&bytes))
    }

    #[test]
    fn each_class_is_shown_as_often() {
        let dataset = dataset(60, Some((0..60).map(|i| (i % 10) as u8).collect()));
        let examples = choose_examples(&RunConfig::default(), &dataset).unwrap();
        let reconstructed = examples.reconstructed.unwrap();
        assert_eq!(
            reconstructed.examples.to_vec(),
            (0..20).collect::<Vec<u32>>(),
            "two of each of ten classes"
        );
        let third: Vec<u8> = reconstructed.pixels.index_axis(ndarray::Axis(0), 3).iter().copied().collect();
        assert_eq!(third, dataset.test.pixels(&[3]).unwrap());
        assert_eq!(examples.test.labels.unwrap()[13], 3);
        assert_eq!(examples.picked.unwrap().examples.len(), 60);
    }

    #[test]
    fn rare_classes_leave_their_places_to_others() {
        let labels = (0..60).map(|image| u8::from(image == 30)).collect();
        let examples = choose_examples(&RunConfig::default(), &dataset(60, Some(labels))).unwrap();
        let chosen = examples.reconstructed.unwrap().examples.to_vec();
        assert_eq!(chosen.len(), 20);
        assert!(chosen.contains(&30));
    }

    #[test]
    fn few_images_without_classes_are_all_shown() {
        let examples = choose_examples(&RunConfig::default(), &dataset(3, None)).unwrap();
        assert_eq!(examples.reconstructed.unwrap().examples.to_vec(), [0, 1, 2]);
        assert_eq!(examples.test.labels, None);
    }

    #[test]
    fn of_many_images_an_even_selection_can_be_picked() {
        let examples = choose_examples(&RunConfig::default(), &dataset(250, None)).unwrap();
        assert_eq!(examples.picked.unwrap().examples.to_vec()[..3], [0, 3, 6]);
    }
}
