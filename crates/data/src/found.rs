//! From what a loader found to a data set: into parts, onto the scale that networks see, with numbered classes.

use std::path::{Path, PathBuf};

use npy_format::Element;
use record::{DataConfig, DataRecord, Pixels, Scale, Shape};
use sha2::{Digest, Sha256};

use crate::blocks::{Blocks, FlatFile};
use crate::dataset::Dataset;
use crate::error::{DataError, Result};
use crate::labels::{Labels, MOST_CLASSES, class_names};
use crate::parts::{Drawn, Part, drawn, given};
use crate::progress::Progress;
use crate::split::{Split, planar_place};
use crate::survey::{Conversion, GREATEST, NotFinite, Survey};

/// Examples as a loader found them.
#[derive(Debug)]
pub struct Found {
    /// Where.
    pub path: PathBuf,
    /// Where in it, if it holds other parts too, in words such as `the array "x_test"`.
    pub within: Option<String>,
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

/// Names of columns that a message lists.
const LISTED: usize = 3;

/// A part of a data set.
struct Taken {
    split: Split,
    /// How it is seen.
    conversion: Conversion,
    /// What its numbers are like; empty of bytes that are seen from 0 to 1.
    survey: Survey,
}

impl Found {
    /// What is wrong with it, as the end of a sentence that begins with its name.
    fn refused(&self, reason: &str) -> DataError {
        let within = self.within.as_ref().map(|within| format!("({within}) ")).unwrap_or_default();
        DataError::content(&self.path, format!("{within}{reason}"))
    }

    /// Its name.
    fn name(&self) -> String {
        let within = self.within.as_ref().map(|within| format!(" ({within})")).unwrap_or_default();
        format!("{}{within}", self.path.display())
    }

    /// Whether its numbers are bytes, of which 0 and 255 are black and white however dark the images are.
    fn is_bytes(&self) -> bool {
        match &self.rows {
            Rows::Bytes(_) => true,
            Rows::Numbers(_) => false,
            Rows::File(file) => file.element == Element::BYTE && !self.planar,
        }
    }

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
            let column = self.shape.columns().get(place);
            if let Some(column) = column.filter(|_| number.is_nan()) {
                return self.refused(&format!(
                    "has no number in row {row}, column {column:?}: fill missing numbers with --set \
                     'data.missing=\"mean\"', or leave the column out with --set 'data.ignore=[{column:?}]'"
                ));
            }
            let place = match column {
                Some(column) => format!("row {row}, column {column:?}"),
                None => format!("image {row}"),
            };
            let needed = match number.abs() {
                finite if finite <= GREATEST => {
                    "scaled as the training examples are, it is beyond 3.4e38, the greatest number of 32 bits that a network \
                     sees"
                }
                finite if finite.is_finite() => {
                    "numbers beyond 3.4e38 do not fit into the 32 bits that a network sees: divide all of them, or mark this \
                     one as missing"
                }
                _ => "every number has to be finite",
            };
            self.refused(&format!("holds {number:e} in {place}: {needed}"))
        }
    }

    /// Brings the columns into the order of the training part, by their names.
    ///
    /// # Errors
    ///
    /// Fails where the examples of the parts differ in shape or columns.
    fn align(&mut self, train: &Self) -> Result<()> {
        if self.shape == train.shape {
            return Ok(());
        }
        let (columns, of_train) = (self.shape.columns(), train.shape.columns());
        let besides = |from: &[String], other: &[String]| -> Vec<String> {
            let more = from.iter().filter(|name| !other.contains(name));
            more.map(|name| format!("{name:?}")).collect()
        };
        let [lacking, more] = [besides(of_train, columns), besides(columns, of_train)];
        let places: Option<Vec<usize>> =
            of_train.iter().map(|name| columns.iter().position(|known| known == name)).collect();
        if let (Some(places), true, false) = (places, more.is_empty(), columns.is_empty()) {
            let Rows::Numbers(numbers) = &mut self.rows else {
                let train = train.name();
                return Err(self.refused(&format!(
                    "has the columns of {train} in another order: write them in the same one"
                )));
            };
            let rows = numbers.chunks_exact(places.len());
            *numbers = rows.flat_map(|row| places.iter().map(|&place| row[place])).collect();
            self.shape = train.shape.clone();
            self.notes.push(format!(
                "The columns of {} come in another order than those of {}: they are taken by their names.",
                self.name(),
                train.name()
            ));
            return Ok(());
        }
        let listed = |names: &[String]| match names.len() > LISTED {
            true => format!("{}, …", names[..LISTED].join(", ")),
            false => names.join(", "),
        };
        let differing = match (&lacking[..], &more[..]) {
            ([], []) => String::new(),
            (lacking, []) => format!("; it lacks {}", listed(lacking)),
            ([], more) => format!("; it has {} besides", listed(more)),
            (lacking, more) => format!("; it lacks {} and has {} besides", listed(lacking), listed(more)),
        };
        let reason = match columns.len() == of_train.len() && !columns.is_empty() {
            true => format!("has other columns than {}: all parts have to have the same", train.name()),
            false => format!(
                "holds examples of {}, and {} of {}: all parts have to be of one shape",
                self.shape,
                train.name(),
                train.shape
            ),
        };
        Err(self.refused(&format!("{reason}{differing}")))
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
    ) -> Result<Taken> {
        let labels = classes.and_then(|names| self.labels.as_ref()?.numbered(names));
        let labels = labels.map(|labels| rows.iter().map(|&row| labels[row as usize]).collect());
        let shape = self.shape.clone();
        let mut survey = Survey::new(&shape);
        let mut look = |row: u32, numbers: &mut dyn Iterator<Item = f64>| {
            let mut beyond = None;
            let checked = numbers.enumerate().map(|(place, number)| {
                if given.is_some_and(|given| !given.seen(place, number).is_finite()) {
                    beyond = beyond.or(Some(NotFinite { place, number }));
                }
                number
            });
            let found = survey.see(checked, config.missing);
            found.and(beyond.map_or(Ok(()), Err)).map_err(self.not_finite(row as usize))
        };
        let converted = |survey: &Survey| {
            given.cloned().unwrap_or_else(|| survey.conversion(&shape, config.scale, config.missing))
        };
        let shaded = |split: Split, conversion: Conversion, survey: Survey| Taken {
            split: split.shaded(conversion.shades()),
            conversion,
            survey,
        };
        match &self.rows {
            Rows::Bytes(bytes) if config.scale == Scale::Unit && shape.image().is_some() => {
                let selected = self.selected(bytes, &rows).flatten().copied().collect();
                Ok(shaded(Split::of_bytes(shape, selected, labels), Conversion::of_bytes(), survey))
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
                Ok(shaded(Split::of_numbers(shape, seen, labels), conversion, survey))
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
                Ok(shaded(Split::of_numbers(shape, seen, labels), conversion, survey))
            }
            Rows::File(file) => {
                let width = file.row_bytes();
                let done = progress.counter("looking at the numbers", rows.len() as u64);
                let blocks = Blocks::new(file.clone(), rows, config.memory_mib << 20, |rows, bytes| {
                    let numbers = bytes.chunks_exact(width).map(|bytes| file.element.numbers(bytes));
                    done.add(rows.len() as u64);
                    rows.iter().zip(numbers).try_for_each(|(&row, mut numbers)| look(row, &mut numbers))
                })?;
                let mut conversion = converted(&survey);
                if self.is_bytes() && shape.image().is_some() {
                    // As they are seen in memory.
                    match config.scale {
                        Scale::Unit => conversion = Conversion::of_bytes(),
                        _ => conversion.pixels = Some(Pixels::Bytes),
                    }
                }
                let split = Split::of_blocks(shape, blocks, conversion.clone(), self.planar, labels);
                Ok(shaded(split, conversion, survey))
            }
        }
    }
}

