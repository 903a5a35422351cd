//! The headers of arrays.
//!
//! Source: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use std::io::{self, Read};

use crate::Element;

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// Bytes of a header at most: NumPy itself reads no longer one unless told to trust it.
const LONGEST_HEADER: usize = 10_000;

/// What the header of an array says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The type of its numbers.
    pub element: Element,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Whether its first axis is the one whose neighbours lie beside each other, and not its last.
    pub by_columns: bool,
    /// Bytes before its first number.
    pub length: usize,
}

impl Header {
    /// Reads the header of an array.
    ///
    /// # Errors
    ///
    /// Fails with what is wrong with it, as the end of a sentence that begins with the name of the file.
    pub fn read(reader: &mut impl Read) -> Result<Self, String> {
        let mut start = [0; 8];
        fill(reader, &mut start)?;
        if start[..6] != *MAGIC {
            return Err("is no array of NumPy: it does not begin with \\x93NUMPY".to_string());
        }
        let mut length = [0; 4];
        let prefix = match start[6] {
            1 => 2,
            2 | 3 => 4,
            version => {
                return Err(format!("is in version {version} of NumPy's format: 1, 2 and 3 are known"));
            }
        };
        fill(reader, &mut length[..prefix])?;
        let characters = u32::from_le_bytes(length) as usize;
        if characters > LONGEST_HEADER {
            return Err(format!("has a header of {characters} bytes: at most {LONGEST_HEADER} are read"));
        }
        let mut text = vec![0; characters];
        fill(reader, &mut text)?;
        let text = String::from_utf8_lossy(&text);
        let damaged = || format!("has a damaged header: {}", text.trim());
        let descr = quoted(value_of(&text, "descr").ok_or_else(damaged)?).ok_or_else(|| {
            "holds records of several numbers: save each of them as an array of its own".to_string()
        })?;
        let element = Element::described(descr)
            .ok_or_else(|| format!("holds values of the type {descr:?}: only real numbers can be read"))?;
        let shape = value_of(&text, "shape").and_then(tuple).ok_or_else(damaged)?;
        let by_columns = value_of(&text, "fortran_order").ok_or_else(damaged)?.starts_with("True");
        Ok(Self { element, shape, by_columns, length: start.len() + prefix + characters })
    }

    /// How many numbers it holds; `None` if they are more than can be counted.
    pub fn count(&self) -> Option<usize> {
        self.shape.iter().try_fold(1usize, |count, &size| count.checked_mul(size))
    }
}

fn fill(reader: &mut impl Read, bytes: &mut [u8]) -> Result<(), String> {
    reader.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => "is cut short within its header".to_string(),
        _ => format!("cannot be read: {error}"),
    })
}

/// What follows a key of the header's dictionary.
fn value_of<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let start = [format!("'{key}'"), format!("\"{key}\"")]
        .iter()
        .find_map(|quoted| header.find(quoted.as_str()).map(|at| at + quoted.len()))?;
    Some(header[start..].trim_start().strip_prefix(':')?.trim_start())
}

fn quoted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|first| matches!(first, '\'' | '"'))?;
    text[1..].split(quote).next()
}

fn tuple(text: &str) -> Option<Vec<usize>> {
    let inner = text.strip_prefix('(')?.split(')').next()?;
    let sizes = inner.split(',').map(str::trim).filter(|size| !size.is_empty());
    // Python 2 wrote 3L.
    sizes.map(|size| size.trim_end_matches('L').parse().ok()).collect()
}
