//! The charts of the page: the figures, smaller and without the words that stand around them in HTML.

use figure::{Chart, Scene, Size};
use record::{MemberResult, Quantity};
use serde::Serialize;

use crate::report::ReportMember;

use crate::figures::{
    Coefficients, LEARNING_CURVES, Learner, Trained, by_coefficient, collapse, diagnostic_charts,
    rate_distortion,
};

/// Everything that is drawn, each as SVG.
#[derive(Serialize)]
pub struct Charts {
    /// For wide and for narrow screens; nothing before the first epoch of the first member.
    trade_off: Option<TradeOff>,
    /// A panel for each quantity; none before the first member is finished.
    diagnostics: Vec<Panel>,
    /// A panel for each term; none before the first epoch.
    curves: Vec<Panel>,
    collapse: Option<String>,
    /// The coefficients with their colours, for what is not drawn here.
    coefficients: Vec<ColoredCoefficient>,
}

#[derive(Serialize)]
struct TradeOff {
    wide: String,
    narrow: String,
}

#[derive(Serialize)]
struct Panel {
    title: String,
    unit: String,
    svg: String,
}

#[derive(Serialize)]
struct ColoredCoefficient {
    c: f64,
    /// As the marks of the charts have it.
    key: String,
    /// As CSS.
    color: String,
}

const WIDE: Size = Size::Whole { width: 920, height: 480 };
const NARROW: Size = Size::Whole { width: 380, height: 380 };
const SMALL: Size = Size::Whole { width: 330, height: 215 };
const CURVE: Size = Size::Whole { width: 460, height: 270 };
const COLLAPSE: Size = Size::Whole { width: 430, height: 230 };
/// Size of the text of a small chart, where 1 is the usual.
const SMALL_TEXT: f32 = 0.88;

impl Charts {
    /// `predicted`: the coefficients at which a linear decoder would collapse.
    pub fn new(members: &[ReportMember<'_>], predicted: &[f64]) -> Self {
        let coefficients = Coefficients::new(members.iter().map(ReportMember::c));
        let results: Vec<&MemberResult> = members.iter().filter_map(|of| of.member.result.as_ref()).collect();
        Self {
            trade_off: trade_off(members, &coefficients),
            diagnostics: diagnostics(&results, &coefficients),
            curves: curves(members, &coefficients),
            collapse: collapse_chart(&results, predicted, &coefficients),
            coefficients: coefficients
                .iter()
                .map(|c| ColoredCoefficient { c, key: c.to_string(), color: css_color(&coefficients, c) })
                .collect(),
        }
    }

    /// The colour of a coefficient as CSS.
    pub fn color(&self, c: f64) -> &str {
        self.coefficients.iter().find(|colored| colored.c == c).map_or("", |colored| &colored.color)
    }
}

fn css_color(coefficients: &Coefficients, c: f64) -> String {
    coefficients.color(c).variable.map_or(String::new(), |variable| format!("var({variable})"))
}

fn trade_off(members: &[ReportMember<'_>], coefficients: &Coefficients) -> Option<TradeOff> {
    let trained = |of: &ReportMember<'_>| {
        let of_result = of.member.result.as_ref().map(|result| result.test);
        let terms = of_result.or_else(|| Some(of.member.history.last()?.test))?;
        Some(Trained { c: of.c(), terms, finished: of_result.is_some() })
    };
    let trained: Vec<Trained> = members.iter().filter_map(trained).collect();
    if trained.iter().all(|member| !member.terms.elbo_loss().is_finite()) {
        return None;
    }
    let chart = rate_distortion(&trained, coefficients);
    Some(TradeOff {
        wide: inline("trade-off-wide", chart.clone(), WIDE, 1.0),
        narrow: inline("trade-off-narrow", chart, NARROW, SMALL_TEXT),
    })
}

fn diagnostics(results: &[&MemberResult], coefficients: &Coefficients) -> Vec<Panel> {
    let panel = |chart: crate::figures::DiagnosticChart| {
        let id = format!("diagnostic-{}", chart.key);
        // The heading says the unit.
        let mut drawn = chart.chart(coefficients);
        drawn.y.label.clear();
        let svg = inline(&id, drawn, SMALL, SMALL_TEXT);
        Panel { title: chart.title, unit: chart.unit, svg }
    };
    diagnostic_charts(results).into_iter().map(panel).collect()
}

fn curves(members: &[ReportMember<'_>], coefficients: &Coefficients) -> Vec<Panel> {
    let learners: Vec<Learner<'_>> = members
        .iter()
        .map(|of| Learner { c: of.c(), seed: of.member.id.seed, history: &of.member.history })
        .filter(|learner| !learner.history.is_empty())
        .collect();
    if learners.is_empty() {
        return Vec::new();
    }
    let panel = |curve: &crate::figures::LearningCurve| {
        let mut chart = curve.chart(&learners, coefficients);
        let unit = std::mem::take(&mut chart.y.label);
        let svg = inline(&format!("curve-{}", curve.key), chart, CURVE, SMALL_TEXT);
        Panel { title: curve.title.into(), unit, svg }
    };
    LEARNING_CURVES.iter().map(panel).collect()
}

fn collapse_chart(
    results: &[&MemberResult],
    predicted: &[f64],
    coefficients: &Coefficients,
) -> Option<String> {
    let units = Quantity::named("active_units").value;
    let active_units = by_coefficient(results.iter().filter_map(|result| Some((result.c, units(result)?))));
    if predicted.is_empty() || active_units.is_empty() {
        return None;
    }
    Some(inline("collapse", collapse(&active_units, predicted, coefficients), COLLAPSE, SMALL_TEXT))
}

/// A chart as an element of the page. Its title and legend stand in HTML.
fn inline(id: &str, mut chart: Chart, size: Size, text: f32) -> String {
    let description =
        format!("{}. {}", chart.title, chart.subtitle).trim_end_matches(['.', ' ']).to_owned() + ".";
    chart.title.clear();
    chart.subtitle.clear();
    chart.legend.clear();
    for series in &mut chart.series {
        series.label.clear();
    }
    let scene = Chart { size, text, ..chart }.scene();
    Scene { description, ..scene }.to_inline_svg(id)
}
