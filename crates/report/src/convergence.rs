//! Who does how well by whose objective, as the page shows it.

use serde::Serialize;

use crate::evidence::Evidence;
use crate::format;
use crate::recommendation::who_beats;
use crate::verdict::CrossObjectives;

/// Coefficients up to which a table of each by the objective of each is one that is read.
const MOST_CROSSED: usize = 30;

/// Who does how well by whose objective, on one set of images.
#[derive(Serialize)]
pub struct Convergence {
    images: &'static str,
    coefficients: Vec<f64>,
    /// Nothing where there are too many.
    rows: Vec<CrossRow>,
    /// What follows.
    text: String,
}

#[derive(Serialize)]
struct CrossRow {
    c: f64,
    cells: Vec<CrossCell>,
}

#[derive(Serialize)]
struct CrossCell {
    text: String,
    /// The lowest by its column's objective.
    best: bool,
    /// The member's own objective, at which another one is lower beyond doubt.
    beaten: bool,
}

impl Convergence {
    /// On the training images and on those that choose; of one coefficient there is nothing to say.
    pub fn of(evidence: &Evidence) -> Vec<Self> {
        let training = evidence
            .on_training
            .as_ref()
            .map(|cross| Self::new("training images", "was not trained to its end", cross));
        let choosing = evidence.on_choosing.as_ref().map(|cross| {
            Self::new("images that choose", "has overfitted, or was not trained to its end", cross)
        });
        let several = |shown: &Self| shown.coefficients.len() > 1;
        training.into_iter().chain(choosing).filter(several).collect()
    }

    fn new(images: &'static str, means: &str, cross: &CrossObjectives) -> Self {
        let CrossObjectives { coefficients, objective, beaten } = cross;
        let of_column = |at: usize| objective.iter().map(|row| row[at]).fold(f64::INFINITY, f64::min);
        let lowest: Vec<f64> = (0..coefficients.len()).map(of_column).collect();
        let row = |(of, &c): (usize, &f64)| {
            let cell = |(at, &value): (usize, &f64)| CrossCell {
                text: format::number(value, 2),
                best: value == lowest[at],
                beaten: of == at && beaten.iter().any(|found| found.c == c),
            };
            CrossRow { c, cells: objective[of].iter().enumerate().map(cell).collect() }
        };
        let losers: Vec<f64> = beaten.iter().map(|found| found.c).collect();
        let text = match losers[..] {
            [] => "no member is beaten at its own coefficient by more than the margin and the error over the images.".to_string(),
            _ => format!("{}: the one that loses {means}.", who_beats(Some(cross), &losers)),
        };
        let shown = coefficients.len() <= MOST_CROSSED;
        let rows = coefficients.iter().enumerate().filter(|_| shown).map(row).collect();
        Self { images, coefficients: coefficients.clone(), rows, text }
    }
}
