//! Values of arguments that several commands take.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use record::Backend;
use report::FigureSet;

/// The greatest grid of images that a figure can show.
const GREATEST_GRID: usize = 50;

pub(super) fn figure_set() -> impl TypedValueParser<Value = FigureSet> {
    let named = |name: String| FigureSet::ALL.into_iter().find(|set| set.name() == name).unwrap_or_default();
    PossibleValuesParser::new(FigureSet::ALL.map(FigureSet::name)).map(named)
}

/// Names of backends, those that this program was built without too: the error about these says how to build it with them.
pub(super) fn backend() -> impl TypedValueParser<Value = Backend> {
    PossibleValuesParser::new(Backend::ALL.map(Backend::name)).try_map(|name| name.parse::<Backend>())
}

pub(super) fn grid(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|grid| (2..=GREATEST_GRID).contains(grid))
        .ok_or_else(|| format!("a grid has from 2 to {GREATEST_GRID} rows and columns"))
}

pub(super) fn nats(text: &str) -> Result<f64, String> {
    let nats = text.parse().ok().filter(|nats: &f64| nats.is_finite());
    nats.ok_or_else(|| format!("{text:?} is no number of nats: write one such as 5.5"))
}
