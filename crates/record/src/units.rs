//! The numbers of a data set as its files have them, and as a network sees them.

use serde::{Deserialize, Serialize};

use crate::binarise::Binarise;
use crate::data_config::{DataConfig, Scale};
use crate::data_record::{DataRecord, Scaling};

/// What black and white are in the files of a data set of images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pixels {
    /// Of bytes, 0 and 255. Where such images are given or handed out as other numbers, these are from 0 to 1.
    Bytes,
    /// Of other numbers, these two.
    Numbers([f64; 2]),
}

/// How numbers that are given become those that a network sees, and back.
///
/// Numbers are given and handed out in the units of the data: those of its files, except that images of bytes are also known as
/// numbers from 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Units {
    /// From numbers of the files.
    scaling: Scaling,
    /// How many of the files one of the numbers that are given is.
    of_files: f64,
    /// Black and white in the files.
    ends: [f64; 2],
    shades: Shades,
    /// Whether numbers beyond those of the training examples are seen as the nearest of them.
    clamped: bool,
    /// From where on grey levels are seen as 1, and below as 0.
    threshold: Option<f32>,
}

/// What black and white are as a network sees them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shades {
    black: f32,
    white: f32,
}

impl Shades {
    /// Of images that a network sees from 0 to 1, and of what are no images.
    pub const UNIT: Self = Self { black: 0.0, white: 1.0 };

    /// Of images whose pixels are scaled so.
    pub fn of(scaling: &Scaling, pixels: Pixels) -> Self {
        let [black, white] = pixels.ends().map(|end| scaling.apply(0, end) as f32);
        Self { black, white }
    }

    /// The pixel of which a network sees this, from 0 (black) to 255 (white); what is beyond becomes one of them, NaN black.
    pub fn byte(self, seen: f32) -> u8 {
        (255.0 * ((seen - self.black) / (self.white - self.black))).round() as u8
    }
}

impl Pixels {
    /// Black and white in the files.
    pub fn ends(self) -> [f64; 2] {
        match self {
            Self::Bytes => [0.0, 255.0],
            Self::Numbers(ends) => ends,
        }
    }
}

impl Units {
    /// Those of what a run was trained on, as it was configured.
    ///
    /// Grey levels that were drawn to be 0 or 1 are seen as they are: as the probabilities of 1.
    pub fn of(data: &DataRecord, config: &DataConfig) -> Self {
        let image = data.shape().image().is_some();
        // Older versions recorded no pixels, and of some images no scaling.
        let pixels = data.pixels.unwrap_or_else(|| match data.scaling.of_column(0) {
            [0.0, 1.0 | 255.0] => Pixels::Bytes,
            [shift, scale] => Pixels::Numbers([shift, shift + scale]),
        });
        let bytes = image && pixels == Pixels::Bytes;
        let scaling = match bytes && data.scaling.scale.is_empty() {
            true => Scaling { shift: vec![0.0], scale: vec![255.0], fill: Vec::new() },
            false => data.scaling.clone(),
        };
        Self {
            shades: Shades::of(&scaling, pixels),
            scaling,
            of_files: if bytes { 255.0 } else { 1.0 },
            ends: pixels.ends(),
            clamped: config.scale == Scale::Unit,
            threshold: match config.binarise {
                Binarise::Fixed(threshold) => Some(threshold as f32),
                Binarise::None | Binarise::Static | Binarise::Dynamic => None,
            },
        }
    }

    /// Those of numbers that are given as a network sees them, black 0 and white 1.
    pub fn as_seen() -> Self {
        Self {
            scaling: Scaling::default(),
            of_files: 1.0,
            ends: [0.0, 1.0],
            shades: Shades::UNIT,
            clamped: false,
            threshold: None,
        }
    }

    /// What a network sees of a number of some column.
    pub fn seen(&self, column: usize, number: f64) -> f32 {
        self.seen_of_files(column, number * self.of_files)
    }

    /// What a network sees of a pixel that is a byte.
    pub fn seen_of_byte(&self, byte: u8) -> f32 {
        let [black, white] = self.ends;
        self.seen_of_files(0, black + (white - black) * f64::from(byte) / 255.0)
    }

    fn seen_of_files(&self, column: usize, number: f64) -> f32 {
        let seen = self.scaling.apply(column, number);
        let seen = (if self.clamped { seen.clamp(0.0, 1.0) } else { seen }) as f32;
        match self.threshold {
            Some(threshold) if !seen.is_nan() => f32::from(u8::from(seen >= threshold)),
            _ => seen,
        }
    }

    /// The number of some column of which a network sees this.
    pub fn number(&self, column: usize, seen: f32) -> f64 {
        self.scaling.undo(column, f64::from(seen)) / self.of_files
    }

    /// Whether 32 bits would lose digits of the numbers of some column, as of times since 1970: what differs is small beside what
    /// is the same of all.
    pub fn is_wide(&self) -> bool {
        let differences_of_offset = |(shift, scale): (&f64, &f64)| shift.abs() > 1000.0 * scale.abs();
        self.scaling.shift.iter().zip(&self.scaling.scale).any(differences_of_offset)
    }

    /// As [`Shades::byte`].
    pub fn byte(&self, seen: f32) -> u8 {
        self.shades.byte(seen)
    }

