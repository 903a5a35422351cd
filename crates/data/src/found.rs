//! From what a loader found to a data set: into parts, onto the scale that networks see, with numbered classes.

use std::path::{Path, PathBuf};

use record::{DataConfig, DataRecord, Pixels, Scale, Shape};
use sha2::{Digest, Sha256};

use crate::blocks::{Blocks, FlatFile};
use crate::dataset::Dataset;
use crate::error::{DataError, Result};
use crate::labels::{Labels, MOST_CLASSES, class_names};
use crate::parts::{Drawn, Part, drawn, given};
use crate::progress::Progress;
use crate::split::{Split, planar_place};
use crate::survey::{Conversion, NotFinite, Survey, check};

/// Examples as a loader found them.
#[derive(Debug)]
pub struct Found {
    /// Where.
    pub path: PathBuf,
    /// What is there, in words such as `a folder of images`.
    pub kind: &'static str,
    /// What an example is.
    pub shape: Shape,
    /// Their numbers.
    pub rows: Rows,
    /// Whether images are stored channel by channel.
    pub planar: bool,
    /// The label of each.
    pub labels: Option<Labels>,
    /// The part of each, where the data says it.
    pub parts: Option<Vec<Part>>,
    /// What a reader of the results has to know, in sentences.
    pub notes: Vec<String>,
}

/// The numbers of examples, one after another.
#[derive(Debug)]
pub enum Rows {
    /// Bytes, as of images.
    Bytes(Vec<u8>),
    /// Numbers in memory, in 64 bits until they are scaled: two great ones may differ by little.
    Numbers(Vec<f64>),
    /// Numbers in a file.
    File(FlatFile),
}

/// What there is of a data set.
#[derive(Debug)]
pub enum Source {
    /// Everything in one place.
    Whole(Box<Found>),
    /// Training, validation and test each by itself.
    Parts {
        /// What is trained on.
        train: Box<Found>,
        /// By which coefficients are chosen.
        validation: Option<Box<Found>>,
        /// What is measured on.
        test: Box<Found>,
    },
}

impl Source {
    /// Everything in one place.
    pub fn whole(found: Found) -> Self {
        Self::Whole(Box::new(found))
    }

    /// Training and test, each by itself.
    pub fn parts(train: Found, test: Found) -> Self {
        Self::Parts { train: Box::new(train), validation: None, test: Box::new(test) }
    }
}

impl Found {
    /// How many examples there are.
    pub fn count(&self) -> usize {
        match &self.rows {
            Rows::Bytes(bytes) => bytes.len() / self.shape.numbers(),
            Rows::Numbers(numbers) => numbers.len() / self.shape.numbers(),
            Rows::File(file) => file.rows,
        }
    }

