//! The figures of a whole sweep.

use figure::{Chart, Panels};
use record::{Encoded, EpochRow, Examples, MemberResult};

use super::coefficients::Coefficients;
use super::diagnostics::{DiagnosticChart, diagnostic_charts, overview};
use super::encoder::{Cloud, PRIOR_RANGE, Range};
use super::files::{Drawing, Figure};
use super::learning_curves::{Learner, learning_curves};
use super::member::{MemberFigures, SIDE};
use super::prior::prior;
use super::rate_distortion::{Trained, rate_distortion};
use super::small_multiples::{Entry, PANELS, small_multiples, stride};
use crate::format;

/// What is known of all members.
pub struct SweepFigures<'a> {
    /// The members, in any order.
    pub members: &'a [SweepMember<'a>],
    /// The examples of the run.
    pub examples: Option<&'a Examples>,
    /// The member that stands for all where there is room for one.
    pub shown: Option<MemberFigures<'a>>,
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
    /// Its finished epochs.
    pub history: &'a [EpochRow],
    /// What was measured of it; nothing if it is not finished.
    pub result: Option<&'a MemberResult>,
    /// The posteriors of the held-out images; nothing without these or without a network.
    pub encoded: Option<&'a Encoded>,
}

/// How many figures are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FigureSet {
    /// The handful that one puts into a paper.
    #[default]
    Paper,
    /// Every figure of the sweep, and those of each member.
    All,
    /// No figure: the page alone.
    None,
}

impl FigureSet {
    /// All sets.
    pub const ALL: [Self; 3] = [Self::Paper, Self::All, Self::None];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Paper => "paper",
            Self::All => "all",
            Self::None => "none",
        }
    }
}

impl SweepFigures<'_> {
    /// The handful that one puts into a paper: the encoders side by side, rate and distortion, the learning curves, the
    /// diagnostics, and one manifold.
    pub fn draw(&self, common_range: Range) -> Drawing {
        let mut drawing = Drawing::default();
        self.draw_small_multiples("small_multiples", Some(common_range), &mut drawing);

        let trained: Vec<Trained> = self.members.iter().filter_map(SweepMember::trained).collect();
        if trained.is_empty() {
            drawing.leave_out(
                "rate_distortion",
                "no member has a finished epoch, or its reconstruction is not known",
            );
        } else {
            drawing.add("rate_distortion", rate_distortion(&trained, &self.coefficients()));
        }
        if self.members.iter().all(|member| member.history.is_empty()) {
            drawing.leave_out("learning_curves", "no member has a finished epoch");
        } else {
            let panels = Panels {
                title: "Learning curves".into(),
                subtitle:
                    "Training images as the weights were when each was seen, held-out images after each epoch."
                        .into(),
                ..learning_curves(&self.learners(), &self.coefficients())
            };
            drawing.figures.push(Figure::new("learning_curves", panels.scene()));
        }

        let charts = self.diagnostic_charts();
        if charts.is_empty() {
            drawing.leave_out("diagnostics", "no member is finished");
        } else {
            drawing.figures.push(Figure::new("diagnostics", overview(&charts, &self.coefficients()).scene()));
        }

        match self.shown.map(|member| (member.manifold(), member.profiles())) {
            Some((Some(manifold), _)) => drawing.add("manifold", manifold),
            Some((None, Some(profiles))) => drawing.figures.push(Figure::new("profiles", profiles.scene())),
            _ => drawing.leave_out("manifold", "no member has recorded what its decoder makes of codes"),
        }
        drawing
    }

    /// What [`draw`](Self::draw) leaves to those who want all.
    pub fn draw_rest(&self, common_range: Range) -> Drawing {
        let mut drawing = Drawing::default();
        let points = self.prior_points();
        let latent = self.members.iter().map(|member| member.kl_per_dim.len()).max().unwrap_or(2);
        for (name, range, axes) in [
            ("prior", common_range, "on the axes of all encoder outputs"),
            ("prior_own_range", PRIOR_RANGE, "on axes of their own"),
        ] {
            if points.is_empty() {
                drawing.leave_out(name, "its points are not recorded");
                continue;
            }
            let subtitle = format!("{} points of a standard normal, {axes}.", format::count(points.len()));
            drawing.add(
                name,
                Chart { title: "The prior".into(), subtitle, ..prior(&points, latent, range, SIDE) },
            );
        }
        self.draw_small_multiples("small_multiples_own_range", None, &mut drawing);
        for chart in self.diagnostic_charts() {
            drawing.add(&format!("diagnostics/{}", chart.key), chart.chart(&self.coefficients()));
        }
        drawing
    }

    fn prior_points(&self) -> Vec<[f64; 2]> {
        let points = self.examples.and_then(|examples| examples.prior_points.as_ref());
        let rows = points.into_iter().flat_map(|points| points.rows());
        rows.map(|row| [f64::from(row[0]), f64::from(row[1])]).collect()
    }

    fn coefficients(&self) -> Coefficients {
        Coefficients::new(self.members.iter().map(|member| member.c))
    }

    fn learners(&self) -> Vec<Learner<'_>> {
        let members = self.members.iter();
        members.map(|&SweepMember { c, seed, history, .. }| Learner { c, seed, history }).collect()
    }

    fn diagnostic_charts(&self) -> Vec<DiagnosticChart> {
        let results: Vec<&MemberResult> = self.members.iter().filter_map(|member| member.result).collect();
        diagnostic_charts(&results)
    }

    /// Each member's cloud on the `common` axes, or on its own where there are none.
    fn draw_small_multiples(&self, name: &'static str, common: Option<Range>, drawing: &mut Drawing) {
        let labels = self.examples.and_then(|examples| examples.test.labels.as_ref()?.as_slice());
        let names = self.examples.map_or(&[][..], |examples| &examples.classes);
        let entry = |member: &SweepMember<'_>| {
            let cloud = Cloud::new(member.encoded?, labels, names, member.kl_per_dim);
            Some(Entry { c: member.c, seed: member.seed, cloud })
        };
        let entries: Vec<Entry<'_>> = self.members.iter().filter_map(entry).collect();
        let count = entries.len();
        if count == 0 {
            drawing.leave_out(name, "no member has recorded the codes of held-out images");
            return;
        }
        let mut shown = match stride(&entries) {
            1 => String::new(),
            stride => format!(" One image in {stride} is shown."),
        };
        if count > PANELS {
            shown += &format!(" The first {PANELS} of {count} members.");
        }
        let axes = if common.is_some() { "all on the same axes" } else { "each on its own axes" };
        let panels = Panels {
            title: "Encoder outputs beside the prior".into(),
            subtitle: format!("Posterior means of the held-out images, {axes} (prior σ = 1).{shown}"),
            ..small_multiples(entries, &self.prior_points(), common)
        };
        drawing.figures.push(Figure::new(name, panels.scene()));
    }
}

