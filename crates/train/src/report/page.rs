//! `report.html`: everything about a sweep in one file.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use minijinja::{AutoEscape, Environment, context};
use record::{
    EpochRow, Group, Kind, MemberResult, Quantity, Warning, by_coefficient, now, quantities_of, warnings,
};
use serde::Serialize;

use super::explorer::Explorer;
use super::proposals::{Proposal, proposals};
use super::recommendation::{Recommendation, recommend};
use super::run::MemberState;
use super::{Measured, Run};

const TEMPLATE: &str = include_str!("page/template.html");
const STYLE: &str = include_str!("page/report.css");
/// Each before those that use it.
const SCRIPTS: [&str; 15] = [
    include_str!("page/vendor/licences.js"),
    include_str!("page/vendor/d3.min.js"),
    include_str!("page/vendor/plot.umd.min.js"),
    include_str!("page/format.js"),
    include_str!("page/theme.js"),
    include_str!("page/controls.js"),
    include_str!("page/charts.js"),
    include_str!("page/figures.js"),
    include_str!("page/table.js"),
    include_str!("page/decoder.js"),
    include_str!("page/members.js"),
    include_str!("page/plane.js"),
    include_str!("page/explorer.js"),
    include_str!("page/live.js"),
    include_str!("page/report.js"),
];

/// What the page shows. Its script reads this as JSON, its template as values.
#[derive(Serialize)]
struct Page {
    title: String,
    version: &'static str,
    generated: String,
    /// Whether the page is served while the run goes on, and asks for news.
    live: bool,
    notes: Vec<String>,
    runs: Vec<PageRun>,
    recommendation: PageRecommendation,
    columns: Vec<&'static Quantity>,
    members: Vec<PageMember>,
    coefficients: Vec<PageCoefficient>,
    explorer: Option<Explorer>,
}

#[derive(Serialize)]
struct PageRun {
    name: String,
    dir: String,
    status: &'static str,
    backend: String,
    device: Option<String>,
    workers: Option<usize>,
    started: Option<String>,
    ended: Option<String>,
    epochs: usize,
    batch_size: usize,
    seeds: Vec<u64>,
    network: Option<String>,
    train_images: Option<usize>,
    test_images: Option<usize>,
}

#[derive(Serialize)]
struct PageRecommendation {
    #[serde(flatten)]
    recommendation: Recommendation,
    next: Vec<Proposal>,
    collapse: Option<Collapse>,
}

/// Where a linear decoder would collapse, beside what the trained ones did.
#[derive(Serialize)]
struct Collapse {
    text: String,
    predicted: Vec<PredictedCollapse>,
    measured: Vec<MeasuredUse>,
}

#[derive(Serialize)]
struct PredictedCollapse {
    /// Counted from 1: the last dimension in use is the first.
    dimension: usize,
    c: f64,
}

#[derive(Serialize)]
struct MeasuredUse {
    c: f64,
    /// The mean over the seeds.
    active_units: f64,
    /// The mean over the seeds, in nats.
    kl: f64,
}

#[derive(Serialize)]
struct PageMember {
    id: usize,
    run: usize,
    c: f64,
    seed: u64,
    state: &'static str,
    message: Option<String>,
    epochs: usize,
    values: BTreeMap<&'static str, Option<f64>>,
    kl_per_dim: Vec<f64>,
    warnings: Vec<Warning>,
    history: History,
}

/// A member's terms after each epoch.
#[derive(Default, Serialize)]
struct History {
    epoch: Vec<usize>,
    train_reconstruction: Vec<f64>,
    train_kl: Vec<f64>,
    train_objective: Vec<f64>,
    test_reconstruction: Vec<f64>,
    test_kl: Vec<f64>,
    test_objective: Vec<f64>,
    test_elbo_loss: Vec<f64>,
}

/// A coefficient over its finished seeds.
#[derive(Serialize)]
struct PageCoefficient {
    c: f64,
    seeds: usize,
    values: BTreeMap<&'static str, PageSpread>,
}

/// Mean and standard deviation; nothing of the latter for one seed.
#[derive(Serialize)]
struct PageSpread {
    mean: f64,
    std: Option<f64>,
}

/// The quantities that the page's table shows.
fn columns() -> impl Iterator<Item = &'static Quantity> {
    quantities_of(&[Kind::Term, Kind::Diagnostic, Kind::Machine])
}

