//! How often sweeps in which all coefficients are equal name a winner: by the rule, and by simpler ones.
//!
//!     cargo run -p report --example calibration -- docs/calibration
//!     cargo run -p report --example calibration -- docs/calibration_real runs/null
//!
//! Writes a table and a figure of simulated sweeps; with a run of one coefficient and many seeds, a table of sweeps that are
//! dealt from its members, real networks that differ in nothing but the seed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use figure::{Axis, Chart, Lines, Mark, Scale, Series, Size, Tick, palette};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use record::{Group, RunDir, write_atomically};
use report::verdict::{PairedLosses, Reservations, decide, t_quantile};

#[path = "../src/verdict/simulated.rs"]
mod simulated;
use simulated::{Noise, Simulated};

/// Sweeps of each row of the table.
const SWEEPS: usize = 2000;
/// Resamples of the bootstrap; its sweeps are fewer, as each costs so many.
const RESAMPLES: usize = 400;
const BOOTSTRAPPED: usize = 400;
/// Images that choose: fewer than a real test set has, with as much less noise each, so that the sums are the same.
const IMAGES: usize = 200;

type Sweep = Vec<Group<Vec<f32>>>;

/// A way to name a winner; the position of the coefficient, if one is named.
#[derive(Clone, Copy)]
struct Rule {
    name: &'static str,
    sweeps: usize,
    winner: fn(&Sweep, &mut ChaCha8Rng) -> Option<usize>,
}

const RULES: [Rule; 5] = [
    Rule { name: "the rule of klsweep", sweeps: SWEEPS, winner: by_rule },
    Rule { name: "pigeonhole bootstrap", sweeps: BOOTSTRAPPED, winner: by_bootstrap },
    Rule { name: "Satterthwaite and Holm", sweeps: SWEEPS, winner: by_satterthwaite },
    Rule { name: "argmax and t over seeds", sweeps: SWEEPS, winner: by_paired_t },
    Rule { name: "argmax", sweeps: SWEEPS, winner: by_argmax },
];

/// The rule: nothing is within a margin of nothing.
fn by_rule(sweep: &Sweep, _: &mut ChaCha8Rng) -> Option<usize> {
    let losses = PairedLosses::new(sweep)?;
    let decision = decide(&losses, 0.0, &Reservations::default())?;
    let named = decision.named?;
    sweep.iter().position(|group| group.c == named)
}

fn by_argmax(sweep: &Sweep, _: &mut ChaCha8Rng) -> Option<usize> {
    let losses = PairedLosses::new(sweep)?;
    leader(&losses)
}

fn leader(losses: &PairedLosses) -> Option<usize> {
    (0..losses.coefficients().len()).min_by(|&a, &b| losses.mean(a).mean.total_cmp(&losses.mean(b).mean))
}

/// What klsweep did before: the best mean, and a paired t-test over the seeds against each other one, uncorrected.
fn by_paired_t(sweep: &Sweep, _: &mut ChaCha8Rng) -> Option<usize> {
    let losses = PairedLosses::new(sweep)?;
    let best = leader(&losses)?;
    if losses.seeds() < 2 {
        return Some(best);
    }
    let quantile = t_quantile((losses.seeds() - 1) as f64, 0.05);
    let beaten = |&other: &usize| {
        let difference = losses.difference(other, best);
        difference.mean > quantile * (difference.seed_variance / difference.seeds as f64).sqrt()
    };
    (0..sweep.len()).filter(|&other| other != best).all(|other| beaten(&other)).then_some(best)
}

/// Holm over the comparisons with the leader, each with the degrees of freedom of Satterthwaite.
fn by_satterthwaite(sweep: &Sweep, _: &mut ChaCha8Rng) -> Option<usize> {
    let losses = PairedLosses::new(sweep)?;
    let best = leader(&losses)?;
    if losses.seeds() < 2 {
        return None;
    }
    let mut scores: Vec<(f64, f64)> = (0..sweep.len())
        .filter(|&other| other != best)
        .map(|other| {
            let found = losses.difference(other, best);
            let of_seeds = found.seed_variance / found.seeds as f64;
            let of_images = found.image_variance / found.images as f64;
            let freedom = (of_seeds + of_images).powi(2)
                / (of_seeds.powi(2) / (found.seeds - 1) as f64
                    + of_images.powi(2) / (found.images - 1) as f64);
            (found.mean / found.standard_error(), freedom)
        })
        .collect();
    scores.sort_by(|a, b| b.0.total_cmp(&a.0));
    let count = scores.len();
    let holds = |(step, (score, freedom)): (usize, &(f64, f64))| {
        *score > t_quantile(*freedom, 0.05 / (count - step) as f64)
    };
    scores.iter().enumerate().all(holds).then_some(best)
}

