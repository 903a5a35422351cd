//! The IDX format: an array of bytes with its dimensions.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use flate2::read::GzDecoder;

use crate::error::{DataError, Result};

/// An array of unsigned bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    /// Its shape.
    pub dimensions: Vec<usize>,
    /// Its values, the last dimension fastest.
    pub values: Vec<u8>,
}

/// Reads an IDX file of unsigned bytes with the given number of dimensions, unpacking it if its name ends in `.gz`.
///
/// # Errors
///
/// Fails when the file cannot be read, has another type or number of dimensions, or is cut short.
pub fn read_idx(path: &Path, rank: usize) -> Result<Idx> {
    parse(path, unpacked(path)?, rank)
}

/// The bytes of a file, unpacked if it is gzipped.
pub(crate) fn unpacked(path: &Path) -> Result<Vec<u8>> {
    let unpack = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut file = File::open(path)?;
        if path.extension().is_some_and(|extension| extension == "gz") {
            GzDecoder::new(file).read_to_end(&mut bytes)?;
        } else {
            file.read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    };
    unpack().map_err(|source| DataError::Io { path: path.to_path_buf(), source })
}

/// The array in the bytes of an IDX file.
///
/// Source: the description at <http://yann.lecun.com/exdb/mnist/>: two zero bytes, the type (8 for unsigned bytes), the
/// number of dimensions, each dimension as a big-endian 32-bit number, and the values.
pub(crate) fn parse(path: &Path, mut bytes: Vec<u8>, rank: usize) -> Result<Idx> {
    const UNSIGNED_BYTE: u8 = 8;

    let refused = |reason: String| Err(DataError::Content { path: path.to_path_buf(), reason });
    let header = 4 + 4 * rank;
    let magic = [0, 0, UNSIGNED_BYTE, rank as u8];
    if bytes.get(..4) != Some(&magic) {
        return refused(format!(
            "is no IDX file of unsigned bytes in {rank} dimensions: it starts with {:02x?} instead of {magic:02x?}",
            &bytes[..bytes.len().min(4)]
        ));
    }
    if bytes.len() < header {
        return refused(format!("is cut short within its header of {header} bytes"));
    }
    let dimensions: Vec<usize> = bytes[4..header]
        .chunks_exact(4)
        .map(|size| u32::from_be_bytes([size[0], size[1], size[2], size[3]]) as usize)
        .collect();
    let expected = dimensions
        .iter()
        .try_fold(1usize, |values, &size| values.checked_mul(size))
        .and_then(|values| values.checked_add(header));
    if expected != Some(bytes.len()) {
        return refused(format!(
            "names {dimensions:?} values and so should be {} bytes long unpacked, but is {}: it is damaged or cut short",
            expected.map_or("more than 2^64".to_string(), |length| length.to_string()),
            bytes.len()
        ));
    }
    bytes.drain(..header);
    Ok(Idx { dimensions, values: bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    #[test]
    fn plain_and_gzipped_files_read_the_same() {
        let dir = tempfile::TempDir::new().unwrap();
        let bytes = [0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 3, 7, 8, 9];
        let (plain, packed) = (dir.path().join("a"), dir.path().join("a.gz"));
        std::fs::write(&plain, bytes).unwrap();
        let mut packer = GzEncoder::new(Vec::new(), Compression::default());
        packer.write_all(&bytes).unwrap();
        let gzipped = packer.finish().unwrap();
        std::fs::write(&packed, &gzipped).unwrap();
        let expected = Idx { dimensions: vec![1, 3], values: vec![7, 8, 9] };
        assert_eq!(read_idx(&plain, 2).unwrap(), expected);
        assert_eq!(read_idx(&packed, 2).unwrap(), expected);

        std::fs::write(&packed, &gzipped[..gzipped.len() - 6]).unwrap();
        let error = read_idx(&packed, 2).unwrap_err().to_string();
        assert_eq!(error, format!("cannot read {}", packed.display()));
    }

    #[test]
    fn what_is_no_such_file_is_refused_with_the_reason() {
        let name = Path::new("a");
        for (bytes, rank, expected) in [
            (vec![0, 0, 8], 3, "no IDX file of unsigned bytes in 3 dimensions: it starts with [00, 00, 08]"),
            (vec![0, 0, 13, 1, 0, 0, 0, 1, 0], 1, "no IDX file of unsigned bytes"),
            (vec![0, 0, 8, 3, 0], 3, "is cut short within its header of 16 bytes"),
            (vec![0, 0, 8, 1, 0, 0, 0, 3, 1, 2], 1, "should be 11 bytes long unpacked, but is 10"),
            (vec![0, 0, 8, 1, 0, 0, 0, 1, 1, 2], 1, "should be 9 bytes long unpacked, but is 10"),
            ([&[0, 0, 8, 3][..], &[255; 12], &[0]].concat(), 3, "more than 2^64"),
        ] {
            let error = parse(name, bytes, rank).unwrap_err().to_string();
            assert!(error.starts_with("a ") && error.contains(expected), "{expected:?} in {error:?}");
        }
    }
}
