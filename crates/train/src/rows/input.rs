//! Rows from files or standard input, block by block.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use data::{Cell, EXAMPLE_ARRAYS, NamedArray, arrays_in, picture_files, read_picture, table_rows};
use record::{DataRecord, Shape, Units};

use super::BLOCK;

/// Where rows come from.
pub enum Input {
    /// Standard input, as CSV.
    Standard,
    /// A table as text, with commas, semicolons or tabs, packed by gzip or not.
    Table(PathBuf),
    /// An array.
    Array(NamedArray),
    /// Pictures.
    Pictures(Vec<PathBuf>),
}

/// What rows are, which decides how a network sees them.
pub enum Seen<'a> {
    /// Examples such as a network was trained on, in these units.
    Examples(&'a DataRecord, Units),
    /// Codes of so many dimensions, as they are.
    Codes(usize),
}

impl Input {
    /// What there is at a path; `-` for standard input.
    ///
    /// Of a file of several arrays the named one, or the first that is called as examples or codes are.
    ///
    /// # Errors
    ///
    /// Fails when there is nothing that can be read.
    pub fn open(path: &Path, array: Option<&str>) -> Result<Self> {
        let name =
            path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        let has_arrays = [".npy", ".npz", ".safetensors"].iter().any(|ending| name.ends_with(ending));
        if let Some(array) = array.filter(|_| !has_arrays) {
            bail!("--array {array} names an array, and {} is no file of arrays", path.display());
        }
        if path == Path::new("-") {
            return Ok(Self::Standard);
        }
        ensure!(path.exists(), "there is no {}", path.display());
        if [".csv", ".tsv", ".csv.gz", ".tsv.gz"].iter().any(|ending| name.ends_with(ending)) {
            return Ok(Self::Table(path.to_path_buf()));
        }
        if has_arrays {
            let arrays = arrays_in(path)?;
            let names: Vec<&str> = arrays.keys().map(String::as_str).collect();
            let listed = || format!("{} has the arrays {}", path.display(), names.join(", "));
            let chosen = match (array, &names[..]) {
                (Some(name), _) => {
                    arrays.get(name).with_context(|| format!("{}, and none that is called {name}", listed()))
                }
                (None, [only]) => Ok(&arrays[*only]),
                (None, _) => {
                    let known = EXAMPLE_ARRAYS.iter().chain(&["codes"]).find_map(|name| arrays.get(*name));
                    known.with_context(|| format!("{}: say which with --array", listed()))
                }
            };
            return Ok(Self::Array(chosen?.clone()));
        }
        match picture_files(path)? {
            Some(files) => Ok(Self::Pictures(files)),
            None => bail!(
                "{} cannot be read: give a folder of pictures, a picture, a .npy, .npz, .safetensors, .csv, .tsv or .csv.gz file, \
                 or - for CSV from standard input",
                path.display()
            ),
        }
    }

    /// How many rows there are, where that is known before they are read.
    pub fn count(&self) -> Option<usize> {
        match self {
            Self::Standard | Self::Table(_) => None,
            Self::Array(array) => Some(array.rows()),
            Self::Pictures(files) => Some(files.len()),
        }
    }

    /// Calls `each` with blocks of rows as a network sees them, one after another.
    ///
    /// # Errors
    ///
    /// Fails when the rows are not what they should be or there are none, and with the first error of `each`.
    pub fn for_each_block(
        &self,
        seen: &Seen<'_>,
        mut each: impl FnMut(Vec<f32>) -> Result<()>,
    ) -> Result<()> {
        let width = seen.width();
        let (mut block, mut any) = (Vec::new(), false);
        let mut push = |row: &[f32]| -> Result<()> {
            any = true;
            block.extend(row);
            if block.len() == BLOCK * width {
                each(std::mem::take(&mut block))?;
            }
            Ok(())
        };
        match self {
            Self::Standard => {
                let mut csv = csv::ReaderBuilder::new();
                let rows = csv.has_headers(false).flexible(true).from_reader(io::stdin());
                read_table(rows, "standard input", seen, &mut push)?;
            }
            Self::Table(path) => {
                read_table(table_rows(path)?, &path.display().to_string(), seen, &mut push)?;
            }
            Self::Array(array) => read_array(array, seen, &mut push)?,
            Self::Pictures(files) => {
                let images = match seen {
                    Seen::Examples(data, units) => data.shape().image().map(|shape| (shape, units)),
                    Seen::Codes(_) => None,
                };
                let (shape, units) =
                    images.context("pictures are given where the network knows rows of numbers")?;
                for file in files {
                    let bytes = read_picture(file, shape)?;
                    let row: Vec<f32> = bytes.iter().map(|&byte| units.seen_of_byte(byte)).collect();
                    push(&row)?;
                }
            }
        }
        if !block.is_empty() {
            each(block)?;
        }
        ensure!(any, "there is no row to read");
        Ok(())
    }
}

