//! One pass over two slices that checks, sums and adds up the terms of a divergence.
//!
//! The slices are walked in blocks that stay in the first-level cache. A block whose entries are all zero or regular
//! takes the vectorised terms; one that holds a subnormal or an invalid entry is looked at entry by entry. Long slices
//! are cut into chunks of a fixed length that may run on several threads and are put together in order, so that
//! neither the number of threads nor the width of the processor's registers changes a bit of the result.

use kernels::{Vectorized, vectorized};
use rayon::prelude::*;

use super::validate::{check_distribution, check_sum};
use crate::error::{Argument, DivergenceError};
use crate::numeric::logarithm::SMALLEST_REGULAR;
use crate::numeric::{CompensatedSum, LANES, LaneSums};

/// Entries that are checked, computed and summed before the next ones are touched: three arrays of 2 KiB.
const BLOCK: usize = 256;
/// Entries of the widest vectors.
const VECTOR: usize = 8;
/// Entries that one task of a thread pool takes, and the unit in which partial sums are formed.
const CHUNK: usize = 1 << 15;

/// The terms that one divergence adds up for a pair of probabilities.
pub(crate) trait Terms<const N: usize>: Sync {
    /// The terms where both probabilities are 0 or at least [`SMALLEST_REGULAR`]; branch-free where it should be fast.
    fn regular(&self, p: f64, q: f64) -> [f64; N];

    /// The terms for any two probabilities.
    fn careful(&self, p: f64, q: f64) -> [f64; N] {
        self.regular(p, q)
    }
}

/// What a pass over two distributions finds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Folded<const N: usize> {
    /// The sum of `p`.
    pub(crate) p: CompensatedSum,
    /// The sum of `q`.
    pub(crate) q: CompensatedSum,
    /// The sums of the terms.
    pub(crate) terms: [CompensatedSum; N],
}

/// Checks that `p` and `q` are distributions over the same outcomes, and sums `terms` over them.
pub(crate) fn fold<const N: usize>(
    p: &[f64],
    q: &[f64],
    terms: &impl Terms<N>,
) -> Result<Folded<N>, DivergenceError> {
    fold_named((Argument::P, p), (Argument::Q, q), terms)
}

pub(crate) fn fold_named<const N: usize>(
    (p_name, p): (Argument, &[f64]),
    (q_name, q): (Argument, &[f64]),
    terms: &impl Terms<N>,
) -> Result<Folded<N>, DivergenceError> {
    for (argument, values) in [(p_name, p), (q_name, q)] {
        if values.is_empty() {
            return Err(DivergenceError::Empty { argument });
        }
    }
    if p.len() != q.len() {
        return Err(DivergenceError::LengthMismatch { argument: q_name, expected: p.len(), found: q.len() });
    }
    let folded = if p.len() <= CHUNK {
        fold_chunk(p, q, terms)
    } else {
        let parts: Vec<_> =
            p.par_chunks(CHUNK).zip(q.par_chunks(CHUNK)).map(|(p, q)| fold_chunk(p, q, terms)).collect();
        parts.into_iter().reduce(|whole, part| Some(whole?.merged(part?))).flatten()
    };
    let finite = |folded: &Folded<N>| folded.p.value().is_finite() && folded.q.value().is_finite();
    let Some(folded) = folded.filter(finite) else {
        // Which entry it was; or, if every entry is fine, which sum overflowed.
        check_distribution(p_name, p)?;
        check_distribution(q_name, q)?;
        unreachable!("a pass refuses only what these checks refuse");
    };
    check_sum(p_name, folded.p.value())?;
    check_sum(q_name, folded.q.value())?;
    Ok(folded)
}

impl<const N: usize> Folded<N> {
    fn merged(mut self, other: Self) -> Self {
        self.p.merge(other.p);
        self.q.merge(other.q);
        for (sum, part) in self.terms.iter_mut().zip(other.terms) {
            sum.merge(part);
        }
        self
    }
}

/// [`fold_blocks`] in the version compiled for the vectors of this processor.
///
/// `None` if an entry was found that is not a finite number from 0 up; one that is infinite or NaN may also show in the
/// sums alone.
fn fold_chunk<const N: usize>(p: &[f64], q: &[f64], terms: &impl Terms<N>) -> Option<Folded<N>> {
    vectorized(Chunk { p, q, terms })
}

