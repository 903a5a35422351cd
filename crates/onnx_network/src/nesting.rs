//! How deep the messages of an ONNX file are nested: a runtime that reads each within another one has no more stack than for so many.
//!
//! The numbers of fields are those of `onnx.proto`: <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

/// Messages within each other at most. A network without loops and conditions has four.
const DEEPEST: usize = 100;

/// A message that may hold others without end.
#[derive(Clone, Copy)]
enum Message {
    Model,
    Graph,
    Node,
    Attribute,
    Value,
    Type,
    Sequence,
}

impl Message {
    /// What a field of it is, if that may hold others.
    fn field(self, number: u64) -> Option<Self> {
        Some(match (self, number) {
            (Self::Model, 7) | (Self::Attribute, 6 | 11) => Self::Graph,
            (Self::Graph, 1) => Self::Node,
            (Self::Graph, 11..=13) => Self::Value,
            (Self::Node, 5) => Self::Attribute,
            (Self::Attribute, 14 | 15) | (Self::Value, 2) | (Self::Sequence, 1) => Self::Type,
            (Self::Type, 4 | 9) => Self::Sequence,
            _ => return None,
        })
    }
}

/// Whether the messages of a file are nested so deep that none should read it. What is damaged otherwise is for the runtime to say.
pub fn is_too_deep(path: &Path) -> io::Result<bool> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    match look(&mut BufReader::new(file), length) {
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
        found => Ok(found.unwrap_or(false)),
    }
}

fn look(reader: &mut (impl Read + Seek), length: u64) -> io::Result<bool> {
    let mut open = vec![(Message::Model, length)];
    let mut at = 0;
    while let Some(&(message, end)) = open.last() {
        if at >= end {
            open.pop();
            continue;
        }
        let key = varint(reader, &mut at)?;
        let skipped = match key & 7 {
            0 => {
                varint(reader, &mut at)?;
                continue;
            }
            1 => 8,
            5 => 4,
            2 => {
                let size = varint(reader, &mut at)?;
                if let Some(inner) = message.field(key >> 3) {
                    open.push((inner, at.saturating_add(size)));
                    if open.len() > DEEPEST {
                        return Ok(true);
                    }
                    continue;
                }
                size
            }
            _ => return Ok(false),
        };
        at = at.saturating_add(skipped);
        let Ok(skipped) = i64::try_from(skipped) else { return Ok(false) };
        reader.seek_relative(skipped)?;
    }
    Ok(false)
}

/// Seven bits a byte, the lowest first; the eighth says that more follow.
fn varint(reader: &mut impl Read, at: &mut u64) -> io::Result<u64> {
    let mut number = 0;
    for place in 0..10 {
        let mut byte = [0];
        reader.read_exact(&mut byte)?;
        *at += 1;
        number |= u64::from(byte[0] & 0x7f) << (7 * place);
        if byte[0] < 0x80 {
            break;
        }
    }
    Ok(number)
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

    fn is_too_deep(bytes: Vec<u8>) -> bool {
        look(&mut Cursor::new(&bytes), bytes.len() as u64).unwrap_or(false)
    }

    #[test]
    fn graphs_and_types_within_each_other_are_counted_and_long_lists_are_not() {
        let graphs = |depth: usize| {
            let graph = (0..depth).fold(Vec::new(), |graph, _| wrap(1, wrap(5, wrap(6, graph))));
            wrap(7, graph)
        };
        assert!(!is_too_deep(graphs(20)) && is_too_deep(graphs(50)));
        let types = (0..200).fold(Vec::new(), |inner, _| wrap(4, wrap(1, inner)));
        assert!(is_too_deep(wrap(7, wrap(12, wrap(2, types)))));
        let flat: Vec<u8> = (0..500).flat_map(|_| wrap(1, wrap(5, vec![8, 200, 1]))).collect();
        assert!(!is_too_deep(wrap(7, flat)));
    }

    #[test]
    fn damaged_files_are_left_to_the_runtime() {
        let whole = wrap(7, wrap(1, wrap(5, vec![1; 300])));
        for cut in 0..whole.len() {
            assert!(!is_too_deep(whole[..cut].to_vec()));
        }
        assert!(!is_too_deep(vec![0xff; 40]));
    }
}
