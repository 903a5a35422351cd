//! Examples in a file, read block by block.
//!
//! The file is read at positions and never mapped: of a mapped file that another program cuts short, the next access ends
//! this one. Each block's digest is taken when the data is first looked at, and every later reading has to have it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::error::{DataError, Result};
use npy_format::Element;

/// Bytes of a block at most.
const BLOCK_BYTES: usize = 4 << 20;
/// Blocks that fit into the memory that the configuration grants.
const LEAST_BLOCKS: usize = 16;
/// Rows of a block that lie so near to each other in the file are read as one.
const NEAR: u64 = 64 << 10;

/// Rows of numbers, one after another in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlatFile {
    /// Which file.
    pub path: PathBuf,
    /// Where its first row begins.
    pub offset: u64,
    /// The type of its numbers.
    pub element: Element,
    /// Numbers of a row.
    pub numbers: usize,
    /// How many rows there are.
    pub rows: usize,
}

/// In which blocks the examples of a file are read. It follows from the configuration and the data, never from the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockPlan {
    /// Examples of a block; the last one may have fewer.
    pub examples: usize,
    /// Blocks whose examples are shuffled among each other.
    pub group: usize,
}

/// Some of the rows of a file, as the examples of a split.
#[derive(Debug)]
pub struct Blocks {
    file: FlatFile,
    /// The rows, rising.
    rows: Vec<u32>,
    plan: BlockPlan,
    digests: Vec<[u8; 32]>,
    cache: Mutex<Cache>,
}

#[derive(Debug)]
struct Cache {
    capacity: usize,
    /// Counts the uses.
    time: u64,
    /// Blocks with the time of their last use.
    blocks: HashMap<usize, (u64, Arc<Vec<u8>>)>,
}

impl FlatFile {
    /// Bytes of a row.
    pub fn row_bytes(&self) -> usize {
        self.numbers * self.element.size()
    }

    /// The bytes of some rows, in their order.
    pub fn read(&self, rows: &[u32]) -> io::Result<Vec<u8>> {
        let width = self.row_bytes();
        let at = |row: u32| self.offset + u64::from(row) * width as u64;
        let mut file = File::open(&self.path)?;
        let mut bytes = Vec::with_capacity(rows.len() * width);
        let mut span = Vec::new();
        let near = |&a: &u32, &b: &u32| b > a && at(b) - at(a) <= NEAR + width as u64;
        for rows in rows.chunk_by(near) {
            let (first, last) = (rows[0], rows[rows.len() - 1]);
            span.resize((at(last) - at(first)) as usize + width, 0);
            file.seek(SeekFrom::Start(at(first)))?;
            file.read_exact(&mut span)?;
            for &row in rows {
                let start = (at(row) - at(first)) as usize;
                bytes.extend(&span[start..start + width]);
            }
        }
        Ok(bytes)
    }
}

impl BlockPlan {
    /// For examples of so many bytes, when so much memory may hold some of them.
    pub fn new(example_bytes: usize, memory: usize) -> Self {
        let block = BLOCK_BYTES.min(memory / LEAST_BLOCKS).max(1);
        let examples = (block / example_bytes).max(1);
        // A quarter: two members and their successors may each be in another group.
        let group = (memory / 4 / (examples * example_bytes)).max(1);
        Self { examples, group }
    }
}

impl Blocks {
    /// The rows of a file, rising, to be held in so many bytes of memory. `see` is given the bytes of every block once.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be read, and where `see` fails.
    pub fn new(
        file: FlatFile,
        rows: Vec<u32>,
        memory: usize,
        mut see: impl FnMut(&[u32], &[u8]) -> Result<()>,
    ) -> Result<Self> {
        let plan = BlockPlan::new(file.row_bytes(), memory);
        let mut digests = Vec::with_capacity(rows.len().div_ceil(plan.examples));
        for rows in rows.chunks(plan.examples) {
            let bytes =
                file.read(rows).map_err(|source| DataError::Io { path: file.path.clone(), source })?;
            see(rows, &bytes)?;
            digests.push(Sha256::digest(&bytes).into());
        }
        let capacity = (memory / (plan.examples * file.row_bytes())).max(1);
        let cache = Mutex::new(Cache { capacity, time: 0, blocks: HashMap::new() });
        Ok(Self { file, rows, plan, digests, cache })
    }

    /// How many examples there are.
    pub fn count(&self) -> usize {
        self.rows.len()
    }

    /// In which blocks they are read.
    pub fn plan(&self) -> BlockPlan {
        self.plan
    }

    /// The digests of all blocks.
    pub fn digests(&self) -> &[[u8; 32]] {
        &self.digests
    }

    /// Keeps the first examples, so many of them.
    pub fn truncate(&mut self, count: usize) {
        // The last block keeps its rows, and with them its digest: only the count of examples changes.
        self.rows.truncate(count.div_ceil(self.plan.examples) * self.plan.examples);
        self.digests.truncate(count.div_ceil(self.plan.examples));
    }

