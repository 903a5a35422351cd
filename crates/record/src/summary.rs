//! What all members of a sweep add up to, as tables.

use serde::Serialize;

use crate::dimension_quantities::DIMENSION_QUANTITIES;
use crate::quantities::quantities_of;
use crate::quantity::{Kind, Quantity};
use crate::result::MemberResult;
use crate::seeds::{Spread, by_coefficient};

/// The kinds of quantities that tables have.
const KINDS: [Kind; 3] = [Kind::Term, Kind::Diagnostic, Kind::Detail];

/// A number of a table: counts are written without a decimal point.
#[derive(Serialize)]
#[serde(untagged)]
enum Cell {
    Count(u64),
    Number(Option<f64>),
}

/// The quantities that have a standard error.
fn with_errors() -> impl Iterator<Item = (&'static Quantity, fn(&MemberResult) -> Option<f64>)> {
    quantities_of(&KINDS).filter_map(|quantity| Some((quantity, quantity.standard_error?)))
}

/// The columns of the quantities: those of the members, then those of their latent dimensions.
fn columns(latent: usize) -> impl Iterator<Item = String> {
    let of_dimensions = DIMENSION_QUANTITIES.iter().flat_map(move |quantity| {
        (0..latent).map(move |dimension| format!("{}_{dimension}", quantity.column))
    });
    quantities_of(&KINDS).map(|quantity| quantity.key.to_string()).chain(of_dimensions)
}

/// The values in the columns of the latent dimensions.
fn of_dimensions(latent: usize, result: &MemberResult) -> impl Iterator<Item = Option<f64>> + '_ {
    let values = move |values: fn(&MemberResult) -> &[f64]| {
        (0..latent).map(move |dimension| values(result).get(dimension).copied())
    };
    DIMENSION_QUANTITIES.iter().flat_map(move |quantity| values(quantity.values))
}

/// `summary.csv`: a row for each member; standard errors over images are the last columns.
pub(crate) fn summary_csv(latent: usize, results: &[MemberResult]) -> csv::Result<Vec<u8>> {
    let mut table = csv::Writer::from_writer(Vec::new());
    let errors = with_errors().map(|(quantity, _)| format!("{}_se", quantity.key));
    let first = ["c", "seed", "epochs"].map(String::from);
    table.write_record(first.into_iter().chain(columns(latent)).chain(errors))?;
    for result in results {
        let cell = |quantity: &Quantity| match (quantity.value)(result) {
            Some(count) if quantity.digits == 0 => Cell::Count(count as u64),
            value => Cell::Number(value),
        };
        let errors = with_errors().map(|(_, error)| error(result));
        let numbers = of_dimensions(latent, result).chain(errors).map(Cell::Number);
        let cells: Vec<Cell> = quantities_of(&KINDS).map(cell).chain(numbers).collect();
        table.serialize((result.c, result.seed, result.epochs, cells))?;
    }
    into_bytes(table)
}

/// `summary_over_seeds.csv`: a row for each coefficient that has a finished member, in the order given.
pub(crate) fn over_seeds_csv(
    latent: usize,
    coefficients: &[f64],
    results: &[MemberResult],
) -> csv::Result<Vec<u8>> {
    let mut table = csv::Writer::from_writer(Vec::new());
    let of_columns = columns(latent).flat_map(|name| [format!("{name}_mean"), format!("{name}_std")]);
    table.write_record(["c", "seeds"].map(String::from).into_iter().chain(of_columns))?;
    let groups = by_coefficient(results.iter().map(|result| (result.c, result)));
    for group in coefficients.iter().filter_map(|c| groups.iter().find(|group| group.c == *c)) {
        let of_members: Vec<Vec<Option<f64>>> = group
            .values
            .iter()
            .map(|result| {
                let scalars = quantities_of(&KINDS).map(|quantity| (quantity.value)(result));
                scalars.chain(of_dimensions(latent, result)).collect()
            })
            .collect();
        let spread = |column: usize| {
            let values: Vec<f64> = of_members.iter().filter_map(|values| values[column]).collect();
            let spread = (!values.is_empty()).then(|| Spread::of(&values));
            spread.map_or((None, None), |spread| (Some(spread.mean), Some(spread.std)))
        };
        let spreads: Vec<_> = (0..columns(latent).count()).map(spread).collect();
        table.serialize((group.c, group.values.len(), spreads))?;
    }
    into_bytes(table)
}

fn into_bytes(table: csv::Writer<Vec<u8>>) -> csv::Result<Vec<u8>> {
    table.into_inner().map_err(|error| error.into_error().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::for_tests::finished;
    use std::collections::HashMap;

    fn text(bytes: csv::Result<Vec<u8>>) -> String {
        String::from_utf8(bytes.unwrap()).unwrap()
    }

    #[test]
    fn a_member_is_a_row_with_counts_whole_and_what_is_missing_empty() {
        let member = finished(0.02, 3, |result| {
            result.diagnostics.js_to_prior_nats = None;
            result.diagnostics.z_std.clear();
        });
        let table = text(summary_csv(2, &[member]));
        let (header, row) = table.split_once('\n').unwrap();
        assert!(header.starts_with("c,seed,epochs,reconstruction,kl,objective,elbo_loss,"), "{header}");
        let cells: HashMap<&str, &str> = header.split(',').zip(row.trim_end().split(',')).collect();
        for (column, expected) in [
            ("c", "0.02"),
            ("epochs", "40"),
            ("objective", "146.118"),
            ("active_units", "2"),
            ("js_to_prior_nats", ""),
            ("js_to_prior_nats_se", ""),
            ("choose_nll", "149.0"),
            ("report_nll", "149.25"),
            ("choose_nll_images", "2000"),
            ("choose_nll_error", "0.002"),
            ("choose_nll_unreliable", ""),
            ("kl_dim_1", "2.9"),
            ("z_std_0", ""),
            ("mutual_information_se", "0.01"),
            ("report_probe_accuracy_se", "0.0065"),
        ] {
            assert_eq!(cells[column], expected, "{column}");
        }
        assert!(!cells.contains_key("active_units_se"), "a count has no error");
    }

    #[test]
    fn a_coefficient_is_a_row_with_the_spread_of_its_seeds() {
        let members = [(2.0, 0), (1.0, 0), (2.0, 1)].map(|(c, seed)| {
            finished(c, seed, |result| {
                result.test.kl = 5.0 + seed as f64;
                result.diagnostics.choose.knn_accuracy = None;
            })
        });
        let table = text(over_seeds_csv(0, &[2.0, 1.0, 7.0], &members));
        let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split(',').collect()).collect();
        let cell = |row: usize, column: &str| {
            let at = rows[0].iter().position(|found| *found == column).expect(column);
            rows[row][at]
        };
        assert_eq!(rows.len(), 3, "no member of c = 7 is finished");
        assert_eq!(
            [cell(1, "c"), cell(1, "seeds"), cell(2, "c"), cell(2, "seeds")],
            ["2.0", "2", "1.0", "1"]
        );
        assert_eq!([cell(1, "kl_mean"), cell(2, "kl_mean"), cell(2, "kl_std")], ["5.5", "5.0", "NaN"]);
        assert_eq!(cell(1, "kl_std").parse::<f64>().unwrap(), 0.5f64.sqrt());
        assert_eq!(cell(1, "choose_knn_accuracy_mean"), "");
    }
}