/// Multiple comparisons with the best: the 95 % quantile of the greatest studentised difference of any pair, under a bootstrap
/// that resamples seeds and images together.
fn by_bootstrap(sweep: &Sweep, stream: &mut ChaCha8Rng) -> Option<usize> {
    let losses = PairedLosses::new(sweep)?;
    let best = leader(&losses)?;
    if losses.seeds() < 2 {
        return None;
    }
    let count = sweep.len();
    let pairs = || (0..count).flat_map(|a| (0..count).filter(move |&b| b != a).map(move |b| (a, b)));
    let mut greatest: Vec<f64> = (0..RESAMPLES)
        .filter_map(|_| {
            let mut draw =
                |of: usize| -> Vec<usize> { (0..of).map(|_| stream.random_range(0..of)).collect() };
            let (seeds, images) = (draw(losses.seeds()), draw(losses.images()));
            let resampled = |group: &Group<Vec<f32>>| {
                let seed = |&seed: &usize| images.iter().map(|&image| group.values[seed][image]).collect();
                Group { c: group.c, values: seeds.iter().map(seed).collect() }
            };
            let again = PairedLosses::new(&sweep.iter().map(resampled).collect::<Vec<_>>())?;
            let score = |(a, b): (usize, usize)| {
                let found = again.difference(a, b);
                (found.mean - losses.difference(a, b).mean) / found.standard_error()
            };
            pairs().map(score).filter(|score| !score.is_nan()).max_by(f64::total_cmp)
        })
        .collect();
    greatest.sort_by(f64::total_cmp);
    let quantile = *greatest.get((0.95 * greatest.len() as f64) as usize)?;
    let beaten = |other: usize| {
        let found = losses.difference(other, best);
        found.mean > quantile * found.standard_error()
    };
    (0..count).filter(|&other| other != best).all(beaten).then_some(best)
}

/// Sweeps of one kind.
struct Scenario {
    noise: String,
    coefficients: usize,
    seeds: usize,
    draw: Box<dyn FnMut() -> Sweep>,
    /// How many coefficients, the first ones, are equal and the best: naming one is wrong.
    equal: usize,
}

/// Differences between coefficients as on MNIST: in nats, what a seed does and what the images do to a mean.
fn noises() -> [(&'static str, Noise); 3] {
    // A standard deviation of the mean over the images, as that of one image.
    let of_one = |of_mean: f64| of_mean * (IMAGES as f64).sqrt();
    [
        ("seeds", Noise { seed: 0.7, image: of_one(0.02), residual: of_one(0.05) }),
        ("both", Noise { seed: 0.1, image: of_one(0.1), residual: of_one(0.1) }),
        ("images", Noise { seed: 0.005, image: of_one(0.1), residual: of_one(0.05) }),
    ]
}

fn simulated_scenarios() -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for (name, noise) in noises() {
        for (coefficients, equal) in [(2, 2), (5, 5), (5, 2)] {
            for seeds in [2, 3, 5, 10] {
                // Where not all are equal, the others are far behind, as c = 0 and c = 20 are.
                let means: Vec<f64> =
                    (0..coefficients).map(|at| if at < equal { 0.0 } else { 40.0 * at as f64 }).collect();
                let mut simulated = Simulated::new(seeds as u64);
                let draw = move || simulated.sweep(&means, seeds, IMAGES, noise);
                scenarios.push(Scenario {
                    noise: name.into(),
                    coefficients,
                    seeds,
                    draw: Box::new(draw),
                    equal,
                });
            }
        }
    }
    scenarios
}

/// Sweeps dealt from the members of a run that differ in nothing but the seed.
fn real_scenarios(run: &Path) -> Result<Vec<Scenario>, Box<dyn std::error::Error>> {
    let dir = RunDir::open(run)?;
    let mut members = Vec::new();
    for id in dir.config()?.members() {
        let losses =
            dir.member(id).losses()?.ok_or_else(|| format!("{id} of {} has no losses", run.display()))?;
        let elbo_losses = losses
            .choose
            .terms
            .objective(1.0)
            .ok_or_else(|| format!("{id} of {} has no reconstruction losses", run.display()))?;
        members.push(elbo_losses.map(|loss| loss as f32).collect::<Vec<f32>>());
    }
    let mut scenarios = Vec::new();
    for coefficients in [2, 5] {
        for seeds in [2, 3, 5, 10] {
            let (mut stream, mut members) = (ChaCha8Rng::seed_from_u64(seeds as u64), members.clone());
            if coefficients * seeds > members.len() {
                continue;
            }
            let draw = move || {
                members.shuffle(&mut stream);
                let group = |(at, values): (usize, &[Vec<f32>])| Group {
                    c: (at + 1) as f64,
                    values: values.to_vec(),
                };
                members.chunks(seeds).take(coefficients).enumerate().map(group).collect()
            };
            scenarios.push(Scenario {
                noise: "real networks".into(),
                coefficients,
                seeds,
                draw: Box::new(draw),
                equal: coefficients,
            });
        }
    }
    Ok(scenarios)
}

