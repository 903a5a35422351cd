//! A network of an ONNX file, for rows of numbers.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};

use crate::Bounds;
use crate::message::{Description, Request};
use crate::process::Process;
#[cfg(feature = "run")]
use crate::runtime::Runtime;

/// Rows that a network sees at a time, at most, and numbers of such rows; a file may want more.
const TOGETHER: usize = 256;
const NUMBERS_TOGETHER: usize = 1 << 24;
/// Numbers that it sees or gives at a time, at most: 1 GiB of them.
pub const MOST_NUMBERS: usize = 1 << 28;

/// What came out of a network for some rows.
#[derive(Debug)]
pub struct OnnxOutput {
    /// The axes after the rows; all axes of what is not of rows.
    pub axes: Vec<usize>,
    /// The numbers, one row after another.
    pub numbers: Vec<f32>,
}

/// A network of an ONNX file, with one input.
pub struct OnnxNetwork {
    path: PathBuf,
    description: Description,
    place: Place,
}

/// Where it runs.
enum Place {
    Process(Mutex<Process>),
    #[cfg(feature = "run")]
    Here(Box<Runtime>),
}

impl OnnxNetwork {
    /// Reads a file, in a process of its own.
    ///
    /// # Errors
    ///
    /// Fails when it is none of a network, when it has what the runtime does not know, or when the process ends.
    pub fn load(path: &Path) -> Result<Self> {
        if cfg!(not(feature = "run")) {
            bail!(
                "{} cannot be run: this program was built without a runtime for ONNX: build it with `--features onnx`",
                path.display()
            )
        }
        let program = std::env::current_exe().context("this program does not know its own place")?;
        Self::load_by(Command::new(program), Bounds::default(), path)
    }

    /// The same in the process of another program that calls `serve`.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn load_by(program: Command, bounds: Bounds, path: &Path) -> Result<Self> {
        let (process, description) = Process::start(program, bounds, path)?;
        Ok(Self { path: path.to_path_buf(), description, place: Place::Process(Mutex::new(process)) })
    }

    /// The same in this process, without bounds on its memory and its time.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    #[cfg(feature = "run")]
    pub fn load_here(path: &Path) -> Result<Self> {
        let (runtime, description) = Runtime::load(path)?;
        Ok(Self { path: path.to_path_buf(), description, place: Place::Here(Box::new(runtime)) })
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file says of it.
    #[cfg(feature = "run")]
    pub(crate) fn description(&self) -> &Description {
        &self.description
    }

    /// The names of what comes out.
    pub fn outputs(&self) -> &[String] {
        &self.description.outputs
    }

    /// The sizes of the axes of a row that goes in; `None` of those that the file leaves open.
    fn input_axes(&self) -> Vec<Option<usize>> {
        self.description.axes.iter().skip(1).copied().collect()
    }

    /// How many rows go in at a time, where the file says so.
    pub fn rows_at_a_time(&self) -> Option<usize> {
        self.description.axes.first().copied().flatten().filter(|rows| *rows > 0)
    }

    /// As many rows of so many numbers as go in at a time.
    fn together(&self, numbers: usize) -> usize {
        self.rows_at_a_time().unwrap_or((NUMBERS_TOGETHER / numbers.max(1)).clamp(1, TOGETHER))
    }

    /// Outputs for rows, whose shape has the rows first.
    pub(crate) fn run_block(&self, rows: Vec<f32>, request: &Request) -> Result<Vec<OnnxOutput>> {
        match &self.place {
            Place::Process(process) => {
                let mut process = process.lock().unwrap_or_else(PoisonError::into_inner);
                let (shapes, numbers) = process.run(&self.path, request, &rows)?;
                let mut numbers = numbers.into_iter();
                let output = |axes: Vec<usize>| OnnxOutput {
                    numbers: numbers.by_ref().take(axes.iter().product()).collect(),
                    axes,
                };
                Ok(shapes.into_iter().map(output).collect())
            }
            #[cfg(feature = "run")]
            Place::Here(runtime) => runtime.run(&self.path, rows, request),
        }
    }

    /// The axes of an input row of so many numbers: those that the file names, and of those that it leaves open what is left, or the
    /// `usual` ones.
    ///
    /// # Errors
    ///
    /// Fails when rows of so many numbers do not fit.
    pub fn row_axes(&self, numbers: usize, usual: &[usize]) -> Result<Vec<usize>> {
        let declared = self.input_axes();
        let Some(axes) = fitting(&declared, numbers, usual) else {
            bail!(
                "{} takes rows of {}, and there are rows of {numbers} numbers ({usual:?})",
                self.path().display(),
                in_words(&declared)
            )
        };
        let rows = self.together(numbers);
        ensure!(
            rows.checked_mul(numbers).is_some_and(|numbers| numbers <= MOST_NUMBERS),
            "{} takes {rows} rows of {numbers} numbers at a time: more than {MOST_NUMBERS} numbers are not tried",
            self.path().display()
        );
        Ok(axes)
    }

    /// What comes out of it for some rows, output by output in the order of `outputs`.
    ///
    /// # Errors
    ///
    /// Fails when the network does.
    pub fn run(&self, rows: &[f32], axes: &[usize], outputs: &[&str]) -> Result<Vec<OnnxOutput>> {
        let width: usize = axes.iter().product();
        let together = self.together(width);
        let mut found: Vec<OnnxOutput> = Vec::new();
        for block in rows.chunks(together * width) {
            let count = block.len() / width;
            let mut block = block.to_vec();
            // A file may be of so many rows and no other number.
            if self.rows_at_a_time().is_some() {
                block.resize(together * width, 0.0);
            }
            let request = request(block.len() / width, axes, outputs);
            for (place, (name, output)) in outputs.iter().zip(self.run_block(block, &request)?).enumerate() {
                let (axes, numbers) = self.rows_of(name, output, request.shape[0], count)?;
                match found.get_mut(place) {
                    Some(found) => {
                        ensure!(
                            found.axes == axes,
                            "{}: its output {name} has rows of another shape for other rows",
                            self.path().display()
                        );
                        found.numbers.extend(numbers);
                    }
                    None => found.push(OnnxOutput { axes, numbers }),
                }
            }
        }
        Ok(found)
    }

    /// An output that is the same whatever goes in.
    ///
    /// # Errors
    ///
    /// Fails when the network does.
    pub fn constant(&self, name: &str, axes: &[usize]) -> Result<Vec<f32>> {
        let request = request(self.rows_at_a_time().unwrap_or(1), axes, &[name]);
        let mut found = self.run_block(vec![0.0; request.shape.iter().product()], &request)?;
        Ok(found.pop().map(|output| output.numbers).unwrap_or_default())
    }

    /// The first rows of an output, one for each row that went in.
    fn rows_of(
        &self,
        name: &str,
        output: OnnxOutput,
        rows: usize,
        count: usize,
    ) -> Result<(Vec<usize>, Vec<f32>)> {
        let OnnxOutput { axes, mut numbers } = output;
        ensure!(
            axes.first() == Some(&rows),
            "{}: its output {name} has the shape {axes:?} for {rows} rows: every row has its own",
            self.path().display()
        );
        ensure!(!numbers.is_empty(), "{}: its output {name} holds no number", self.path().display());
        numbers.truncate(numbers.len() / rows * count);
        Ok((axes[1..].to_vec(), numbers))
    }
}

