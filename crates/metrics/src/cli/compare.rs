//! `metrics compare`.

use std::fmt::Write as _;
use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use figure::{Axis, Chart, Mark, Series, Size, palette};
use metrics::Base;

use super::files;
use super::listing::{self, Kind, Row, Value};
use super::output::{Format, number};
use super::table::Source;

/// Print every divergence of two discrete distributions, in both directions.
///
/// The distributions come from --p and --q, or from a CSV file with the columns p and q (and label, if the outcomes have
/// names).
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Probabilities of P, separated by commas.
    #[arg(
        long,
        value_name = "LIST",
        allow_hyphen_values = true,
        requires = "q",
        required_unless_present = "file"
    )]
    p: Option<String>,
    /// Probabilities of Q, the reference of KL(P ‖ Q).
    #[arg(long, value_name = "LIST", allow_hyphen_values = true, requires = "p")]
    q: Option<String>,
    /// CSV file with the columns p and q; - reads standard input.
    #[arg(long, conflicts_with_all = ["p", "q"])]
    file: Option<PathBuf>,
    /// Divide both by their sums first. Without it, sums other than 1 are refused.
    #[arg(long)]
    normalize: bool,
    /// Units: nats, bits, or a number as the base of the logarithm; several separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "nats,bits")]
    base: Vec<Base>,
    /// Orders of the Rényi and Tsallis divergences.
    #[arg(long, value_delimiter = ',', default_value = "0.5,2", allow_hyphen_values = true)]
    alpha: Vec<f64>,
    /// Form of the output.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Draw P and Q as bars to this .svg or .png file, replacing it; may be given several times.
    #[arg(long, value_name = "FILE")]
    plot: Vec<PathBuf>,
}

/// Two distributions over the same outcomes.
struct Pair {
    /// Those of the first [`MOST_BARS`] outcomes, where they have names.
    labels: Option<Vec<String>>,
    p: Vec<f64>,
    q: Vec<f64>,
}

pub fn run(arguments: &Arguments) -> Result<String> {
    let units = &arguments.base;
    for path in &arguments.plot {
        plot_format(path)?;
    }
    let mut pair = read(arguments)?;
    if arguments.normalize {
        pair.p = metrics::normalized(&pair.p).context("cannot normalise P")?;
        pair.q = metrics::normalized(&pair.q).context("cannot normalise Q")?;
    }
    let rows = divergences(&pair, &arguments.alpha)?;
    // The figures first: a file that cannot be written is an error before anything is printed.
    if !arguments.plot.is_empty() {
        let scene = bar_plot(&pair, &rows).scene();
        for path in &arguments.plot {
            let contents = match plot_format(path)? {
                PlotFormat::Svg => scene.to_svg().into_bytes(),
                PlotFormat::Png => scene.to_png(2.0),
            };
            files::write(path, &contents)?;
        }
    }
    let object = [
        ("outcomes", pair.p.len().into()),
        ("sum_p", pair.p.iter().sum::<f64>().into()),
        ("sum_q", pair.q.iter().sum::<f64>().into()),
    ];
    let object = object.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    listing::print(arguments.format, &rows, units, || outcomes(&pair), object)
}

fn read(arguments: &Arguments) -> Result<Pair> {
    if let (Some(p), Some(q)) = (&arguments.p, &arguments.q) {
        return Ok(Pair { labels: None, p: numbers(p, "--p")?, q: numbers(q, "--q")? });
    }
    let Some(path) = &arguments.file else { bail!("give --p and --q, or --file") };
    Source::open(path)?.read(read_csv)
}

fn numbers(list: &str, name: &str) -> Result<Vec<f64>> {
    list.split(',')
        .enumerate()
        .map(|(i, entry)| {
            let entry = entry.trim();
            entry.parse().with_context(|| format!("entry {i} of {name} is '{entry}', which is not a number"))
        })
        .collect()
}

