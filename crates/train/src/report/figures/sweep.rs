//! The figures of a whole sweep.

use std::path::Path;

use anyhow::Result;
use figure::{Chart, Panels};

use super::diagnostics::{drawn, page};
use super::encoder::{Cloud, PRIOR_RANGE, Range};
use super::files::{Figure, Written, write};
use super::member::{Drawing, SIDE, thousands};
use super::prior::{POINTS, prior};
use super::rate_distortion::rate_distortion;
use super::small_multiples::{Entry, PANELS, small_multiples, stride};
use crate::diagnostics::EncodedImages;
use crate::evaluate::Terms;
use crate::member::MemberResult;

/// What is known of all members.
pub struct SweepFigures<'a> {
    /// The members, in any order.
    pub members: &'a [SweepMember<'a>],
    /// The classes of the test images, where they have some.
    pub labels: Option<&'a [u8]>,
    /// The axes of all encoder outputs, from [`common_range`](super::common_range).
    pub common_range: Range,
}

/// A member of a sweep.
#[derive(Clone, Copy)]
pub struct SweepMember<'a> {
    /// Its coefficient.
    pub c: f64,
    /// Its seed.
    pub seed: u64,
    /// The KL of each latent dimension, in nats per image.
    pub kl_per_dim: &'a [f64],
    /// The terms on the test images after its last epoch; nothing if it has none.
    pub test: Option<Terms>,
    /// What was measured of it; nothing if it is not finished.
    pub result: Option<&'a MemberResult>,
    /// The posteriors of the test images; nothing without these or without a network.
    pub encoded: Option<&'a EncodedImages>,
}

/// Draws and writes what can be drawn of a sweep into a folder.
///
/// # Errors
///
/// Fails when a file cannot be written.
pub fn write_sweep_figures(dir: &Path, sweep: &SweepFigures<'_>) -> Result<Written> {
    let Drawing { figures, left_out } = sweep.draw();
    Ok(Written { files: write(dir, figures)?, left_out })
}

impl SweepFigures<'_> {
    pub(super) fn draw(&self) -> Drawing {
        let mut drawing = Drawing { figures: Vec::new(), left_out: Vec::new() };
        let latent = self.members.iter().map(|member| member.kl_per_dim.len()).max().unwrap_or(2);
        for (name, range, axes) in [
            ("prior", self.common_range, "on the axes of all encoder outputs"),
            ("prior_own_range", PRIOR_RANGE, "on axes of their own"),
        ] {
            let subtitle = format!("{} points of a standard normal, {axes}.", thousands(POINTS));
            drawing.add(name, Chart { title: "The prior".into(), subtitle, ..prior(latent, range, SIDE) });
        }
        self.draw_small_multiples(&mut drawing);

        let terms: Vec<(f64, Terms)> =
            self.members.iter().filter_map(|member| Some((member.c, member.test?))).collect();
        if terms.is_empty() {
            drawing.leave_out("rate_distortion", "no member has a finished epoch");
        } else {
            drawing.add("rate_distortion", rate_distortion(&terms));
        }

        let results: Vec<&MemberResult> = self.members.iter().filter_map(|member| member.result).collect();
        let quantities = drawn(&results);
        if quantities.is_empty() {
            drawing.leave_out("diagnostics", "no member is finished");
        } else {
            drawing.figures.push(Figure::new("diagnostics", page(&quantities).scene()));
            for quantity in &quantities {
                drawing.add(&format!("diagnostics/{}", quantity.key), quantity.chart());
            }
        }
        drawing
    }

    fn draw_small_multiples(&self, drawing: &mut Drawing) {
        let entries = || -> Vec<Entry<'_>> {
            let entry = |member: &SweepMember<'_>| {
                let cloud = Cloud::new(member.encoded?, self.labels, member.kl_per_dim);
                Some(Entry { c: member.c, seed: member.seed, cloud })
            };
            self.members.iter().filter_map(entry).collect()
        };
        let count = entries().len();
        let mut shown = match stride(&entries()) {
            1 => String::new(),
            stride => format!(" One image in {stride} is shown."),
        };
        if count > PANELS {
            shown += &format!(" The first {PANELS} of {count} members.");
        }
        for (name, common, axes) in [
            ("small_multiples", Some(self.common_range), "all on the same axes"),
            ("small_multiples_own_range", None, "each on its own axes"),
        ] {
            if count == 0 {
                drawing.leave_out(name, "it needs the test images and a network");
                continue;
            }
            let panels = Panels {
                title: "Encoder outputs beside the prior".into(),
                subtitle: format!("Posterior means of the test images, {axes} (prior σ = 1).{shown}"),
                ..small_multiples(entries(), common)
            };
            drawing.figures.push(Figure::new(name, panels.scene()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::figures::testing::{Tiny, assert_sound};
    use crate::report::testing::finished;

    #[test]
    fn a_sweep_has_all_its_figures_and_each_can_be_read() {
        let tiny = Tiny::new(2);
        let results: Vec<MemberResult> = [0.0, 0.001, 0.01, 0.1, 0.3, 0.5, 1.0, 2.0, 4.0, 8.0, 20.0, 100.0]
            .into_iter()
            .flat_map(|c| [0, 1, 2].map(|seed| (c, seed)))
            .map(|(c, seed)| {
                finished(c, seed, |result| {
                    result.test.kl = 300.0 / (1.0 + 50.0 * c) + seed as f64;
                    result.test.reconstruction = 145.0 + 2.0 * c.sqrt();
                })
            })
            .collect();
        for count in [1, 2, 5, 36] {
            let members: Vec<SweepMember<'_>> = results[..count]
                .iter()
                .map(|result| SweepMember {
                    c: result.c,
                    seed: result.seed,
                    kl_per_dim: &result.diagnostics.kl_per_dim,
                    test: Some(result.test),
                    result: Some(result),
                    encoded: Some(&tiny.encoded),
                })
                .collect();
            let labels = tiny.test.labels.as_deref();
            let sweep = SweepFigures { members: &members, labels, common_range: [[-6.0, 6.0]; 2] };
            let Drawing { figures, left_out } = sweep.draw();
            assert_eq!(left_out, []);
            for figure in &figures {
                assert_sound(&format!("{} of {count}", figure.name), &figure.scene);
            }
            let names: Vec<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
            for name in [
                "prior",
                "prior_own_range",
                "small_multiples",
                "rate_distortion",
                "diagnostics",
                "diagnostics/kl",
            ] {
                assert!(names.contains(&name), "no {name} in {names:?}");
            }
        }
    }

    #[test]
    fn before_the_first_epoch_there_is_only_the_prior() {
        let member =
            SweepMember { c: 1.0, seed: 0, kl_per_dim: &[0.0, 0.0], test: None, result: None, encoded: None };
        let sweep = SweepFigures { members: &[member], labels: None, common_range: [[-6.0, 6.0]; 2] };
        let Drawing { figures, left_out } = sweep.draw();
        let names: Vec<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
        assert_eq!(names, ["prior", "prior_own_range"]);
        let missing: Vec<&str> = left_out.iter().map(|left_out| left_out.figure).collect();
        assert_eq!(
            missing,
            ["small_multiples", "small_multiples_own_range", "rate_distortion", "diagnostics"]
        );
    }
}
