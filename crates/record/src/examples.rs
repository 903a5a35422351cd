//! The examples by which members are shown and compared, chosen once for all of them: `examples.safetensors` of a run.

use std::path::Path;

use ndarray::{Array1, Array2, Array3};

use crate::arrays::Arrays;
use crate::error::Result;
use crate::shape::Shape;

/// Examples of a part of the data at most.
pub const MOST_EXAMPLES: usize = 20_000;
/// Numbers of a member's means at most: with many latent dimensions there are fewer examples.
const MOST_NUMBERS: usize = 1 << 22;

/// The examples of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Examples {
    /// What an example is.
    pub shape: Shape,
    /// The names of the classes, by their numbers; empty where the numbers are the names.
    pub classes: Vec<String>,
    /// Of the images on which networks are measured.
    pub test: ExamplePart,
    /// Of the training images.
    pub train: ExamplePart,
    /// Test images to pick from.
    pub picked: Option<ShownImages>,
    /// Test images that are shown beside what the network makes of them.
    pub reconstructed: Option<ShownImages>,
    /// Codes drawn from the prior, which every member decodes, `[codes, latent]`.
    pub prior_codes: Option<Array2<f32>>,
    /// Points of the prior's own picture, `[points, 2]`.
    pub prior_points: Option<Array2<f32>>,
}

/// Examples of a part of the data.
#[derive(Clone, Debug, PartialEq)]
pub struct ExamplePart {
    /// Their positions in the part, rising.
    pub positions: Array1<u32>,
    /// The class of each, where the data has classes.
    pub labels: Option<Array1<u8>>,
}

/// Some of the test examples, with their images.
#[derive(Clone, Debug, PartialEq)]
pub struct ShownImages {
    /// Which of the test examples, as indices into [`ExamplePart::positions`].
    pub examples: Array1<u32>,
    /// From 0 (black) to 255 (white), `[images, height, width * channels]`.
    pub pixels: Array3<u8>,
}

/// The positions of the examples of a part with so many images: evenly spaced, and all if they are few.
pub fn example_positions(count: usize, latent: usize) -> Array1<u32> {
    let most = MOST_EXAMPLES.min(MOST_NUMBERS / latent.max(1)).max(1);
    let stride = count.div_ceil(most).max(1);
    (0..count).step_by(stride).map(|position| position as u32).collect()
}

/// Rows of pixels of an image, and numbers of each; none of a table.
pub fn picture_size(shape: &Shape) -> [usize; 2] {
    shape.image().map_or([0, 0], |[height, width, channels]| [height, width * channels])
}

impl Examples {
    /// Rows of pixels of an image, and numbers of each; none of a table.
    pub fn picture_size(&self) -> [usize; 2] {
        picture_size(&self.shape)
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let mut arrays = Arrays::new(path);
        let Self { shape, .. } = self;
        let [height, width, channels] = shape.image().unwrap_or([1, shape.numbers(), 1]);
        for (key, number) in [("height", height), ("width", width), ("channels", channels)] {
            arrays.insert_number(key, number);
        }
        if !shape.columns().is_empty() {
            arrays.insert_value("columns", &shape.columns());
        }
        if !self.classes.is_empty() {
            arrays.insert_value("classes", &self.classes);
        }
        for (name, part) in [("test", &self.test), ("train", &self.train)] {
            arrays.insert(&format!("{name}.positions"), &part.positions);
            arrays.insert_some(&format!("{name}.labels"), part.labels.as_ref());
        }
        for (name, shown) in [("picked", &self.picked), ("reconstructed", &self.reconstructed)] {
            arrays.insert_some(&format!("{name}.examples"), shown.as_ref().map(|shown| &shown.examples));
            arrays.insert_some(&format!("{name}.images"), shown.as_ref().map(|shown| &shown.pixels));
        }
        arrays.insert_some("prior.codes", self.prior_codes.as_ref());
        arrays.insert_some("prior.points", self.prior_points.as_ref());
        arrays.write()
    }

    pub(crate) fn read(path: &Path) -> Result<Option<Self>> {
        let Some(mut arrays) = Arrays::read(path)? else { return Ok(None) };
        let shape = match arrays.value("columns")? {
            Some(columns) => Shape::Table { columns },
            None => Shape::Image {
                height: arrays.number("height")?,
                width: arrays.number("width")?,
                // Files from before there were others hold grey images.
                channels: arrays.number("channels").unwrap_or(1),
            },
        };
        if let Some([.., channels]) = shape.image().filter(|[.., channels]| !matches!(channels, 1 | 3)) {
            return Err(arrays.damaged(format!("its images have {channels} channels, and 1 or 3 are known")));
        }
        let size = picture_size(&shape);
        let [test, train] = ["test", "train"].map(|name| part(&mut arrays, name));
        let test = test?;
        let [picked, reconstructed] =
            ["picked", "reconstructed"].map(|name| shown(&mut arrays, name, size, test.positions.len()));
        Ok(Some(Self {
            classes: arrays.value("classes")?.unwrap_or_default(),
            shape,
            test,
            train: train?,
            picked: picked?,
            reconstructed: reconstructed?,
            prior_codes: arrays.take("prior.codes")?,
            prior_points: arrays.take("prior.points")?,
        }))
    }
}

