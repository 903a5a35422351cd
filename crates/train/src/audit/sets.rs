//! What all members of an audit share: how many images there are, their classes, and where they are at hand the images.

use std::path::Path;

use anyhow::{Result, ensure};
use data::{DataError, Dataset, NamedArray, Split};
use ndarray::Array1;
use record::{DataRecord, Examples, Likelihood, Shape};

use super::AuditOptions;
use super::folder::{AuditFolder, MemberArrays, TRAIN, VALIDATION};
use super::posteriors::{check_finite, posterior_shape};
use crate::diagnostics::TRAINING_IMAGES;
use crate::example_choice::{ExampleSource, choose_examples_of};

/// Numbers of the means that are kept in memory at most: with many latent dimensions fewer images are looked at closely.
const MOST_NUMBERS: usize = 1 << 22;

/// What the members share.
pub struct Sets {
    /// Latent dimensions.
    pub latent: usize,
    /// What an image is, where that is known.
    pub shape: Option<Shape>,
    /// The images that a member is judged by.
    pub test: Set,
    /// Those that choose, where there are some by themselves.
    pub validation: Option<Set>,
    /// Those that were learnt from, where members have posteriors of them.
    pub train: Option<Set>,
}

/// A part of the data.
pub struct Set {
    /// What stands before the names of its arrays.
    pub part: &'static str,
    /// How many images it has.
    pub count: usize,
    /// Those that are looked at closely.
    pub positions: Vec<u32>,
    /// The class of each image.
    pub labels: Option<Vec<u8>>,
    /// The images.
    pub images: Option<Split>,
}

impl Sets {
    /// Reads what is shared from the first member, and holds the others against it.
    pub fn read(folder: &AuditFolder, options: &AuditOptions) -> Result<Self> {
        let first = &folder.members[0];
        let (_, latent) = posterior_shape(first, "", options.spread)?;
        let has = |part: &str| first.arrays.contains_key(&format!("{part}means"));
        let set = |part: &'static str| Set::read(folder, part, latent, options);
        let other = |part: &'static str| has(part).then(|| set(part)).transpose();
        let (test, validation, train) = (set("")?, other(VALIDATION)?, other(TRAIN)?);
        let sets = || [Some(&test), validation.as_ref(), train.as_ref()].into_iter().flatten();
        let of_images = || sets().find_map(|set| Some(set.images.as_ref()?.shape().clone()));
        let shape = match (of_images(), first.arrays.get("decoded")) {
            (None, Some(decoded)) => Some(decoded.layout()?.shape),
            (shape, _) => shape,
        };
        for set in sets() {
            let images = set.images.as_ref().map(|images| images.shape());
            ensure!(
                images.is_none() || images == shape.as_ref(),
                "the images of {}images are not of the shape of the others",
                set.part
            );
        }
        Ok(Self { latent, shape, test, validation, train })
    }

    /// The images on which members are compared.
    pub fn evaluated(&self) -> &Set {
        self.validation.as_ref().unwrap_or(&self.test)
    }

    /// The data set, where the images of the part that is judged and of the one that was learnt from are at hand.
    pub fn into_dataset(self) -> Option<Dataset> {
        let validation = match self.validation {
            Some(validation) => Some(validation.images?),
            None => None,
        };
        Some(Dataset::new(self.train?.images?, validation, self.test.images?))
    }

    /// The examples by which members are shown; with codes from the prior where there are decoders for them.
    pub fn examples(&self, decoders: bool) -> Result<Examples> {
        let shape = self.shape.clone().unwrap_or_else(|| Shape::grey(0, 0));
        let nothing = ExampleSource { count: 0, labels: None, images: None };
        let train = self.train.as_ref().map_or(nothing, Set::source);
        let test = self.evaluated().source();
        let examples = choose_examples_of(self.latent, shape, Vec::new(), &test, &train)?;
        Ok(Examples { prior_codes: examples.prior_codes.filter(|_| decoders), ..examples })
    }

    /// What `run.json` says of the data.
    pub fn record(&self, from: &Path) -> DataRecord {
        let shape = self.shape.clone().unwrap_or_else(|| Shape::grey(0, 0));
        let count = |set: &Option<Set>| set.as_ref().map_or(0, |set| set.count);
        DataRecord {
            source: from.display().to_string(),
            kind: "arrays of another program".to_string(),
            train: count(&self.train),
            validation: count(&self.validation),
            test: self.test.count,
            ..DataRecord::of_shape(&shape)
        }
    }

    /// What was read, in lines.
    pub fn describe(&self, folder: &AuditFolder) -> Vec<String> {
        let counts = [Some(&self.test), self.validation.as_ref(), self.train.as_ref()];
        let named = ["test", "validation", "training"];
        let counts =
            counts.into_iter().zip(named).filter_map(|(set, name)| Some(format!("{} {name}", set?.count)));
        let images = self.shape.as_ref().map(|shape| format!(" of {shape}")).unwrap_or_default();
        vec![
            format!("members: {}, with {} latent dimensions", folder.members.len(), self.latent),
            format!("images: {}{images}", counts.collect::<Vec<_>>().join(", ")),
        ]
    }
}