impl Seen<'_> {
    /// Numbers of a row.
    fn width(&self) -> usize {
        match self {
            Self::Examples(data, _) => data.shape().numbers(),
            Self::Codes(latent) => *latent,
        }
    }

    fn what(&self) -> String {
        match self {
            Self::Examples(data, _) => format!("an example has {}", data.shape()),
            Self::Codes(latent) => format!("a code has {latent} dimensions"),
        }
    }

    /// A number of some column as the network sees it; NaN where it is missing.
    ///
    /// # Errors
    ///
    /// Fails, with what is wrong with it, when it is missing, though it may not be, or beyond what could be meant.
    fn scaled(&self, column: usize, number: f64) -> Result<f32, String> {
        let seen = match self {
            Self::Examples(data, units) => {
                if data.shape().image().is_some() && number.is_finite() && !units.may_be_pixel(number) {
                    return Err(format!(
                        "{number}: the network was trained on bytes, and pixels that are no bytes (uint8) are from 0, black, \
                         to 1, white"
                    ));
                }
                units.seen(column, number)
            }
            Self::Codes(_) => number as f32,
        };
        match seen.is_finite() {
            true => Ok(seen),
            false if number.is_finite() => {
                Err(format!("{number:e}, which is beyond what the network can see"))
            }
            false => Err(format!("{number}: every number has to be finite")),
        }
    }
}

fn read_array(array: &NamedArray, seen: &Seen<'_>, push: &mut dyn FnMut(&[f32]) -> Result<()>) -> Result<()> {
    let width = seen.width();
    ensure!(
        array.row_numbers() == width,
        array.refused(format!("has the shape {:?}, and {}", array.shape(), seen.what()))
    );
    let images = matches!(seen, Seen::Examples(data, _) if data.shape().image().is_some());
    let layout = if images && array.shape().len() > 2 { Some(array.layout()?) } else { None };
    let number = |column: usize, number: f64| match seen {
        Seen::Examples(_, units) if images && array.is_bytes() => Ok(units.seen_of_byte(number as u8)),
        _ => seen.scaled(column, number),
    };
    array.read_rows(|rows| {
        let mut position = 0;
        while let Some(row) = rows.next()? {
            let row = match &layout {
                Some(layout) => layout.channels_last(row),
                None => row.into(),
            };
            let numbers: Result<Vec<f32>, String> =
                row.iter().enumerate().map(|(column, value)| number(column, *value)).collect();
            let in_row = |what| array.refused(format!("holds in row {position} {what}"));
            push(&numbers.map_err(in_row)?)?;
            position += 1;
        }
        Ok(())
    })
}

fn read_table(
    mut reader: csv::Reader<impl Read>,
    name: &str,
    seen: &Seen<'_>,
    push: &mut dyn FnMut(&[f32]) -> Result<()>,
) -> Result<()> {
    let width = seen.width();
    // Those of a table by the names of its header; all where there is none.
    let (mut columns, mut by_name): (Vec<usize>, bool) = ((0..width).collect(), false);
    for (line, record) in reader.byte_records().enumerate() {
        let record = record.with_context(|| format!("{name} cannot be read as a table"))?;
        let cells = || record.iter().map(<[u8]>::trim_ascii);
        if line == 0 && cells().any(|cell| matches!(Cell::read(cell), Cell::Word(_))) {
            if let Seen::Examples(data, _) = seen
                && let Shape::Table { columns: named } = data.shape()
            {
                let place = |column: &String| {
                    let named =
                        |cell| String::from_utf8_lossy(cell).trim_start_matches('\u{feff}').to_string();
                    let found = cells().position(|cell| named(cell) == *column);
                    found.with_context(|| {
                        format!("{name} has no column {column:?}, which the network was trained on")
                    })
                };
                (columns, by_name) = (named.iter().map(place).collect::<Result<_>>()?, true);
            }
            continue;
        }
        let wrong_length =
            || format!("{name} has {} numbers in line {}, and {}", record.len(), line + 1, seen.what());
        ensure!(by_name || record.len() == width, wrong_length());
        let number = |(place, &column): (usize, &usize)| {
            let cell = cells().nth(column).with_context(wrong_length)?;
            let at = format!("in line {}, column {}", line + 1, column + 1);
            match Cell::read(cell) {
                Cell::Number(number) => {
                    seen.scaled(place, number).map_err(|what| anyhow!("{name} has {at} {what}"))
                }
                Cell::Missing => seen.scaled(place, f64::NAN).map_err(|_| {
                    anyhow!("{name} has no number {at}: numbers are missing only where training filled them")
                }),
                Cell::Word(word) => Err(anyhow!("{name} has {word:?} {at}: numbers are needed")),
            }
        };
        push(&columns.iter().enumerate().map(number).collect::<Result<Vec<f32>>>()?)?;
    }
    Ok(())
}
