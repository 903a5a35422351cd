//! The figures of one member.

use burn::tensor::Device;
use figure::{Chart, Panels};
use model::Vae;
use record::EpochRow;

use super::coefficients::Coefficients;
use super::encoder::{Cloud, Range};
use super::files::{Drawing, Figure};
use super::learning_curves::{Learner, learning_curves};
use super::manifold::Plane;
use super::reconstructions::reconstructions;
use super::samples::{SIDE as SAMPLES_SIDE, samples};
use super::traversals::{ROWS, traversals};
use crate::diagnostics::EncodedImages;
use crate::report::format;
use data::Images;

/// What figures look like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FigureOptions {
    /// Rows and columns of the manifold.
    pub grid: usize,
    /// The axes that all members' encoder outputs are drawn on, from [`common_range`](super::common_range).
    pub common_range: Range,
}

/// What is known of a member.
#[derive(Clone, Copy)]
pub struct MemberFigures<'a> {
    /// Its coefficient.
    pub c: f64,
    /// Its seed.
    pub seed: u64,
    /// Its network; nothing if it has none that is of use.
    pub vae: Option<&'a Vae>,
    /// Where the network is.
    pub device: &'a Device,
    /// Height and width of an image.
    pub size: [usize; 2],
    /// The test images, where they are at hand.
    pub test: Option<&'a Images>,
    /// Their posteriors.
    pub encoded: Option<&'a EncodedImages>,
    /// The KL of each latent dimension, in nats per image.
    pub kl_per_dim: &'a [f64],
    /// Its finished epochs.
    pub history: &'a [EpochRow],
}

/// Side of the data of an encoder plot, in pixels.
pub(super) const SIDE: f32 = 560.0;

impl MemberFigures<'_> {
    pub fn draw(&self, options: &FigureOptions) -> Drawing {
        let mut drawing = Drawing::default();
        self.draw_encoder(options, &mut drawing);
        self.draw_decoder(options, &mut drawing);
        match (self.vae, self.test, self.encoded) {
            (Some(vae), Some(test), Some(encoded)) => {
                let chart = reconstructions(vae, test, encoded, self.device);
                let subtitle = "Test images above the decoder's means for the means of their posteriors.";
                drawing.add("reconstructions", self.titled("Reconstructions", subtitle, chart));
            }
            _ => drawing.leave_out("reconstructions", "it needs the test images and the network"),
        }
        if self.history.is_empty() {
            drawing.leave_out("learning_curves", "no epoch is finished");
        } else {
            let Self { c, seed, history, .. } = *self;
            let panels = learning_curves(&[Learner { c, seed, history }], &Coefficients::new([c]));
            let subtitle =
                "Training images as the weights were when each was seen, test images after each epoch."
                    .into();
            let panels = Panels { title: self.title("Learning curves"), subtitle, ..panels };
            drawing.figures.push(Figure::new("learning_curves", panels.scene()));
        }
        drawing
    }

    fn draw_encoder(&self, options: &FigureOptions, drawing: &mut Drawing) {
        const NAMES: [&str; 2] = ["encoder", "encoder_own_range"];
        let Some(encoded) = self.encoded else {
            for name in NAMES {
                drawing.leave_out(name, "it needs the test images and the network");
            }
            return;
        };
        let labels = self.test.and_then(|test| test.labels.as_deref());
        let cloud = Cloud::new(encoded, labels, self.kl_per_dim);
        let shown = match self.kl_per_dim.len() {
            0..=2 => "",
            _ => " in the two dimensions of highest KL",
        };
        for (name, range, axes) in [
            (NAMES[0], options.common_range, "the axes are those of every member"),
            (NAMES[1], cloud.own_range(), "the axes are this member's own"),
        ] {
            let subtitle = format!(
                "Posterior means of {} test images{shown}; {axes}.",
                format::count(cloud.points.len())
            );
            drawing.add(name, self.titled("Encoder output", &subtitle, cloud.chart(range, SIDE)));
        }
    }

    fn draw_decoder(&self, options: &FigureOptions, drawing: &mut Drawing) {
        let Some(vae) = self.vae else {
            for name in ["manifold", "manifold_quantiles", "samples"] {
                drawing.leave_out(name, "it needs the network");
            }
            return;
        };
        let Self { size, device, kl_per_dim, .. } = *self;
        drawing.add("manifold", self.manifold(vae, options.grid));
        let plane = Plane { vae, device, size, kl_per_dim };
        let others = others_at_0(kl_per_dim);
        let subtitle = format!(
            "The decoder's means for codes at the quantiles of N(0, 1), where each image stands for as \
                                much of the prior as any other{others}."
        );
        drawing.add(
            "manifold_quantiles",
            self.titled("Manifold at quantiles", &subtitle, plane.quantiles(options.grid)),
        );
        let subtitle = format!(
            "The decoder's means for {} codes drawn from N(0, I), the same for every member.",
            SAMPLES_SIDE * SAMPLES_SIDE
        );
        drawing.add("samples", self.titled("Samples from the prior", &subtitle, samples(vae, size, device)));
        if kl_per_dim.len() > 2 {
            let which = match kl_per_dim.len() {
                latent if latent > ROWS => format!("the {ROWS} dimensions of highest KL out of {latent}"),
                latent => format!("all {latent} dimensions"),
            };
            let subtitle = format!("The decoder's means along {which}, ordered by their KL.");
            drawing.add(
                "traversals",
                self.titled("Traversals", &subtitle, traversals(vae, kl_per_dim, size, device)),
            );
        }
    }

    /// What the decoder makes of codes at equal distances.
    pub(super) fn manifold(&self, vae: &Vae, grid: usize) -> Chart {
        let Self { size, device, kl_per_dim, .. } = *self;
        let others = others_at_0(kl_per_dim);
        let subtitle = format!("The decoder's means for codes from −3 to 3 at equal distances{others}.");
        self.titled("Manifold", &subtitle, Plane { vae, device, size, kl_per_dim }.evenly_spaced(grid))
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
    use crate::report::figures::testing::{SIZE, Tiny, assert_sound, texts};

    const OPTIONS: FigureOptions = FigureOptions { grid: 8, common_range: [[-6.0, 6.0]; 2] };

    fn member(tiny: &Tiny) -> MemberFigures<'_> {
        MemberFigures {
            c: 0.02,
            seed: 3,
            vae: Some(&tiny.vae),
            device: &tiny.device,
            size: SIZE,
            test: Some(&tiny.test),
            encoded: Some(&tiny.encoded),
            kl_per_dim: &tiny.kl_per_dim,
            history: &tiny.history,
        }
    }

    #[test]
    fn every_figure_says_what_it_shows_whatever_the_number_of_dimensions() {
        for latent in [1, 2, 5, 20] {
            let mut tiny = Tiny::new(latent);
            for labels in [tiny.test.labels.clone(), None] {
                tiny.test.labels = labels;
                let Drawing { figures, left_out } = member(&tiny).draw(&OPTIONS);
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
        let tiny = Tiny::new(2);
        let without_images = MemberFigures { test: None, encoded: None, ..member(&tiny) };
        let left_out = |member: &MemberFigures<'_>| -> Vec<&str> {
            member.draw(&OPTIONS).left_out.iter().map(|left_out| left_out.figure).collect()
        };
        assert_eq!(left_out(&without_images), ["encoder", "encoder_own_range", "reconstructions"]);
        let waiting = MemberFigures { vae: None, history: &[], ..without_images };
        assert_eq!(left_out(&waiting).len(), 7);
        assert!(waiting.draw(&OPTIONS).figures.is_empty());
    }
}