fn request(rows: usize, axes: &[usize], outputs: &[&str]) -> Request {
    Request {
        shape: [&[rows][..], axes].concat(),
        outputs: outputs.iter().map(|name| name.to_string()).collect(),
    }
}

/// The axes of a row of so many numbers where these are declared, or else the usual ones; `None` if they do not fit.
fn fitting(declared: &[Option<usize>], numbers: usize, usual: &[usize]) -> Option<Vec<usize>> {
    let open = declared.iter().filter(|axis| axis.is_none()).count();
    let known = product(declared.iter().flatten())?;
    let axes: Vec<usize> = match open {
        0 if !declared.is_empty() => declared.iter().flatten().copied().collect(),
        1 if known > 0 => declared.iter().map(|axis| axis.unwrap_or(numbers / known)).collect(),
        _ => usual.to_vec(),
    };
    let fits = product(&axes) == Some(numbers) && (declared.is_empty() || axes.len() == declared.len());
    fits.then_some(axes)
}

/// The product of sizes that a file gives.
pub(crate) fn product<'a>(sizes: impl IntoIterator<Item = &'a usize>) -> Option<usize> {
    sizes.into_iter().try_fold(1usize, |product, size| product.checked_mul(*size))
}

fn in_words(declared: &[Option<usize>]) -> String {
    let axes = declared.iter().map(|axis| axis.map_or("any".to_string(), |size| size.to_string()));
    match axes.collect::<Vec<_>>().join(" x ") {
        none if none.is_empty() => "any shape".to_string(),
        axes => axes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_those_of_the_file_where_they_fit() {
        type Declared = &'static [Option<usize>];
        let cases: [(Declared, Option<&[usize]>); 8] = [
            (&[], Some(&[64])),
            (&[Some(64)], Some(&[64])),
            (&[None], Some(&[64])),
            (&[Some(1), None, Some(8)], Some(&[1, 8, 8])),
            (&[None, None], None),
            (&[Some(65)], None),
            (&[Some(0), None], None),
            // Their product is 64 in arithmetic that wraps.
            (&[Some(3), Some(0xaaaa_aaaa_aaaa_aac0)], None),
        ];
        for (declared, expected) in cases {
            assert_eq!(fitting(declared, 64, &[64]).as_deref(), expected, "{declared:?}");
        }
    }
}
