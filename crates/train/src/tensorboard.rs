//! A member's numbers as TensorBoard event files.
//!
//! A file is a sequence of TFRecords (length, its checksum, data, its checksum), each the protocol buffer `Event` of
//! TensorBoard's `event.proto`. A process that takes a member over begins a file of its own. Wherever training begins or goes on,
//! an entry tells TensorBoard to forget what was said before of the epochs that come again.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use record::{
    DIMENSION_QUANTITIES, EpochRow, Kind, MemberId, MemberResult, QUANTITIES, Quantity, RunDir, Warning,
    create_dir,
};

use crate::observer::Observer;

/// The first entry of every file.
const FILE_VERSION: &str = "brain.Event:2";

/// An `Event`: when, after which epoch, and what.
struct Event {
    /// Seconds since 1970.
    wall_time: f64,
    epoch: usize,
    content: Content,
}

enum Content {
    /// The first of every file.
    FileVersion,
    /// `SessionLog.START`: what earlier files say of this epoch and later ones no longer holds.
    Start,
    /// Values by their tags.
    Scalars(Vec<(String, f64)>),
}

/// Writes the numbers of a member in training to an event file.
pub struct TensorBoard {
    dir: PathBuf,
    member: MemberId,
    /// From the beginning of training on.
    file: Option<EventFile>,
}

impl TensorBoard {
    /// Of a member, under `tensorboard/` in the run's directory.
    pub fn new(run: &RunDir, member: MemberId) -> Self {
        Self { dir: run.path().join("tensorboard").join(member.dir()), member, file: None }
    }

    fn append(&mut self, epoch: usize, scalars: Vec<(String, f64)>) -> Result<()> {
        match &mut self.file {
            Some(file) => file.append(epoch, Content::Scalars(scalars)),
            None => Ok(()),
        }
    }
}

impl Observer for TensorBoard {
    fn begin(&mut self, epochs: usize, _images: usize) -> Result<()> {
        let mut file = match self.file.take() {
            Some(of_first_part) => of_first_part,
            None => EventFile::create(&self.dir)?,
        };
        file.append(epochs + 1, Content::Start)?;
        self.file = Some(file);
        Ok(())
    }

    fn epoch(&mut self, row: &EpochRow, _warnings: &[Warning]) -> Result<()> {
        self.append(row.epoch, of_epoch(row, self.member.kl_coefficient))
    }

    fn finished(&mut self, result: &MemberResult) -> Result<()> {
        self.append(result.epochs, of_result(result))
    }
}

/// The scalars of an epoch by their tags.
fn of_epoch(row: &EpochRow, c: f64) -> Vec<(String, f64)> {
    let train = row.train.named(c).map(|(name, value)| (format!("train/{name}"), value));
    let clamped = ("train/clamped_log_vars".to_string(), row.clamped_log_vars as f64);
    let test = QUANTITIES
        .iter()
        .filter_map(|quantity| Some((format!("test/{}", quantity.key), quantity.of_epoch?(row, c))));
    let of_dimensions = row.test_latent.kl_per_dim.iter().enumerate();
    let of_dimensions = of_dimensions.map(|(dimension, &kl)| (format!("test/kl_dim_{dimension}"), kl));
    train.into_iter().chain([clamped]).chain(test).chain(of_dimensions).collect()
}

/// What was measured of the trained network and of no epoch before, by its tags.
fn of_result(result: &MemberResult) -> Vec<(String, f64)> {
    let measured = |quantity: &&Quantity| quantity.of_epoch.is_none() && quantity.kind != Kind::Machine;
    let scalars = QUANTITIES
        .iter()
        .filter(measured)
        .filter_map(|quantity| Some((format!("diagnostics/{}", quantity.key), (quantity.value)(result)?)));
    let of_dimensions = DIMENSION_QUANTITIES.iter().flat_map(|quantity| {
        let values = (quantity.values)(result).iter().enumerate();
        values.map(|(dimension, &value)| (format!("diagnostics/{}_{dimension}", quantity.column), value))
    });
    scalars.chain(of_dimensions).collect()
}

