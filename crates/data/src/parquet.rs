//! Parquet files whose columns are numbers, and perhaps words.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use ::parquet::file::reader::{ChunkReader, FileReader, Length, SerializedFileReader};
use ::parquet::record::{Field, Row};
use bytes::Bytes;
use record::{DataConfig, Shape};

use crate::catch_panic::catch_panic;
use crate::columns::{Cell, ColumnKind, chosen};
use crate::error::{DataError, Result};
use crate::found::{Found, Rows, image_shape};
use crate::label_file;
use crate::labels::{Labels, Words};
use crate::parts::Part;

/// The examples of a Parquet file, a row each, in memory.
///
/// # Errors
///
/// Fails with the row and the column of what is no number, and where the numbers take more memory than is granted.
pub fn read(path: &Path, config: &DataConfig) -> Result<Found> {
    // Of some damaged files the crate panics.
    catch_panic(|| read_rows(path, config)).unwrap_or_else(|panicked| {
        Err(DataError::content(path, format!("cannot be read as Parquet: {panicked}")))
    })
}

fn read_rows(path: &Path, config: &DataConfig) -> Result<Found> {
    let refused = |error: ::parquet::errors::ParquetError| {
        DataError::content(path, format!("cannot be read as Parquet: {error}"))
    };
    let file = File::open(path).map_err(DataError::io(path))?;
    let reader = SerializedFileReader::new(EndingFile(file)).map_err(refused)?;
    let metadata = reader.metadata().file_metadata();
    let names: Vec<String> =
        metadata.schema().get_fields().iter().map(|field| field.name().to_string()).collect();
    let rows = usize::try_from(metadata.num_rows()).unwrap_or(0);
    if rows == 0 {
        return Err(DataError::content(path, "holds no row"));
    }
    let bytes = rows.saturating_mul(names.len()).saturating_mul(size_of::<f64>());
    if bytes > config.memory_mib << 20 {
        let reason = format!(
            "would take {} MiB, more than data.memory_mib = {}: grant more, or convert it to .npy, which is read block by block",
            bytes >> 20,
            config.memory_mib
        );
        return Err(DataError::content(path, reason));
    }
    let mut kinds = vec![ColumnKind::default(); names.len()];
    for (position, row) in reader.get_row_iter(None).map_err(refused)?.enumerate() {
        let row = row.map_err(refused)?;
        for (kind, (_, field)) in kinds.iter_mut().zip(row.get_column_iter()) {
            kind.see(&cell(field), || format!("row {position}"));
        }
        if kinds.iter().all(|kind| *kind != ColumnKind::Missing) {
            break;
        }
    }
    let labels_beside = match config.labels.as_str() {
        "" | "none" => None,
        named if names.iter().any(|name| name == named) => None,
        named => Some(label_file::beside(path, named)).filter(|file| file.is_file()),
    };
    let chosen = chosen(path, &names, &kinds, labels_beside.is_some(), config)?;
    let columns: Vec<String> = chosen.numbers.iter().map(|&column| names[column].clone()).collect();
    let shape = match image_shape(path, columns.len(), config)? {
        Some(shape) => shape,
        None => Shape::Table { columns },
    };
    let mut numbers = Vec::with_capacity(rows * shape.numbers());
    let (mut words, mut parts) = (Words::default(), Vec::new());
    for (position, row) in reader.get_row_iter(None).map_err(refused)?.enumerate() {
        let row: Row = row.map_err(refused)?;
        let fields: Vec<&Field> = row.get_column_iter().map(|(_, field)| field).collect();
        for &column in &chosen.numbers {
            match cell(fields[column]) {
                Cell::Number(number) => numbers.push(number),
                Cell::Missing => numbers.push(f64::NAN),
                Cell::Word(word) => {
                    let reason =
                        format!("holds {word:?} in row {position}, column {:?}: no number", names[column]);
                    return Err(DataError::content(path, reason));
                }
            }
        }
        let text = |column: usize| match fields[column] {
            Field::Str(text) => text.clone(),
            field => field.to_string(),
        };
        if let Some(column) = chosen.labels {
            words.push(&text(column));
        }
        if let Some(column) = chosen.split {
            parts.push(Part::named(&text(column)).ok_or_else(|| {
                let reason = format!(
                    "holds {:?} in row {position}, column {:?}: a part is train, validation or test",
                    text(column),
                    names[column]
                );
                DataError::content(path, reason)
            })?);
        }
    }
    let labels = match labels_beside {
        Some(file) => Some(label_file::read(&file, path, rows)?),
        None => chosen.labels.map(|_| Labels::Words(words)),
    };
    Ok(Found {
        path: path.to_path_buf(),
        within: None,
        kind: "a Parquet file",
        shape,
        rows: Rows::Numbers(numbers),
        planar: false,
        labels,
        parts: chosen.split.map(|_| parts),
        notes: chosen.notes,
    })
}

/// A file whose readers fail at its end.
///
/// The crate skips an unknown field of a page's header by copying it to nowhere, and takes a file that ends for one that was
/// copied: where a list of 2^31 numbers is announced it would try 2^31 times.
struct EndingFile(File);

impl Length for EndingFile {
    fn len(&self) -> u64 {
        Length::len(&self.0)
    }
}

