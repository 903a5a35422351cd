//! `metrics compare`.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use figure::{Axis, Chart, Mark, Series, Size, palette};
use metrics::Base;

use super::files;
use super::output::{Format, json, number};

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
    labels: Option<Vec<String>>,
    p: Vec<f64>,
    q: Vec<f64>,
}

/// A line of the output.
struct Row {
    name: &'static str,
    /// What it is taken of, with the reference second.
    of: String,
    /// In nats, or without a unit.
    value: f64,
    kind: Kind,
}

/// How a value changes with the base of the logarithm.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// In units of information.
    Information,
    /// The square root of one.
    Root,
    /// Not at all.
    Pure,
}

impl Row {
    fn in_unit(&self, unit: &Base) -> f64 {
        match self.kind {
            Kind::Information => unit.from_nats(self.value),
            Kind::Root => unit.from_nats(self.value * self.value).sqrt(),
            Kind::Pure => self.value,
        }
    }
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
    match arguments.format {
        Format::Table => Ok(table(&pair, &rows, units)),
        Format::Json => as_json(&pair, &rows, units),
        Format::Csv => as_csv(&rows, units),
    }
}

fn read(arguments: &Arguments) -> Result<Pair> {
    if let (Some(p), Some(q)) = (&arguments.p, &arguments.q) {
        return Ok(Pair { labels: None, p: numbers(p, "--p")?, q: numbers(q, "--q")? });
    }
    let Some(path) = &arguments.file else { bail!("give --p and --q, or --file") };
    if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        return read_csv(&text).context("in standard input");
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    read_csv(&text).with_context(|| format!("in {}", path.display()))
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

fn read_csv(text: &str) -> Result<Pair> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
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
    for record in reader.records() {
        let record = record.context("cannot read a row")?;
        let line = record.position().map_or(0, csv::Position::line);
        let value = |column: usize| -> Result<f64> {
            let field = &record[column];
            let name = &header[column];
            field.parse().with_context(|| format!("line {line}: {name} is '{field}', which is not a number"))
        };
        pair.p.push(value(p)?);
        pair.q.push(value(q)?);
        if let (Some(labels), Some(label)) = (&mut pair.labels, label) {
            labels.push(record[label].to_owned());
        }
    }
    Ok(pair)
}

fn divergences(pair: &Pair, alphas: &[f64]) -> Result<Vec<Row>> {
    let (p, q) = (pair.p.as_slice(), pair.q.as_slice());
    let mut rows = Vec::new();
    let mut add = |name, of: String, value, kind| rows.push(Row { name, of, value, kind });
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

/// Outcomes shown in a table; more would scroll the divergences away.
const OUTCOMES_SHOWN: usize = 24;
/// Characters of a full bar.
const BAR: usize = 24;

fn table(pair: &Pair, rows: &[Row], units: &[Base]) -> String {
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
    let of_width = rows.iter().map(|row| row.of.chars().count()).max().unwrap_or(0);
    let line = |name: &str, of: &str, values: Vec<String>| {
        let values: String = values.iter().map(|v| format!(" {v:>12}")).collect();
        format!("{name:<25}  {of:<of_width$}{values}\n")
    };
    for (kind, units) in [(Kind::Information, units), (Kind::Root, units), (Kind::Pure, &units[..1])] {
        out.push('\n');
        out += &line("", "", units.iter().map(|u| kind.unit(u)).collect());
        for row in rows.iter().filter(|row| row.kind == kind) {
            out += &line(row.name, &row.of, units.iter().map(|u| number(row.in_unit(u))).collect());
        }
    }
    out
}

fn as_json(pair: &Pair, rows: &[Row], units: &[Base]) -> Result<String> {
    let divergences: Vec<_> = rows
        .iter()
        .map(|row| {
            let values: serde_json::Map<_, _> = match row.kind {
                Kind::Pure => units[..1].iter().map(|u| (row.kind.unit(u), json(row.value))).collect(),
                _ => units.iter().map(|u| (row.kind.unit(u), json(row.in_unit(u)))).collect(),
            };
            serde_json::json!({ "name": row.name, "of": row.of, "values": values })
        })
        .collect();
    let object = serde_json::json!({
        "labels": pair.labels,
        "p": pair.p,
        "q": pair.q,
        "sum_p": pair.p.iter().sum::<f64>(),
        "sum_q": pair.q.iter().sum::<f64>(),
        "divergences": divergences,
    });
    Ok(serde_json::to_string_pretty(&object)? + "\n")
}

fn as_csv(rows: &[Row], units: &[Base]) -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["name", "of", "unit", "value"])?;
    for row in rows {
        let units = if row.kind == Kind::Pure { &units[..1] } else { units };
        for unit in units {
            let value = format!("{:?}", row.in_unit(unit));
            writer.write_record([row.name, &row.of, &row.kind.unit(unit), &value])?;
        }
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

impl Kind {
    /// The unit of a value of this kind.
    fn unit(self, unit: &Base) -> String {
        match self {
            Self::Information => unit.to_string(),
            Self::Root => format!("√{unit}"),
            Self::Pure => "no unit".to_owned(),
        }
    }
}

impl Pair {
    fn label(&self, i: usize) -> String {
        self.labels.as_ref().map_or_else(|| i.to_string(), |labels| labels[i].clone())
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
        rows.iter()
            .find(|row| row.name == name && row.of == of)
            .map_or(String::new(), |row| number(row.value))
    };
    let bars = |label: &str, color: usize, heights: &[f64]| {
        Series::new(label, palette::CATEGORIES[color], Mark::Bars { heights: heights.to_vec() })
    };
    Chart {
        title: "P and Q".into(),
        subtitle: format!(
            "KL(P ‖ Q) = {} nats, KL(Q ‖ P) = {} nats, JS = {} nats",
            value("Kullback-Leibler", "P ‖ Q"),
            value("Kullback-Leibler", "Q ‖ P"),
            value("Jensen-Shannon", "P, Q")
        ),
        size: Size::Whole { width: 720, height: 440 },
        x: Axis::of_names("outcome", (0..pair.p.len()).map(|i| pair.label(i))),
        y: Axis { label: "probability".into(), ..Axis::default() },
        series: vec![bars("P", 0, &pair.p), bars("Q", 1, &pair.q)],
        ..Chart::default()
    }
}
