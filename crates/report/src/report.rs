//! From run directories to figures and a page.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use record::{Encoded, MemberResult, Outputs, write_atomically};

use crate::error::{ReportError, Result};
use crate::evidence::Evidence;
use crate::figures::{
    Drawing, FigureSet, LeftOut, MemberFigures, SweepFigures, SweepMember, common_range, write,
};
use crate::page::render;
use crate::recommendation::{Recommendation, recommend};
use crate::run::{Member, Run};
use crate::verdict::Budget;

/// How a report is made.
#[derive(Clone, Debug, Default)]
pub struct ReportOptions {
    /// Where the page is written; `report.html` in the run's directory if not given, which only a single run has.
    pub output: Option<PathBuf>,
    /// Which figures are written beside the page.
    pub figures: FigureSet,
    /// What may be spent to compress.
    pub budget: Option<Budget>,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The page.
    pub page: PathBuf,
    /// How many figures, each as PNG and SVG.
    pub figures: usize,
    /// The figures that were left out, with what they would have needed.
    pub left_out: Vec<String>,
}

/// Runs, read: everything that figures and page are made of.
pub struct Report {
    runs: Vec<Run>,
    notes: Vec<String>,
    evidence: Evidence,
}

/// A member with its run.
#[derive(Clone, Copy)]
pub(crate) struct ReportMember<'a> {
    pub run: &'a Run,
    /// The run's position among those of the report.
    pub run_position: usize,
    pub member: &'a Member,
}

impl<'a> ReportMember<'a> {
    pub fn c(&self) -> f64 {
        self.member.id.kl_coefficient
    }

    pub fn kl_per_dim(&self) -> Vec<f64> {
        self.member.kl_per_dim(self.run.config.model.latent)
    }

    /// The posteriors of the test examples.
    pub fn encoded(&self) -> Option<&'a Encoded> {
        self.member.encoded.as_ref()
    }

    /// What its network makes of the examples, read anew.
    pub fn outputs(&self) -> Option<Outputs> {
        self.member.outputs(self.run)
    }
}

impl Report {
    /// Reads runs.
    ///
    /// # Errors
    ///
    /// Fails when a directory is no run's, and when the runs differ in more than coefficients and seeds.
    pub fn read(dirs: &[PathBuf]) -> Result<Self> {
        Self::of(dirs.iter().map(|dir| Run::read(dir, None)).collect::<Result<_>>()?)
    }

    /// The same runs as they are now, of which only members are read whose files have changed.
    ///
    /// # Errors
    ///
    /// As of [`read`](Self::read).
    pub fn read_again(self) -> Result<Self> {
        let again = |run: Run| Run::read(&run.dir.clone(), Some(run));
        Self::of(self.runs.into_iter().map(again).collect::<Result<_>>()?)
    }

    fn of(mut runs: Vec<Run>) -> Result<Self> {
        let mut notes: Vec<String> = runs.iter_mut().flat_map(|run| std::mem::take(&mut run.notes)).collect();
        check_alike(&runs)?;
        leave_out_duplicates(&mut runs, &mut notes);
        let results = runs.iter().flat_map(|run| &run.members).filter_map(|member| member.result.as_ref());
        notes.extend(note_on_kernels(results));
        let members = runs.iter().flat_map(|run| &run.members);
        let measured: Vec<_> =
            members.filter_map(|member| Some((member.result.as_ref()?, member.losses.as_ref()?))).collect();
        let margin = runs.first().map(|run| run.config.margin).unwrap_or_default();
        let evidence = Evidence::of(&measured, margin);
        Ok(Self { runs, notes, evidence })
    }

    /// Which coefficient to keep for what; to compress, under a budget if there is one.
    pub fn recommendation(&self, budget: Option<Budget>) -> Recommendation {
        let recommendation = recommend(&self.evidence, budget);
        let too_few = self.runs.first().and_then(|run| run.record.as_ref()?.data.too_few());
        match too_few {
            Some(reason) => recommendation.withheld(reason),
            None => recommendation,
        }
    }

    /// Writes the figures into the runs' directories and the page to its place.
    ///
    /// # Errors
    ///
    /// Fails when the page of several runs has no place, and when something cannot be written.
    pub fn write(&self, options: &ReportOptions) -> Result<Written> {
        let page = match (&options.output, &self.runs[..]) {
            (Some(path), _) => path.clone(),
            (None, [run]) => run.dir.join("report.html"),
            (None, _) => return Err(ReportError::NoPlace),
        };
        let recommendation = self.recommendation(options.budget);
        let (figures, left_out) = self.write_figures(options.figures, &recommendation)?;
        write_atomically(&page, self.render(false, recommendation)?.as_bytes())?;
        Ok(Written { page, figures, left_out })
    }

