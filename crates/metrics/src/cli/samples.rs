//! `metrics samples`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use metrics::Base;
use metrics::samples::transport::{
    gaussian_wasserstein_2, sliced_wasserstein_2, wasserstein_1, wasserstein_2,
};
use metrics::samples::{Estimate, SampleError, energy, mmd, mutual_information, neighbours, permutation};
use ndarray::ArrayView2;

use super::listing::{self, Kind, Row, Value};
use super::output::Format;
use super::table::Table;

/// Print how far apart two sets of samples are: divergences, entropies and distances, with their standard errors.
///
/// A file has a sample on each row and a dimension in each column: CSV, with a header or without, or NumPy's .npy.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Samples of P.
    x: PathBuf,
    /// Samples of Q, the reference of KL(P ‖ Q).
    y: PathBuf,
    /// The neighbour whose distance is looked at.
    #[arg(long, default_value_t = 5)]
    neighbours: usize,
    /// Bandwidth of the maximum mean discrepancy; without it, the median distance between two samples.
    #[arg(long)]
    bandwidth: Option<f64>,
    /// The rows of both files belong together, in pairs: print the mutual information, too.
    #[arg(long)]
    paired: bool,
    /// Deal the samples to the two sides at random so many times, for the p-value of the energy distance.
    #[arg(long, value_name = "DEALS")]
    permutations: Option<usize>,
    /// Look at every pair of samples, as the discrepancy and the energy distance do, also where a side has more than 100,000.
    #[arg(long)]
    all_pairs: bool,
    /// Seed of the random deals, and of the directions of the sliced distance.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Units: nats, bits, or a number as the base of the logarithm; several separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "nats,bits")]
    base: Vec<Base>,
    /// Form of the output.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Samples of a side whose pairs take longer than one waits: half a minute on two cores.
const MOST_PAIRED: usize = 100_000;
/// Directions of the sliced distance.
const DIRECTIONS: usize = 200;

pub fn run(arguments: &Arguments) -> Result<String> {
    let (x, y) = (Table::read(&arguments.x)?.values, Table::read(&arguments.y)?.values);
    let (x, y) = (x.view(), y.view());
    if x.ncols() != y.ncols() && !arguments.paired {
        bail!("P has {} dimensions and Q has {}: they have to have the same", x.ncols(), y.ncols());
    }
    let mut rows = if x.ncols() == y.ncols() { divergences(x, y, arguments) } else { Vec::new() };
    if arguments.paired {
        let found = mutual_information::mutual_information(x, y, arguments.neighbours);
        rows.push(row("mutual information", "X, Y", found.map(Value::Estimated), Kind::Information));
    }
    if let (true, Some(Value::Missing(reason))) =
        (rows.iter().all(|row| matches!(row.value, Value::Missing(_))), rows.first().map(|row| &row.value))
    {
        bail!("{reason}");
    }
    let head = || {
        let of = |name: &str, path: &PathBuf, samples: ArrayView2<'_, f64>| {
            let (count, dimensions) = samples.dim();
            format!("{name} = {}: {count} samples, {dimensions} dimensions\n", path.display())
        };
        of("P", &arguments.x, x) + &of("Q", &arguments.y, y)
    };
    let object = [
        ("samples_p", x.nrows()),
        ("samples_q", y.nrows()),
        ("dimensions_p", x.ncols()),
        ("dimensions_q", y.ncols()),
    ];
    let object = object.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect();
    listing::print(arguments.format, &rows, &arguments.base, head, object)
}

fn row(name: &'static str, of: &str, value: Result<Value, SampleError>, kind: Kind) -> Row {
    Row {
        name,
        of: of.to_owned(),
        value: value.unwrap_or_else(|error| Value::Missing(error.to_string())),
        kind,
    }
}

fn divergences(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>, arguments: &Arguments) -> Vec<Row> {
    use Kind::{Information, Pure};
    let k = arguments.neighbours;
    let estimated = |found: Result<Estimate, SampleError>| found.map(Value::Estimated);
    let exact = |found: Result<f64, SampleError>| found.map(Value::Exact);
    let mut rows = vec![
        row("Kullback-Leibler", "P ‖ Q", estimated(neighbours::kl_divergence(x, y, k)), Information),
        row("Kullback-Leibler", "Q ‖ P", estimated(neighbours::kl_divergence(y, x, k)), Information),
        row("entropy", "P", estimated(neighbours::entropy(x, k)), Information),
        row("entropy", "Q", estimated(neighbours::entropy(y, k)), Information),
        row("Wasserstein-2 of Normals", "P, Q", exact(gaussian_wasserstein_2(x, y)), Pure),
    ];
    if x.ncols() == 1 {
        let (x, y) = (x.column(0).to_vec(), y.column(0).to_vec());
        rows.push(row("Wasserstein-1", "P, Q", exact(wasserstein_1(&x, &y)), Pure));
        rows.push(row("Wasserstein-2", "P, Q", exact(wasserstein_2(&x, &y)), Pure));
    } else {
        let sliced = sliced_wasserstein_2(x, y, DIRECTIONS, arguments.seed);
        rows.push(row("sliced Wasserstein-2", "P, Q", estimated(sliced), Pure));
    }
    if x.nrows().max(y.nrows()) > MOST_PAIRED && !arguments.all_pairs {
        let reason = format!("more than {MOST_PAIRED} samples: --all-pairs looks at every pair");
        let missing =
            |name| Row { name, of: "P, Q".into(), value: Value::Missing(reason.clone()), kind: Pure };
        rows.extend(["squared mean discrepancy", "energy distance"].map(missing));
        return rows;
    }
    let bandwidth = arguments.bandwidth.map_or_else(|| mmd::median_bandwidth(x, y), Ok);
    let discrepancy = bandwidth.and_then(|bandwidth| mmd::squared_discrepancy(x, y, bandwidth));
    rows.push(row("squared mean discrepancy", "P, Q", estimated(discrepancy), Pure));
    rows.push(row("energy distance", "P, Q", estimated(energy::energy_distance(x, y)), Pure));
    if let Some(permutations) = arguments.permutations {
        let statistic =
            |x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>| Ok(energy::energy_distance(x, y)?.value);
        let p_value = permutation::p_value(x, y, permutations, arguments.seed, statistic);
        rows.push(row("p-value of the energy distance", "P, Q", exact(p_value), Pure));
    }
    rows
}
