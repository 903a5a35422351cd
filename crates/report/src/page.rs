//! `report.html`: everything about a sweep in one file.

use std::collections::BTreeMap;

use figure::{Weight, font_face, palette};
use minijinja::{AutoEscape, Environment, context};
use record::{DataRecord, Doubt, Kind, Quantity, Warning, by_coefficient, now, quantities_of, warnings};
use serde::Serialize;

use crate::calibration::Calibration;
use crate::charts::Charts;
use crate::collapse::Collapse;
use crate::convergence::Convergence;
use crate::elsewhere::Elsewhere;
use crate::error::Result;
use crate::evidence::Evidence;
use crate::explorer::Explorer;
use crate::format;
use crate::measured::{NotMeasured, WithoutNetwork, not_measured};
use crate::proposals::{Proposal, proposals};
use crate::purposes::PagePurpose;
use crate::recommendation::Recommendation;
use crate::report::ReportMember;
use crate::run::{MemberState, Run};
use crate::table::Table;

const TEMPLATE: &str = include_str!("page/template.html");
const STYLE: &str = include_str!("page/report.css");
/// Each before those that use it.
const SCRIPTS: [&str; 18] = [
    include_str!("page/dom.js"),
    include_str!("page/format.js"),
    include_str!("page/theme.js"),
    include_str!("page/controls.js"),
    include_str!("page/charts.js"),
    include_str!("page/table.js"),
    include_str!("page/decoder.js"),
    include_str!("page/members.js"),
    include_str!("page/plane.js"),
    include_str!("page/explorer/store.js"),
    include_str!("page/explorer/picture.js"),
    include_str!("page/explorer/coefficients.js"),
    include_str!("page/explorer/pins.js"),
    include_str!("page/explorer/path.js"),
    include_str!("page/explorer/picker.js"),
    include_str!("page/explorer/explorer.js"),
    include_str!("page/live.js"),
    include_str!("page/report.js"),
];

/// What the page shows, but for what is large: its script reads this as JSON, its template as values.
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
    members: Vec<PageMember>,
    coefficients: Vec<PageCoefficient>,
    without_network: Option<WithoutNetwork>,
    not_measured: Vec<NotMeasured>,
}

/// The same for the script, with the data of the explorer.
#[derive(Serialize)]
struct ScriptData<'a> {
    #[serde(flatten)]
    page: &'a Page,
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
    /// Where its arrays are, if another program trained it.
    audited: Option<String>,
    epochs: usize,
    batch_size: usize,
    seeds: Vec<u64>,
    network: Option<String>,
    train_images: Option<usize>,
    /// As words: which they are, and how many.
    held_out_images: Option<String>,
}

#[derive(Serialize)]
struct PageRecommendation {
    headline: String,
    /// Those that decide.
    seeds: usize,
    caveat: Option<String>,
    purposes: Vec<PagePurpose>,
    next: Vec<Proposal>,
    convergence: Vec<Convergence>,
    elsewhere: Vec<Elsewhere>,
    distortion_floor: Option<f64>,
    collapse: Option<Collapse>,
    calibration: Option<Calibration>,
}

/// A member of the report's runs.
#[derive(Serialize)]
pub struct PageMember {
    /// Its position among all.
    pub id: usize,
    /// The position of its run.
    pub run: usize,
    pub c: f64,
    pub seed: u64,
    /// The coefficient as it is shown.
    label: String,
    pub state: &'static str,
    pub message: Option<String>,
    pub epochs: usize,
    pub kl_per_dim: Vec<f64>,
    pub warnings: Vec<Warning>,
    #[serde(skip)]
    values: BTreeMap<&'static str, f64>,
    #[serde(skip)]
    errors: BTreeMap<&'static str, f64>,
    #[serde(skip)]
    doubts: BTreeMap<&'static str, Doubt>,
}

impl PageMember {
    /// A quantity by its column's key; nothing where it is not known, or not finite.
    pub fn value(&self, key: &str) -> Option<f64> {
        self.values.get(key).copied()
    }

    /// Its standard error over the images.
    pub fn error(&self, key: &str) -> Option<f64> {
        self.errors.get(key).copied()
    }

    /// Why it should not be taken for what its column promises.
    pub fn doubt(&self, key: &str) -> Option<&Doubt> {
        self.doubts.get(key)
    }
}

/// A coefficient over its finished seeds.
#[derive(Serialize)]
struct PageCoefficient {
    c: f64,
    seeds: usize,
}

/// The quantities that the page's table shows.
pub fn columns() -> impl Iterator<Item = &'static Quantity> {
    quantities_of(&[Kind::Term, Kind::Diagnostic, Kind::Machine])
}

