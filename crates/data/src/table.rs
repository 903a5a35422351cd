//! Tables of numbers in text: CSV, with commas, semicolons or tabs.
//!
//! A table is read twice: first to see its columns, its rows and its digest, then for its numbers, so that one that does not
//! fit into memory never has to.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use csv::{ByteRecord, Reader, ReaderBuilder};
use flate2::read::MultiGzDecoder;
use record::{DataConfig, Shape};
use sha2::{Digest, Sha256};

use crate::cache::{CacheWriter, Cached};
use crate::columns::{Cell, Chosen, ColumnKind, Word, chosen};
use crate::error::{DataError, Result};
use crate::found::{Found, Rows, image_shape};
use crate::label_file;
use crate::labels::{Labels, Words};
use crate::parts::Part;
use crate::progress::Progress;
use npy_format::Element;

/// Bytes of a row at most.
const LONGEST_ROW: usize = 16 << 20;
/// Rows between two looks at how far the reading has got.
const STRIDE: u64 = 4096;

/// What the first reading found.
struct Sight {
    delimiter: u8,
    /// Whether the first row names the columns.
    headed: bool,
    names: Vec<String>,
    kinds: Vec<ColumnKind>,
    rows: usize,
    digest: [u8; 32],
}

/// A reader that takes the digest of what passes through it.
struct Digested<R> {
    reader: R,
    digest: Sha256,
}

impl<R: Read> Read for Digested<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.digest.update(&buffer[..count]);
        Ok(count)
    }
}

/// The examples of a table: a row each.
///
/// # Errors
///
/// Fails with the line and the column of what is no number.
pub fn read(path: &Path, config: &DataConfig, progress: &dyn Progress) -> Result<Found> {
    let sight = look(path, progress)?;
    let labels_beside = match config.labels.as_str() {
        "" | "none" => None,
        named if sight.names.iter().any(|name| name == named) => None,
        named => Some(label_file::beside(path, named)).filter(|file| file.is_file()),
    };
    let chosen = chosen(path, &sight.names, &sight.kinds, labels_beside.is_some(), config)?;
    let columns: Vec<String> = chosen.numbers.iter().map(|&column| sight.names[column].clone()).collect();
    let shape = match image_shape(path, columns.len(), config)? {
        Some(shape) => shape,
        None => Shape::Table { columns },
    };
    let bytes = sight.rows.saturating_mul(shape.numbers()).saturating_mul(Element::FLOAT.size());
    let fits = bytes <= config.memory_mib << 20;
    let key = key(&sight, &chosen);
    let cached = (!fits).then(|| Cached::open(&key)).flatten();
    let mut cache = (!fits && cached.is_none()).then(|| CacheWriter::create(&key)).transpose()?;

    let mut numbers = Vec::with_capacity(if fits { sight.rows * shape.numbers() } else { 0 });
    let mut words = Words::default();
    let mut parts = Vec::new();
    let mut row_bytes = Vec::new();
    let done = progress.counter("reading the table", sight.rows as u64);
    for_each_row(path, &sight, |row, record| {
        row_bytes.clear();
        for &column in &chosen.numbers {
            let number = match Cell::read(cell(record, column)) {
                Cell::Number(number) => number,
                Cell::Missing => f64::NAN,
                Cell::Word(word) => {
                    let line = record.position().map_or(0, csv::Position::line);
                    let name = &sight.names[column];
                    let reason = format!(
                        "holds {word:?} in line {line}, column {name:?}, where the rows before have numbers{}",
                        Word::advice(word)
                    );
                    return Err(DataError::content(path, reason));
                }
            };
            if cache.is_some() {
                row_bytes.extend(number.to_le_bytes());
            } else if fits {
                numbers.push(number);
            }
        }
        if let Some(cache) = &mut cache {
            cache.push(&row_bytes)?;
        }
        if let Some(column) = chosen.labels {
            words.push(&String::from_utf8_lossy(cell(record, column)));
        }
        if let Some(column) = chosen.split {
            let text = String::from_utf8_lossy(cell(record, column)).into_owned();
            let part = Part::named(&text).ok_or_else(|| {
                let line = record.position().map_or(0, csv::Position::line);
                let reason = format!(
                    "holds {text:?} in line {line}, column {:?}: a part is train, validation or test",
                    sight.names[column]
                );
                DataError::content(path, reason)
            })?;
            parts.push(part);
        }
        if row % STRIDE == STRIDE - 1 {
            done.add(STRIDE);
        }
        Ok(())
    })?;
    let rows = match (cache.map(|cache| cache.finish(&[])).transpose()?, cached) {
        (Some(cached), _) | (None, Some(cached)) => {
            Rows::File(cached.flat_file(Element::FLOAT, shape.numbers()))
        }
        (None, None) => Rows::Numbers(numbers),
    };
    let labels = match labels_beside {
        Some(file) => Some(label_file::read(&file, path, sight.rows)?),
        None => chosen.labels.map(|_| Labels::Words(words)),
    };
    Ok(Found {
        path: path.to_path_buf(),
        within: None,
        kind: "a table",
        shape,
        rows,
        planar: false,
        labels,
        parts: chosen.split.map(|_| parts),
        notes: chosen.notes,
    })
}

