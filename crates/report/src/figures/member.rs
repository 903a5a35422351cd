//! The figures of one member.

use figure::{Chart, Panels};
use record::{EpochRow, Examples, Outputs};

use super::coefficients::Coefficients;
use super::encoder::{Cloud, Range};
use super::files::{Drawing, Figure};
use super::learning_curves::{Learner, learning_curves};
use super::manifold::{manifold, manifold_quantiles};
use super::profiles::{column_errors, profiles};
use super::reconstructions::reconstructions;
use super::samples::samples;
use super::traversals::traversals;
use crate::format;

/// What is known of a member.
#[derive(Clone, Copy)]
pub struct MemberFigures<'a> {
    pub c: f64,
    pub seed: u64,
    /// The examples of its run.
    pub examples: Option<&'a Examples>,
    /// What its network makes of them.
    pub outputs: Option<&'a Outputs>,
    /// The KL of each latent dimension, in nats per image.
    pub kl_per_dim: &'a [f64],
    /// Its finished epochs.
    pub history: &'a [EpochRow],
}

/// Why a figure is left out.
const NOT_RECORDED: &str = "what it shows is not recorded";

/// Side of the data of an encoder plot, in pixels.
pub(super) const SIDE: f32 = 560.0;

impl MemberFigures<'_> {
    /// Every figure that can be drawn. The encoder's output is drawn on its own axes and on common ones.
    pub fn draw(&self, common_range: Range) -> Drawing {
        let mut drawing = Drawing::default();
        self.draw_encoder(common_range, &mut drawing);
        self.draw_decoder(&mut drawing);
        if self.history.is_empty() {
            drawing.leave_out("learning_curves", "no epoch is finished");
        } else {
            let Self { c, seed, history, .. } = *self;
            let panels = learning_curves(&[Learner { c, seed, history }], &Coefficients::new([c]));
            let subtitle =
                "Training images as the weights were when each was seen, held-out images after each epoch."
                    .into();
            let panels = Panels { title: self.title("Learning curves"), subtitle, ..panels };
            drawing.figures.push(Figure::new("learning_curves", panels.scene()));
        }
        drawing
    }

    fn draw_encoder(&self, common_range: Range, drawing: &mut Drawing) {
        const NAMES: [&str; 2] = ["encoder", "encoder_own_range"];
        let Some(encoded) = self.outputs.and_then(|outputs| outputs.test.as_ref()) else {
            for name in NAMES {
                drawing.leave_out(name, NOT_RECORDED);
            }
            return;
        };
        let labels = self.examples.and_then(|examples| examples.test.labels.as_ref()?.as_slice());
        let names = self.examples.map_or(&[][..], |examples| &examples.classes);
        let cloud = Cloud::new(encoded, labels, names, self.kl_per_dim);
        let shown = match self.kl_per_dim.len() {
            0..=2 => "",
            _ => " in the two dimensions of highest KL",
        };
        for (name, range, axes) in [
            (NAMES[0], common_range, "the axes are those of every member"),
            (NAMES[1], cloud.own_range(), "the axes are this member's own"),
        ] {
            let count = format::count(cloud.points.len());
            let subtitle = format!("Posterior means of {count} held-out images{shown}; {axes}.");
            drawing.add(name, self.titled("Encoder output", &subtitle, cloud.chart(range, SIDE)));
        }
    }

    fn draw_decoder(&self, drawing: &mut Drawing) {
        let originals = self.examples.and_then(|examples| examples.reconstructed.as_ref());
        let Some(outputs) = self.outputs else {
            for name in ["manifold", "manifold_quantiles", "samples", "reconstructions"] {
                drawing.leave_out(name, NOT_RECORDED);
            }
            return;
        };
        if let (Some(profiles), Some(recorded)) = (self.profiles(), &outputs.profiles) {
            drawing.figures.push(Figure::new("profiles", profiles.scene()));
            let subtitle = "How far the decoder's means for the means of the posteriors are off, over the held-out examples.";
            let errors = column_errors(recorded, self.columns());
            drawing.add("column_errors", self.titled("Errors of the columns", subtitle, errors));
            return;
        }
        let (kl_per_dim, channels) = (self.kl_per_dim, self.channels());
        let mut add = |name, chart: Option<Chart>| match chart {
            Some(chart) => drawing.add(name, chart),
            None => drawing.leave_out(name, NOT_RECORDED),
        };
        add("manifold", self.manifold());
        let quantiles = outputs.manifold_quantiles.as_ref().map(|grid| {
            let subtitle = format!(
                "The decoder's means for codes at the quantiles of N(0, 1), where each image stands for as much of the prior as \
                 any other{}.",
                others_at_0(kl_per_dim)
            );
            self.titled("Manifold at quantiles", &subtitle, manifold_quantiles(grid, channels, kl_per_dim))
        });
        add("manifold_quantiles", quantiles);
        let of_prior = outputs.prior_images.as_ref().map(|images| {
            let count = images.shape()[0];
            let subtitle = format!(
                "The decoder's means for {count} codes drawn from N(0, I), the same for every member."
            );
            self.titled("Samples from the prior", &subtitle, samples(images, channels))
        });
        add("samples", of_prior);
        let shown = originals.zip(outputs.reconstructions.as_ref()).map(|(originals, decoded)| {
            let subtitle = "Held-out images above the decoder's means for the means of their posteriors.";
            self.titled("Reconstructions", subtitle, reconstructions(&originals.pixels, decoded, channels))
        });
        add("reconstructions", shown);
        if kl_per_dim.len() > 2 {
            let along = outputs.traversals.as_ref().map(|recorded| {
                let which = match (recorded.dimensions.len(), kl_per_dim.len()) {
                    (rows, latent) if rows < latent => {
                        format!("the {rows} dimensions of highest KL out of {latent}")
                    }
                    (_, latent) => format!("all {latent} dimensions"),
                };
                let subtitle = format!("The decoder's means along {which}, ordered by their KL.");
                self.titled("Traversals", &subtitle, traversals(recorded, channels, kl_per_dim))
            });
            add("traversals", along);
        }
    }

    /// What the decoder makes of codes at equal distances, if that is recorded.
    pub fn manifold(&self) -> Option<Chart> {
        let grid = self.outputs?.manifold.as_ref()?;
        let others = others_at_0(self.kl_per_dim);
        let subtitle = format!("The decoder's means for codes from −3 to 3 at equal distances{others}.");
        Some(self.titled("Manifold", &subtitle, manifold(grid, self.channels(), self.kl_per_dim)))
    }

    /// What the decoder makes of the columns of a table along single dimensions, if that is recorded.
    pub fn profiles(&self) -> Option<Panels> {
        let recorded = self.outputs?.profiles.as_ref()?;
        let panels = profiles(recorded, self.columns(), self.kl_per_dim);
        let subtitle =
            "The decoder's means along single dimensions, the others at 0: the columns that change most.";
        Some(Panels { title: self.title("Profiles"), subtitle: subtitle.into(), ..panels })
    }

    fn columns(&self) -> &[String] {
        self.examples.map_or(&[], |examples| examples.shape.columns())
    }

    /// Channels of a pixel.
    fn channels(&self) -> usize {
        self.examples.and_then(|examples| examples.shape.image()).map_or(1, |[.., channels]| channels)
    }

    fn title(&self, what: &str) -> String {
        format!("{what}, c = {}, seed {}", format::coefficient(self.c), self.seed)
    }

    fn titled(&self, what: &str, subtitle: &str, chart: Chart) -> Chart {
        Chart { title: self.title(what), subtitle: subtitle.to_owned(), ..chart }
    }
}