impl SweepMember<'_> {
    /// As far as it got; nothing before its first epoch.
    pub fn trained(&self) -> Option<Trained> {
        let of_result = self.result.map(|result| result.test);
        let terms = of_result.or_else(|| Some(self.history.last()?.test))?;
        let known = terms.elbo_loss().is_finite() || of_result.is_none();
        known.then_some(Trained { c: self.c, terms, finished: of_result.is_some() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::for_tests::{Recorded, assert_sound};
    use record::Terms;
    use record::for_tests::finished;

    const COMMON: Range = [[-6.0, 6.0]; 2];

    fn names(drawing: &Drawing) -> Vec<&str> {
        drawing.figures.iter().map(|figure| figure.name.as_str()).collect()
    }

    #[test]
    fn a_sweep_has_all_its_figures_and_each_can_be_read() {
        let mut recorded = Recorded::new(2);
        for row in &mut recorded.history {
            row.test = Terms { reconstruction: 145.0 + row.epoch as f64, kl: 5.0 };
        }
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
                    history: &recorded.history,
                    result: Some(result),
                    encoded: recorded.outputs.test.as_ref(),
                })
                .collect();
            let shown = MemberFigures {
                c: 0.0,
                seed: 0,
                examples: None,
                outputs: Some(&recorded.outputs),
                kl_per_dim: &recorded.kl_per_dim,
                history: &recorded.history,
            };
            let examples = Some(&recorded.examples);
            let sweep = SweepFigures { members: &members, examples, shown: Some(shown) };
            let (paper, rest) = (sweep.draw(COMMON), sweep.draw_rest(COMMON));
            assert_eq!([&paper.left_out[..], &rest.left_out[..]], [&[], &[]]);
            for figure in paper.figures.iter().chain(&rest.figures) {
                assert_sound(&format!("{} of {count}", figure.name), &figure.scene);
            }
            let expected =
                ["small_multiples", "rate_distortion", "learning_curves", "diagnostics", "manifold"];
            assert_eq!(names(&paper), expected);
            for name in ["prior", "prior_own_range", "small_multiples_own_range", "diagnostics/kl"] {
                assert!(names(&rest).contains(&name), "no {name} in {:?}", names(&rest));
            }
        }
    }

    #[test]
    fn what_cannot_be_drawn_before_the_first_epoch_is_said() {
        let member = SweepMember {
            c: 1.0,
            seed: 0,
            kl_per_dim: &[0.0, 0.0],
            history: &[],
            result: None,
            encoded: None,
        };
        let sweep = SweepFigures { members: &[member], examples: None, shown: None };
        let Drawing { figures, left_out } = sweep.draw(COMMON);
        assert!(figures.is_empty());
        let missing: Vec<&str> = left_out.iter().map(|left_out| left_out.figure).collect();
        let expected = ["small_multiples", "rate_distortion", "learning_curves", "diagnostics", "manifold"];
        assert_eq!(missing, expected);
        assert_eq!(names(&sweep.draw_rest(COMMON)), [""; 0]);
    }
}