fn cell(record: &ByteRecord, column: usize) -> &[u8] {
    record.get(column).unwrap_or_default().trim_ascii()
}

fn line_of(record: &ByteRecord) -> u64 {
    record.position().map_or(0, csv::Position::line)
}

/// Refuses names and words in another encoding: different ones could become the same.
fn check_utf8(path: &Path, record: &ByteRecord) -> Result<()> {
    let Err(error) = std::str::from_utf8(record.as_slice()) else { return Ok(()) };
    let reason = format!(
        "holds the byte 0x{:02x} in line {}, which is not UTF-8: save it as UTF-8",
        record.as_slice()[error.valid_up_to()],
        line_of(record)
    );
    Err(DataError::content(path, reason))
}

/// The digest of everything on which the numbers depend.
fn key(sight: &Sight, chosen: &Chosen) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(format!("table 1, {:?}", chosen.numbers));
    digest.update(sight.digest);
    digest.finalize().into()
}

fn open(path: &Path) -> Result<Box<dyn Read>> {
    let file = BufReader::with_capacity(1 << 20, File::open(path).map_err(DataError::io(path))?);
    let gzipped = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
    Ok(if gzipped { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

/// The rows of a table in a file, the first of which may name its columns.
///
/// # Errors
///
/// Fails when the file cannot be read.
pub fn table_rows(path: &Path) -> Result<Reader<Box<dyn Read>>> {
    reader(path, delimiter(path)?)
}

fn reader(path: &Path, delimiter: u8) -> Result<Reader<Box<dyn Read>>> {
    let text = LineBound { reader: open(path)?, since_end: 0 };
    Ok(ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .from_reader(Box::new(text) as Box<dyn Read>))
}

/// Refuses a line that goes on and on, before it fills the memory.
struct LineBound<R> {
    reader: R,
    since_end: usize,
}

impl<R: Read> Read for LineBound<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        match buffer[..count].iter().rposition(|&byte| byte == b'\n') {
            Some(end) => self.since_end = count - end - 1,
            None => self.since_end += count,
        }
        match self.since_end > LONGEST_ROW {
            true => Err(io::Error::other(format!("a line is longer than {} MiB", LONGEST_ROW >> 20))),
            false => Ok(count),
        }
    }
}

fn refused(path: &Path) -> impl Fn(csv::Error) -> DataError + '_ {
    move |error| match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            DataError::content(
                path,
                format!("has {len} cells in line {line} and {expected_len} in those before"),
            )
        }
        _ => DataError::content(path, format!("cannot be read as a table: {error}")),
    }
}