/// An event file in writing.
struct EventFile {
    path: PathBuf,
    file: File,
}

impl EventFile {
    fn create(dir: &Path) -> Result<Self> {
        create_dir(dir)?;
        // TensorBoard reads the files of a directory in the order of their names, and knows them by "tfevents".
        let name = format!("events.out.tfevents.{:.6}.{}.klsweep", seconds(), std::process::id());
        let path = dir.join(name);
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        let mut events = Self { path, file };
        events.append(0, Content::FileVersion)?;
        Ok(events)
    }

    fn append(&mut self, epoch: usize, content: Content) -> Result<()> {
        let record = record(&Event { wall_time: seconds(), epoch, content }.encode());
        self.file.write_all(&record).with_context(|| format!("cannot write {}", self.path.display()))
    }
}

impl Event {
    /// The protocol buffer. Five fields of four messages: a library for them would take longer to build than all this crate.
    fn encode(&self) -> Vec<u8> {
        let mut event = vec![key(1, FIXED_64)];
        event.extend(self.wall_time.to_le_bytes());
        if self.epoch > 0 {
            event.push(key(2, VARINT));
            push_varint(&mut event, self.epoch);
        }
        match &self.content {
            Content::FileVersion => push_bytes(&mut event, 3, FILE_VERSION.as_bytes()),
            Content::Start => push_bytes(&mut event, 7, &[key(1, VARINT), 1]),
            Content::Scalars(scalars) => {
                let mut summary = Vec::new();
                for (tag, value) in scalars {
                    let mut scalar = Vec::new();
                    push_bytes(&mut scalar, 1, tag.as_bytes());
                    scalar.push(key(2, FIXED_32));
                    scalar.extend((*value as f32).to_le_bytes());
                    push_bytes(&mut summary, 1, &scalar);
                }
                push_bytes(&mut event, 5, &summary);
            }
        }
        event
    }
}

const VARINT: u8 = 0;
const FIXED_64: u8 = 1;
const BYTES: u8 = 2;
const FIXED_32: u8 = 5;

/// What stands before the value of a field: its number and how the value is written.
const fn key(field: u8, wire_type: u8) -> u8 {
    field << 3 | wire_type
}

/// Seven bits a byte, the lowest first; the eighth says that more follow.
fn push_varint(bytes: &mut Vec<u8>, mut value: usize) {
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn push_bytes(bytes: &mut Vec<u8>, field: u8, value: &[u8]) {
    bytes.push(key(field, BYTES));
    push_varint(bytes, value.len());
    bytes.extend(value);
}

fn seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

/// A TFRecord.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut record = length.to_vec();
    record.extend(masked_crc(&length).to_le_bytes());
    record.extend(data);
    record.extend(masked_crc(data).to_le_bytes());
    record
}

/// The checksum of TFRecords: CRC-32C, rotated and shifted so that data with checksums in it has no telling one.
fn masked_crc(data: &[u8]) -> u32 {
    const MASK: u32 = 0xa282_ead8;
    crc32c::crc32c(data).rotate_right(15).wrapping_add(MASK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_those_of_tensorboard() {
        // From scripts/tensorboard_record.py.
        let scalars = vec![("test/kl".to_string(), 5.5), ("b".to_string(), -1.0)];
        for (epoch, content, expected) in [
            (
                0,
                Content::FileVersion,
                "1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c",
            ),
            (3, Content::Start, "0f000000000000006d532b0909000000000000f83f10033a020801ec8612fc"),
            (
                300,
                Content::Scalars(scalars),
                "2800000000000000ff70164a09000000000000f83f10ac022a1a0a0e0a07746573742f6b6c150000b0400a080a016215000080bf3ff0ee4e",
            ),
        ] {
            let record = record(&Event { wall_time: 1.5, epoch, content }.encode());
            let hex: String = record.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, expected);
        }
    }
}
