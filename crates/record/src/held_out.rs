//! The two parts of the images that no network learns from: one chooses, the other reports.

use ndarray::Array1;

/// A part of the held-out images.
///
/// What is chosen on some images looks better on them than it is. So every choice and every calibration is made on one
/// part, and what was chosen is measured on the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldOut {
    /// Decides between coefficients.
    Choose,
    /// Says what the chosen one is worth.
    Report,
}

impl HeldOut {
    /// Both, in the order of columns and files.
    pub const ALL: [Self; 2] = [Self::Choose, Self::Report];

    /// Its name in files, before the name of what was measured.
    pub fn name(self) -> &'static str {
        match self {
            Self::Choose => "choose",
            Self::Report => "report",
        }
    }

    /// The positions of its images where both parts come out of one set of `count` images: those at even positions, from 0
    /// on, choose, the others report.
    pub fn dealt(self, count: usize) -> Array1<u32> {
        let first = match self {
            Self::Choose => 0,
            Self::Report => 1,
        };
        (first..count).step_by(2).map(|position| position as u32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_is_dealt_to_one_part() {
        assert_eq!(HeldOut::Choose.dealt(5).to_vec(), [0, 2, 4]);
        assert_eq!(HeldOut::Report.dealt(5).to_vec(), [1, 3]);
        assert_eq!(HeldOut::Report.dealt(1).to_vec(), [] as [u32; 0]);
    }
}
