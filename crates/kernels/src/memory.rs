//! Memory that is written once.

use std::mem::MaybeUninit;

/// `length` numbers as `write` leaves them, without zeros written first.
///
/// # Safety
///
/// `write` must initialise every number that it is given.
pub(crate) unsafe fn written(length: usize, write: impl FnOnce(&mut [MaybeUninit<f32>])) -> Vec<f32> {
    let mut values = Vec::with_capacity(length);
    write(&mut values.spare_capacity_mut()[..length]);
    // SAFETY: there is room for them, and by the caller's promise they are initialised.
    unsafe { values.set_len(length) };
    values
}

/// Numbers to be written over.
pub(crate) fn as_uninit(values: &mut [f32]) -> &mut [MaybeUninit<f32>] {
    // SAFETY: the layouts are the same, and this crate writes nothing but numbers into what it gets so.
    unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), values.len()) }
}

/// Sixteen numbers that lie in one cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Line([f32; Line::NUMBERS]);

impl Line {
    pub(crate) const NUMBERS: usize = 16;
    pub(crate) const ZERO: Self = Self([0.0; Self::NUMBERS]);

    /// The numbers of lines.
    pub(crate) fn numbers(lines: &[Self]) -> &[f32] {
        // SAFETY: a line is sixteen numbers and nothing else.
        unsafe { std::slice::from_raw_parts(lines.as_ptr().cast(), lines.len() * Self::NUMBERS) }
    }

    /// The numbers of lines, to be written.
    pub(crate) fn numbers_mut(lines: &mut [Self]) -> &mut [f32] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), lines.len() * Self::NUMBERS) }
    }
}

/// Numbers that two threads write, each some of its own.
#[derive(Clone, Copy)]
pub(crate) struct Parts<T> {
    start: *mut T,
    length: usize,
}

// SAFETY: it only hands out parts, and who asks for one promises that nobody else has it.
unsafe impl<T: Send> Send for Parts<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Parts<T> {}

impl<T> Parts<T> {
    pub(crate) fn new(values: &mut [T]) -> Self {
        Self { start: values.as_mut_ptr(), length: values.len() }
    }

    /// The numbers in the range.
    ///
    /// # Safety
    ///
    /// The slice that `self` was made of must still be borrowed, and no other thread may hold a part that overlaps.
    pub(crate) unsafe fn part<'a>(self, range: std::ops::Range<usize>) -> &'a mut [T] {
        assert!(range.start <= range.end && range.end <= self.length, "{range:?} of {}", self.length);
        // SAFETY: it lies within the slice, and by the caller's promise nobody else has it.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }
}
