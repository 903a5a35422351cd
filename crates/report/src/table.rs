//! The table of members, and of means over their seeds.

use minijinja::HtmlEscape;
use record::{Better, COLLAPSED_KL, Doubt, Group, Kind, MemberResult, Quantity};
use serde::Serialize;

use crate::charts::Charts;
use crate::format;
use crate::page::{PageMember, columns};
use crate::run::Run;

/// Bars at most, those of highest KL: more are neither legible nor small.
const BARS: usize = 48;
/// Nats at which the axis of the bars starts.
const LEAST_KL: f64 = 1e-3;

/// A table that the page's script can sort.
#[derive(Serialize)]
pub struct Table {
    headings: Vec<Heading>,
    rows: Vec<Vec<Cell>>,
}

#[derive(Serialize)]
struct Heading {
    key: &'static str,
    label: &'static str,
    unit: String,
    /// `↓` or `↑`, where one way is better.
    arrow: &'static str,
    better: Option<Better>,
    meaning: String,
    /// Words start at the left, numbers end at the right.
    words: bool,
}

#[derive(Serialize)]
struct Cell {
    html: String,
    /// What it is sorted by; nothing where it is not known.
    value: Option<String>,
    /// The best of its column.
    best: bool,
    words: bool,
}

impl Table {
    /// A row for each member, and a column for each quantity that some member has a value for.
    pub fn of_members(members: &[PageMember], runs: &[Run], charts: &Charts) -> Self {
        let several_runs = runs.len() > 1;
        let mut headings = vec![COEFFICIENT.heading()];
        headings.extend(several_runs.then(|| RUN.heading()));
        headings.extend([SEED.heading(), EPOCHS.heading()]);
        let measured: Vec<&Quantity> = columns()
            .filter(|column| members.iter().any(|member| member.value(column.key).is_some()))
            .collect();
        headings.extend(measured.iter().map(|column| Heading::of(column)));
        headings.extend([KL_PER_DIM.heading(), WARNINGS.heading()]);

        let finished = |member: &&PageMember| member.state == "finished";
        let best: Vec<Option<f64>> = measured
            .iter()
            .map(|column| {
                let undoubted = |member: &&PageMember| member.doubt(column.key).is_none();
                let [undoubted, doubted] = [true, false].map(|is| {
                    let compared =
                        members.iter().filter(finished).filter(move |member| undoubted(member) == is);
                    compared.filter_map(|member| member.value(column.key)).collect()
                });
                best(column, undoubted, doubted)
            })
            .collect();
        let row = |member: &PageMember| {
            let run = &runs[member.run];
            let mut cells = vec![coefficient(member.c, charts)];
            cells.extend(several_runs.then(|| Cell::words(&run.config.name)));
            cells.push(Cell::number(member.seed.to_string(), member.seed as f64));
            cells.push(epochs(member, run.config.epochs));
            for (column, best) in measured.iter().zip(&best) {
                let value = member.value(column.key);
                let doubt = member.doubt(column.key);
                let text = value.map_or("–".into(), |value| format::number(value, column.digits));
                let is_best = finished(&member) && value.is_some() && value == *best && doubt.is_none();
                let error = member.error(column.key).map(|error| format::number(error, column.digits));
                let html = [
                    match &doubt {
                        Some(Doubt { word, reason }) => doubted(&text, word, reason),
                        None => HtmlEscape(&text).to_string(),
                    },
                    error.map_or(String::new(), |error| format!(" <span class=\"spread\">± {error}</span>")),
                ];
                cells.push(Cell { html: html.concat(), best: is_best, ..Cell::of(text, value) });
            }
            cells.push(kl_per_dim(&member.kl_per_dim));
            cells.push(warnings(member));
            cells
        };
        Self { rows: members.iter().map(row).collect(), headings }
    }

    /// A row for each coefficient; nothing where none has more than one seed.
    pub fn of_coefficients(groups: &[Group<&MemberResult>], charts: &Charts) -> Option<Self> {
        if groups.iter().all(|group| group.values.len() < 2) {
            return None;
        }
        let mean = |group: &Group<&MemberResult>, column: &Quantity| {
            group.spread(column.value).map(|spread| spread.mean)
        };
        let measured: Vec<&Quantity> =
            columns().filter(|column| groups.iter().any(|group| mean(group, column).is_some())).collect();
        let doubt = |group: &Group<&MemberResult>, column: &Quantity| {
            group.values.iter().find_map(|result| column.doubt(result))
        };
        let best: Vec<Option<f64>> = measured
            .iter()
            .map(|column| {
                let [undoubted, doubted] = [true, false].map(|is| {
                    let compared = groups.iter().filter(|group| doubt(group, column).is_none() == is);
                    compared.filter_map(|group| mean(group, column)).collect()
                });
                best(column, undoubted, doubted)
            })
            .collect();
        let row = |group: &Group<&MemberResult>| {
            let seeds = group.values.len();
            let mut cells = vec![coefficient(group.c, charts), Cell::number(seeds.to_string(), seeds as f64)];
            for (column, best) in measured.iter().zip(&best) {
                let spread = group.spread(column.value);
                let text = spread.map_or("–".into(), |spread| format::spread(spread, column.digits));
                let value = mean(group, column);
                let cell = Cell::of(text.clone(), value);
                cells.push(match doubt(group, column) {
                    Some(Doubt { word, reason }) => Cell { html: doubted(&text, word, reason), ..cell },
                    None => Cell { best: value.is_some() && value == *best, ..cell },
                });
            }
            cells
        };
        let headings = [COEFFICIENT.heading(), SEEDS.heading()];
        let headings =
            headings.into_iter().chain(measured.iter().map(|column| Heading::of(column))).collect();
        Some(Self { headings, rows: groups.iter().map(row).collect() })
    }
}

