//! Rows to files or standard output, block by block.

use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use data::{Split, contact_sheet, png};
use record::{GrowingFile, Shape, Units, create_dir, write_atomically};

/// Images of a grid at most.
const MOST_OF_GRID: usize = 2500;
/// Bytes of the header of an array, whose first axis is known only at the end.
const NPY_HEADER: usize = 128;

/// What rows are.
#[derive(Clone, Debug)]
pub enum Content {
    /// Images of this height, width and number of channels, in these units.
    Images([usize; 3], Units),
    /// Numbers with names, in these units.
    Columns(Vec<String>, Units),
}

impl Content {
    /// Numbers with names, as they are.
    pub fn plain(names: Vec<String>) -> Self {
        Self::Columns(names, Units::as_seen())
    }

    /// What a network's examples are.
    pub fn examples(shape: &Shape, units: Units) -> Self {
        match shape.image() {
            Some(size) => Self::Images(size, units),
            None => Self::Columns(shape.columns().to_vec(), units),
        }
    }

    fn width(&self) -> usize {
        match self {
            Self::Images(size, _) => size.iter().product(),
            Self::Columns(names, _) => names.len(),
        }
    }

    fn names(&self) -> Vec<String> {
        match self {
            Self::Images(..) => (0..self.width()).map(|pixel| format!("pixel_{pixel}")).collect(),
            Self::Columns(names, _) => names.clone(),
        }
    }

    fn units(&self) -> &Units {
        let (Self::Images(_, units) | Self::Columns(_, units)) = self;
        units
    }

    /// Rows of a network as they are outside of it.
    pub fn in_units_of_data(&self, rows: &[f32]) -> Vec<f64> {
        let (units, width) = (self.units(), self.width());
        rows.iter().enumerate().map(|(place, &seen)| units.number(place % width, seen)).collect()
    }

    /// Whether numbers in units of the data need 64 bits.
    pub fn is_wide(&self) -> bool {
        self.units().is_wide()
    }
}

/// Where rows go to.
pub struct Output {
    content: Content,
    rows: usize,
    /// Images that belong beside each other in a grid.
    together: usize,
    sink: Sink,
}

enum Sink {
    Csv(Box<csv::Writer<BufWriter<Destination>>>),
    Npy(Box<BufWriter<GrowingFile>>),
    /// The bytes of all images, until they are drawn together.
    Grid(PathBuf, Vec<u8>),
    /// A file each.
    Pictures(PathBuf),
}

enum Destination {
    Standard(io::Stdout),
    File(GrowingFile),
}

impl Write for Destination {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Standard(output) => output.write(bytes),
            Self::File(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Standard(output) => output.flush(),
            Self::File(file) => file.flush(),
        }
    }
}

impl Output {
    /// To a file of the kind that its ending names, `.png`, `.npy` or `.csv`; to pictures in a folder; or as CSV to standard output,
    /// which is `-`. In a grid so many images that follow each other, `together`, stand in one row.
    ///
    /// # Errors
    ///
    /// Fails when the kind is none of these or does not fit the rows, or the file cannot be begun.
    pub fn begin(path: &Path, content: Content, together: usize) -> Result<Self> {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let images = matches!(content, Content::Images(..));
        let folder = path.is_dir() || path.as_os_str().to_string_lossy().ends_with('/');
        let sink = match ending {
            _ if path == Path::new("-") => Sink::csv(Destination::Standard(io::stdout())),
            "csv" => Sink::csv(Destination::File(GrowingFile::begin(path)?)),
            "npy" => {
                let mut file = BufWriter::new(GrowingFile::begin(path)?);
                file.write_all(&[0; NPY_HEADER])
                    .with_context(|| format!("cannot write {}", path.display()))?;
                Sink::Npy(Box::new(file))
            }
            "png" if images => Sink::Grid(path.to_path_buf(), Vec::new()),
            _ if folder && images => {
                create_dir(path)?;
                Sink::Pictures(path.to_path_buf())
            }
            "png" => bail!(
                "{} would be a picture, and these are rows of numbers: name a .npy or .csv file",
                path.display()
            ),
            _ => bail!(
                "{} cannot be written: name a .png, .npy or .csv file, an ending / for a folder of pictures, or - for CSV to standard \
                 output",
                path.display()
            ),
        };
        Ok(Self { content, rows: 0, together, sink })
    }

    /// Refuses more rows than it has room for.
    ///
    /// # Errors
    ///
    /// Fails when it has not.
    pub fn ensure_room(&self, rows: usize) -> Result<()> {
        if let Sink::Grid(path, _) = &self.sink {
            ensure!(
                rows <= MOST_OF_GRID,
                "a grid shows at most {MOST_OF_GRID} images: write pictures into a folder, {}/, or a .npy file",
                path.with_extension("").display()
            );
        }
        Ok(())
    }