/// The delimiter of a first line: the one of which it has most.
fn delimiter(path: &Path) -> Result<u8> {
    let mut start = vec![0; 1 << 16];
    let mut filled = 0;
    let mut reader = open(path)?;
    while filled < start.len() {
        match reader.read(&mut start[filled..]).map_err(DataError::io(path))? {
            0 => break,
            count => filled += count,
        }
    }
    if matches!(start[..filled], [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
        return Err(DataError::content(path, "is written in UTF-16: save it as UTF-8"));
    }
    let line = start[..filled].split(|&byte| byte == b'\n').next().unwrap_or_default();
    let decimals = |cell: &[u8]| {
        let text = String::from_utf8_lossy(cell.trim_ascii()).replacen(',', ".", 1);
        matches!(Cell::read(text.as_bytes()), Cell::Number(_))
    };
    if line.contains(&b';') && line.split(|&byte| byte == b';').all(decimals) {
        // Its commas are those of decimals.
        return Ok(b';');
    }
    let count = |delimiter: &u8| line.iter().filter(|byte| *byte == delimiter).count();
    // Of two alike the last one is given back, so the comma.
    Ok([b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b','))
}

/// The names of the columns of a table, or their numbers where it has none.
pub fn column_names(path: &Path) -> Result<Vec<String>> {
    let mut reader = reader(path, delimiter(path)?)?;
    let mut record = ByteRecord::new();
    reader.read_byte_record(&mut record).map_err(refused(path))?;
    Ok(record.iter().map(|cell| String::from_utf8_lossy(cell.trim_ascii()).into_owned()).collect())
}

/// Reads a table once, for all but its numbers.
fn look(path: &Path, progress: &dyn Progress) -> Result<Sight> {
    let delimiter = delimiter(path)?;
    let mut digested = Digested { reader: open(path)?, digest: Sha256::new() };
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .from_reader(LineBound { reader: &mut digested, since_end: 0 });
    let mut record = ByteRecord::new();
    if !reader.read_byte_record(&mut record).map_err(refused(path))? {
        return Err(DataError::content(path, "is empty"));
    }
    let first: Vec<String> =
        record.iter().map(|cell| String::from_utf8_lossy(cell.trim_ascii()).into_owned()).collect();
    let headed = first.iter().any(|cell| matches!(Cell::read(cell.as_bytes()), Cell::Word(_)));
    let names: Vec<String> = match headed {
        true => first.iter().map(|name| name.trim_start_matches('\u{feff}').to_string()).collect(),
        false => (0..first.len()).map(|column| format!("column {column}")).collect(),
    };
    let mut kinds = vec![ColumnKind::default(); names.len()];
    let mut rows = 0;
    let done = progress.counter("looking at the table", 0);
    let mut see = |record: &ByteRecord| {
        for (kind, cell) in kinds.iter_mut().zip(record) {
            let place = || format!("line {}", line_of(record));
            kind.see(&Cell::read(cell.trim_ascii()), place);
        }
        rows += 1;
        if rows % STRIDE as usize == 0 {
            done.add(STRIDE);
        }
    };
    check_utf8(path, &record)?;
    if !headed {
        see(&record);
    }
    while reader.read_byte_record(&mut record).map_err(refused(path))? {
        check_utf8(path, &record)?;
        see(&record);
    }
    drop(reader);
    if rows == 0 {
        return Err(DataError::content(path, "has a header and no row"));
    }
    let digest = digested.digest.finalize().into();
    Ok(Sight { delimiter, headed, names, kinds, rows, digest })
}

/// Reads the rows again. They have to be as many as before.
fn for_each_row(
    path: &Path,
    sight: &Sight,
    mut take: impl FnMut(u64, &ByteRecord) -> Result<()>,
) -> Result<()> {
    let mut reader = reader(path, sight.delimiter)?;
    let mut record = ByteRecord::new();
    let mut rows = 0;
    if sight.headed {
        reader.read_byte_record(&mut record).map_err(refused(path))?;
    }
    while reader.read_byte_record(&mut record).map_err(refused(path))? {
        if rows == sight.rows {
            break;
        }
        take(rows as u64, &record)?;
        rows += 1;
    }
    if rows != sight.rows || reader.read_byte_record(&mut record).map_err(refused(path))? {
        let source = io::Error::other("the file changed while it was being read");
        return Err(DataError::Io { path: path.to_path_buf(), source });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Dataset;
    use crate::load::load;
    use record::{Missing, Scale};
    use std::fmt::Write as _;
    use tempfile::TempDir;

    fn load_text(text: &str, change: impl FnOnce(&mut DataConfig)) -> Result<Dataset> {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("a.csv");
        std::fs::write(&path, text).unwrap();
        let mut config = DataConfig { path, scale: Scale::None, ..DataConfig::default() };
        change(&mut config);
        load(&config, &())
    }

    fn message(text: &str, change: impl FnOnce(&mut DataConfig)) -> String {
        load_text(text, change).unwrap_err().to_string()
    }

    /// The rows of all parts, in the order of their first number.
    fn rows(dataset: &Dataset) -> Vec<Vec<f32>> {
        let splits = [Some(&dataset.train), dataset.validation.as_ref(), Some(&dataset.test)];
        let rows = splits.into_iter().flatten().flat_map(|split| {
            split
                .rows(0..split.count())
                .unwrap()
                .chunks(split.numbers())
                .map(<[f32]>::to_vec)
                .collect::<Vec<_>>()
        });
        let mut rows: Vec<Vec<f32>> = rows.collect();
        rows.sort_by(|a, b| a[0].total_cmp(&b[0]));
        rows
    }

    #[test]
    fn a_table_is_read_whatever_separates_its_cells_and_with_or_without_names() {
        let expected = [[1.0, -2.5], [2.0, 1e3], [3.0, 0.0]];
        for text in [
            "a,b\n1,-2.5\n2,1e3\n3,0\n",
            "a;b\r\n1; -2.5\r\n2;1e3\r\n3;0",
            "1\t-2.5\n2\t1e3\n3\t0\n",
            "\u{feff}a,\"b\"\n1,-2.5\n\"2\",1e3\n3,0\n",
        ] {
            let dataset = load_text(text, |_| {}).unwrap();
            assert_eq!(rows(&dataset), expected, "{text:?}");
            let names: &[&str] = if text.starts_with('1') { &["column 0", "column 1"] } else { &["a", "b"] };
            assert_eq!(dataset.record.columns, names);
        }
    }

    #[test]
    fn words_are_labels_and_named_columns_are_labels_parts_or_left_out() {
        let text = "x,kind,id,part\n1,red,9,train\n2,blue,8,test\n3,red,7,train\n4,blue,6,val\n";
        let config = |config: &mut DataConfig| {
            config.labels = "kind".to_string();
            config.ignore = vec!["id".to_string()];
            config.split = "part".to_string();
        };
        let dataset = load_text(text, config).unwrap();
        assert_eq!(dataset.record.columns, ["x"]);
        assert_eq!(dataset.record.classes, ["blue", "red"]);
        assert_eq!(dataset.train.rows(0..2).unwrap(), [1.0, 3.0]);
        assert_eq!(dataset.train.labels, Some(vec![1, 1]));
        assert_eq!(dataset.validation.unwrap().labels, Some(vec![0]));
        let text = message(text, |_| {});
        assert!(text.contains("columns \"kind\", \"part\" hold words"), "{text}");
        let dataset = load_text("x,species\n1,a\n2,b\n3,a\n", |_| {}).unwrap();
        assert_eq!(
            (dataset.record.columns.len(), dataset.record.classes),
            (1, vec!["a".to_string(), "b".to_string()])
        );
        let note = &load_text("x,share\n1,12%\n2,13%\n3,12%\n", |_| {}).unwrap().record.notes[0];
        assert!(
            note.contains("it holds words, such as \"12%\" in line 2; numbers are written without"),
            "{note}"
        );
        assert!(!note.contains("data.labels"), "{note}");
        let dataset = load_text("x,target\n1,0\n2,1\n3,0\n", |_| {}).unwrap();
        assert_eq!(dataset.record.classes, ["0", "1"]);
        assert!(
            dataset.record.notes[0].contains("\"target\" is taken as the label"),
            "{:?}",
            dataset.record.notes
        );
    }

    #[test]
    fn missing_numbers_are_refused_by_place_or_filled() {
        let text = "a,b\n1,2\n2,NA\n3,4\n4,\n5,6\n6,6\n7,6\n8,6\n9,6\n10,6\n";
        let refused = message(text, |_| {});
        assert!(refused.contains("has no number in row") && refused.contains("column \"b\""), "{refused}");
        let filled = load_text(text, |config| config.missing = Missing::Mean).unwrap();
        let mean = rows(&filled)[1][1];
        assert_eq!(mean, rows(&filled)[3][1]);
        assert!((4.0..6.0).contains(&mean), "{mean}");
    }

    #[test]
    fn what_is_no_table_of_numbers_is_refused_by_line_and_column() {
        for (text, expected) in [
            ("", "is empty"),
            ("a,b\n", "has a header and no row"),
            ("a,b\n1,2\n1\n", "has 1 cells in line 3 and 2 in those before"),
            ("a,b\n1,2\n3,4\n5,six\n", "holds \"six\" in line 4, column \"b\""),
            ("a,b\n1,2\n3,inf\n5,6\n", "column \"b\": every number has to be finite"),
            ("a,b\n1,2\n3,4\n1e300,6\n", "holds 1e300 in row 2, column \"a\": numbers beyond 3.4e38"),
            ("a\nx\ny\nz\n", "has no column of numbers: it holds \"x\" in line 2, column \"a\""),
            ("a;b\n1,5;2,3\n", "it holds \"1,5\" in line 2, column \"a\"; decimals are written with a point"),
            (
                "1,5;2,3\n4,5;6,7\n",
                "it holds \"4,5\" in line 2, column \"1,5\"; decimals are written with a point",
            ),
            (
                "a,b\n1,2\n3,4\n5,6%\n",
                "holds \"6%\" in line 4, column \"b\", where the rows before have numbers; numbers are",
            ),
            ("a,a\n1,2\n1,2\n1,2\n", "has two columns that are called \"a\""),
        ] {
            let found = message(text, |_| {});
            assert!(found.contains("a.csv") && found.contains(expected), "{expected}: {found}");
        }
        let no_label = |config: &mut DataConfig| config.labels = "none".to_string();
        let found = message("a,b\n12%,1\n13%,2\n14%,3\n", no_label);
        assert!(
            found.contains("columns \"a\" hold words: \"12%\" in line 2, column \"a\"; numbers are"),
            "{found}"
        );
        let text = "a,b\n1,2\n3,4\n5,6\n";
        let found = message(text, |config| config.ignore = vec!["c".to_string()]);
        assert!(found.contains("data.ignore") && found.contains("a, b"), "{found}");
        let found = message(text, |config| config.split = "b".to_string());
        assert!(found.contains("holds \"2\" in line 2, column \"b\": a part is train"), "{found}");
    }

    #[test]
    fn other_encodings_than_utf_8_are_refused() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("a.csv");
        let text = "größe,b\n1,2\n3,4\n5,6\n";
        let latin = |text: &str| text.chars().map(|character| character as u8).collect::<Vec<u8>>();
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        for (bytes, expected) in [
            (latin(text), "holds the byte 0xf6 in line 1, which is not UTF-8"),
            (latin("a,b\n1,rot\n2,grün\n3,rot\n"), "holds the byte 0xfc in line 3, which is not UTF-8"),
            (wide(&format!("\u{feff}{text}")), "is written in UTF-16: save it as UTF-8"),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let config = DataConfig { path: path.clone(), ..DataConfig::default() };
            let found = load(&config, &()).unwrap_err().to_string();
            assert!(found.contains("a.csv") && found.contains(expected), "{expected}: {found}");
        }
    }

    #[test]
    fn a_table_beyond_the_memory_granted_has_the_same_numbers_from_its_cache() {
        let mut text = String::from("a,b,c,label\n");
        for row in 0..60_000 {
            writeln!(
                text,
                "{row},{},{},{}",
                row % 7,
                0.1 * f64::from(row % 1000),
                ["x", "y"][row as usize % 2]
            )
            .unwrap();
        }
        let small = load_text(&text, |config| config.scale = Scale::Standardise).unwrap();
        // The second one finds the cache of the first.
        for _ in 0..2 {
            let large = load_text(&text, |config| {
                config.scale = Scale::Standardise;
                config.memory_mib = 1;
            })
            .unwrap();
            assert!(large.train.block_plan().is_some() && small.train.block_plan().is_none());
            assert_eq!(large.record.scaling, small.record.scaling);
            assert_eq!(large.train.labels, small.train.labels);
            let count = large.train.count();
            assert_eq!(large.train.rows(0..count).unwrap(), small.train.rows(0..count).unwrap());
        }
    }

    #[test]
    fn a_line_without_an_end_does_not_fill_the_memory() {
        let mut text = String::from("a,b\n1,2\n");
        text.push_str(&"9".repeat(LONGEST_ROW + (2 << 20)));
        let found = message(&text, |_| {});
        assert!(found.contains("a line is longer than 16 MiB"), "{found}");
    }
}
