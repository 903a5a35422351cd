//! A member's numbers as TensorBoard event files.
//!
//! A file is a sequence of TFRecords (length, its checksum, data, its checksum), each the protocol buffer `Event` of
//! TensorBoard's `event.proto`. A process that takes a member over begins a file of its own: its first entry tells TensorBoard
//! to forget what an earlier file says of the epochs that come again.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use prost::Message;

use crate::config::MemberId;
use crate::diagnostics::Diagnostics;
use crate::files::create_dir;
use crate::member::EpochRow;

/// The first entry of every file.
const FILE_VERSION: &str = "brain.Event:2";
/// `SessionLog.START`.
const SESSION_START: i32 = 1;

#[derive(Message)]
struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
    #[prost(message, optional, tag = "7")]
    session_log: Option<SessionLog>,
}

#[derive(Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Scalar>,
}

#[derive(Message)]
struct Scalar {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, tag = "2")]
    simple_value: f32,
}

#[derive(Message)]
struct SessionLog {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// The event file of a member in training.
pub struct EventFile {
    path: PathBuf,
    file: File,
    c: f64,
}

impl EventFile {
    /// Begins the file of a member that goes on after `epoch` finished epochs, under `tensorboard/` in the run's directory.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be written.
    pub fn create(run_dir: &Path, member: MemberId, epoch: usize) -> Result<Self> {
        let dir = run_dir.join("tensorboard").join(member.dir());
        create_dir(&dir)?;
        // TensorBoard reads the files of a directory in the order of their names, and knows them by "tfevents".
        let name = format!("events.out.tfevents.{:.6}.{}.klsweep", seconds(), std::process::id());
        let path = dir.join(name);
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        let mut events = Self { path, file, c: member.kl_coefficient };
        events.append(Event { file_version: Some(FILE_VERSION.to_string()), ..Event::at(0) })?;
        events.append(Event {
            session_log: Some(SessionLog { status: SESSION_START }),
            ..Event::at(epoch + 1)
        })?;
        Ok(events)
    }

    /// Appends the numbers of an epoch.
    pub fn epoch(&mut self, row: &EpochRow) -> Result<()> {
        let mut scalars = Vec::new();
        for (split, terms) in [("train", &row.train), ("test", &row.test)] {
            for (name, value) in [
                ("reconstruction", terms.reconstruction),
                ("kl", terms.kl),
                ("objective", terms.objective(self.c)),
                ("elbo_loss", terms.elbo_loss()),
            ] {
                scalars.push((format!("{split}/{name}"), value));
            }
        }
        scalars.push(("train/saturated_log_vars".to_string(), row.saturated_log_vars as f64));
        scalars.push(("test/active_units".to_string(), row.test_latent.active_units as f64));
        for (dimension, &kl) in row.test_latent.kl_per_dim.iter().enumerate() {
            scalars.push((format!("test/kl_dim_{dimension}"), kl));
        }
        self.scalars(row.epoch, scalars)
    }

    /// Appends what was measured of the trained network after so many epochs.
    pub fn diagnostics(&mut self, epoch: usize, diagnostics: &Diagnostics) -> Result<()> {
        let names = Diagnostics::columns(diagnostics.kl_per_dim.len()).into_iter().skip(1);
        let known = names
            .zip(diagnostics.values())
            .filter_map(|(name, value)| Some((format!("diagnostics/{name}"), value?)));
        self.scalars(epoch, known.collect())
    }

    fn scalars(&mut self, epoch: usize, scalars: Vec<(String, f64)>) -> Result<()> {
        let value =
            scalars.into_iter().map(|(tag, value)| Scalar { tag, simple_value: value as f32 }).collect();
        self.append(Event { summary: Some(Summary { value }), ..Event::at(epoch) })
    }

    fn append(&mut self, event: Event) -> Result<()> {
        self.file.write_all(&record(&event)).with_context(|| format!("cannot write {}", self.path.display()))
    }
}

impl Event {
    fn at(epoch: usize) -> Self {
        Self { wall_time: seconds(), step: epoch as i64, ..Self::default() }
    }
}

fn seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

/// A TFRecord of an event.
fn record(event: &Event) -> Vec<u8> {
    let data = event.encode_to_vec();
    let length = (data.len() as u64).to_le_bytes();
    let mut record = length.to_vec();
    record.extend(masked_crc(&length).to_le_bytes());
    record.extend(&data);
    record.extend(masked_crc(&data).to_le_bytes());
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
    use crate::evaluate::{LatentUse, Terms};

    /// The events of a file, with every length and checksum checked.
    fn read(bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let (length, after) = rest.split_at(8);
            let size = u64::from_le_bytes(length.try_into().unwrap()) as usize;
            let (length_crc, after) = after.split_at(4);
            let (data, after) = after.split_at(size);
            let (data_crc, after) = after.split_at(4);
            assert_eq!(masked_crc(length).to_le_bytes(), length_crc);
            assert_eq!(masked_crc(data).to_le_bytes(), data_crc);
            events.push(Event::decode(data).unwrap());
            rest = after;
        }
        events
    }

    #[test]
    fn a_record_is_that_of_tensorflow() {
        // From scripts/tensorboard_record.py.
        let expected = [
            0x0b, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // length
            0x86, 0x15, 0xf5, 0x04, // its checksum
            0x09, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xf8, 0x3f, 0x10, 0x03, // wall time, step
            0x77, 0x8d, 0xf7, 0xf6, // their checksum
        ];
        assert_eq!(record(&Event { wall_time: 1.5, step: 3, ..Event::default() }), expected);
    }

    #[test]
    fn an_epoch_is_one_event_after_the_version_and_the_start() {
        let dir = tempfile::TempDir::new().unwrap();
        let member = MemberId { kl_coefficient: 2.0, seed: 0 };
        let row = EpochRow {
            epoch: 4,
            train: Terms { reconstruction: 150.0, kl: 6.0 },
            test: Terms { reconstruction: 151.0, kl: 5.0 },
            test_latent: LatentUse { kl_per_dim: vec![3.0, 2.0], active_units: 2 },
            saturated_log_vars: 0,
        };
        let mut file = EventFile::create(dir.path(), member, 3).unwrap();
        file.epoch(&row).unwrap();
        let events = read(&std::fs::read(&file.path).unwrap());
        assert_eq!(events[0].file_version.as_deref(), Some(FILE_VERSION));
        assert_eq!((events[1].step, events[1].session_log.as_ref().unwrap().status), (4, SESSION_START));
        assert_eq!((events.len(), events[2].step), (3, 4));
        let values = &events[2].summary.as_ref().unwrap().value;
        let value = |tag: &str| values.iter().find(|value| value.tag == tag).map(|value| value.simple_value);
        assert_eq!(value("test/objective"), Some(161.0));
        assert_eq!(value("test/kl_dim_1"), Some(2.0));
    }
}