/// The share of sweeps in which a rule names one of those that are equal.
struct Row {
    noise: String,
    coefficients: usize,
    equal: usize,
    seeds: usize,
    wrong: [f64; RULES.len()],
}

fn measure(scenario: Scenario) -> Row {
    let Scenario { noise, coefficients, seeds, mut draw, equal } = scenario;
    let mut stream = ChaCha8Rng::seed_from_u64(1);
    let mut named = [0usize; RULES.len()];
    for at in 0..SWEEPS {
        let sweep = draw();
        for (named, rule) in named.iter_mut().zip(RULES) {
            if at < rule.sweeps && (rule.winner)(&sweep, &mut stream).is_some_and(|winner| winner < equal) {
                *named += 1;
            }
        }
    }
    let mut wrong = [0.0; RULES.len()];
    for ((share, named), rule) in wrong.iter_mut().zip(named).zip(RULES) {
        *share = named as f64 / rule.sweeps as f64;
    }
    Row { noise, coefficients, equal, seeds, wrong }
}

fn table(rows: &[Row]) -> String {
    let names = RULES.map(|rule| rule.name).join(" | ");
    let mut text = format!("| noise from | coefficients | of these equal | seeds | {names} |\n");
    text += &format!("|{}\n", "---|".repeat(4 + RULES.len()));
    for Row { noise, coefficients, equal, seeds, wrong } in rows {
        let shares = wrong.map(|share| format!("{:.1}", 100.0 * share)).join(" | ");
        text += &format!("| {noise} | {coefficients} | {equal} | {seeds} | {shares} |\n");
    }
    text
}

/// The worst of each rule over all kinds of sweeps, against the number of seeds.
fn figure(rows: &[Row]) -> Chart {
    let mut worst: BTreeMap<usize, [f64; RULES.len()]> = BTreeMap::new();
    for row in rows {
        let of_seeds = worst.entry(row.seeds).or_insert([0.0; RULES.len()]);
        for (worst, wrong) in of_seeds.iter_mut().zip(row.wrong) {
            *worst = worst.max(100.0 * wrong);
        }
    }
    let seeds: Vec<f64> = worst.keys().map(|&seeds| seeds as f64).collect();
    let (first, last) = (seeds[0], seeds[seeds.len() - 1]);
    let level = Mark::Line { points: vec![[first, 5.0], [last, 5.0]], width: 1.2, dashed: true };
    let tick = |value: f64| Tick { value, label: value.to_string() };
    let mut series = vec![Series::new("5 %, what is promised", palette::MUTED, level)];
    for (at, rule) in RULES.iter().enumerate() {
        let points: Vec<[f64; 2]> = worst.iter().map(|(&seeds, worst)| [seeds as f64, worst[at]]).collect();
        let color = palette::CATEGORIES[at];
        series.push(Series::new(
            rule.name,
            color,
            Mark::Line { points: points.clone(), width: 2.0, dashed: false },
        ));
        series.push(Series::new("", color, Mark::Dots { points, radius: 3.5 }));
    }
    Chart {
        title: "Equals of which one is named".into(),
        subtitle: "The share of sweeps in which a rule names one of several equally good coefficients, for the kind of sweep that is \
                   worst for it."
            .into(),
        x: Axis {
            label: "seeds".into(),
            scale: Scale::Log,
            ticks: Some(seeds.iter().copied().map(tick).collect()),
            ..Axis::default()
        },
        y: Axis { label: "sweeps with a winner, %".into(), range: Some([0.0, 40.0]), ..Axis::default() },
        lines: Lines::Horizontal,
        size: Size::Whole { width: 760, height: 460 },
        series,
        ..Chart::default()
    }
}

fn main() -> ExitCode {
    let args: Vec<PathBuf> = std::env::args_os().skip(1).map(Into::into).collect();
    let (Some(output), run) = (args.first(), args.get(1)) else {
        eprintln!("name where the table and the figure go, without their extensions");
        return ExitCode::from(2);
    };
    match calibrate(output, run.map(PathBuf::as_path)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn calibrate(output: &Path, run: Option<&Path>) -> Result<(), Box<dyn std::error::Error>> {
    let scenarios = match run {
        Some(run) => real_scenarios(run)?,
        None => simulated_scenarios(),
    };
    let rows: Vec<Row> = scenarios.into_iter().map(measure).collect();
    let text = table(&rows);
    print!("{text}");
    write_atomically(&output.with_extension("md"), text.as_bytes())?;
    if run.is_none() {
        let scene = figure(&rows).scene();
        write_atomically(&output.with_extension("png"), &scene.to_png(2.0))?;
    }
    Ok(())
}