    /// Whether a number could be a pixel that is given: of images of bytes, those are from 0 to 1, and some that a decoder makes
    /// are a little beyond.
    pub fn may_be_pixel(&self, number: f64) -> bool {
        self.of_files == 1.0 || (-1.0..2.0).contains(&number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Shape;

    fn config(scale: Scale) -> DataConfig {
        DataConfig { scale, ..DataConfig::default() }
    }

    fn units(pixels: Option<Pixels>, [shift, by]: [f64; 2], scale: Scale) -> Units {
        let scaling = Scaling { shift: vec![shift], scale: vec![by], fill: Vec::new() };
        Units::of(&DataRecord { pixels, scaling, ..DataRecord::of_shape(&Shape::grey(2, 2)) }, &config(scale))
    }

    #[test]
    fn bytes_are_seen_as_in_training_and_other_numbers_of_them_are_from_0_to_1() {
        let recorded = units(Some(Pixels::Bytes), [0.0, 255.0], Scale::Unit);
        let older = Units::of(&DataRecord::of_shape(&Shape::grey(2, 2)), &config(Scale::Unit));
        for units in [recorded, older] {
            for byte in 0..=255 {
                let number = f32::from(byte) / 255.0;
                assert_eq!(units.seen_of_byte(byte).to_bits(), number.to_bits());
                assert_eq!(units.seen(3, f64::from(number)).to_bits(), number.to_bits());
                assert_eq!((units.number(3, number) as f32).to_bits(), number.to_bits());
                assert_eq!(units.byte(number), byte);
            }
            assert_eq!([units.byte(-0.1), units.byte(1.1), units.byte(f32::NAN)], [0, 255, 0]);
            assert_eq!(
                [0.0, 1.0, 1.3, 2.0, 251.0].map(|n| units.may_be_pixel(n)),
                [true, true, true, false, false]
            );
        }
    }

    #[test]
    fn standardised_bytes_are_given_back_as_they_came() {
        let units = units(Some(Pixels::Bytes), [62.0, 80.0], Scale::Standardise);
        assert_eq!([units.seen_of_byte(62), units.seen_of_byte(142)], [0.0, 1.0]);
        assert_eq!(units.seen(0, 142.0 / 255.0), 1.0);
        assert_eq!([units.byte(0.0), units.byte(-10.0)], [62, 0]);
        assert_eq!(units.number(0, 1.0), 142.0 / 255.0);
    }

    #[test]
    fn other_numbers_stay_in_their_own_units_and_bytes_among_them_reach_from_black_to_white() {
        let of_16_bits = Pixels::Numbers([0.0, 65535.0]);
        let unit = units(Some(of_16_bits), [0.0, 65535.0], Scale::Unit);
        // An older version recorded the scaling alone.
        assert_eq!(unit, units(None, [0.0, 65535.0], Scale::Unit));
        assert_eq!([unit.seen(1, 65535.0), unit.seen(1, 70_000.0), unit.seen_of_byte(51)], [1.0, 1.0, 0.2]);
        assert_eq!((unit.number(2, 0.2) as f32, unit.byte(0.2)), (13107.0, 51));
        assert!(unit.may_be_pixel(65535.0));
        let standardised = units(Some(of_16_bits), [13107.0, 13107.0], Scale::Standardise);
        assert_eq!([standardised.seen(0, 65535.0), standardised.seen_of_byte(255)], [4.0, 4.0]);
        assert_eq!(standardised.byte(4.0), 255);
        let signed = units(Some(Pixels::Numbers([-1.0, 1.0])), [-1.0, 2.0], Scale::Unit);
        assert_eq!([signed.seen(0, 0.0), signed.seen_of_byte(0), signed.seen_of_byte(255)], [0.5, 0.0, 1.0]);
        assert_eq!((signed.number(0, 0.5), signed.byte(1.0)), (0.0, 255));
    }

    #[test]
    fn columns_of_a_table_have_their_own_units() {
        let scaling = Scaling { shift: vec![1.0, -2.0], scale: vec![4.0, 0.5], fill: vec![2.0, 0.0] };
        let columns = ["a", "b"].map(str::to_string).to_vec();
        let table = DataRecord { scaling, ..DataRecord::of_shape(&Shape::Table { columns }) };
        let units = Units::of(&table, &config(Scale::Unit));
        assert_eq!([units.seen(0, 3.0), units.seen(1, -1.75), units.seen(1, 9.0)], [0.5, 0.5, 1.0]);
        assert_eq!([units.number(0, 0.5), units.number(1, 0.5)], [3.0, -1.75]);
        assert!(!units.is_wide());
        let seconds = Scaling { shift: vec![1.7e9], scale: vec![86_400.0], fill: Vec::new() };
        let columns = vec!["time".to_string()];
        let times = DataRecord { scaling: seconds, ..DataRecord::of_shape(&Shape::Table { columns }) };
        let times = Units::of(&times, &config(Scale::Standardise));
        assert!(times.is_wide());
        assert_eq!(times.number(0, times.seen(0, 1_700_021_600.0)), 1_700_021_600.0);
        assert_eq!(units.seen(0, f64::NAN), 0.25, "what stands for a missing number");
        assert_eq!(Units::of(&table, &config(Scale::None)).seen(1, 9.0), 22.0);
    }

    #[test]
    fn a_threshold_makes_grey_levels_binary_as_in_training() {
        let config = DataConfig { binarise: Binarise::Fixed(0.5), ..DataConfig::default() };
        let data = DataRecord { pixels: Some(Pixels::Bytes), ..DataRecord::of_shape(&Shape::grey(2, 2)) };
        let units = Units::of(&data, &config);
        assert_eq!([units.seen_of_byte(127), units.seen_of_byte(128), units.seen(0, 0.5)], [0.0, 1.0, 1.0]);
        assert!(units.seen(0, f64::NAN).is_nan(), "what is no number stays none");
        let drawn = DataConfig { binarise: Binarise::Static, ..config };
        assert_eq!(Units::of(&data, &drawn).seen_of_byte(51), 0.2);
    }
}