struct Chunk<'a, const N: usize, T> {
    p: &'a [f64],
    q: &'a [f64],
    terms: &'a T,
}

impl<const N: usize, T: Terms<N>> Vectorized for Chunk<'_, N, T> {
    type Output = Option<Folded<N>>;

    #[inline(always)]
    fn run(self) -> Option<Folded<N>> {
        fold_blocks(self.p, self.q, self.terms)
    }
}

/// Inlined into each version, and with it all that it calls.
#[inline(always)]
fn fold_blocks<const N: usize>(p: &[f64], q: &[f64], terms: &impl Terms<N>) -> Option<Folded<N>> {
    if p.len() < LANES {
        return fold_few(p, q, terms);
    }
    let mut sums = [LaneSums::ZERO; 2];
    let mut sums_of_terms = [LaneSums::ZERO; N];
    let whole_lanes = p.len() - p.len() % LANES;
    for (p, q) in p[..whole_lanes].chunks(BLOCK).zip(q[..whole_lanes].chunks(BLOCK)) {
        let values: [[f64; BLOCK]; N] = checked_terms(p, q, terms)?;
        sums[0].add(p);
        sums[1].add(q);
        for (sum, values) in sums_of_terms.iter_mut().zip(&values) {
            sum.add(&values[..p.len()]);
        }
    }
    if whole_lanes < p.len() {
        let values = last_terms(p, q, whole_lanes, terms)?;
        sums[0].add_few(&p[whole_lanes..]);
        sums[1].add_few(&q[whole_lanes..]);
        for (sum, values) in sums_of_terms.iter_mut().zip(&values) {
            sum.add_few(&values[VECTOR..VECTOR + p.len() - whole_lanes]);
        }
    }
    let [p, q] = sums.map(|sum| sum.total());
    Some(Folded { p, q, terms: sums_of_terms.map(|sum| sum.total()) })
}

/// The same for fewer entries than there are lanes, each of which would be a sum of its own.
#[inline(always)]
fn fold_few<const N: usize>(p: &[f64], q: &[f64], terms: &impl Terms<N>) -> Option<Folded<N>> {
    let values = last_terms(p, q, 0, terms)?;
    let mut sums = [CompensatedSum::default(); 2];
    let mut sums_of_terms = [CompensatedSum::default(); N];
    // One entry after the other, so that the sums do not wait for each other.
    for i in 0..p.len() {
        sums[0].add(p[i]);
        sums[1].add(q[i]);
        for (sum, values) in sums_of_terms.iter_mut().zip(&values) {
            sum.add(values[VECTOR + i]);
        }
    }
    let [p, q] = sums;
    Some(Folded { p, q, terms: sums_of_terms })
}

/// The terms of fewer entries than there are lanes, those from `from` on, vector by vector. The last vector reaches back to
/// where it is full, which is why the terms begin at the place [`VECTOR`]: what it computes a second time is the same.
#[inline(always)]
fn last_terms<const N: usize>(
    p: &[f64],
    q: &[f64],
    from: usize,
    terms: &impl Terms<N>,
) -> Option<[[f64; LANES + VECTOR]; N]> {
    let (mut few_of_p, mut few_of_q) = ([0.0; VECTOR], [0.0; VECTOR]);
    let (p, q) = if p.len() < VECTOR {
        // Filled up with outcomes of probability 0, which add nothing to any divergence.
        few_of_p[..p.len()].copy_from_slice(p);
        few_of_q[..q.len()].copy_from_slice(q);
        (&few_of_p[..], &few_of_q[..])
    } else {
        (p, q)
    };
    let mut values = [[0.0; LANES + VECTOR]; N];
    for start in (from..p.len()).step_by(VECTOR) {
        let first = start.min(p.len() - VECTOR);
        let (p, q) = (&p[first..first + VECTOR], &q[first..first + VECTOR]);
        let of_vector: [[f64; VECTOR]; N] = checked_terms(p, q, terms)?;
        let place = first + VECTOR - from;
        for (values, of_vector) in values.iter_mut().zip(&of_vector) {
            values[place..place + VECTOR].copy_from_slice(of_vector);
        }
    }
    Some(values)
}