    /// Writes the figures of every run and, where all are wanted, of every member; gives back how many, and what was left
    /// out.
    fn write_figures(&self, set: FigureSet, recommendation: &Recommendation) -> Result<(usize, Vec<String>)> {
        if set == FigureSet::None {
            return Ok((0, Vec::new()));
        }
        let members = self.members();
        let kl_per_dim: Vec<Vec<f64>> = members.iter().map(ReportMember::kl_per_dim).collect();
        let clouds = members.iter().zip(&kl_per_dim);
        let common_range = common_range(
            clouds.filter_map(|(member, kl_per_dim)| Some((member.encoded()?, kl_per_dim.as_slice()))),
        );
        let all = set == FigureSet::All;
        let kept = recommendation.generate.coefficients.first().copied();
        let (mut count, mut left_out) = (0, Vec::new());
        let mut draw =
            |dir: &Path, of: &str, Drawing { figures, left_out: missing }: Drawing| -> Result<()> {
                count += figures.len();
                left_out.extend(
                    missing.iter().map(|LeftOut { figure, reason }| format!("{figure} of {of}: {reason}")),
                );
                write(dir, figures)
            };
        for (position, run) in self.runs.iter().enumerate() {
            let of_run: Vec<(&ReportMember<'_>, &[f64])> = members
                .iter()
                .zip(&kl_per_dim)
                .filter(|(member, _)| member.run_position == position)
                .map(|(member, kl_per_dim)| (member, kl_per_dim.as_slice()))
                .collect();
            let usable = || of_run.iter().filter(|(member, _)| member.member.recorded.is_some());
            let shown = usable().find(|(member, _)| Some(member.c()) == kept).or_else(|| usable().next());
            let sweep_members: Vec<SweepMember<'_>> =
                of_run.iter().map(|(member, kl_per_dim)| sweep_member(member, kl_per_dim)).collect();
            let outputs = shown.and_then(|(member, _)| member.outputs());
            let sweep = SweepFigures {
                members: &sweep_members,
                examples: run.examples.as_ref(),
                shown: shown.map(|(member, kl_per_dim)| member_figures(member, outputs.as_ref(), kl_per_dim)),
            };
            let (dir, name) = (run.dir.join("figures"), &run.config.name);
            draw(&dir, name, sweep.draw(common_range))?;
            if all {
                draw(&dir, name, sweep.draw_rest(common_range))?;
                for (member, kl_per_dim) in &of_run {
                    let outputs = member.outputs();
                    let drawing = member_figures(member, outputs.as_ref(), kl_per_dim).draw(common_range);
                    draw(&member.member.figures(), &member.member.id.to_string(), drawing)?;
                }
            }
        }
        Ok((count, left_out))
    }

    /// The page, which asks its server for news if it is `live`.
    pub fn page(&self, live: bool) -> Result<String> {
        self.render(live, self.recommendation(None))
    }

    fn render(&self, live: bool, recommendation: Recommendation) -> Result<String> {
        render(&self.runs, &self.members(), &self.evidence, recommendation, &self.notes, live)
    }

    fn members(&self) -> Vec<ReportMember<'_>> {
        let runs = self.runs.iter().enumerate();
        runs.flat_map(|(run_position, run)| {
            run.members.iter().map(move |member| ReportMember { run, run_position, member })
        })
        .collect()
    }
}

fn member_figures<'a>(
    of: &ReportMember<'a>,
    outputs: Option<&'a Outputs>,
    kl_per_dim: &'a [f64],
) -> MemberFigures<'a> {
    let ReportMember { run, member, .. } = *of;
    MemberFigures {
        c: member.id.kl_coefficient,
        seed: member.id.seed,
        examples: run.examples.as_ref(),
        outputs,
        kl_per_dim,
        history: &member.history,
    }
}

fn sweep_member<'a>(of: &ReportMember<'a>, kl_per_dim: &'a [f64]) -> SweepMember<'a> {
    SweepMember {
        c: of.c(),
        seed: of.member.id.seed,
        kl_per_dim,
        history: &of.member.history,
        result: of.member.result.as_ref(),
        encoded: of.encoded(),
    }
}

/// Refuses runs that a coefficient is not the only difference of.
fn check_alike(runs: &[Run]) -> Result<()> {
    let Some((first, others)) = runs.split_first() else { return Ok(()) };
    for other in others {
        if let Some([a, b]) = first.config.difference_beside_members(&other.config) {
            let (one, other) = (first.dir.clone(), other.dir.clone());
            return Err(ReportError::Unlike { one, in_one: a, other, in_other: b });
        }
    }
    Ok(())
}

/// What to say of members that were not computed with the same kernels.
fn note_on_kernels<'a>(results: impl Iterator<Item = &'a MemberResult>) -> Option<String> {
    let sets: BTreeSet<&str> = results.filter_map(|result| result.kernels.as_deref()).collect();
    (sets.len() > 1).then(|| {
        let sets: Vec<&str> = sets.into_iter().collect();
        format!(
            "The members were computed with different sets of kernels ({}): between them, the last digits of a training \
             differ by rounding.",
            sets.join(", ")
        )
    })
}

/// Keeps the first of members of the same coefficient and seed in several runs.
fn leave_out_duplicates(runs: &mut [Run], notes: &mut Vec<String>) {
    let mut seen = Vec::new();
    for run in runs {
        let dir = run.dir.display().to_string();
        run.members.retain(|member| {
            let new = !seen.contains(&member.id);
            if new {
                seen.push(member.id);
            } else {
                notes.push(format!("{} of {dir} is left out: another run has it too.", member.id));
            }
            new
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::for_tests::finished;

    #[test]
    fn members_of_several_sets_of_kernels_are_noted() {
        let member = |set: &str| finished(1.0, 0, |result| result.kernels = Some(set.into()));
        let same = [member("avx2"), member("avx2")];
        assert_eq!(note_on_kernels(same.iter()), None);
        let mixed = [member("portable"), member("avx2"), finished(1.0, 0, |result| result.kernels = None)];
        let note = note_on_kernels(mixed.iter()).expect("there are two");
        assert!(note.contains("(avx2, portable)"), "{note}");
    }
}