    /// Whether it goes to standard output, where nothing else may stand.
    pub fn is_standard(&self) -> bool {
        matches!(&self.sink, Sink::Csv(writer) if matches!(writer.get_ref().get_ref(), Destination::Standard(_)))
    }

    /// Writes rows as a network sees them.
    ///
    /// # Errors
    ///
    /// Fails when they cannot be written.
    pub fn write(&mut self, rows: &[f32]) -> Result<()> {
        let content = &self.content;
        self.ensure_room(self.rows + rows.len() / content.width())?;
        for row in rows.chunks_exact(content.width()) {
            let numbers = content.in_units_of_data(row);
            if let Some(number) = narrow(&numbers).find(|number| !number.is_finite()) {
                bail!(
                    "the network gives {number} for row {}: what it was given is far from all that it was trained on",
                    self.rows
                );
            }
            let pixels = || row.iter().map(|&seen| content.units().byte(seen));
            match &mut self.sink {
                Sink::Csv(writer) => {
                    if self.rows == 0 {
                        writer.write_record(content.names())?;
                    }
                    match content.is_wide() {
                        true => writer.serialize(numbers)?,
                        false => writer.serialize(narrow(&numbers).collect::<Vec<f32>>())?,
                    }
                }
                Sink::Npy(file) => {
                    let bytes: Vec<u8> = match content.is_wide() {
                        true => numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
                        false => narrow(&numbers).flat_map(f32::to_le_bytes).collect(),
                    };
                    file.write_all(&bytes)?;
                }
                Sink::Grid(_, bytes) => bytes.extend(pixels()),
                Sink::Pictures(dir) => {
                    let Content::Images(size, _) = content else { bail!("pictures are of images") };
                    let bytes: Vec<u8> = pixels().collect();
                    write_atomically(&dir.join(format!("{:06}.png", self.rows)), &png(*size, &bytes))?;
                }
            }
            self.rows += 1;
        }
        Ok(())
    }

    /// Puts what was written into its place, and says how many rows there are.
    ///
    /// # Errors
    ///
    /// Fails when it cannot be written.
    pub fn finish(self) -> Result<usize> {
        let Self { content, rows, together, sink } = self;
        match sink {
            Sink::Csv(writer) => {
                match into_inner(writer.into_inner().map_err(|error| error.into_error())?)? {
                    Destination::Standard(mut output) => output.flush()?,
                    Destination::File(file) => file.finish()?,
                }
            }
            Sink::Npy(file) => {
                let mut file = into_inner(*file)?;
                file.seek(SeekFrom::Start(0))?;
                file.write_all(&npy_header(rows, &content))?;
                file.finish()?;
            }
            Sink::Grid(path, bytes) => {
                let Content::Images([height, width, channels], _) = content else {
                    bail!("a grid is of images")
                };
                let images = Split::of_bytes(Shape::Image { height, width, channels }, bytes, None);
                let square = (1..).find(|side| side * side >= rows).unwrap_or(1);
                let sheet = contact_sheet(&images, rows, square.next_multiple_of(together.max(1)))?
                    .context("a grid is of images")?;
                write_atomically(&path, &sheet)?;
            }
            Sink::Pictures(_) => {}
        }
        Ok(rows)
    }
}

impl Sink {
    fn csv(to: Destination) -> Self {
        Self::Csv(Box::new(csv::Writer::from_writer(BufWriter::new(to))))
    }
}

/// The nearest numbers of 32 bits.
fn narrow(numbers: &[f64]) -> impl Iterator<Item = f32> {
    numbers.iter().map(|&number| number as f32)
}

fn into_inner<W: Write>(writer: BufWriter<W>) -> Result<W> {
    writer.into_inner().map_err(|error| error.into_error().into())
}

fn npy_header(rows: usize, content: &Content) -> Vec<u8> {
    let shape = match content {
        Content::Images([height, width, 1], _) => format!("{rows}, {height}, {width}"),
        Content::Images([height, width, channels], _) => format!("{rows}, {height}, {width}, {channels}"),
        Content::Columns(names, _) => format!("{rows}, {}", names.len()),
    };
    let size = if content.is_wide() { 8 } else { 4 };
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend(((NPY_HEADER - 10) as u16).to_le_bytes());
    header.extend(format!("{{'descr': '<f{size}', 'fortran_order': False, 'shape': ({shape}), }}").bytes());
    header.resize(NPY_HEADER - 1, b' ');
    header.push(b'\n');
    header
}