/// The terms of at most `MOST` entries.
#[inline(always)]
fn checked_terms<const MOST: usize, const N: usize>(
    p: &[f64],
    q: &[f64],
    terms: &impl Terms<N>,
) -> Option<[[f64; MOST]; N]> {
    let mut values = [[0.0; MOST]; N];
    // Slices of one length that is known to be in bounds: otherwise the loop is not vectorised.
    let length = p.len().min(MOST);
    let (p, q) = (&p[..length], &q[..length]);
    if all_regular(p, q) {
        for i in 0..length {
            let terms = terms.regular(p[i], q[i]);
            for n in 0..N {
                values[n][i] = terms[n];
            }
        }
    } else {
        for i in 0..length {
            let (p, q) = (p[i], q[i]);
            let valid = |x: f64| x >= 0.0 && x.is_finite();
            if !(valid(p) && valid(q)) {
                return None;
            }
            let terms = if all_regular(&[p], &[q]) { terms.regular(p, q) } else { terms.careful(p, q) };
            for n in 0..N {
                values[n][i] = terms[n];
            }
        }
    }
    Some(values)
}

/// Whether every entry is +0, from [`SMALLEST_REGULAR`] up, infinite or a positive NaN. The last two turn up in the sums.
///
/// By the bits, because a thread that trains takes subnormal operands for zero.
#[inline(always)]
fn all_regular(p: &[f64], q: &[f64]) -> bool {
    let mut seen = 0;
    for i in 0..p.len().min(q.len()) {
        seen |= irregularity(p[i]) | irregularity(q[i]);
    }
    seen >> 63 == 0
}

/// A number whose sign bit tells whether `x` is irregular: its own, or that of the difference to an entry too small.
#[inline(always)]
fn irregularity(x: f64) -> u64 {
    let bits = x.to_bits();
    bits | if bits == 0 { 0 } else { bits.wrapping_sub(SMALLEST_REGULAR.to_bits()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discrete::normalized;
    use crate::numeric::logarithm::{careful_kl_term, kl_term};

    struct Kl;

    impl Terms<1> for Kl {
        #[inline(always)]
        fn regular(&self, p: f64, q: f64) -> [f64; 1] {
            [kl_term(p, q)]
        }

        fn careful(&self, p: f64, q: f64) -> [f64; 1] {
            [careful_kl_term(p, q)]
        }
    }

    /// Lengths around the lanes, the blocks and the chunks.
    const LENGTHS: [usize; 9] = [1, 31, 32, 33, 255, 257, 1000, CHUNK, CHUNK + 1];

    fn distribution(length: usize, salt: u32) -> Vec<f64> {
        let mut weights: Vec<f64> = (0..length as u32)
            .map(|i| {
                let bits = (i ^ salt).wrapping_mul(2_654_435_761);
                if bits.is_multiple_of(7) {
                    0.0
                } else {
                    f64::from(bits) * 0.5_f64.powi((bits % 1100) as i32)
                }
            })
            .collect();
        weights[0] = 1.0;
        normalized(&weights).unwrap()
    }

    #[test]
    fn the_vectors_of_this_processor_compute_the_same_bits() {
        for length in LENGTHS {
            // The reference has no zeros, so that the sums are finite; both have subnormal entries.
            let (p, q) = (distribution(length, 1), distribution(length, 99));
            let q = normalized(&q.iter().map(|q| q + 1e-310).collect::<Vec<_>>()).unwrap();
            let bits = |folded: Option<Folded<1>>| {
                let Folded { p, q, terms: [terms] } = folded.unwrap();
                [p, q, terms].map(|sum| [sum.value().to_bits(), sum.above_one().to_bits()])
            };
            let plain = bits(fold_blocks(&p, &q, &Kl));
            assert_eq!(plain, bits(fold_chunk(&p, &q, &Kl)), "{length} bins");
        }
    }

    #[test]
    fn a_pass_is_the_sum_of_its_terms() {
        for length in LENGTHS {
            let (p, q) = (distribution(length, 1), distribution(length, 1));
            let q = normalized(&q.iter().map(|q| q * (1.0 + q)).collect::<Vec<_>>()).unwrap();
            let folded = fold(&p, &q, &Kl).unwrap();
            let expected = CompensatedSum::of(p.iter().zip(&q).map(|(&p, &q)| careful_kl_term(p, q))).value();
            let found = folded.terms[0].value();
            // The sums are compensated; the terms of the two functions agree to a few units in the last place.
            assert!(
                (found - expected).abs() <= 8.0 * f64::EPSILON * expected,
                "{length}: {found}, {expected}"
            );
        }
    }
}
