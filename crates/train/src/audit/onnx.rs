//! Networks in ONNX files, run by `rten`: the Cargo feature `onnx`.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::nesting::is_too_deep;

pub use runtime::OnnxNetwork;

/// Bytes of a file at most: what the format allows.
const LARGEST_FILE: u64 = 1 << 31;
/// Rows that a network sees at a time, at most.
const TOGETHER: usize = 256;
/// Numbers that it sees at a time, at most: 1 GiB of them.
const MOST_NUMBERS: usize = 1 << 28;

/// What came out of a network for some rows.
pub struct OnnxOutput {
    /// The axes after the rows; all axes of what is not of rows.
    pub axes: Vec<usize>,
    /// The numbers, one row after another.
    pub numbers: Vec<f32>,
}

impl OnnxNetwork {
    /// The axes of an input row of so many numbers: those that the file names, and of those that it leaves open what is left, or the
    /// `usual` ones.
    ///
    /// # Errors
    ///
    /// Fails when rows of so many numbers do not fit.
    pub fn row_axes(&self, numbers: usize, usual: &[usize]) -> Result<Vec<usize>> {
        let declared = self.input_axes();
        let open = declared.iter().filter(|axis| axis.is_none()).count();
        let known: usize = declared.iter().flatten().product();
        let axes: Vec<usize> = match open {
            0 if !declared.is_empty() => declared.iter().flatten().copied().collect(),
            1 if known > 0 => declared.iter().map(|axis| axis.unwrap_or(numbers / known)).collect(),
            _ => usual.to_vec(),
        };
        ensure!(
            axes.iter().product::<usize>() == numbers
                && (declared.is_empty() || axes.len() == declared.len()),
            "{} takes rows of {}, and there are rows of {numbers} numbers ({usual:?})",
            self.path().display(),
            in_words(&declared)
        );
        let rows = self.rows_at_a_time().unwrap_or(TOGETHER);
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
        let together = self.rows_at_a_time().unwrap_or(TOGETHER);
        let mut found: Vec<OnnxOutput> = Vec::new();
        for block in rows.chunks(together * width) {
            let count = block.len() / width;
            let mut block = block.to_vec();
            // A file may be of so many rows and no other number.
            if self.rows_at_a_time().is_some() {
                block.resize(together * width, 0.0);
            }
            let shape = [&[block.len() / width][..], axes].concat();
            for (place, (name, output)) in
                outputs.iter().zip(self.run_block(block, &shape, outputs)?).enumerate()
            {
                let (axes, numbers) = self.rows_of(name, output, shape[0], count)?;
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
        let shape = [&[self.rows_at_a_time().unwrap_or(1)][..], axes].concat();
        let mut found = self.run_block(vec![0.0; shape.iter().product()], &shape, &[name])?;
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

fn in_words(declared: &[Option<usize>]) -> String {
    let axes = declared.iter().map(|axis| axis.map_or("any".to_string(), |size| size.to_string()));
    match axes.collect::<Vec<_>>().join(" x ") {
        none if none.is_empty() => "any shape".to_string(),
        axes => axes,
    }
}

/// Refuses what cannot be a file of a network before it is read.
fn check_file(path: &Path) -> Result<()> {
    let cannot_read = || format!("cannot read {}", path.display());
    let metadata = path.metadata().with_context(cannot_read)?;
    ensure!(metadata.is_file(), "{} is no file", path.display());
    let bytes = metadata.len();
    ensure!(bytes > 0, "{} is empty", path.display());
    ensure!(
        bytes <= LARGEST_FILE,
        "{} has {bytes} bytes: an ONNX file has at most {LARGEST_FILE}",
        path.display()
    );
    ensure!(
        !is_too_deep(path).with_context(cannot_read)?,
        "{} holds graphs within graphs: a network has no such depth",
        path.display()
    );
    Ok(())
}

#[cfg(feature = "onnx")]
mod runtime {
    use std::path::{Path, PathBuf};

    use anyhow::{Context, Result, anyhow, bail, ensure};
    use rten::{Dimension, Model, ModelOptions, NodeId, Value};
    use rten_tensor::Tensor;
    use rten_tensor::prelude::*;

    use super::{OnnxOutput, check_file};

    /// A network of an ONNX file, with one input.
    pub struct OnnxNetwork {
        path: PathBuf,
        model: Model,
        input: NodeId,
        /// The sizes of the input's axes, as far as the file says; the rows first.
        axes: Vec<Option<usize>>,
        /// The names of the outputs.
        outputs: Vec<String>,
    }

    impl OnnxNetwork {
        /// Reads a file.
        ///
        /// # Errors
        ///
        /// Fails when it is none of a network, or has what the runtime does not know.
        pub fn load(path: &Path) -> Result<Self> {
            check_file(path)?;
            let model = caught(path, || ModelOptions::with_all_ops().load_file(path))?
                .map_err(|error| anyhow!("{} cannot be run: {error}", path.display()))?;
            let name = |id: &NodeId| model.node_info(*id)?.name().map(str::to_string);
            let outputs: Option<Vec<String>> = model.output_ids().iter().map(name).collect();
            let outputs =
                outputs.with_context(|| format!("{} has an output without a name", path.display()))?;
            let &[input] = model.input_ids() else {
                let names: Vec<String> = model.input_ids().iter().filter_map(name).collect();
                bail!(
                    "{} has {} inputs ({}): an encoder takes images and a decoder takes codes, and nothing beside them",
                    path.display(),
                    names.len(),
                    names.join(", ")
                )
            };
            ensure!(!outputs.is_empty(), "{} has no output", path.display());
            let size = |dimension: &Dimension| match dimension {
                Dimension::Fixed(size) => Some(*size),
                Dimension::Symbolic(_) => None,
            };
            let axes = model.input_shape(0).unwrap_or_default().iter().map(size).collect();
            Ok(Self { path: path.to_path_buf(), input, axes, outputs, model })
        }

        /// Its file.
        pub fn path(&self) -> &Path {
            &self.path
        }

        /// The names of what comes out.
        pub fn outputs(&self) -> &[String] {
            &self.outputs
        }

        /// The sizes of the axes of a row that goes in; `None` of those that the file leaves open.
        pub fn input_axes(&self) -> Vec<Option<usize>> {
            self.axes.iter().skip(1).copied().collect()
        }

        /// How many rows go in at a time, where the file says so.
        pub fn rows_at_a_time(&self) -> Option<usize> {
            self.axes.first().copied().flatten().filter(|rows| *rows > 0)
        }

        /// Outputs for rows of this shape, the rows first.
        pub(super) fn run_block(
            &self,
            rows: Vec<f32>,
            shape: &[usize],
            outputs: &[&str],
        ) -> Result<Vec<OnnxOutput>> {
            let id = |name: &&str| {
                self.model.node_id(name).map_err(|_| anyhow!("{} has no output {name}", self.path.display()))
            };
            let ids: Vec<NodeId> = outputs.iter().map(id).collect::<Result<_>>()?;
            let input = Tensor::from_data(shape, rows);
            let found = caught(&self.path, || self.model.run(vec![(self.input, input.into())], &ids, None))?
                .map_err(|error| anyhow!("{} cannot be run: {error}", self.path.display()))?;
            let output = |(value, name): (Value, &&str)| {
                let kind = value.dtype();
                let tensor = Tensor::<f32>::try_from(value).map_err(|_| {
                    anyhow!(
                        "{}: its output {name} is of the type {kind:?}, and not of 32-bit numbers",
                        self.path.display()
                    )
                })?;
                Ok(OnnxOutput { axes: tensor.shape().to_vec(), numbers: tensor.into_data() })
            };
            found.into_iter().zip(outputs).map(output).collect()
        }
    }

    /// What the runtime gives; its panics, on files that it does not expect, are errors.
    fn caught<T>(path: &Path, f: impl FnOnce() -> T) -> Result<T> {
        data::catch_panic(f).map_err(|message| anyhow!("{} cannot be run: {message}", path.display()))
    }
}

#[cfg(not(feature = "onnx"))]
mod runtime {
    use std::path::Path;

    use anyhow::{Result, bail};

    use super::{OnnxOutput, check_file};

    /// No network: this program was built without a runtime for them.
    pub enum OnnxNetwork {}

    impl OnnxNetwork {
        pub fn load(path: &Path) -> Result<Self> {
            check_file(path)?;
            bail!(
                "{} cannot be run: this program was built without a runtime for ONNX: build it with `--features onnx`",
                path.display()
            )
        }

        pub fn path(&self) -> &Path {
            match *self {}
        }

        pub fn outputs(&self) -> &[String] {
            match *self {}
        }

        pub fn input_axes(&self) -> Vec<Option<usize>> {
            match *self {}
        }

        pub fn rows_at_a_time(&self) -> Option<usize> {
            match *self {}
        }

        pub(super) fn run_block(&self, _: Vec<f32>, _: &[usize], _: &[&str]) -> Result<Vec<OnnxOutput>> {
            match *self {}
        }
    }
}