/// A number that is not what its column promises.
fn doubted(text: &str, word: &str, reason: &str) -> String {
    let [text, reason] = [text, reason].map(|text| HtmlEscape(text).to_string());
    format!("<span class=\"doubted\" title=\"{reason}\">{text} <em>{word}</em></span>")
}

/// The best of the values of a column that are not doubted; nothing where none is better than another, or where one that is
/// doubted, such as a bound, is better still.
fn best(column: &Quantity, undoubted: Vec<f64>, doubted: Vec<f64>) -> Option<f64> {
    let better = column.better.filter(|_| undoubted.len() > 1)?;
    let of = |a: f64, b: f64| match better {
        Better::Low => a.min(b),
        Better::High => a.max(b),
    };
    let best = undoubted.into_iter().reduce(of)?;
    doubted.into_iter().all(|value| of(best, value) == best).then_some(best)
}

/// Said of numbers without a standard error.
const COUNTED: &str = " No error: it is counted, not estimated.";

/// A heading that is no quantity's.
struct Own {
    key: &'static str,
    label: &'static str,
    unit: &'static str,
    meaning: &'static str,
    words: bool,
}

const COEFFICIENT: Own = Own {
    key: "c",
    label: "c",
    unit: "",
    meaning: "The KL coefficient: training minimised reconstruction + c · KL.",
    words: true,
};
const RUN: Own =
    Own { key: "run", label: "run", unit: "", meaning: "The run that the member belongs to.", words: true };
const SEED: Own = Own {
    key: "seed",
    label: "seed",
    unit: "",
    meaning: "Of the initial weights, the order of the images and the noise.",
    words: false,
};
const SEEDS: Own = Own {
    key: "seeds",
    label: "seeds",
    unit: "",
    meaning: "How many finished seeds the mean is over.",
    words: false,
};
const EPOCHS: Own = Own {
    key: "epochs",
    label: "epochs",
    unit: "",
    meaning: "Epochs trained, and what became of the member if it is not finished.",
    words: false,
};
const KL_PER_DIM: Own = Own {
    key: "kl_per_dim",
    label: "KL per dim.",
    unit: "log scale",
    meaning: "The KL of each latent dimension, greatest first, on a logarithmic scale from 0.001 nats. Red: under 0.01 nats, \
              collapsed. Sorts by the smallest.",
    words: true,
};
const WARNINGS: Own = Own {
    key: "warnings",
    label: "warnings",
    unit: "",
    meaning: "What was seen while the member trained; each is in the section Warnings.",
    words: false,
};

impl Own {
    fn heading(&self) -> Heading {
        let Self { key, label, unit, meaning, words } = *self;
        Heading { key, label, unit: unit.into(), arrow: "", better: None, meaning: meaning.into(), words }
    }
}

impl Heading {
    fn of(column: &Quantity) -> Self {
        let (arrow, which) = match column.better {
            Some(Better::Low) => ("↓", " Lower is better."),
            Some(Better::High) => ("↑", " Higher is better."),
            None => ("", ""),
        };
        let error = match (column.standard_error, column.kind) {
            (None, Kind::Diagnostic) => COUNTED,
            _ => "",
        };
        Self {
            key: column.key,
            label: column.label,
            unit: column.unit.replace(" per image", ""),
            arrow,
            better: column.better,
            meaning: format!("{}{which}{}", column.description, error),
            words: false,
        }
    }
}

impl Cell {
    fn of(text: String, value: Option<f64>) -> Self {
        let value = value.map(|value| value.to_string());
        Self { html: HtmlEscape(&text).to_string(), value, best: false, words: false }
    }

    fn number(text: String, value: f64) -> Self {
        Self::of(text, Some(value))
    }

    fn words(text: &str) -> Self {
        let html = HtmlEscape(text).to_string();
        Self { html, value: Some(text.to_owned()), best: false, words: true }
    }
}