/// The page as one HTML document. `live` makes it ask its server for news.
pub(super) fn render(
    runs: &[Run],
    measured: &[Measured<'_>],
    collapse: &[f64],
    notes: &[String],
    live: bool,
) -> Result<String> {
    let results = || measured.iter().filter_map(|measured| measured.member.result.as_ref());
    let groups = by_coefficient(results().map(|result| (result.c, result)));
    let test_images = runs.first().and_then(|run| run.record.as_ref()).map(|record| record.images.test);
    let recommendation = recommend(&groups, test_images);
    let names: Vec<&str> = runs.iter().map(|run| run.config.name.as_str()).collect();
    let page = Page {
        title: names.join(", "),
        version: env!("CARGO_PKG_VERSION"),
        generated: now(),
        live,
        notes: notes.to_vec(),
        runs: runs.iter().map(PageRun::new).collect(),
        recommendation: PageRecommendation {
            next: proposals(&groups, &recommendation.purposes),
            collapse: Collapse::new(collapse, &groups),
            recommendation,
        },
        columns: columns().collect(),
        members: measured.iter().enumerate().map(|(id, measured)| PageMember::new(id, measured)).collect(),
        coefficients: groups.iter().map(PageCoefficient::new).collect(),
        explorer: Explorer::new(measured),
    };

    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_template("report.html", TEMPLATE).context("the page's template is damaged")?;
    // Inside a script element, only "<" could end it.
    let data =
        serde_json::to_string(&page).context("cannot write the page's data as JSON")?.replace('<', "\\u003c");
    let values = context! { title => page.title, css => STYLE, scripts => SCRIPTS, data, report => &page };
    environment
        .get_template("report.html")
        .and_then(|template| template.render(values))
        .context("cannot fill the page's template")
}

impl PageRun {
    fn new(run: &Run) -> Self {
        let Run { dir, config, record, .. } = run;
        let record = record.as_ref();
        let network = run.pixels().map(|pixels| {
            let model = &config.model;
            let widths = [pixels]
                .into_iter()
                .chain(model.encoder_hidden.iter().copied())
                .chain([model.latent])
                .chain(model.decoder_hidden.iter().copied())
                .chain([pixels]);
            widths.map(|width| width.to_string()).collect::<Vec<_>>().join("-")
        });
        Self {
            name: config.name.clone(),
            dir: dir.path().display().to_string(),
            status: record.map_or("unknown", |record| record.status.name()),
            backend: record.map_or(config.backend.name(), |record| &record.backend).to_string(),
            device: record.map(|record| record.device.clone()),
            workers: record.map(|record| record.workers),
            started: record.map(|record| record.started.clone()),
            ended: record.and_then(|record| record.ended.clone()),
            epochs: config.epochs,
            batch_size: config.batch_size,
            seeds: config.seeds.clone(),
            network,
            train_images: record.map(|record| record.images.train),
            test_images: record.map(|record| record.images.test),
        }
    }
}

impl Collapse {
    fn new(predicted: &[f64], groups: &[Group<&MemberResult>]) -> Option<Self> {
        let (greatest, least) = (predicted.first()?, predicted.last()?);
        let measured: Vec<MeasuredUse> = groups
            .iter()
            .filter_map(|group| {
                let mean = |quantity: &Quantity| group.spread(quantity.value).map(|spread| spread.mean);
                Some(MeasuredUse {
                    c: group.c,
                    active_units: mean(Quantity::named("active_units"))?,
                    kl: mean(Quantity::named("kl"))?,
                })
            })
            .collect();
        let dimensions = predicted.len();
        let text = if dimensions == 1 {
            format!("The latent dimension of a linear decoder would collapse at c = {greatest:.1}.")
        } else {
            format!(
                "The {dimensions} latent dimensions of a linear decoder would collapse one after the other from c = {least:.1} \
                 on; from c = {greatest:.1} on, none would be left."
            )
        };
        let predicted =
            predicted.iter().enumerate().map(|(at, &c)| PredictedCollapse { dimension: at + 1, c });
        Some(Self {
            text: format!(
                "{text} These are eigenvalues of the covariance of the training images. Decoders with hidden layers may hold on \
                 longer."
            ),
            predicted: predicted.collect(),
            measured,
        })
    }
}

impl PageMember {
    fn new(id: usize, measured: &Measured<'_>) -> Self {
        let member = measured.member;
        let c = measured.c();
        let (state, message) = match &member.state {
            MemberState::Waiting => ("waiting", None),
            MemberState::Training => ("training", None),
            MemberState::Finished => ("finished", None),
            MemberState::Failed(why) => ("failed", Some(why.clone())),
        };
        let finite = |value: f64| Some(value).filter(|value| value.is_finite());
        let values = match (&member.result, member.history.last()) {
            (Some(result), _) => {
                columns().map(|column| (column.key, (column.value)(result).and_then(finite))).collect()
            }
            (None, Some(row)) => {
                columns().filter_map(|column| Some((column.key, finite(column.of_epoch?(row, c))))).collect()
            }
            (None, None) => BTreeMap::new(),
        };
        Self {
            id,
            run: measured.run_position,
            c,
            seed: member.id.seed,
            state,
            message,
            epochs: member.history.len(),
            values,
            kl_per_dim: measured.kl_per_dim(),
            warnings: warnings(&member.history, c),
            history: History::new(&member.history, c),
        }
    }
}

impl History {
    fn new(rows: &[EpochRow], c: f64) -> Self {
        let column = |value: fn(&EpochRow, f64) -> f64| rows.iter().map(|row| value(row, c)).collect();
        Self {
            epoch: rows.iter().map(|row| row.epoch).collect(),
            train_reconstruction: column(|row, _| row.train.reconstruction),
            train_kl: column(|row, _| row.train.kl),
            train_objective: column(|row, c| row.train.objective(c)),
            test_reconstruction: column(|row, _| row.test.reconstruction),
            test_kl: column(|row, _| row.test.kl),
            test_objective: column(|row, c| row.test.objective(c)),
            test_elbo_loss: column(|row, _| row.test.elbo_loss()),
        }
    }
}

impl PageCoefficient {
    fn new(group: &Group<&MemberResult>) -> Self {
        let spread = |column: &'static Quantity| {
            let spread = group.spread(column.value)?;
            let std = Some(spread.std).filter(|std| std.is_finite());
            Some((column.key, PageSpread { mean: spread.mean, std }))
        };
        Self { c: group.c, seeds: group.values.len(), values: columns().filter_map(spread).collect() }
    }
}
