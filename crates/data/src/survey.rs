//! What the numbers of the training examples are like, and how a network sees them.

use record::{Missing, Pixels, Scale, Scaling, Shades, Shape};

/// The greatest number that a network sees, or gives back, in 32 bits.
pub const GREATEST: f64 = f32::MAX as f64;

/// How many numbers there are of a column, and between which they lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Column {
    count: u64,
    /// The least number.
    pub least: f64,
    /// The greatest number.
    pub greatest: f64,
    /// Whether all of them are whole.
    pub whole: bool,
    /// Subtracted before adding up, so that a small variance beside a great mean keeps its digits.
    origin: f64,
    sum: f64,
    squares: f64,
}

/// The columns of the training examples: of a table each by itself, of images all numbers as one.
#[derive(Clone, Debug)]
pub struct Survey {
    pub columns: Vec<Column>,
}

/// A number that no network can see.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NotFinite {
    /// The place in its row.
    pub place: usize,
    /// NaN, or infinite in 32 bits, as it is or after it was scaled.
    pub number: f64,
}

/// How a number in a file becomes what a network sees.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversion {
    /// What is recorded of it.
    pub scaling: Scaling,
    /// What is recorded of images.
    pub pixels: Option<Pixels>,
    /// Whether numbers beyond those of the training examples become 0 or 1.
    clamped: bool,
    /// The columns whose numbers are all the same.
    pub constant: Vec<usize>,
}

impl Column {
    const EMPTY: Self = Self {
        count: 0,
        least: f64::INFINITY,
        greatest: f64::NEG_INFINITY,
        whole: true,
        origin: 0.0,
        sum: 0.0,
        squares: 0.0,
    };

    fn see(&mut self, number: f64) {
        if self.count == 0 {
            self.origin = number;
        }
        self.count += 1;
        self.least = self.least.min(number);
        self.greatest = self.greatest.max(number);
        self.whole &= number.fract() == 0.0;
        let moved = number - self.origin;
        self.sum += moved;
        self.squares += moved * moved;
    }

    fn mean(&self) -> f64 {
        self.origin + self.sum / self.count.max(1) as f64
    }

    fn deviation(&self) -> f64 {
        let count = self.count.max(1) as f64;
        let mean = self.sum / count;
        (self.squares / count - mean * mean).max(0.0).sqrt()
    }

    fn constant(&self) -> bool {
        self.least >= self.greatest
    }

    /// The range that images with these numbers have by convention, so that a data set without a wholly white pixel is seen as
    /// it is meant.
    fn convention(&self) -> Option<[f64; 2]> {
        match (self.least, self.greatest) {
            (0.0.., ..=1.0) => Some([0.0, 1.0]),
            (0.0.., ..=255.0) if self.whole => Some([0.0, 255.0]),
            (0.0.., ..=65535.0) if self.whole => Some([0.0, 65535.0]),
            (-1.0.., ..=1.0) => Some([-1.0, 1.0]),
            _ => None,
        }
    }
}

impl Survey {
    /// Of no example yet.
    pub fn new(shape: &Shape) -> Self {
        Self { columns: vec![Column::EMPTY; shape.columns().len().max(1)] }
    }

    /// Looks at a row.
    ///
    /// # Errors
    ///
    /// Fails at the first number that is infinite in 32 bits, or NaN unless missing numbers are to be filled.
    pub fn see(&mut self, row: impl Iterator<Item = f64>, missing: Missing) -> Result<(), NotFinite> {
        let last = self.columns.len() - 1;
        for (place, number) in row.enumerate() {
            if number.abs() <= GREATEST {
                self.columns[place.min(last)].see(number);
            } else if !(number.is_nan() && missing == Missing::Mean) {
                return Err(NotFinite { place, number });
            }
        }
        Ok(())
    }

    /// The least and the greatest number of each column; the former is the greater one where there is no number.
    pub fn ranges(&self) -> Vec<[f64; 2]> {
        self.columns.iter().map(|column| [column.least, column.greatest]).collect()
    }

    /// The range that images with these numbers have by convention; `None` where they have another one, or are all the same and
    /// tell nothing.
    pub fn convention(&self) -> Option<[f64; 2]> {
        self.columns.first().filter(|column| !column.constant()).and_then(Column::convention)
    }

    /// How the numbers are seen.
    pub fn conversion(&self, shape: &Shape, scale: Scale, missing: Missing) -> Conversion {
        let ranges = self.columns.iter().map(|column| of_column(column, shape, scale));
        let (shift, scales) = ranges.map(|[shift, scale]| (shift, scale)).unzip();
        let fill = match missing {
            Missing::Mean => self.columns.iter().map(Column::mean).collect(),
            Missing::Refuse => Vec::new(),
        };
        let ends = |column: &Column| {
            let [black, range] = of_column(column, shape, Scale::Unit);
            Pixels::Numbers([black, black + range])
        };
        Conversion {
            scaling: Scaling { shift, scale: scales, fill },
            pixels: shape.image().and(self.columns.first().map(ends)),
            clamped: scale == Scale::Unit,
            constant: (0..self.columns.len()).filter(|&column| self.columns[column].constant()).collect(),
        }
    }
}