/// Row by row, so that nothing but the numbers is kept.
fn read_csv(bytes: impl Read) -> Result<Pair> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let header = reader.headers().context("cannot read the header")?.clone();
    let column = |name: &str| header.iter().position(|h| h.eq_ignore_ascii_case(name));
    let (Some(p), Some(q)) = (column("p"), column("q")) else {
        bail!(
            "the header is '{}', and has to name the columns p and q",
            header.iter().collect::<Vec<_>>().join(",")
        );
    };
    let label = column("label");
    let mut pair = Pair { labels: label.map(|_| Vec::new()), p: Vec::new(), q: Vec::new() };
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).context("cannot read a row")? {
        let value = |column: usize| -> Result<f64> {
            let field = &record[column];
            field.parse().with_context(|| {
                let line = record.position().map_or(0, csv::Position::line);
                format!("line {line}: {} is '{field}', which is not a number", &header[column])
            })
        };
        pair.p.push(value(p)?);
        pair.q.push(value(q)?);
        if let (Some(labels), Some(label)) = (&mut pair.labels, label)
            && labels.len() < MOST_BARS
        {
            labels.push(record[label].to_owned());
        }
    }
    Ok(pair)
}

fn divergences(pair: &Pair, alphas: &[f64]) -> Result<Vec<Row>> {
    let (p, q) = (pair.p.as_slice(), pair.q.as_slice());
    let mut rows = Vec::new();
    let mut add = |name, of: String, value, kind| rows.push(Row::exact(name, of, value, kind));
    let (forward, backward, both) = (|| "P ‖ Q".to_owned(), || "Q ‖ P".to_owned(), || "P, Q".to_owned());
    use Kind::{Information, Pure, Root};
    // First what names P and Q in its errors as they are here.
    let kl = metrics::kl_divergence(p, q)?;
    add("entropy", "P".into(), metrics::entropy(p)?, Information);
    add("entropy", "Q".into(), metrics::entropy(q)?, Information);
    add("cross-entropy", "P, Q".into(), metrics::cross_entropy(p, q)?, Information);
    add("cross-entropy", "Q, P".into(), metrics::cross_entropy(q, p)?, Information);
    add("Kullback-Leibler", forward(), kl, Information);
    add("Kullback-Leibler", backward(), metrics::kl_divergence(q, p)?, Information);
    add("Jeffreys", both(), metrics::jeffreys(p, q)?, Information);
    add("Jensen-Shannon", both(), metrics::jensen_shannon_divergence(p, q)?, Information);
    add("Jensen-Shannon distance", both(), metrics::jensen_shannon_distance(p, q, Base::Nats)?, Root);
    add("Bhattacharyya distance", both(), metrics::bhattacharyya_distance(p, q)?, Information);
    for &alpha in alphas {
        add("Rényi", format!("P ‖ Q, α = {alpha}"), metrics::renyi_divergence(p, q, alpha)?, Information);
        add("Rényi", format!("Q ‖ P, α = {alpha}"), metrics::renyi_divergence(q, p, alpha)?, Information);
    }
    for &alpha in alphas {
        add("Tsallis", format!("P ‖ Q, α = {alpha}"), metrics::tsallis_divergence(p, q, alpha)?, Pure);
        add("Tsallis", format!("Q ‖ P, α = {alpha}"), metrics::tsallis_divergence(q, p, alpha)?, Pure);
    }
    add("total variation", both(), metrics::total_variation(p, q)?, Pure);
    add("Hellinger", both(), metrics::hellinger(p, q)?, Pure);
    add("chi-squared", forward(), metrics::chi_squared(p, q)?, Pure);
    add("chi-squared", backward(), metrics::chi_squared(q, p)?, Pure);
    add("Bhattacharyya coefficient", both(), metrics::bhattacharyya_coefficient(p, q)?, Pure);
    Ok(rows)
}

/// Bars of each distribution in a plot; more could not be told apart.
const MOST_BARS: usize = 240;
/// Outcomes shown in a table; more would scroll the divergences away.
const OUTCOMES_SHOWN: usize = 24;
/// Characters of a full bar.
const BAR: usize = 24;