fn coefficient(c: f64, charts: &Charts) -> Cell {
    let swatch = format!("<span class=\"swatch\" style=\"background:{}\"></span>", charts.color(c));
    let html = format!("{swatch}{}", format::coefficient(c));
    Cell { html, value: Some(c.to_string()), best: false, words: true }
}

fn epochs(member: &PageMember, planned: usize) -> Cell {
    let count = member.epochs;
    if member.state == "finished" {
        return Cell::number(count.to_string(), count as f64);
    }
    let (state, message) =
        (member.state, HtmlEscape(member.message.as_deref().unwrap_or_default()).to_string());
    let html = format!(
        "<span class=\"status status-{state}\" title=\"{message}\">{state}</span> {count} of {planned}"
    );
    Cell { html, value: Some(count.to_string()), best: false, words: false }
}

fn warnings(member: &PageMember) -> Cell {
    let count = member.warnings.len();
    let mut cell = Cell::number(count.to_string(), count as f64);
    if count > 0 {
        cell.html = format!("<a href=\"#warnings-{}\">{count}</a>", member.id);
    }
    cell
}

/// Small bars of the KL of each dimension, greatest first, on a logarithmic scale.
fn kl_per_dim(kl: &[f64]) -> Cell {
    const HEIGHT: f64 = 18.0;
    let mut sorted: Vec<f64> = kl.iter().copied().filter(|kl| kl.is_finite()).collect();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let Some((&greatest, &least)) = sorted.first().zip(sorted.last()) else {
        return Cell { words: true, ..Cell::of("–".into(), None) };
    };
    let shown = &sorted[..sorted.len().min(BARS)];
    let step = if shown.len() > 24 { 3.0 } else { 6.0 };
    let top = greatest.max(10.0);
    let tall = |kl: f64| {
        let share = (kl.max(LEAST_KL) / LEAST_KL).ln() / (top / LEAST_KL).ln();
        1.0 + (HEIGHT - 1.0) * share.clamp(0.0, 1.0)
    };
    // One path for those in use and one for the collapsed ones.
    let path = |collapsed: bool| -> String {
        let bars = shown.iter().enumerate().filter(|(_, kl)| (**kl < COLLAPSED_KL) == collapsed);
        let bar = |(i, &kl): (usize, &f64)| {
            let (x, tall, wide) = (step * i as f64, tall(kl), step - 1.0);
            format!("M{x} {HEIGHT}v-{tall:.1}h{wide}v{tall:.1}z")
        };
        bars.map(bar).collect()
    };
    let listed: Vec<String> = shown.iter().map(|&kl| format::number(kl, 3)).collect();
    let more =
        if sorted.len() > BARS { format!(" … ({} dimensions)", sorted.len()) } else { String::new() };
    let listed = format!("{}{more}", listed.join(", "));
    let width = step * shown.len() as f64;
    let html = format!(
        "<svg class=\"bars\" role=\"img\" width=\"{width}\" height=\"{HEIGHT}\" aria-label=\"{listed}\">\
         <title>KL per dimension, nats, greatest first: {listed}</title>\
         <path d=\"{}\" fill=\"var(--accent)\"/><path d=\"{}\" fill=\"var(--bad)\"/></svg>",
        path(false),
        path(true)
    );
    Cell { html, value: Some(least.to_string()), best: false, words: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_ordered_and_the_collapsed_ones_set_apart() {
        let cell = kl_per_dim(&[0.005, 3.0, f64::NAN, 0.2]);
        assert_eq!(cell.value.as_deref(), Some("0.005"));
        assert!(cell.html.contains("aria-label=\"3.000, 0.200, 0.005\""), "{}", cell.html);
        let (used, collapsed) = cell.html.split_once("var(--accent)").unwrap();
        assert_eq!([used.matches('z').count(), collapsed.matches("h5").count()], [2, 1], "{}", cell.html);
        assert_eq!(kl_per_dim(&[]).html, "–");
    }

    #[test]
    fn many_dimensions_have_a_few_bars_and_say_how_many_they_are() {
        let cell = kl_per_dim(&[1.0; 512]);
        assert!(cell.html.contains("… (512 dimensions)") && cell.html.len() < 3000, "{}", cell.html.len());
    }

    #[test]
    fn no_value_is_the_best_of_a_column_without_a_better_way_or_without_a_second() {
        let column = Quantity::named;
        assert_eq!(best(column("elbo_loss"), vec![3.0, 1.0], vec![]), Some(1.0));
        assert_eq!(best(column("mutual_information"), vec![3.0, 1.0], vec![]), Some(3.0));
        assert_eq!(best(column("kl"), vec![3.0, 1.0], vec![]), None);
        assert_eq!(best(column("elbo_loss"), vec![3.0], vec![]), None);
        // A lower bound above the highest value: something else is the best.
        assert_eq!(best(column("mutual_information"), vec![3.0, 1.0], vec![4.0, 2.0]), None);
        assert_eq!(best(column("mutual_information"), vec![3.0, 1.0], vec![2.0]), Some(3.0));
    }
}
