//! What is recommended for each purpose, as the page shows it.

use std::collections::HashMap;

use serde::Serialize;

use crate::recommendation::{Number, Purpose};

/// A purpose, with the numbers that decided as a table.
#[derive(Serialize)]
pub struct PagePurpose {
    #[serde(flatten)]
    of: Purpose,
    decided_by: DecidingNumbers,
}

/// A row for each coefficient, a column for each label, both in the order in which they are first met.
#[derive(Default, Serialize)]
struct DecidingNumbers {
    labels: Vec<String>,
    rows: Vec<DecidingRow>,
}

#[derive(Serialize)]
struct DecidingRow {
    c: f64,
    /// Empty where there is no number.
    cells: Vec<String>,
}

impl From<Purpose> for PagePurpose {
    fn from(mut purpose: Purpose) -> Self {
        let decided_by = DecidingNumbers::of(std::mem::take(&mut purpose.numbers));
        Self { of: purpose, decided_by }
    }
}

impl DecidingNumbers {
    fn of(numbers: Vec<Number>) -> Self {
        let mut table = Self::default();
        for number in &numbers {
            if !table.labels.contains(&number.label) {
                table.labels.push(number.label.clone());
            }
        }
        let mut row_of = HashMap::new();
        for Number { c, label, value } in numbers {
            // 0 and -0 are one coefficient.
            let at = *row_of.entry((c + 0.0).to_bits()).or_insert_with(|| {
                table.rows.push(DecidingRow { c, cells: vec![String::new(); table.labels.len()] });
                table.rows.len() - 1
            });
            if let Some(column) = table.labels.iter().position(|known| *known == label) {
                table.rows[at].cells[column] = value;
            }
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_in_the_row_of_their_coefficient_under_their_label() {
        let number =
            |c: f64, label: &str, value: &str| Number { c, label: label.into(), value: value.into() };
        let table = DecidingNumbers::of(vec![
            number(2.0, "rate", "1"),
            number(0.0, "rate", "2"),
            number(2.0, "sum", "3"),
            number(20.0, "sum", "4"),
        ]);
        assert_eq!(table.labels, ["rate", "sum"]);
        let rows: Vec<(f64, &[String])> = table.rows.iter().map(|row| (row.c, &row.cells[..])).collect();
        let cells = [["1", "3"], ["2", ""], ["", "4"]].map(|row| row.map(String::from));
        assert_eq!(rows, [(2.0, &cells[0][..]), (0.0, &cells[1]), (20.0, &cells[2])]);
    }
}
