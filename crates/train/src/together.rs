//! How many examples are computed with at a time.

/// Numbers of examples that are in memory together: 64 MiB of 32-bit ones.
const NUMBERS: usize = 1 << 24;

/// At most so many examples of so many numbers.
pub fn together(most: usize, numbers: usize) -> usize {
    most.min(NUMBERS / numbers.max(1)).max(1)
}