    fn not_finite(&self, row: usize) -> impl Fn(NotFinite) -> DataError + '_ {
        move |NotFinite { place, number }| {
            let reason = match self.shape.columns().get(place) {
                Some(column) if number.is_nan() => format!(
                    "has no number in row {row}, column {column:?}: fill missing numbers with --set \
                     'data.missing=\"mean\"', or leave the column out with --set 'data.ignore=[{column:?}]'"
                ),
                Some(column) => {
                    format!("holds {number} in row {row}, column {column:?}: every number has to be finite")
                }
                None => format!("holds {number} in image {row}: every number has to be finite"),
            };
            DataError::content(&self.path, reason)
        }
    }

    fn selected<'a, T: Copy>(&self, stored: &'a [T], rows: &'a [u32]) -> impl Iterator<Item = &'a [T]> + 'a {
        let width = self.shape.numbers();
        rows.iter().map(move |&row| &stored[row as usize * width..][..width])
    }

    /// The examples at some positions, as a split, with how they are seen: given, or from what they are like.
    fn split(
        &self,
        rows: Vec<u32>,
        given: Option<&Conversion>,
        config: &DataConfig,
        classes: Option<&[String]>,
        progress: &dyn Progress,
    ) -> Result<(Split, Conversion)> {
        let labels = classes.and_then(|names| self.labels.as_ref()?.numbered(names));
        let labels = labels.map(|labels| rows.iter().map(|&row| labels[row as usize]).collect());
        let shape = self.shape.clone();
        let mut survey = Survey::new(&shape);
        let mut look = |row: u32, numbers: &mut dyn Iterator<Item = f64>| {
            let found = match given {
                None => survey.see(numbers, config.missing),
                Some(_) => {
                    numbers.enumerate().try_for_each(|(place, number)| check(place, number, config.missing))
                }
            };
            found.map_err(self.not_finite(row as usize))
        };
        let converted = |survey: &Survey| {
            given.cloned().unwrap_or_else(|| survey.conversion(&shape, config.scale, config.missing))
        };
        let shaded = |split: Split, conversion: Conversion| (split.shaded(conversion.shades()), conversion);
        match &self.rows {
            Rows::Bytes(bytes) if config.scale == Scale::Unit && shape.image().is_some() => {
                let selected = self.selected(bytes, &rows).flatten().copied().collect();
                Ok((Split::of_bytes(shape, selected, labels), Conversion::of_bytes()))
            }
            Rows::Bytes(bytes) => {
                for (&row, numbers) in rows.iter().zip(self.selected(bytes, &rows)) {
                    look(row, &mut numbers.iter().map(|&byte| f64::from(byte)))?;
                }
                let mut conversion = converted(&survey);
                conversion.pixels = shape.image().map(|_| Pixels::Bytes);
                let seen = self.selected(bytes, &rows).flat_map(|row| {
                    row.iter().enumerate().map(|(place, &byte)| conversion.seen(place, f64::from(byte)))
                });
                let seen = seen.collect();
                Ok(shaded(Split::of_numbers(shape, seen, labels), conversion))
            }
            Rows::Numbers(stored) => {
                for (&row, numbers) in rows.iter().zip(self.selected(stored, &rows)) {
                    look(row, &mut numbers.iter().copied())?;
                }
                let conversion = converted(&survey);
                let [_, _, channels] = shape.image().unwrap_or([1, 1, 1]);
                let width = shape.numbers();
                let mut seen = Vec::with_capacity(rows.len() * width);
                for row in self.selected(stored, &rows) {
                    seen.extend((0..width).map(|place| {
                        let from = if self.planar { planar_place(place, width, channels) } else { place };
                        conversion.seen(place, row[from])
                    }));
                }
                Ok(shaded(Split::of_numbers(shape, seen, labels), conversion))
            }
            Rows::File(file) => {
                let width = file.row_bytes();
                let done = progress.counter("looking at the numbers", rows.len() as u64);
                let blocks = Blocks::new(file.clone(), rows, config.memory_mib << 20, |rows, bytes| {
                    let numbers = bytes.chunks_exact(width).map(|bytes| file.element.numbers(bytes));
                    done.add(rows.len() as u64);
                    rows.iter().zip(numbers).try_for_each(|(&row, mut numbers)| look(row, &mut numbers))
                })?;
                let conversion = converted(&survey);
                let split = Split::of_blocks(shape, blocks, conversion.clone(), self.planar, labels);
                Ok(shaded(split, conversion))
            }
        }
    }
}

