//! Joint and conditional entropy and mutual information of a joint table.

use ndarray::{ArrayView1, ArrayView2};

use super::entropy::entropy;
use super::validate::check_distribution;
use crate::error::{Argument, DivergenceError};
use crate::numeric::CompensatedSum;
use crate::numeric::logarithm::{
    SMALLEST_REGULAR, careful_kl_term, careful_ln_ratio, kl_term_with_difference,
};

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
    let total_sum = check_distribution(Argument::Joint, joint)?;
    let total = total_sum.value();

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

/// The joint entropy of two variables with the joint probabilities `joint`,
///
/// ```text
/// H(X, Y) = -sum_xy p_xy ln p_xy = H(X) + H(Y | X)
/// ```
///
/// in nats: the [`entropy`] of the cells.
///
/// # Errors
///
/// As for [`mutual_information`].
///
/// ```
/// use metrics::{Base, joint_entropy};
/// use ndarray::array;
///
/// assert_eq!(Base::Bits.from_nats(joint_entropy(array![[0.25, 0.25], [0.25, 0.25]].view())?), 2.0);
/// # Ok::<(), metrics::DivergenceError>(())
/// ```
pub fn joint_entropy(joint: ArrayView2<'_, f64>) -> Result<f64, DivergenceError> {
    check_distribution(Argument::Joint, joint)?;
    entropy(&joint.iter().copied().collect::<Vec<_>>())
}

/// The conditional entropy of the variable of the columns, given that of the rows,
///
/// ```text
/// H(Y | X) = -sum_xy p_xy ln(p_xy / p_x)
/// ```
///
/// in nats: how uncertain the column is once the row is known, from 0 where the row decides it to `H(Y)` where it says nothing.
/// Transposed, `joint.t()`, it is `H(X | Y)`.
///
/// Every term is at least 0 and keeps its relative precision where a cell is nearly all of its row. A sum that misses 1 within
/// [`SUM_TOLERANCE`](super::SUM_TOLERANCE) is divided out.
///
/// # Errors
///
/// As for [`mutual_information`].
///
/// # Source
///
/// Cover and Thomas, as above, section 2.2.
///
/// ```
/// use metrics::{Base, conditional_entropy};
/// use ndarray::array;
///
/// let joint = array![[0.5, 0.0], [0.25, 0.25]];
/// assert_eq!(Base::Bits.from_nats(conditional_entropy(joint.view())?), 0.5);
/// # Ok::<(), metrics::DivergenceError>(())
/// ```
pub fn conditional_entropy(joint: ArrayView2<'_, f64>) -> Result<f64, DivergenceError> {
    let total = check_distribution(Argument::Joint, joint)?.value();
    let mut sum = CompensatedSum::default();
    for row in joint.rows() {
        let of_row = CompensatedSum::of(row.iter().copied());
        for &cell in row.iter().filter(|cell| **cell > 0.0) {
            // ln(p_x / p_xy), from what the rest of the row is next to the cell.
            let rest = of_row.minus(cell.into()) / cell;
            let log = if rest < 1.0 { libm::log1p(rest) } else { careful_ln_ratio(of_row.value(), cell) };
            sum.add(cell * log);
        }
    }
    Ok((sum.value() / total).max(0.0))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

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
    fn entropies_of_a_table_add_up() {
        let joint = array![[0.10, 0.20, 0.05], [0.30, 0.05, 0.30]];
        let (h, given_row) =
            (joint_entropy(joint.view()).unwrap(), conditional_entropy(joint.view()).unwrap());
        let of_row = entropy(&[0.35, 0.65]).unwrap();
        assert!((of_row + given_row - h).abs() <= 8.0 * f64::EPSILON * h);
        let information = entropy(&[0.40, 0.25, 0.35]).unwrap() - given_row;
        assert!((information - mutual_information(joint.view()).unwrap()).abs() <= 8.0 * f64::EPSILON);
        assert_eq!(conditional_entropy(array![[0.5, 0.0], [0.0, 0.5]].view()), Ok(0.0));
        // A cell that is all of its row but 1e-20.
        let nearly = array![[0.5, 0.0], [0.5, 0.5e-20]];
        let expected = 0.5e-20 * (1.0 - 1e-20f64.ln());
        let found = conditional_entropy(nearly.view()).unwrap();
        assert!((found - expected).abs() <= 4.0 * f64::EPSILON * expected, "{found:e}, not {expected:e}");
        assert!(matches!(
            joint_entropy(array![[0.5, -0.5]].view()),
            Err(DivergenceError::Negative { argument: Argument::Joint, index: 1, .. })
        ));
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
