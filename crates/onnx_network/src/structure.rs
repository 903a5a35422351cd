//! What the messages of an ONNX file are within each other, looked at before a runtime reads it. One that reads each message within
//! another one has no more stack than for so many, and rten 0.27 goes back to what it has read, for ever, where a length is above 2^63.
//!
//! The numbers of fields are those of `onnx.proto`: <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

/// Messages within each other at most. A network without loops and conditions has four.
const DEEPEST: usize = 100;

/// A message that the runtime reads field by field.
#[derive(Clone, Copy)]
enum Message {
    Model,
    Graph,
    Node,
    Attribute,
    Value,
    Type,
    Sequence,
    Tensor,
    TensorType,
    Shape,
    /// One without messages: a dimension, a pair of strings, a version.
    Flat,
}

impl Message {
    /// What a field of it is, if it is one of these.
    fn field(self, number: u64) -> Option<Self> {
        Some(match (self, number) {
            (Self::Model, 7) | (Self::Attribute, 6 | 11) => Self::Graph,
            (Self::Graph, 1) => Self::Node,
            (Self::Graph, 11..=13) => Self::Value,
            (Self::Node, 5) => Self::Attribute,
            (Self::Attribute, 14 | 15) | (Self::Value, 2) | (Self::Sequence, 1) => Self::Type,
            (Self::Type, 4 | 9) => Self::Sequence,
            (Self::Graph, 5) | (Self::Attribute, 5 | 10) => Self::Tensor,
            (Self::Type, 1) => Self::TensorType,
            (Self::TensorType, 2) => Self::Shape,
            (Self::Shape, 1) | (Self::Tensor, 13) | (Self::Model, 8 | 14) => Self::Flat,
            _ => return None,
        })
    }
}

/// Why a file is not read.
#[derive(Debug, PartialEq, Eq)]
pub enum Flaw {
    TooDeep,
    Damaged,
}

impl Flaw {
    pub fn in_words(&self) -> &'static str {
        match self {
            Self::TooDeep => "holds graphs within graphs: a network has no such depth",
            Self::Damaged => "is damaged or no ONNX file: a part of it ends where it cannot end",
        }
    }
}

/// What is wrong with the messages of a file, if anything is.
pub fn flaw(path: &Path) -> io::Result<Option<Flaw>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    look(&mut BufReader::new(file), length)
}

fn look(reader: &mut (impl Read + Seek), length: u64) -> io::Result<Option<Flaw>> {
    match walk(reader, length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Some(Flaw::Damaged)),
        found => found,
    }
}

fn walk(reader: &mut (impl Read + Seek), length: u64) -> io::Result<Option<Flaw>> {
    let mut open = vec![(Message::Model, length)];
    let mut at = 0;
    while let Some(&(message, end)) = open.last() {
        if at >= end {
            open.pop();
            continue;
        }
        let Some(key) = varint(reader, &mut at)? else { return Ok(Some(Flaw::Damaged)) };
        let size = match key & 7 {
            0 | 2 => varint(reader, &mut at)?,
            1 => Some(8),
            5 => Some(4),
            _ => None,
        };
        let Some(size) = size else { return Ok(Some(Flaw::Damaged)) };
        // The number was all that there is of it.
        let size = if key & 7 == 0 { 0 } else { size };
        if at.checked_add(size).is_none_or(|after| after > end) {
            return Ok(Some(Flaw::Damaged));
        }
        match message.field(key >> 3) {
            Some(inner) if key & 7 == 2 => {
                open.push((inner, at + size));
                if open.len() > DEEPEST {
                    return Ok(Some(Flaw::TooDeep));
                }
            }
            _ => {
                at += size;
                // It is within the file.
                reader.seek_relative(size as i64)?;
            }
        }
    }
    Ok(None)
}

/// Seven bits a byte, the lowest first; the eighth says that more follow. `None` of what is too long for a number.
fn varint(reader: &mut impl Read, at: &mut u64) -> io::Result<Option<u64>> {
    let mut number = 0;
    for place in 0..10 {
        let mut byte = [0];
        reader.read_exact(&mut byte)?;
        *at += 1;
        number |= u64::from(byte[0] & 0x7f) << (7 * place);
        if byte[0] < 0x80 {
            return Ok(Some(number));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn wrap(field: u8, inner: Vec<u8>) -> Vec<u8> {
        let mut bytes = vec![field << 3 | 2];
        let mut length = inner.len();
        while length >= 0x80 {
            bytes.push(length as u8 | 0x80);
            length >>= 7;
        }
        bytes.push(length as u8);
        bytes.extend(inner);
        bytes
    }

    fn flaw(bytes: &[u8]) -> Option<Flaw> {
        look(&mut Cursor::new(bytes), bytes.len() as u64).unwrap()
    }

    #[test]
    fn graphs_and_types_within_each_other_are_counted_and_long_lists_are_not() {
        let graphs = |depth: usize| {
            let graph = (0..depth).fold(Vec::new(), |graph, _| wrap(1, wrap(5, wrap(6, graph))));
            wrap(7, graph)
        };
        assert_eq!((flaw(&graphs(20)), flaw(&graphs(50))), (None, Some(Flaw::TooDeep)));
        let types = (0..200).fold(Vec::new(), |inner, _| wrap(4, wrap(1, inner)));
        assert_eq!(flaw(&wrap(7, wrap(12, wrap(2, types)))), Some(Flaw::TooDeep));
        let flat: Vec<u8> = (0..500).flat_map(|_| wrap(1, wrap(5, vec![8, 200, 1]))).collect();
        assert_eq!(flaw(&wrap(7, flat)), None);
    }

    #[test]
    fn what_does_not_end_within_what_holds_it_is_damaged() {
        let whole = wrap(7, wrap(1, wrap(5, wrap(1, vec![1; 300]))));
        assert_eq!(flaw(&whole), None);
        for cut in 1..whole.len() {
            assert_eq!(flaw(&whole[..cut]), Some(Flaw::Damaged), "{cut}");
        }
        // The integers of an attribute, as many as no file has, the sizes of a tensor, the names of a dimension and of a library.
        let endless = [0x42, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 1];
        assert_eq!(flaw(&wrap(7, wrap(1, wrap(5, endless.to_vec())))), Some(Flaw::Damaged));
        for message in [
            wrap(7, wrap(5, vec![0x0a, 100, 1])),
            wrap(7, wrap(11, wrap(2, wrap(1, wrap(2, wrap(1, vec![0x12, 100, 1])))))),
            wrap(8, vec![0x0a, 100, 1]),
        ] {
            assert_eq!(flaw(&message), Some(Flaw::Damaged), "{message:?}");
        }
        assert_eq!(flaw(&[0xff; 40]), Some(Flaw::Damaged));
        assert_eq!(flaw(&[0x0b, 0x0c]), Some(Flaw::Damaged), "a group");
    }
}
