//! From run directories to figures and a page.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use burn::tensor::Device;
use record::{by_coefficient, write_atomically};

use super::figures::{
    Drawing, FigureOptions, FigureSet, LeftOut, MemberFigures, SweepFigures, SweepMember, common_range, write,
};
use super::page::render;
use super::recommendation::recommend;
use super::run::{Member, Run};
use crate::device::any_device;
use crate::diagnostics::EncodedImages;

/// How a report is made.
#[derive(Clone, Debug)]
pub struct ReportOptions {
    /// Where the page is written; `report.html` in the run's directory if not given, which only a single run has.
    pub output: Option<PathBuf>,
    /// Rows and columns of the decoder's manifold figures.
    pub grid: usize,
    /// Which figures are written beside the page.
    pub figures: FigureSet,
}

impl Default for ReportOptions {
    /// The figures of a paper; 8 x 8 images of the manifold, as in the classic experiment.
    fn default() -> Self {
        Self { output: None, grid: 8, figures: FigureSet::Paper }
    }
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

/// Runs, read and encoded: everything that figures and page are made of.
pub struct Report {
    runs: Vec<Run>,
    /// Of the members of all runs, one after another.
    encoded: Vec<Option<EncodedImages>>,
    /// Where a linear decoder would collapse.
    collapse: Vec<f64>,
    notes: Vec<String>,
    device: Device,
}

/// A member with what its network makes of the test images.
pub(super) struct Measured<'a> {
    pub run: &'a Run,
    /// The run's position among those of the report.
    pub run_position: usize,
    pub member: &'a Member,
    /// Nothing without network or images.
    pub encoded: Option<&'a EncodedImages>,
}

impl Measured<'_> {
    pub fn c(&self) -> f64 {
        self.member.id.kl_coefficient
    }

    /// The KL of each latent dimension, in nats, as last measured; zeros before the first epoch.
    pub fn kl_per_dim(&self) -> Vec<f64> {
        let Member { result, history, .. } = self.member;
        match (result, history.last()) {
            (Some(result), _) => result.diagnostics.kl_per_dim.clone(),
            (None, Some(row)) => row.test_latent.kl_per_dim.clone(),
            (None, None) => vec![0.0; self.run.config.model.latent],
        }
    }
}

impl Report {
    /// Reads runs and encodes their test images.
    ///
    /// # Errors
    ///
    /// Fails when a directory is no run's, and when the runs differ in more than coefficients and seeds.
    pub fn read(dirs: &[PathBuf]) -> Result<Self> {
        let device = any_device()?;
        let mut runs = dirs.iter().map(|dir| Run::read(dir, &device)).collect::<Result<Vec<_>>>()?;
        let mut notes: Vec<String> = runs.iter_mut().flat_map(|run| std::mem::take(&mut run.notes)).collect();
        check_alike(&runs)?;
        leave_out_duplicates(&mut runs, &mut notes);

        let encode = |run: &Run| -> Vec<Option<EncodedImages>> {
            let test = run.dataset.as_ref().map(|dataset| &dataset.test);
            let encode = |member: &Member| Some(EncodedImages::encode(member.vae.as_ref()?, test?, &device));
            run.members.iter().map(encode).collect()
        };
        let encoded = runs.iter().flat_map(encode).collect();
        let collapse = runs.iter().find_map(|run| run.dir.collapse().ok().flatten());
        Ok(Self { runs, encoded, collapse: collapse.unwrap_or_default(), notes, device })
    }

    /// Writes the figures into the runs' directories and the page to its place.
    ///
    /// # Errors
    ///
    /// Fails when the page of several runs has no place, and when something cannot be written.
    pub fn write(&self, options: &ReportOptions) -> Result<Written> {
        let page = match (&options.output, &self.runs[..]) {
            (Some(path), _) => path.clone(),
            (None, [run]) => run.dir.path().join("report.html"),
            (None, _) => bail!("a report on several runs needs a place: name the file with --output"),
        };
        let (figures, left_out) = self.write_figures(options)?;
        write_atomically(&page, self.page(false)?.as_bytes())?;
        Ok(Written { page, figures, left_out })
    }