/// The first outcomes, as numbers and as bars.
fn outcomes(pair: &Pair) -> String {
    let mut out = String::new();
    let largest = pair.p.iter().chain(&pair.q).copied().fold(0.0, f64::max);
    let bar = |value: f64, sign: &str| sign.repeat((value / largest * BAR as f64).round() as usize);
    let shown = pair.p.len().min(OUTCOMES_SHOWN);
    let name_width =
        (0..shown).map(|i| pair.label(i).chars().count()).max().unwrap_or(0).max("outcome".len());
    let _ = writeln!(out, "{:<name_width$} {:>10} {:>10}", "outcome", "P", "Q");
    for i in 0..shown {
        let (p, q) = (pair.p[i], pair.q[i]);
        let _ = writeln!(
            out,
            "{:<name_width$} {:>10} {:>10}  {:<BAR$} {}",
            pair.label(i),
            number(p),
            number(q),
            bar(p, "█"),
            bar(q, "░")
        );
    }
    if pair.p.len() > shown {
        let _ = writeln!(out, "... {} more", pair.p.len() - shown);
    }
    let sum = |values: &[f64]| number(values.iter().sum());
    let _ = writeln!(out, "{:<name_width$} {:>10} {:>10}", "sum", sum(&pair.p), sum(&pair.q));
    out
}

impl Pair {
    /// The name of an outcome, or where it has none its number.
    fn label(&self, i: usize) -> String {
        let label = self.labels.as_ref().and_then(|labels| labels.get(i));
        label.cloned().unwrap_or_else(|| i.to_string())
    }

    /// The pair over groups of as many neighbouring outcomes as leave [`MOST_BARS`] of them, named by the first of each.
    fn grouped(&self) -> (usize, Self) {
        let size = self.p.len().div_ceil(MOST_BARS).max(1);
        let sums = |values: &[f64]| values.chunks(size).map(|group| group.iter().sum()).collect();
        let labels = (0..self.p.len())
            .step_by(size)
            .map(|first| if size == 1 { self.label(first) } else { first.to_string() });
        (size, Self { labels: Some(labels.collect()), p: sums(&self.p), q: sums(&self.q) })
    }
}

#[derive(Clone, Copy)]
enum PlotFormat {
    Svg,
    Png,
}

fn plot_format(path: &std::path::Path) -> Result<PlotFormat> {
    match path.extension().and_then(|e| e.to_str()) {
        Some("svg") => Ok(PlotFormat::Svg),
        Some("png") => Ok(PlotFormat::Png),
        _ => bail!("--plot {}: the name has to end in .svg or .png", path.display()),
    }
}

fn bar_plot(pair: &Pair, rows: &[Row]) -> Chart {
    let value = |name: &str, of: &str| {
        rows.iter().find(|row| row.name == name && row.of == of).map_or(String::new(), |row| {
            match row.value {
                Value::Exact(value) => number(value),
                _ => String::new(),
            }
        })
    };
    let bars = |label: &str, color: usize, heights: Vec<f64>| {
        Series::new(label, palette::CATEGORIES[color], Mark::Bars { heights })
    };
    let subtitle = format!(
        "KL(P ‖ Q) = {} nats, KL(Q ‖ P) = {} nats, JS = {} nats",
        value("Kullback-Leibler", "P ‖ Q"),
        value("Kullback-Leibler", "Q ‖ P"),
        value("Jensen-Shannon", "P, Q")
    );
    let (size, shown) = pair.grouped();
    let x = if size == 1 { "outcome".to_owned() } else { format!("first of {size} outcomes a bar") };
    Chart {
        title: "P and Q".into(),
        subtitle,
        size: Size::Whole { width: 720, height: 440 },
        x: Axis::of_names(&x, (0..shown.p.len()).map(|i| shown.label(i))),
        y: Axis { label: "probability".into(), ..Axis::default() },
        series: vec![bars("P", 0, shown.p), bars("Q", 1, shown.q)],
        ..Chart::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_outcomes_are_drawn_in_groups() {
        let few = Pair { labels: None, p: vec![0.5; MOST_BARS], q: vec![0.5; MOST_BARS] };
        let (size, shown) = few.grouped();
        assert_eq!((size, shown.p.len(), shown.label(7)), (1, MOST_BARS, "7".to_owned()));
        let count = 10 * MOST_BARS + 1;
        let many = Pair { labels: None, p: vec![1.0; count], q: vec![2.0; count] };
        let (size, shown) = many.grouped();
        assert!(shown.p.len() <= MOST_BARS && shown.q[0] == 2.0 * size as f64, "{size}");
        assert_eq!(shown.p.iter().sum::<f64>(), count as f64);
        assert_eq!(shown.label(2), (2 * size).to_string());
    }
}
