use crate::KernelSet;
use crate::helper::in_halves;
use crate::memory::Parts;
use crate::vectors::{Arithmetic, for_each_set};

/// Rows are multiplied with their factors before a second thread could begin.
const NUMBERS_OF_A_HALF: usize = 16_384;

/// Multiplies each row with its factor, in place. What would be denormal becomes 0.
///
/// # Panics
///
/// Panics if the values are no whole number of rows, one for each factor.
pub fn scale_rows(values: &mut [f32], factors: &[f32]) {
    if factors.is_empty() {
        assert!(values.is_empty(), "{} values in no row", values.len());
        return;
    }
    let (rows, columns) = (factors.len(), values.len() / factors.len());
    assert_eq!(values.len(), rows * columns, "values of {rows} rows");
    let parts = Parts::new(values);
    in_halves(rows, NUMBERS_OF_A_HALF.div_ceil(columns.max(1)), |range| {
        // SAFETY: `values` is borrowed for as long, and the halves do not overlap.
        let values = unsafe { parts.part(range.start * columns..range.end * columns) };
        scale(KernelSet::active(), values, &factors[range], columns);
    });
}

for_each_set! { fn scale(values: &mut [f32], factors: &[f32], columns: usize) = scale_body }

#[inline(always)]
fn scale_body<A: Arithmetic>(values: &mut [f32], factors: &[f32], columns: usize) {
    for (row, factor) in values.chunks_exact_mut(columns.max(1)).zip(factors) {
        for value in row {
            let product = *value * factor;
            *value = if product.abs() < f32::MIN_POSITIVE { 0.0 } else { product };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_multiplied_with_its_factor() {
        let mut values = [1.0, 2.0, 3.0, 4.0, f32::MIN_POSITIVE, f32::NAN];
        scale_rows(&mut values, &[2.0, -1.0, 0.5]);
        assert_eq!(values[..5], [2.0, 4.0, -3.0, -4.0, 0.0]);
        assert!(values[5].is_nan());
        scale_rows(&mut [], &[]);
        scale_rows(&mut [], &[1.0]);
    }

    #[test]
    #[should_panic(expected = "values of 2 rows")]
    fn a_part_of_a_row_is_refused() {
        scale_rows(&mut [1.0; 3], &[1.0; 2]);
    }
}