/// The page as one HTML document. `live` makes it ask its server for news.
pub fn render(
    runs: &[Run],
    members: &[ReportMember<'_>],
    evidence: &Evidence,
    recommendation: Recommendation,
    notes: &[String],
    live: bool,
) -> Result<String> {
    let results = || members.iter().filter_map(|of| of.member.result.as_ref());
    let groups = by_coefficient(results().map(|result| (result.c, result)));
    let collapse =
        runs.iter().map(|run| &run.collapse[..]).find(|found| !found.is_empty()).unwrap_or_default();
    let charts = Charts::new(members, collapse);
    let names: Vec<&str> = runs.iter().map(|run| run.config.name.as_str()).collect();
    let kept: Vec<f64> =
        recommendation.purposes().iter().flat_map(|purpose| purpose.coefficients.iter().copied()).collect();
    let page = Page {
        title: names.join(", "),
        version: env!("CARGO_PKG_VERSION"),
        generated: now(),
        live,
        notes: notes.to_vec(),
        runs: runs.iter().map(PageRun::new).collect(),
        recommendation: PageRecommendation {
            next: proposals(&groups, evidence, &recommendation),
            convergence: Convergence::of(evidence),
            elsewhere: Elsewhere::of(runs, &groups),
            distortion_floor: runs.first().and_then(Run::distortion_floor),
            collapse: Collapse::new(collapse, &groups),
            seeds: evidence.seeds.len(),
            // Runs of one report have the same network.
            calibration: runs.first().and_then(|run| Calibration::new(&run.config.model, &groups)),
            headline: recommendation.headline,
            caveat: recommendation.caveat,
            purposes: [recommendation.generate, recommendation.compress, recommendation.represent]
                .map(PagePurpose::from)
                .into(),
        },
        members: members.iter().enumerate().map(|(id, of)| PageMember::new(id, of)).collect(),
        coefficients: groups
            .iter()
            .map(|group| PageCoefficient { c: group.c, seeds: group.values.len() })
            .collect(),
        without_network: WithoutNetwork::of(runs),
        not_measured: not_measured(runs, members),
    };
    let data = ScriptData { page: &page, explorer: Explorer::new(members, &kept) };

    let environment = environment()?;
    // Inside a script element, only "<" could end it.
    let json = serde_json::to_string(&data)?.replace('<', "\\u003c");
    let values = context! {
        title => &page.title,
        css => [font_face(Weight::Regular), palette::style(), STYLE.to_owned()].concat(),
        scripts => SCRIPTS,
        data => json,
        explorer => data.explorer.as_ref().map(Explorer::about),
        members => Table::of_members(&page.members, runs, &charts),
        means => Table::of_coefficients(&groups, &charts),
        columns => columns().collect::<Vec<_>>(),
        charts => &charts,
        report => &page,
    };
    Ok(environment.get_template("report.html")?.render(values)?)
}

/// The template with the filters by which it writes numbers as all of the report does.
fn environment() -> Result<Environment<'static>> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_filter("coefficient", format::coefficient);
    environment.add_filter("number", format::number);
    environment.add_filter("significant", format::significant);
    environment.add_filter("listed", |coefficients: Vec<f64>| format::listed(&coefficients));
    environment.add_filter("count", format::count);
    environment.add_filter("alternatives", |coefficients: Vec<f64>| format::alternatives(&coefficients, ""));
    environment.add_template("report.html", TEMPLATE)?;
    Ok(environment)
}

impl PageRun {
    fn new(run: &Run) -> Self {
        let Run { dir, config, record, .. } = run;
        let record = record.as_ref();
        let network = run.shape().map(|shape| config.model.in_words(&shape));
        Self {
            name: config.name.clone(),
            dir: dir.display().to_string(),
            status: record.map_or("unknown", |record| record.status.name()),
            backend: record.map_or(config.backend.name(), |record| &record.backend).to_string(),
            device: record.map(|record| record.device.clone()),
            workers: record.map(|record| record.workers),
            started: record.map(|record| record.started.clone()),
            ended: record.and_then(|record| record.ended.clone()),
            audited: record.and_then(|record| record.audited.clone()),
            epochs: config.epochs,
            batch_size: config.batch_size,
            seeds: config.seeds.clone(),
            network,
            train_images: record.map(|record| record.data.train),
            held_out_images: record.map(|record| held_out(&record.data)),
        }
    }
}

/// How many examples are held out, and for what.
fn held_out(data: &DataRecord) -> String {
    let [validation, test] = [data.validation, data.test].map(format::count);
    match data.validation {
        0 => format!("{test} test images, every second of which chooses and the others report"),
        _ => format!("{validation} validation images, which choose, and {test} test images, which report"),
    }
}

impl PageMember {
    fn new(id: usize, of: &ReportMember<'_>) -> Self {
        let member = of.member;
        let c = of.c();
        let (state, message) = match &member.state {
            MemberState::Waiting => ("waiting", None),
            MemberState::Training => ("training", None),
            MemberState::Finished => ("finished", None),
            MemberState::Failed(why) => ("failed", Some(why.clone())),
        };
        let values: Vec<(&'static str, f64)> = match (&member.result, member.history.last()) {
            (Some(result), _) => {
                columns().filter_map(|column| Some((column.key, (column.value)(result)?))).collect()
            }
            (None, Some(row)) => {
                columns().filter_map(|column| Some((column.key, column.of_epoch?(row, c)))).collect()
            }
            (None, None) => Vec::new(),
        };
        let result = member.result.as_ref();
        let errors = columns().filter_map(|column| Some((column.key, column.standard_error?(result?)?)));
        let doubts = columns().filter_map(|column| Some((column.key, column.doubt(result?)?)));
        Self {
            errors: errors.filter(|(_, error)| error.is_finite()).collect(),
            doubts: doubts.collect(),
            id,
            run: of.run_position,
            c,
            seed: member.id.seed,
            state,
            message,
            epochs: member.history.len(),
            label: format::coefficient(c),
            values: values.into_iter().filter(|(_, value)| value.is_finite()).collect(),
            kl_per_dim: of.kl_per_dim(),
            // Of a finished member there may be more to say than its history does.
            warnings: match &member.result {
                Some(result) => result.warnings.clone(),
                None => warnings(&member.history, c),
            },
        }
    }
}
