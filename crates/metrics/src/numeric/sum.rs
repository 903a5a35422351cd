//! Compensated sums: what a plain sum rounds away is carried in a second number.

/// A sum with its rounding errors, `high + low`, good to about twice the precision of `f64`.
///
/// The error of every addition is found exactly (Knuth's TwoSum) and added up on the side, as in Ogita, Rump and
/// Oishi, *Accurate Sum and Dot Product*, SIAM J. Sci. Comput. 26 (2005), algorithm 4.4.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CompensatedSum {
    high: f64,
    low: f64,
}

impl CompensatedSum {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sum = Self::default();
        values.into_iter().for_each(|value| sum.add(value));
        sum
    }

    #[inline(always)]
    pub(crate) fn add(&mut self, value: f64) {
        let (high, error) = two_sum(self.high, value);
        self.high = high;
        self.low += error;
    }

    /// Adds `a b`, to the precision of both.
    pub(crate) fn add_product(&mut self, a: Self, b: Self) {
        let product = a.high * b.high;
        self.add(product);
        self.low += a.high.mul_add(b.high, -product) + (a.high * b.low + a.low * b.high);
    }

    /// `self / divisor`, to the precision of both.
    pub(crate) fn divided_by(self, divisor: Self) -> Self {
        let high = self.high / divisor.high;
        let rest = (-high).mul_add(divisor.high, self.high) + (self.low - high * divisor.low);
        Self { high, low: rest / divisor.high }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.add(other.high);
        self.low += other.low;
    }

    /// The sum. Once it has become infinite the errors are NaN, and only the leading part means anything.
    pub(crate) fn value(self) -> f64 {
        if self.high.is_finite() { self.high + self.low } else { self.high }
    }

    /// How far the sum lies above 1, to full relative precision.
    pub(crate) fn above_one(self) -> f64 {
        if self.high.is_finite() { (self.high - 1.0) + self.low } else { self.high }
    }

    /// `self - other`, to full relative precision where the two are close.
    pub(crate) fn minus(self, other: Self) -> f64 {
        (self.high - other.high) + (self.low - other.low)
    }
}

impl From<f64> for CompensatedSum {
    fn from(value: f64) -> Self {
        Self { high: value, low: 0.0 }
    }
}

impl std::ops::Neg for CompensatedSum {
    type Output = Self;

    fn neg(self) -> Self {
        Self { high: -self.high, low: -self.low }
    }
}

/// Independent sums over every thirty-second value, so that additions do not wait for each other.
///
/// Thirty-two is four registers of AVX-512 and eight of AVX2. The order of additions is part of the result: it is the same
/// on every processor, whatever the width of its registers.
#[derive(Clone, Copy)]
pub(crate) struct LaneSums {
    high: [f64; LANES],
    low: [f64; LANES],
}

/// The number of sums that [`LaneSums`] keeps.
pub(crate) const LANES: usize = 32;

impl LaneSums {
    pub(crate) const ZERO: Self = Self { high: [0.0; LANES], low: [0.0; LANES] };

    /// Adds `values`, of which there has to be a multiple of [`LANES`].
    #[inline(always)]
    pub(crate) fn add(&mut self, values: &[f64]) {
        let Self { mut high, mut low } = *self;
        for chunk in values.chunks_exact(LANES) {
            for lane in 0..LANES {
                let (sum, error) = two_sum(high[lane], chunk[lane]);
                high[lane] = sum;
                low[lane] += error;
            }
        }
        *self = Self { high, low };
    }

    /// Adds at most [`LANES`] values.
    #[inline(always)]
    pub(crate) fn add_few(&mut self, values: &[f64]) {
        for ((high, low), value) in self.high.iter_mut().zip(&mut self.low).zip(values) {
            let (sum, error) = two_sum(*high, *value);
            *high = sum;
            *low += error;
        }
    }

    pub(crate) fn total(&self) -> CompensatedSum {
        let mut sum = CompensatedSum::of(self.high);
        sum.low += self.low.iter().sum::<f64>();
        sum
    }
}

#[inline(always)]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_rounded = sum - a;
    let a_rounded = sum - b_rounded;
    (sum, (a - a_rounded) + (b - b_rounded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_plain_sum_loses_is_kept() {
        let values = [1.0, 1e100, 1.0, -1e100];
        assert_eq!(values.iter().sum::<f64>(), 0.0);
        assert_eq!(CompensatedSum::of(values).value(), 2.0);
    }

    #[test]
    fn lanes_and_merges_agree_with_one_sum() {
        let values: Vec<f64> = (0..1600).map(|i| 1.0 / f64::from(i + 1)).collect();
        let whole = CompensatedSum::of(values.iter().copied()).value();
        let mut lanes = LaneSums::ZERO;
        lanes.add(&values);
        assert_eq!(lanes.total().value(), whole);
        let mut merged = CompensatedSum::of(values[..700].iter().copied());
        merged.merge(CompensatedSum::of(values[700..].iter().copied()));
        assert_eq!(merged.value(), whole);
    }

    #[test]
    fn the_distance_from_one_survives() {
        assert_eq!(CompensatedSum::of([1.0, 1e-20, 1e-20]).above_one(), 2e-20);
    }

    #[test]
    fn products_and_quotients_keep_what_one_number_cannot_hold() {
        let (one_more, one_less) = (1.0 + f64::EPSILON, 1.0 - f64::EPSILON);
        let mut product = CompensatedSum::from(-1.0);
        product.add_product(one_more.into(), one_less.into());
        assert_eq!(product.value(), -f64::EPSILON * f64::EPSILON);

        let third = CompensatedSum::from(1.0).divided_by(3.0.into());
        let mut rest = CompensatedSum::from(-1.0);
        rest.add_product(third, 3.0.into());
        assert!(rest.value().abs() < 1e-32, "{}", rest.value());
    }

    #[test]
    fn an_infinite_sum_is_infinite_and_not_nan() {
        assert_eq!(CompensatedSum::of([1.0, f64::INFINITY, 1.0]).value(), f64::INFINITY);
        assert_eq!(CompensatedSum::of([f64::MAX, f64::MAX]).value(), f64::INFINITY);
    }
}