    /// Writes the figures of every run and, where all are wanted, of every member; gives back how many, and what was left
    /// out.
    fn write_figures(&self, options: &ReportOptions) -> Result<(usize, Vec<String>)> {
        if options.figures == FigureSet::None {
            return Ok((0, Vec::new()));
        }
        let measured = self.measured();
        let kl_per_dim: Vec<Vec<f64>> = measured.iter().map(Measured::kl_per_dim).collect();
        let clouds = measured.iter().zip(&kl_per_dim);
        let common_range = common_range(
            clouds.filter_map(|(measured, kl_per_dim)| Some((measured.encoded?, kl_per_dim.as_slice()))),
        );
        let figure_options = FigureOptions { grid: options.grid, common_range };
        let all = options.figures == FigureSet::All;
        let kept = self.kept();
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
            let test = run.dataset.as_ref().map(|dataset| &dataset.test);
            let of_run = || measured.iter().zip(&kl_per_dim).filter(|(m, _)| m.run_position == position);
            let usable = || of_run().filter(|(measured, _)| measured.member.vae.is_some());
            let shown = usable().find(|(measured, _)| Some(measured.c()) == kept).or_else(|| usable().next());
            let members: Vec<SweepMember<'_>> = of_run()
                .map(|(measured, kl_per_dim)| SweepMember {
                    c: measured.c(),
                    seed: measured.member.id.seed,
                    kl_per_dim,
                    history: &measured.member.history,
                    result: measured.member.result.as_ref(),
                    encoded: measured.encoded,
                })
                .collect();
            let sweep = SweepFigures {
                members: &members,
                labels: test.and_then(|test| test.labels.as_deref()),
                shown: shown.map(|(measured, kl_per_dim)| self.member_figures(measured, kl_per_dim)),
            };
            let (dir, name) = (run.dir.path().join("figures"), &run.config.name);
            draw(&dir, name, sweep.draw(&figure_options))?;
            if all {
                draw(&dir, name, sweep.draw_rest(&figure_options))?;
                for (measured, kl_per_dim) in of_run() {
                    let id = measured.member.id;
                    let drawing = self.member_figures(measured, kl_per_dim).draw(&figure_options);
                    draw(&run.dir.member(id).figures(), &id.to_string(), drawing)?;
                }
            }
        }
        Ok((count, left_out))
    }

    fn member_figures<'a>(&'a self, measured: &Measured<'a>, kl_per_dim: &'a [f64]) -> MemberFigures<'a> {
        let Measured { run, member, encoded, .. } = *measured;
        MemberFigures {
            c: member.id.kl_coefficient,
            seed: member.id.seed,
            vae: member.vae.as_ref(),
            device: &self.device,
            size: run.image_size(run.pixels().unwrap_or(1)),
            test: run.dataset.as_ref().map(|dataset| &dataset.test),
            encoded,
            kl_per_dim,
            history: &member.history,
        }
    }

    /// The coefficient to generate with, which stands for all where there is room for one.
    fn kept(&self) -> Option<f64> {
        let results =
            self.runs.iter().flat_map(|run| &run.members).filter_map(|member| member.result.as_ref());
        let groups = by_coefficient(results.map(|result| (result.c, result)));
        recommend(&groups, None).generate.coefficients.first().copied()
    }

    /// The page, which asks its server for news if it is `live`.
    pub fn page(&self, live: bool) -> Result<String> {
        render(&self.runs, &self.measured(), &self.collapse, &self.notes, &self.device, live)
    }

    fn measured(&self) -> Vec<Measured<'_>> {
        let members = self.runs.iter().enumerate().flat_map(|(run_position, run)| {
            run.members.iter().map(move |member| (run_position, run, member))
        });
        members
            .zip(&self.encoded)
            .map(|((run_position, run, member), encoded)| Measured {
                run,
                run_position,
                member,
                encoded: encoded.as_ref(),
            })
            .collect()
    }
}

/// Refuses runs that a coefficient is not the only difference of.
fn check_alike(runs: &[Run]) -> Result<()> {
    let Some((first, others)) = runs.split_first() else { return Ok(()) };
    for other in others {
        if let Some([a, b]) = first.config.difference_beside_members(&other.config) {
            bail!(
                "{} has {a}, {} has {b}: a report compares coefficients and seeds of runs that are alike in everything else",
                first.dir.path().display(),
                other.dir.path().display()
            );
        }
    }
    Ok(())
}

/// Keeps the first of members of the same coefficient and seed in several runs.
fn leave_out_duplicates(runs: &mut [Run], notes: &mut Vec<String>) {
    let mut seen = Vec::new();
    for run in runs {
        let dir = run.dir.path().display().to_string();
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
