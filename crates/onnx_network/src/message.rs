//! What the process of a network is asked and answers, through its standard input and output: a header in JSON and numbers, each
//! after its length.

use std::io::{self, ErrorKind, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::network::MOST_NUMBERS;

/// Bytes of a header at most: names and sizes.
const LONGEST_HEADER: u64 = 1 << 20;

/// What a file says of its network.
#[derive(Debug, Serialize, Deserialize)]
pub struct Description {
    /// The sizes of the axes of its input, the rows first; `None` of those that the file leaves open.
    pub axes: Vec<Option<usize>>,
    /// The names of its outputs.
    pub outputs: Vec<String>,
}

/// What is to be computed of the numbers that follow.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    /// Their shape, the rows first.
    pub shape: Vec<usize>,
    /// The outputs to give.
    pub outputs: Vec<String>,
}

/// The shapes of the outputs, whose numbers follow one after another; or why there are none.
pub type Answer = Result<Vec<Vec<usize>>, String>;

/// Sends a message.
pub fn send(to: &mut impl Write, header: &impl Serialize, numbers: &[&[f32]]) -> io::Result<()> {
    let header = serde_json::to_vec(header)?;
    let count: usize = numbers.iter().map(|numbers| numbers.len()).sum();
    for length in [header.len(), count] {
        to.write_all(&(length as u64).to_le_bytes())?;
    }
    to.write_all(&header)?;
    for number in numbers.iter().copied().flatten() {
        to.write_all(&number.to_le_bytes())?;
    }
    to.flush()
}

/// The next message; `None` when there is none to come.
pub fn receive<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<(T, Vec<f32>)>> {
    let Some(lengths) = bytes(from, 16)? else { return Ok(None) };
    let [header, count] =
        [0, 8].map(|at| u64::from_le_bytes(lengths[at..at + 8].try_into().expect("eight bytes")));
    let too_long = header > LONGEST_HEADER || count > MOST_NUMBERS as u64;
    let cut_short = || io::Error::from(ErrorKind::UnexpectedEof);
    if too_long {
        return Err(io::Error::new(ErrorKind::InvalidData, "a message is too long"));
    }
    let header = serde_json::from_slice(&bytes(from, header)?.ok_or_else(cut_short)?)?;
    let numbers = bytes(from, 4 * count)?.ok_or_else(cut_short)?;
    let number = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().expect("four bytes"));
    Ok(Some((header, numbers.chunks_exact(4).map(number).collect())))
}

/// So many bytes; `None` if they end before. Memory is taken as they come.
fn bytes(from: &mut impl Read, count: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    from.take(count).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 == count).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_received() {
        let mut pipe = Vec::new();
        let answers: [Answer; 2] = [Ok(vec![vec![2, 1], vec![0]]), Err("it is \"none\"\n".into())];
        send(&mut pipe, &answers[0], &[&[1.5, f32::NEG_INFINITY], &[]]).unwrap();
        send(&mut pipe, &answers[1], &[]).unwrap();
        let mut from = &pipe[..];
        let received = [receive::<Answer>(&mut from).unwrap().unwrap(), receive(&mut from).unwrap().unwrap()];
        assert_eq!(
            received,
            [(answers[0].clone(), vec![1.5, f32::NEG_INFINITY]), (answers[1].clone(), vec![])]
        );
        assert!(receive::<Answer>(&mut from).unwrap().is_none());
    }

    #[test]
    fn what_is_cut_short_or_too_long_is_an_error() {
        let mut pipe = Vec::new();
        send(&mut pipe, &Answer::Ok(vec![vec![2]]), &[&[1.0, 2.0]]).unwrap();
        for length in 16..pipe.len() {
            assert!(receive::<Answer>(&mut &pipe[..length]).is_err(), "{length}");
        }
        pipe[..16].fill(0xff);
        assert!(receive::<Answer>(&mut &pipe[..]).is_err());
    }
}