    /// Gives the numbers of the examples at the given positions, one after another.
    ///
    /// # Errors
    ///
    /// [`DataError::Changed`] when a block is no longer what it was.
    pub fn for_each(
        &self,
        positions: impl Iterator<Item = usize>,
        mut take: impl FnMut(&[u8]),
    ) -> Result<()> {
        let width = self.file.row_bytes();
        let mut current: Option<(usize, Arc<Vec<u8>>)> = None;
        for position in positions {
            let number = position / self.plan.examples;
            let block = match current.take() {
                Some((held, block)) if held == number => block,
                _ => self.block(number)?,
            };
            take(&block[position % self.plan.examples * width..][..width]);
            current = Some((number, block));
        }
        Ok(())
    }

    /// The type of the numbers.
    pub fn element(&self) -> Element {
        self.file.element
    }

    fn block(&self, number: usize) -> Result<Arc<Vec<u8>>> {
        if let Some(block) = self.cache().held(number) {
            return Ok(block);
        }
        // Read beside the lock, so that others go on; two may read the same block.
        let range = number * self.plan.examples..;
        let rows = &self.rows[range.start..(range.start + self.plan.examples).min(self.rows.len())];
        let changed = || {
            let (first, last) = (rows[0] as usize, rows[rows.len() - 1] as usize);
            DataError::Changed { path: self.file.path.clone(), first, last }
        };
        let block = self.file.read(rows).map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => changed(),
            _ => DataError::Io { path: self.file.path.clone(), source },
        })?;
        if self.digests[number] != <[u8; 32]>::from(Sha256::digest(&block)) {
            return Err(changed());
        }
        let block = Arc::new(block);
        self.cache().hold(number, Arc::clone(&block));
        Ok(block)
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        // Whoever panicked left a block in it or did not: both are right.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache {
    fn held(&mut self, number: usize) -> Option<Arc<Vec<u8>>> {
        self.time += 1;
        let (time, block) = self.blocks.get_mut(&number)?;
        *time = self.time;
        Some(Arc::clone(block))
    }

    /// Holds a block, in the place of the one that was not used for the longest time.
    fn hold(&mut self, number: usize, block: Arc<Vec<u8>>) {
        while self.blocks.len() >= self.capacity {
            let oldest = self.blocks.iter().min_by_key(|(_, (time, _))| *time).map(|(&number, _)| number);
            oldest.and_then(|oldest| self.blocks.remove(&oldest));
        }
        self.blocks.insert(number, (self.time, block));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    /// A file of so many rows of two bytes, of which every second is an example, in memory for some of them.
    fn blocks(dir: &TempDir, rows: u32, memory: usize) -> Blocks {
        let path = dir.path().join("rows");
        let bytes: Vec<u8> = (0..rows).flat_map(|row| [row as u8, 7]).collect();
        std::fs::write(&path, [&b"head"[..], &bytes].concat()).unwrap();
        let file = FlatFile { path, offset: 4, element: Element::BYTE, numbers: 2, rows: rows as usize };
        Blocks::new(file, (0..rows).step_by(2).collect(), memory, |_, _| Ok(())).unwrap()
    }

    fn gathered(blocks: &Blocks, positions: &[usize]) -> Result<Vec<u8>> {
        let mut found = Vec::new();
        blocks.for_each(positions.iter().copied(), |row| found.extend(row))?;
        Ok(found)
    }

    #[test]
    fn examples_are_read_wherever_they_are_with_memory_for_a_few() {
        let dir = TempDir::new().unwrap();
        let blocks = blocks(&dir, 200, 64);
        assert_eq!(blocks.plan(), BlockPlan { examples: 2, group: 4 });
        assert_eq!((blocks.count(), blocks.digests().len()), (100, 50));
        for _ in 0..2 {
            assert_eq!(gathered(&blocks, &[99, 0, 1, 50]).unwrap(), [198, 7, 0, 7, 2, 7, 100, 7]);
            let all: Vec<usize> = (0..100).collect();
            let expected: Vec<u8> = (0..100).flat_map(|example| [2 * example, 7]).collect();
            assert_eq!(gathered(&blocks, &all).unwrap(), expected);
        }
        assert!(blocks.cache().blocks.len() <= 16);
    }

    #[test]
    fn a_file_that_changes_meanwhile_is_noticed() {
        let dir = TempDir::new().unwrap();
        let blocks = blocks(&dir, 200, 64);
        let path = dir.path().join("rows");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[4 + 2 * 42] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(gathered(&blocks, &[0]).unwrap(), [0, 7]);
        let text = gathered(&blocks, &[20]).unwrap_err().to_string();
        assert!(text.contains("rows 40 to 42") && text.contains("changed"), "{text}");
        std::fs::write(&path, &bytes[..300]).unwrap();
        let text = gathered(&blocks, &[99]).unwrap_err().to_string();
        assert!(text.contains("rows 196 to 198"), "{text}");
    }

    #[test]
    fn the_plan_follows_from_sizes_alone() {
        let classic = BlockPlan::new(784, 4 << 30);
        assert_eq!((classic.examples, classic.group), (5349, 256));
        assert_eq!(BlockPlan::new(1 << 30, 1 << 20), BlockPlan { examples: 1, group: 1 });
    }
}