impl ChunkReader for EndingFile {
    type T = UntilEnd;

    fn get_read(&self, start: u64) -> ::parquet::errors::Result<UntilEnd> {
        self.0.get_read(start).map(UntilEnd)
    }

    fn get_bytes(&self, start: u64, length: usize) -> ::parquet::errors::Result<Bytes> {
        self.0.get_bytes(start, length)
    }
}

/// A reader that fails where there is nothing left to read.
struct UntilEnd(BufReader<File>);

impl Read for UntilEnd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 if !buffer.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            count => Ok(count),
        }
    }
}

/// What a field holds; what is neither number nor text is a word.
fn cell(field: &Field) -> Cell<'_> {
    match field {
        Field::Null => Cell::Missing,
        Field::Bool(value) => Cell::Number(f64::from(u8::from(*value))),
        Field::Byte(number) => Cell::Number(f64::from(*number)),
        Field::Short(number) => Cell::Number(f64::from(*number)),
        Field::Int(number) => Cell::Number(f64::from(*number)),
        Field::Long(number) => Cell::Number(*number as f64),
        Field::UByte(number) => Cell::Number(f64::from(*number)),
        Field::UShort(number) => Cell::Number(f64::from(*number)),
        Field::UInt(number) => Cell::Number(f64::from(*number)),
        Field::ULong(number) => Cell::Number(*number as f64),
        Field::Float16(number) => Cell::Number(f64::from(*number)),
        Field::Float(number) if number.is_nan() => Cell::Missing,
        Field::Float(number) => Cell::Number(f64::from(*number)),
        Field::Double(number) if number.is_nan() => Cell::Missing,
        Field::Double(number) => Cell::Number(*number),
        Field::Str(text) => Cell::read(text.as_bytes()),
        _ => Cell::Word("a value that is no number"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::load;
    use ::parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type};
    use ::parquet::file::writer::SerializedFileWriter;
    use ::parquet::schema::parser::parse_message_type;
    use record::{Missing, Scale};
    use std::fs;
    use std::path::PathBuf;
    use std::sync::Arc;
    use tempfile::TempDir;

    fn written(dir: &TempDir) -> PathBuf {
        let path = dir.path().join("a.parquet");
        let schema = "message rows { required int32 a; optional double b; required binary kind (UTF8); }";
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let mut writer =
            SerializedFileWriter::new(File::create(&path).unwrap(), schema, Arc::default()).unwrap();
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int32Type>().write_batch(&[1, 2, 3, 4], None, None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<DoubleType>().write_batch(&[0.5, 1.5, 2.5], Some(&[1, 1, 0, 1]), None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let words: Vec<ByteArray> = ["x", "y", "x", "y"].map(ByteArray::from).to_vec();
        column.typed::<ByteArrayType>().write_batch(&words, None, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
        writer.close().unwrap();
        path
    }

    #[test]
    fn numbers_missing_ones_and_words_are_read() {
        let dir = TempDir::new().unwrap();
        let path = written(&dir);
        let config = DataConfig { path, scale: Scale::None, missing: Missing::Mean, ..DataConfig::default() };
        let dataset = load(&config, &()).unwrap();
        assert_eq!(dataset.record.columns, ["a", "b"]);
        assert_eq!(dataset.record.classes, ["x", "y"]);
        assert_eq!(dataset.train.count(), 2);
        let text = load(&DataConfig { missing: Missing::Refuse, ..config }, &()).unwrap_err().to_string();
        assert!(text.contains("column \"b\""), "{text}");
    }

    /// The bytes are those of a field that Parquet does not know: a list of 2^31 - 1 UUIDs, and of as many doubles. It is read to
    /// the end of the file, not 2^31 times beyond it.
    #[test]
    fn a_header_that_announces_more_than_the_file_holds_is_refused_at_its_end() {
        let dir = TempDir::new().unwrap();
        let path = written(&dir);
        let whole = fs::read(&path).unwrap();
        let config = DataConfig { path: path.clone(), ..DataConfig::default() };
        let first_header = b"PAR1".len();
        for element in [0xfd, 0xf7] {
            let mut bytes = whole.clone();
            bytes[first_header..][..7].copy_from_slice(&[0xf9, element, 0xff, 0xff, 0xff, 0xff, 0x07]);
            fs::write(&path, bytes).unwrap();
            let text = load(&config, &()).unwrap_err().to_string();
            assert!(text.contains("a.parquet cannot be read as Parquet"), "{text}");
            assert!(text.contains("end of file"), "{text}");
        }
    }

    /// Whatever byte of it is another one.
    #[test]
    fn damaged_files_are_refused_in_words_or_read() {
        let dir = TempDir::new().unwrap();
        let path = written(&dir);
        let whole = fs::read(&path).unwrap();
        let config = DataConfig { path: path.clone(), missing: Missing::Mean, ..DataConfig::default() };
        for place in 0..whole.len() {
            for changed in [whole[place] ^ 1, whole[place] ^ 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[place] = changed;
                fs::write(&path, bytes).unwrap();
                if let Err(error) = load(&config, &()) {
                    assert!(error.to_string().contains("a.parquet"), "{place}: {error}");
                }
            }
        }
    }
}