/// Shift and scale of a column.
fn of_column(column: &Column, shape: &Shape, scale: Scale) -> [f64; 2] {
    let Column { least, greatest, .. } = *column;
    let nonzero = |scale: f64| if scale > 0.0 { scale } else { 1.0 };
    match scale {
        Scale::None => [0.0, 1.0],
        Scale::Standardise => [column.mean(), nonzero(column.deviation())],
        Scale::Unit if column.count == 0 => [0.0, 1.0],
        Scale::Unit => match column.convention().filter(|_| shape.image().is_some()) {
            Some([black, white]) => [black, white - black],
            None => [least, nonzero(greatest - least)],
        },
    }
}

impl Conversion {
    /// Of bytes, from 0 to 1.
    pub fn of_bytes() -> Self {
        let scaling = Scaling { shift: vec![0.0], scale: vec![255.0], fill: Vec::new() };
        Self { scaling, pixels: Some(Pixels::Bytes), clamped: true, constant: Vec::new() }
    }

    /// What a network sees of black and of white; of what are no images, of 0 and 1.
    pub fn shades(&self) -> Shades {
        self.pixels.map_or(Shades::UNIT, |pixels| Shades::of(&self.scaling, pixels))
    }

    /// What a network sees of a number at a place of its row.
    #[inline]
    pub fn seen(&self, place: usize, number: f64) -> f32 {
        let seen = self.scaling.apply(place, number);
        (if self.clamped { seen.clamp(0.0, 1.0) } else { seen }) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: usize) -> Shape {
        Shape::Table { columns: (0..columns).map(|column| column.to_string()).collect() }
    }

    fn survey(shape: &Shape, rows: &[&[f64]], missing: Missing) -> Survey {
        let mut survey = Survey::new(shape);
        rows.iter().for_each(|row| survey.see(row.iter().copied(), missing).unwrap());
        survey
    }

    fn seen(conversion: &Conversion, row: &[f64]) -> Vec<f32> {
        row.iter().enumerate().map(|(place, &number)| conversion.seen(place, number)).collect()
    }

    #[test]
    fn columns_of_a_table_are_scaled_each_by_itself() {
        let shape = table(3);
        let rows: [&[f64]; 2] = [&[1e9, -2.0, 5.0], &[1e9 + 2.0, 2.0, 5.0]];
        let survey = survey(&shape, &rows, Missing::Refuse);
        let unit = survey.conversion(&shape, Scale::Unit, Missing::Refuse);
        assert_eq!(seen(&unit, &[1e9 + 1.0, 2.0, 5.0]), [0.5, 1.0, 0.0]);
        assert_eq!(seen(&unit, &[0.0, 9.0, 5.0]), [0.0, 1.0, 0.0], "beyond what was trained on");
        let standardised = survey.conversion(&shape, Scale::Standardise, Missing::Refuse);
        assert_eq!(seen(&standardised, &[1e9 + 2.0, -4.0, 5.0]), [1.0, -2.0, 0.0]);
        assert_eq!(standardised.constant, [2]);
        assert_eq!(seen(&survey.conversion(&shape, Scale::None, Missing::Refuse), &[7.0]), [7.0]);
    }

    #[test]
    fn images_keep_the_range_that_their_numbers_have_by_convention() {
        let shape = Shape::grey(1, 2);
        for (row, expected) in [
            ([0.0, 0.5], [0.0, 0.5]),
            ([0.0, 51.0], [0.0, 0.2]),
            ([0.0, 13107.0], [0.0, 0.2]),
            ([-1.0, 0.0], [0.0, 0.5]),
            ([-3.0, 5.0], [0.0, 1.0]),
            ([0.0, 2.5], [0.0, 1.0]),
        ] {
            let conversion =
                survey(&shape, &[&row], Missing::Refuse).conversion(&shape, Scale::Unit, Missing::Refuse);
            assert_eq!(seen(&conversion, &row), expected, "{row:?}");
        }
    }

    #[test]
    fn missing_numbers_are_refused_or_become_the_mean_and_infinite_ones_are_always_refused() {
        let shape = table(2);
        let mut survey = survey(&shape, &[&[1.0, 2.0], &[3.0, f64::NAN]], Missing::Mean);
        let conversion = survey.conversion(&shape, Scale::Standardise, Missing::Mean);
        assert_eq!(seen(&conversion, &[f64::NAN, f64::NAN]), [0.0, 0.0]);
        let error = survey.see([1.0, f64::NAN].into_iter(), Missing::Refuse).unwrap_err();
        assert!(error.place == 1 && error.number.is_nan());
        for number in [f64::INFINITY, 1e300, -1e39] {
            let error = survey.see([number].into_iter(), Missing::Mean).unwrap_err();
            assert_eq!(error, NotFinite { place: 0, number });
        }
    }

    #[test]
    fn the_greatest_numbers_of_32_bits_are_scaled_without_overflow() {
        let shape = table(1);
        let survey = survey(&shape, &[&[-GREATEST], &[GREATEST]], Missing::Refuse);
        for scale in [Scale::Standardise, Scale::Unit, Scale::None] {
            let conversion = survey.conversion(&shape, scale, Missing::Refuse);
            let [least, greatest] = [-GREATEST, GREATEST].map(|number| conversion.seen(0, number));
            assert!(least.is_finite() && greatest.is_finite() && least < greatest, "{least} to {greatest}");
        }
    }

    #[test]
    fn bytes_are_seen_as_a_32_bit_division_gives_them() {
        for byte in 0..=255 {
            assert_eq!(Conversion::of_bytes().seen(0, f64::from(byte)), byte as f32 / 255.0);
        }
    }
}
