//! What stands beside the members' numbers: what the data allows without a network, and what could not be measured.

use record::{Baselines, Classified, Estimate, Quantity, Shape};
use serde::Serialize;

use crate::format;
use crate::report::ReportMember;
use crate::run::Run;

/// What the data allows without a network, on the images that choose.
#[derive(Debug, PartialEq, Serialize)]
pub struct WithoutNetwork {
    /// What is measured, as the table of members calls it.
    labels: Vec<&'static str>,
    rows: Vec<Row>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Row {
    /// What stands in the place of codes or of generated images.
    from: String,
    /// With their standard errors; a dash where there is none to measure.
    cells: Vec<String>,
}

/// The columns, each a number of members of the same name.
const COLUMNS: [&Quantity; 5] = [
    Quantity::named("choose_probe_accuracy"),
    Quantity::named("choose_few_labels_accuracy"),
    Quantity::named("choose_knn_accuracy"),
    Quantity::named("choose_density"),
    Quantity::named("choose_coverage"),
];

impl WithoutNetwork {
    /// Of the first run: those of a report have the same data.
    pub fn of(runs: &[Run]) -> Option<Self> {
        let run = runs.first()?;
        let of_table = matches!(run.shape(), Some(Shape::Table { .. }));
        Self::new(run.baselines.as_ref()?, if of_table { "the columns" } else { "the pixels" })
    }

    fn new(baselines: &Baselines, data: &str) -> Option<Self> {
        let Baselines { components_used, pixels, components, ceiling, .. } = baselines;
        let row = |from: String, found: [Option<Estimate>; 5]| {
            let cell = |(column, found): (&&Quantity, Option<Estimate>)| {
                found.map_or("–".to_string(), |found| {
                    let error = found.standard_error.map(|error| format::number(error, column.digits));
                    let error = error.map_or(String::new(), |error| format!(" ± {error}"));
                    format!("{}{error}", format::number(found.value, column.digits))
                })
            };
            Row { from, cells: COLUMNS.iter().zip(found).map(cell).collect() }
        };
        let classified = |from: String, found: Classified| {
            let Classified { probe_accuracy, few_labels_accuracy, knn_accuracy } = found;
            row(from, [probe_accuracy, few_labels_accuracy, knn_accuracy, None, None])
        };
        let rows: Vec<Row> = [
            pixels.map(|found| classified(format!("{data} themselves"), found.choose)),
            components
                .map(|found| classified(format!("{components_used} principal components"), found.choose)),
            ceiling.map(|found| {
                let found = found.choose;
                let beside = [None, None, None, Some(found.density), Some(found.coverage)];
                row("images of the other part".into(), beside)
            }),
        ]
        .into_iter()
        .flatten()
        .collect();
        (!rows.is_empty()).then(|| Self { labels: COLUMNS.map(|column| column.label).to_vec(), rows })
    }
}

/// What could not be measured, and why.
#[derive(Debug, PartialEq, Serialize)]
pub struct NotMeasured {
    /// In a sentence.
    reason: String,
    /// Of which members.
    of: String,
}

/// Each sentence once, with the members that it holds for.
pub fn not_measured(runs: &[Run], members: &[ReportMember<'_>]) -> Vec<NotMeasured> {
    let several_runs = runs.len() > 1;
    let finished: Vec<(String, &[String])> = members
        .iter()
        .filter_map(|of| {
            let reasons = &of.member.result.as_ref()?.diagnostics.not_measured;
            let run = if several_runs { format!(" of {}", of.run.config.name) } else { String::new() };
            Some((format!("{}{run}", of.member.id), reasons.as_slice()))
        })
        .collect();
    let without_network = runs.iter().filter_map(|run| run.baselines.as_ref());
    grouped(&finished, without_network.map(|baselines| baselines.not_measured.as_slice()))
}

fn grouped<'a>(
    members: &[(String, &[String])],
    without_network: impl Iterator<Item = &'a [String]>,
) -> Vec<NotMeasured> {
    let mut found: Vec<(String, Vec<&str>)> = Vec::new();
    for (member, reasons) in members {
        for reason in *reasons {
            match found.iter_mut().find(|(known, _)| known == reason) {
                Some((_, of)) => of.push(member),
                None => found.push((reason.clone(), vec![member])),
            }
        }
    }
    let of_members = found.into_iter().map(|(reason, of)| NotMeasured {
        of: if of.len() == members.len() { "every member".into() } else { of.join(", ") },
        reason,
    });
    let mut all: Vec<NotMeasured> = of_members.collect();
    for reason in without_network.flatten() {
        if all.iter().all(|known| known.reason != *reason) {
            all.push(NotMeasured { reason: reason.clone(), of: "the data without a network".into() });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::{Generated, OfParts};

    fn estimate(value: f64) -> Estimate {
        Estimate { value, standard_error: Some(0.004) }
    }

    #[test]
    fn what_the_data_allows_is_a_row_for_each_stand_in() {
        assert_eq!(WithoutNetwork::new(&Baselines::default(), "the pixels"), None);
        let classified = Classified {
            probe_accuracy: Some(estimate(0.918)),
            few_labels_accuracy: None,
            knn_accuracy: Some(estimate(0.967)),
        };
        let beside = Generated { density: estimate(1.01), coverage: estimate(0.97) };
        let both = OfParts { choose: classified, report: Classified::default() };
        let baselines = Baselines {
            components_used: 50,
            pixels: Some(both),
            components: None,
            ceiling: Some(OfParts { choose: beside, report: beside }),
            not_measured: Vec::new(),
        };
        let found = WithoutNetwork::new(&baselines, "the pixels").unwrap();
        let cells: Vec<Vec<&str>> =
            found.rows.iter().map(|row| row.cells.iter().map(String::as_str).collect()).collect();
        assert_eq!(
            cells,
            [
                ["0.918 ± 0.004", "–", "0.967 ± 0.004", "–", "–"],
                ["–", "–", "–", "1.010 ± 0.004", "0.970 ± 0.004"]
            ]
        );
    }

    #[test]
    fn a_reason_stands_once_with_the_members_that_it_holds_for() {
        let [labels, neighbours] = ["there are no labels.", "codes coincide."].map(String::from);
        let [all, one] = [vec![labels.clone()], vec![labels.clone(), neighbours.clone()]];
        let members =
            [("c = 0, seed 0".to_string(), all.as_slice()), ("c = 1, seed 0".to_string(), one.as_slice())];
        let data = ["too few images.".to_string(), labels.clone()];
        let found = grouped(&members, [data.as_slice()].into_iter());
        let found: Vec<(&str, &str)> = found.iter().map(|of| (of.reason.as_str(), of.of.as_str())).collect();
        assert_eq!(
            found,
            [
                ("there are no labels.", "every member"),
                ("codes coincide.", "c = 1, seed 0"),
                ("too few images.", "the data without a network"),
            ]
        );
    }
}