/// The data set that was found, in its parts.
pub fn assemble(source: Source, config: &DataConfig, progress: &dyn Progress) -> Result<Dataset> {
    let (founds, positions) = match source {
        Source::Whole(found) => {
            let parts = parts_of(&found, config)?;
            (vec![*found], parts)
        }
        Source::Parts { train, validation, test } => {
            let all = |found: &Found| (0..found.count() as u32).collect();
            let parts = Drawn {
                train: all(&train),
                validation: validation.as_deref().map(all).unwrap_or_default(),
                test: all(&test),
            };
            ([Some(train), Some(test), validation].into_iter().flatten().map(|found| *found).collect(), parts)
        }
    };
    let [train, test, validation] = [0, 1, 2].map(|part| founds.get(part).unwrap_or(&founds[0]));
    for other in &founds[1..] {
        if other.shape != train.shape {
            let reason = format!(
                "holds examples of {}, and {} of {}: all parts have to be of one shape",
                other.shape,
                train.path.display(),
                train.shape
            );
            return Err(DataError::content(&other.path, reason));
        }
    }
    for (part, positions) in [("training", &positions.train), ("test", &positions.test)] {
        if positions.is_empty() {
            return Err(DataError::content(&train.path, format!("holds no example of the {part} part")));
        }
    }
    let mut notes: Vec<String> = founds.iter().flat_map(|found| found.notes.clone()).collect();
    let classes = classes(&founds, &mut notes);
    let names = classes.as_deref();
    let Drawn { train: of_train, validation: of_validation, test: of_test } = positions;
    let (mut training, conversion) = train.split(of_train, None, config, names, progress)?;
    for name in conversion.constant.iter().filter_map(|&column| train.shape.columns().get(column)) {
        notes.push(format!("The column {name:?} is the same in every training example."));
    }
    let given = Some(&conversion);
    let validation = match of_validation.is_empty() {
        true => None,
        false => Some(validation.split(of_validation, given, config, names, progress)?.0),
    };
    let (mut testing, _) = test.split(of_test, given, config, names, progress)?;

    let mut digest = Sha256::new();
    for split in [Some(&training), validation.as_ref(), Some(&testing)].into_iter().flatten() {
        digest.update(split.digest());
    }
    for (key, wanted, split) in [
        ("train_images", config.train_images, &mut training),
        ("test_images", config.test_images, &mut testing),
    ] {
        let count = split.count();
        if wanted > count {
            return Err(DataError::TooFew { key, wanted, count });
        }
        split.truncate(wanted);
    }
    let mut dataset = Dataset::new(training, validation, testing);
    notes.extend(dataset.record.too_few());
    dataset.record = DataRecord {
        source: train.path.display().to_string(),
        kind: train.kind.to_string(),
        sha256: digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
        scaling: conversion.scaling,
        pixels: conversion.pixels,
        classes: classes.unwrap_or_default(),
        notes,
        ..dataset.record
    };
    Ok(dataset)
}

/// The parts that the data has, or else drawn ones.
fn parts_of(found: &Found, config: &DataConfig) -> Result<Drawn> {
    let count = u32::try_from(found.count())
        .map_err(|_| DataError::content(&found.path, "holds more than 2^32 examples".to_string()))?;
    match &found.parts {
        Some(parts) => Ok(given(parts)),
        None if count < 3 => {
            let reason = format!("holds {count} examples: training, validation and test need one each");
            Err(DataError::content(&found.path, reason))
        }
        None => Ok(drawn(count, config.shares, config.split_seed)),
    }
}

/// The names of the classes, empty if numbers are the names; `None` where there are no labels, or too many.
fn classes(founds: &[Found], notes: &mut Vec<String>) -> Option<Vec<String>> {
    let labels: Vec<&Labels> = founds.iter().filter_map(|found| found.labels.as_ref()).collect();
    match labels.first()? {
        Labels::Classes { names, .. } => return Some(names.clone()),
        Labels::Words(_) => {}
    }
    let names = class_names(labels.into_iter().flat_map(Labels::words));
    if names.len() > MOST_CLASSES {
        notes.push(format!(
            "There are {} different labels, more than the {MOST_CLASSES} that can be told apart as classes: they are left out.",
            names.len()
        ));
        return None;
    }
    Some(names)
}

/// The number of examples that a table or an array names, if it can be that of an image.
pub fn image_shape(path: &Path, numbers: usize, config: &DataConfig) -> Result<Option<Shape>> {
    let shape = match config.image_shape[..] {
        [] => return Ok(None),
        [height, width] => Shape::grey(height, width),
        [height, width, channels, ..] => Shape::Image { height, width, channels },
        [_] => return Ok(None),
    };
    if shape.numbers() != numbers {
        return Err(DataError::Setting {
            key: "image_shape",
            reason: format!(
                "= {:?} asks for {} numbers an image, and {} has {numbers}",
                config.image_shape,
                shape.numbers(),
                path.display()
            ),
        });
    }
    Ok(Some(shape))
}