/// What becomes of the dimensions that a plane does not show.
fn others_at_0(kl_per_dim: &[f64]) -> &'static str {
    if kl_per_dim.len() > 2 { ", the other dimensions at 0" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::for_tests::{Recorded, assert_sound, texts};

    const COMMON: Range = [[-6.0, 6.0]; 2];

    fn member(recorded: &Recorded) -> MemberFigures<'_> {
        MemberFigures {
            c: 0.02,
            seed: 3,
            examples: Some(&recorded.examples),
            outputs: Some(&recorded.outputs),
            kl_per_dim: &recorded.kl_per_dim,
            history: &recorded.history,
        }
    }

    #[test]
    fn every_figure_says_what_it_shows_whatever_the_number_of_dimensions() {
        for latent in [1, 2, 5, 20] {
            let mut recorded = Recorded::new(latent);
            for labels in [recorded.examples.test.labels.clone(), None] {
                recorded.examples.test.labels = labels;
                let Drawing { figures, left_out } = member(&recorded).draw(COMMON);
                assert_eq!(left_out, []);
                let names: Vec<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
                assert_eq!(names.contains(&"traversals"), latent > 2);
                assert_eq!(names.len(), 7 + usize::from(latent > 2), "{names:?}");
                for figure in &figures {
                    assert_sound(&figure.name, &figure.scene);
                    let title = &texts(&figure.scene)[0];
                    assert!(title.ends_with(", c = 0.02, seed 3"), "{title}");
                }
            }
        }
    }

    #[test]
    fn what_is_missing_is_left_out_and_said() {
        let mut recorded = Recorded::new(2);
        recorded.outputs.test = None;
        recorded.outputs.prior_images = None;
        let left_out = |member: &MemberFigures<'_>| -> Vec<&str> {
            member.draw(COMMON).left_out.iter().map(|left_out| left_out.figure).collect()
        };
        assert_eq!(left_out(&member(&recorded)), ["encoder", "encoder_own_range", "samples"]);
        let waiting = MemberFigures { outputs: None, history: &[], ..member(&recorded) };
        assert_eq!(left_out(&waiting).len(), 7);
        assert!(waiting.draw(COMMON).figures.is_empty());
    }
}