fn part(arrays: &mut Arrays, name: &str) -> Result<ExamplePart> {
    let positions: Array1<u32> = arrays.require(&format!("{name}.positions"))?;
    let labels: Option<Array1<u8>> = arrays.take(&format!("{name}.labels"))?;
    if let Some(labels) = labels.as_ref().filter(|labels| labels.len() != positions.len()) {
        let (labels, examples) = (labels.len(), positions.len());
        return Err(arrays.damaged(format!("{name} has {labels} labels and {examples} examples")));
    }
    Ok(ExamplePart { positions, labels })
}

fn shown(arrays: &mut Arrays, name: &str, size: [usize; 2], count: usize) -> Result<Option<ShownImages>> {
    let Some(examples) = arrays.take::<u32, _>(&format!("{name}.examples"))? else { return Ok(None) };
    let pixels: Array3<u8> = arrays.require(&format!("{name}.images"))?;
    let examples: Array1<u32> = examples;
    let (images, height, width) = pixels.dim();
    if images != examples.len() || [height, width] != size {
        let expected = [examples.len(), size[0], size[1]];
        let found = [images, height, width];
        return Err(arrays.damaged(format!("{name}.images has the shape {found:?} instead of {expected:?}")));
    }
    if let Some(example) = examples.iter().find(|&&example| example as usize >= count) {
        return Err(arrays.damaged(format!("{name} names example {example} of {count}")));
    }
    Ok(Some(ShownImages { examples, pixels }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use tempfile::TempDir;

    fn examples() -> Examples {
        Examples {
            shape: Shape::grey(1, 2),
            classes: vec!["3".to_string(), "zebra".to_string()],
            test: ExamplePart { positions: array![0, 2, 4], labels: Some(array![7, 3, 0]) },
            train: ExamplePart { positions: array![0, 1], labels: None },
            picked: Some(ShownImages { examples: array![2, 0], pixels: array![[[1, 2]], [[3, 4]]] }),
            reconstructed: None,
            prior_codes: Some(array![[0.5, -0.25]]),
            prior_points: None,
        }
    }

    #[test]
    fn what_was_written_is_read_and_what_is_absent_is_none() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("examples.safetensors");
        assert_eq!(Examples::read(&path).unwrap(), None);
        examples().write(&path).unwrap();
        assert_eq!(Examples::read(&path).unwrap(), Some(examples()));
        let columns = vec!["ash".to_string(), "\"hue\"".to_string()];
        let table = Examples { shape: Shape::Table { columns }, picked: None, ..examples() };
        table.write(&path).unwrap();
        assert_eq!(Examples::read(&path).unwrap(), Some(table));
    }

    #[test]
    fn arrays_that_do_not_fit_each_other_are_refused() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("examples.safetensors");
        let message = |change: fn(&mut Examples)| {
            let mut examples = examples();
            change(&mut examples);
            examples.write(&path).unwrap();
            Examples::read(&path).unwrap_err().to_string()
        };
        let text = message(|examples| examples.test.labels = Some(array![1]));
        assert!(text.ends_with("test has 1 labels and 3 examples"), "{text}");
        let text = message(|examples| examples.shape = Shape::grey(2, 2));
        assert!(text.ends_with("picked.images has the shape [2, 1, 2] instead of [2, 2, 2]"), "{text}");
        let text = message(|examples| examples.shape = Shape::Image { height: 1, width: 1, channels: 2 });
        assert!(text.ends_with("its images have 2 channels, and 1 or 3 are known"), "{text}");
        let text = message(|examples| examples.test = examples.train.clone());
        assert!(text.ends_with("picked names example 2 of 2"), "{text}");
    }

    #[test]
    fn examples_are_evenly_spaced_and_no_more_than_can_be_kept() {
        assert_eq!(example_positions(3, 2), array![0, 1, 2]);
        assert_eq!(example_positions(60_000, 2).len(), MOST_EXAMPLES);
        assert_eq!(example_positions(60_000, 2)[1], 3);
        assert_eq!(example_positions(20_001, 2).len(), 10_001);
        assert!(example_positions(60_000, 512).len() * 512 <= MOST_NUMBERS);
        assert_eq!(example_positions(0, 2).len(), 0);
    }
}
