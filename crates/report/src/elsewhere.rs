//! The coefficients in the conventions of other programs, as the page shows them.

use record::{Group, Likelihood, MemberResult, Variance};
use serde::Serialize;

use crate::convention::{Convention, Sizes};
use crate::format;
use crate::run::Run;

/// What a coefficient is called elsewhere.
#[derive(Serialize)]
pub struct Elsewhere {
    c: f64,
    mean_reduced: String,
    beta_norm: String,
}

impl Elsewhere {
    /// Of every coefficient; nothing where the shape of the data is not known.
    pub fn of(runs: &[Run], groups: &[Group<&MemberResult>]) -> Vec<Self> {
        let model = runs.first().map(|run| &run.config.model);
        let sizes = runs.first().and_then(|run| {
            let shape = run.shape()?;
            let channels = shape.image().map_or(1, |[.., channels]| channels);
            Some(Sizes { channels, pixels: shape.numbers(), latent: run.config.model.latent })
        });
        // Squared errors elsewhere are not divided by a variance; other losses of a pixel are -log p as here, whichever they are.
        let (name, variance) = match model.map(|model| (model.likelihood, model.variance)) {
            Some((Likelihood::Gaussian, Variance::Fixed(variance))) => ("mse-mean", variance),
            _ => ("bce-mean", 1.0),
        };
        let conventions = Convention::named(name).zip(Convention::named("beta-norm")).zip(sizes);
        let Some(((mean_reduced, beta_norm), sizes)) = conventions else { return Vec::new() };
        let of = |group: &Group<&MemberResult>| Self {
            c: group.c,
            mean_reduced: format::significant(mean_reduced.from_here(variance * group.c, &sizes)),
            beta_norm: format::significant(beta_norm.from_here(variance * group.c, &sizes)),
        };
        groups.iter().map(of).collect()
    }
}
