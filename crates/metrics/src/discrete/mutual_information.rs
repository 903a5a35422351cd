//! Mutual information of a joint table.

use ndarray::{ArrayView1, ArrayView2};

use super::logarithm::{SMALLEST_REGULAR, careful_kl_term, careful_ln_ratio, kl_term_with_difference};
use super::sum::CompensatedSum;
use super::validate::{check_entries, check_sum};
use crate::error::{Argument, DivergenceError};

/// The mutual information of two variables with the joint probabilities `joint`, a row for each value of the one and a
/// column for each value of the other,
///
/// ```text
/// I(X; Y) = KL(P(x, y) ‖ P(x) P(y)) = sum_xy p_xy ln(p_xy / (p_x p_y))
/// ```
///
/// in nats, from 0 for independent variables to the smaller of the two entropies. Terms are computed as
/// [`kl_divergence`](super::kl_divergence) explains, and a sum that misses 1 within
/// [`SUM_TOLERANCE`](super::SUM_TOLERANCE) is divided out.
///
/// # Errors
///
/// [`DivergenceError`] if the table is empty, if an entry is negative, NaN or infinite, or if the sum is not 1 within
/// [`SUM_TOLERANCE`](super::SUM_TOLERANCE). Entries are counted row by row.
///
/// # Source
///
/// Cover and Thomas, *Elements of Information Theory*, 2nd edition (2006), section 2.3.
///
/// ```
/// use metrics::{Base, mutual_information};
/// use ndarray::array;
///
/// let same = mutual_information(array![[0.5, 0.0], [0.0, 0.5]].view())?;
/// assert_eq!(Base::Bits.from_nats(same), 1.0);
/// assert_eq!(mutual_information(array![[0.25, 0.25], [0.25, 0.25]].view())?, 0.0);
/// # Ok::<(), metrics::DivergenceError>(())
/// ```
pub fn mutual_information(joint: ArrayView2<'_, f64>) -> Result<f64, DivergenceError> {
    check_entries(Argument::Joint, joint.iter().copied())?;
    let total_sum = CompensatedSum::of(joint.iter().copied());
    let total = total_sum.value();
    check_sum(Argument::Joint, total)?;

    let marginal = |lane: ArrayView1<'_, f64>| CompensatedSum::of(lane.iter().copied());
    let rows: Vec<CompensatedSum> = joint.rows().into_iter().map(marginal).collect();
    let columns: Vec<CompensatedSum> = joint.columns().into_iter().map(marginal).collect();
    let terms = joint.indexed_iter().map(|((x, y), &cell)| {
        let (row, column) = (rows[x].value(), columns[y].value());
        let independent = row * column / total;
        if cell > 0.0 && independent < SMALLEST_REGULAR {
            // The product may have lost digits, or be 0 where the cell is not.
            cell * (careful_ln_ratio(cell, row) - careful_ln_ratio(column, total)) - cell + independent
        } else if cell >= SMALLEST_REGULAR {
            // Close to independence the term is the square of the difference, which the rounded product has lost.
            let mut difference = CompensatedSum::default();
            difference.add_product(cell.into(), total_sum);
            difference.add_product(-rows[x], columns[y]);
            kl_term_with_difference(cell, independent, difference.value() / total)
        } else {
            careful_kl_term(cell, independent)
        }
    });
    Ok((CompensatedSum::of(terms).value() / total).max(0.0))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;
    use crate::entropy;

    #[test]
    fn it_is_what_the_entropies_have_in_common() {
        let joint = array![[0.10, 0.20, 0.05], [0.30, 0.05, 0.30]];
        let cells: Vec<f64> = joint.iter().copied().collect();
        let of = |p: &[f64]| entropy(p).unwrap();
        let expected = of(&[0.35, 0.65]) + of(&[0.40, 0.25, 0.35]) - of(&cells);
        let information = mutual_information(joint.view()).unwrap();
        // The difference of entropies loses a digit to cancellation.
        assert!(
            (information - expected).abs() <= 16.0 * f64::EPSILON * of(&cells),
            "{information}, not {expected}"
        );
        assert!(
            (mutual_information(joint.t()).unwrap() - information).abs() <= 4.0 * f64::EPSILON * information
        );
    }

    #[test]
    fn tiny_marginals_do_not_underflow() {
        let joint = array![[1e-200, 0.0], [0.0, 1.0]];
        let information = mutual_information(joint.view()).unwrap();
        let expected = 1e-200 * (200.0 * 10.0_f64.ln() + 1.0);
        assert!(
            (information - expected).abs() <= 8.0 * f64::EPSILON * expected,
            "{information}, not {expected}"
        );
    }

    #[test]
    fn empty_and_bad_tables_are_refused() {
        assert_eq!(
            mutual_information(Array2::zeros((0, 3)).view()),
            Err(DivergenceError::Empty { argument: Argument::Joint })
        );
        assert_eq!(
            mutual_information(array![[0.5, 0.75], [-0.25, 0.0]].view()),
            Err(DivergenceError::Negative { argument: Argument::Joint, index: 2, value: -0.25 })
        );
    }
}