/// The data set that was found, in its parts.
pub fn assemble(source: Source, config: &DataConfig, progress: &dyn Progress) -> Result<Dataset> {
    let (mut founds, positions) = match source {
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
    let [train, others @ ..] = &mut founds[..] else { unreachable!("there is a training part") };
    others.iter_mut().try_for_each(|other| other.align(train))?;
    let [train, test, validation] = [0, 1, 2].map(|part| founds.get(part).unwrap_or(&founds[0]));
    for (part, positions) in [("training", &positions.train), ("test", &positions.test)] {
        if positions.is_empty() {
            return Err(DataError::content(&train.path, format!("holds no example of the {part} part")));
        }
    }
    let mut notes: Vec<String> = founds.iter().flat_map(|found| found.notes.clone()).collect();
    let classes = classes(&founds, &mut notes);
    let names = classes.as_deref();
    let Drawn { train: of_train, validation: of_validation, test: of_test } = positions;
    let Taken { split: mut training, conversion, survey } =
        train.split(of_train, None, config, names, progress)?;
    for name in conversion.constant.iter().filter_map(|&column| train.shape.columns().get(column)) {
        notes.push(format!("The column {name:?} is the same in every training example."));
    }
    let given = Some(&conversion);
    let part = |found: &Found, positions: Vec<u32>| -> Result<Split> {
        let part = found.split(positions, given, config, names, progress)?;
        if founds.len() > 1 && train.shape.image().is_some() {
            check_ranges([(train, &survey), (found, &part.survey)])?;
        }
        Ok(part.split)
    };
    let validation = match of_validation.is_empty() {
        true => None,
        false => Some(part(validation, of_validation)?),
    };
    let mut testing = part(test, of_test)?;

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
    let looked_at = survey.ranges().iter().any(|[least, greatest]| least <= greatest);
    let mut dataset = Dataset::new(training, validation, testing);
    dataset.ranges = if looked_at { survey.ranges() } else { Vec::new() };
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

/// Refuses a part of images whose numbers mean black and white otherwise than those of the training part, by whose range all
/// are seen: bytes beside numbers from 0 to 1 would all be black.
fn check_ranges([(train, of_train), (other, of_other)]: [(&Found, &Survey); 2]) -> Result<()> {
    let range = |found: &Found, survey: &Survey| match found.is_bytes() {
        true => Some([0.0, 255.0]),
        false => survey.convention(),
    };
    let ranges = [range(train, of_train), range(other, of_other)];
    let differ = match ranges {
        [Some(train), Some(other)] => train != other,
        // Numbers without a convention may be like those of another part, but never like bytes.
        _ => {
            let is_other = |found: &Found, survey: &Survey| {
                !found.is_bytes() && survey.ranges().iter().any(|[a, b]| a < b)
            };
            train.is_bytes() && is_other(other, of_other) || other.is_bytes() && is_other(train, of_train)
        }
    };
    if !differ {
        return Ok(());
    }
    let words = |found: &Found, survey: &Survey, range: Option<[f64; 2]>| {
        let [least, greatest] = range.unwrap_or_else(|| survey.ranges()[0]);
        let what = if found.is_bytes() { "bytes" } else { "numbers" };
        format!("{what} from {least} to {greatest}")
    };
    Err(other.refused(&format!(
        "holds {}, and {} {}: all parts have to mean the same by a number; save all of them as bytes, or all as numbers of one \
         range such as 0 to 1",
        words(other, of_other, ranges[1]),
        train.name(),
        words(train, of_train, ranges[0])
    )))
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