impl Set {
    fn read(folder: &AuditFolder, part: &'static str, latent: usize, options: &AuditOptions) -> Result<Self> {
        let first = &folder.members[0];
        let (count, _) = posterior_shape(first, part, options.spread)?;
        for member in &folder.members[1..] {
            let (images, dimensions) = posterior_shape(member, part, options.spread)?;
            ensure!(
                (images, dimensions) == (count, latent),
                "{} has {part}means of {images} images and {dimensions} latent dimensions, and {} of {count} and {latent}: \
                 members are compared on the same images, with codes of the same size",
                member.id,
                first.id
            );
        }
        let most = (MOST_NUMBERS / latent).max(1);
        let most = if part == TRAIN { most.min(TRAINING_IMAGES) } else { most };
        let stride = count.div_ceil(most).max(1);
        let array = |name: &str| shared(folder, &format!("{part}{name}"), count);
        let labels = array("labels")?.map(labels).transpose()?;
        let images =
            array("images")?.map(|images| read_images(images, labels.clone(), options)).transpose()?;
        let positions = (0..count as u32).step_by(stride).collect();
        Ok(Self { part, count, positions, labels, images })
    }

    fn source(&self) -> ExampleSource<'_> {
        let Self { count, labels, images, .. } = self;
        ExampleSource { count: *count, labels: labels.as_deref(), images: images.as_ref() }
    }

    /// The classes of the images that are looked at closely.
    pub fn labels_at_positions(&self) -> Option<Vec<u8>> {
        let labels = self.labels.as_ref()?;
        Some(self.positions.iter().map(|&position| labels[position as usize]).collect())
    }

    /// An array of a member with a row for each image; `None` if it is not there.
    pub fn array<'a>(&self, member: &'a MemberArrays, name: &str) -> Result<Option<&'a NamedArray>> {
        of_count(member.arrays.get(&format!("{}{name}", self.part)), self.count)
    }
}

/// An array that is the same for all members.
fn shared<'a>(folder: &'a AuditFolder, name: &str, count: usize) -> Result<Option<&'a NamedArray>> {
    for member in &folder.members {
        of_count(member.arrays.get(name), count)?;
    }
    Ok(folder.members[0].arrays.get(name))
}

fn of_count(array: Option<&NamedArray>, count: usize) -> Result<Option<&NamedArray>> {
    if let Some(array) = array {
        ensure!(
            array.rows() == count,
            array.refused(format!(
                "has the shape {:?}, and there are means of {count} images: every image has its row",
                array.shape()
            ))
        );
    }
    Ok(array)
}

fn labels(array: &NamedArray) -> Result<Vec<u8>> {
    ensure!(
        array.row_numbers() == 1,
        array.refused(format!("has the shape {:?}: labels are one number for each image", array.shape()))
    );
    let labels = array.read_rows(|rows| {
        let mut labels = Vec::with_capacity(array.rows());
        while let Some(row) = rows.next()? {
            let label = row[0];
            if label.fract() != 0.0 || !(0.0..=255.0).contains(&label) {
                let reason =
                    format!("holds {label} in row {}: classes are whole numbers from 0 to 255", labels.len());
                return Err(array.refused(reason));
            }
            labels.push(label as u8);
        }
        Ok(labels)
    });
    Ok(labels?)
}

/// A number for each image.
pub fn column(array: &NamedArray) -> Result<Array1<f32>> {
    ensure!(
        array.row_numbers() == 1,
        array.refused(format!(
            "has the shape {:?}: losses are one number for each image, summed over its pixels",
            array.shape()
        ))
    );
    let numbers = array.read_rows(|rows| {
        let mut numbers = Vec::with_capacity(array.rows());
        while let Some(row) = rows.next()? {
            check_finite(array, numbers.len(), row)?;
            numbers.push(row[0] as f32);
        }
        Ok::<_, DataError>(numbers)
    });
    Ok(Array1::from(numbers?))
}

fn read_images(array: &NamedArray, labels: Option<Vec<u8>>, options: &AuditOptions) -> Result<Split> {
    let layout = array.layout()?;
    let gaussian = options.likelihood == Some(Likelihood::Gaussian);
    let (mut bytes, mut numbers) = (Vec::new(), Vec::new());
    array.read_rows(|rows| {
        let mut image = 0;
        while let Some(row) = rows.next()? {
            check_finite(array, image, row)?;
            let row = layout.channels_last(row);
            if array.is_bytes() {
                bytes.extend(row.iter().map(|number| *number as u8));
            } else {
                if let Some(beyond) = row.iter().find(|x| !gaussian && !(0.0..=1.0).contains(*x)) {
                    return Err(array.refused(format!(
                        "holds {beyond} in image {image}: pixels are bytes, or numbers from 0 to 1; others need --likelihood \
                         gaussian"
                    )));
                }
                numbers.extend(row.iter().map(|number| *number as f32));
            }
            image += 1;
        }
        Ok::<_, DataError>(())
    })?;
    Ok(match array.is_bytes() {
        true => Split::of_bytes(layout.shape, bytes, labels),
        false => Split::of_numbers(layout.shape, numbers, labels),
    })
}
