//! The Normal fit against PyTorch, closed forms and finite differences.
//!
//! The trajectories come from `python scripts/normal_fit_reference.py > crates/metrics/tests/reference/normal_fit.csv`.

use burn::tensor::Device;
use metrics::normal_fit::{
    Component, Grid, MeanVariance, NormalFit, Objective, OptimizerKind, Parameterization, Settings, Start,
    StopReason,
};

const REFERENCE: &str = include_str!("reference/normal_fit.csv");

/// Both sides compute in 64 bits and sum 20,001 terms in different orders, a hundred times over; descent contracts the
/// differences rather than adding them up.
const TRAJECTORY_TOLERANCE: f64 = 1e-11;

fn bimodal() -> Vec<Component> {
    vec![Component { weight: 0.6, mean: -3.0, sd: 1.0 }, Component { weight: 0.4, mean: 3.0, sd: 0.7 }]
}

fn case(name: &str) -> Settings {
    let classic = Settings::default();
    let mixture = Settings {
        target: bimodal(),
        start: Start { mean: 1.0, variance: 1.0, seed: None },
        parameterization: Parameterization::LogVariance,
        ..classic.clone()
    };
    match name {
        "classic" => classic,
        "off_centre" => Settings { start: Start { mean: 0.5, variance: 2.0, seed: None }, ..classic },
        "mixture_forward_adam" => Settings { optimizer: OptimizerKind::Adam, learning_rate: 0.05, ..mixture },
        "mixture_reverse" => Settings { objective: Objective::ReverseKl, ..mixture },
        "mixture_js" => Settings { objective: Objective::JensenShannon, ..mixture },
        _ => panic!("no case {name}"),
    }
}

#[test]
fn trajectories_are_those_of_pytorch() {
    let mut reader = csv::Reader::from_reader(REFERENCE.as_bytes());
    let rows: Vec<(String, usize, [f64; 4])> = reader
        .records()
        .map(|record| {
            let record = record.unwrap();
            let values = [2, 3, 4, 5].map(|column| record[column].parse().unwrap());
            (record[0].to_owned(), record[1].parse().unwrap(), values)
        })
        .collect();
    assert_eq!(rows.len(), 5 * 11);
    for name in ["classic", "off_centre", "mixture_forward_adam", "mixture_reverse", "mixture_js"] {
        let trajectory = NormalFit::new(case(name)).unwrap().run(&Device::flex(), |_| {}).unwrap();
        let expected: Vec<_> = rows.iter().filter(|row| row.0 == name).collect();
        assert_eq!(trajectory.records.len(), expected.len());
        for (record, (_, step, values)) in trajectory.records.iter().zip(expected) {
            assert_eq!(record.step, *step);
            let actual = [record.kl, record.objective, record.mean, record.variance];
            for (actual, expected) in actual.iter().zip(values) {
                let tolerance = if name.ends_with("adam") { ADAM_TOLERANCE } else { TRAJECTORY_TOLERANCE };
                let limit = tolerance * expected.abs().max(1.0);
                let error = (actual - expected).abs();
                assert!(
                    error <= limit,
                    "{name}, step {step}: {actual:?}, expected {values:?} within {limit:e}"
                );
            }
        }
    }
}

/// Burn holds Adam's betas and epsilon in 32 bits: 1 - 0.999 is off by 1.3e-5 there, and bias correction by as much.
const ADAM_TOLERANCE: f64 = 2e-5;

/// Each objective, each parameterisation, each with its target.
fn fits() -> impl Iterator<Item = NormalFit> {
    let objectives = [Objective::ForwardKl, Objective::ReverseKl, Objective::JensenShannon];
    let parameterizations = [Parameterization::Variance, Parameterization::LogVariance];
    objectives.into_iter().flat_map(move |objective| {
        parameterizations.into_iter().map(move |parameterization| {
            let settings = Settings { objective, parameterization, target: bimodal(), ..Settings::default() };
            NormalFit::new(settings).unwrap()
        })
    })
}

const AT: MeanVariance = MeanVariance { mean: 0.7, variance: 1.9 };

#[test]
fn gradients_are_those_of_finite_differences() {
    for fit in fits() {
        let evaluation = fit.evaluate(AT, &Device::flex());
        let settings = fit.settings();
        // Central differences: a truncation of about h^2 = 1e-10 and a rounding of about 1e-15 / h = 1e-10.
        let h = 1e-5;
        let tolerance = 1e-8;
        let value = |mean: f64, variance: f64| {
            fit.evaluate(MeanVariance { mean, variance }, &Device::flex()).objective
        };
        let by_mean = (value(AT.mean + h, AT.variance) - value(AT.mean - h, AT.variance)) / (2.0 * h);
        let moved = |h: f64| match settings.parameterization {
            Parameterization::Variance => AT.variance + h,
            Parameterization::LogVariance => AT.variance * h.exp(),
        };
        let by_spread = (value(AT.mean, moved(h)) - value(AT.mean, moved(-h))) / (2.0 * h);
        for (actual, expected) in
            [(evaluation.gradient_mean, by_mean), (evaluation.gradient_spread, by_spread)]
        {
            let what = format!("{:?}, {:?}", settings.objective, settings.parameterization);
            assert!((actual - expected).abs() < tolerance, "{what}: {actual}, expected {expected}");
        }
    }
}

#[test]
fn the_forward_gradient_is_its_closed_form() {
    // With Q normalised on the grid, d KL / d mean = (E_Q[x] - E_P[x]) / variance and
    // d KL / d variance = (E_Q[(x - mean)^2] - E_P[(x - mean)^2]) / (2 variance^2).
    let fit = NormalFit::new(Settings { target: bimodal(), ..Settings::default() }).unwrap();
    let target = fit.target();
    let weights: Vec<f64> =
        target.points.iter().map(|x| (-(x - AT.mean).powi(2) / (2.0 * AT.variance)).exp()).collect();
    let total: f64 = weights.iter().sum();
    let moment_difference = |power: i32| -> f64 {
        let terms = target.points.iter().zip(&weights).zip(&target.probabilities);
        terms.map(|((x, w), p)| (x - AT.mean).powi(power) * (w / total - p)).sum()
    };
    let evaluation = fit.evaluate(AT, &Device::flex());
    let by_mean = moment_difference(1) / AT.variance;
    let by_variance = moment_difference(2) / (2.0 * AT.variance * AT.variance);
    // Sums of 20,001 terms of size 1e-4 to 1e-2 in doubles.
    assert!((evaluation.gradient_mean - by_mean).abs() < 1e-12, "{} {by_mean}", evaluation.gradient_mean);
    assert!(
        (evaluation.gradient_spread - by_variance).abs() < 1e-12,
        "{} {by_variance}",
        evaluation.gradient_spread
    );
}

#[test]
fn forward_kl_covers_both_modes_and_reverse_kl_seeks_one() {
    let end = |objective| {
        let settings = Settings {
            objective,
            target: bimodal(),
            start: Start { mean: 1.0, variance: 1.0, seed: None },
            parameterization: Parameterization::LogVariance,
            steps: 400,
            learning_rate: 0.3,
            // Wide enough that the mixture's own Normal, of sd 3.07, has nothing beyond it.
            grid: Grid { low: -20.0, high: 20.0, step: 0.01 },
            ..Settings::default()
        };
        *NormalFit::new(settings).unwrap().run(&Device::flex(), |_| {}).unwrap().records.last().unwrap()
    };
    // Forward KL matches the moments of the mixture: mean -0.6, variance 0.6 + 0.4 * 0.49 + 0.24 * 6^2 = 9.436.
    let forward = end(Objective::ForwardKl);
    assert!((forward.mean + 0.6).abs() < 0.01 && (forward.variance - 9.436).abs() < 0.01, "{forward:?}");
    // Reverse KL ends in the mode at 3, whose variance is 0.49, and pays ln(1 / 0.4) for the other.
    let reverse = end(Objective::ReverseKl);
    assert!((reverse.mean - 3.0).abs() < 0.05 && (reverse.variance - 0.49).abs() < 0.02, "{reverse:?}");
    assert!((reverse.objective - 2.5f64.ln()).abs() < 0.01, "{reverse:?}");
}

#[test]
fn reverse_kl_sees_how_improbable_the_tails_are() {
    // At 10 standard deviation 0.05 the target has a log-probability of -20,000.
    let settings = Settings {
        objective: Objective::ReverseKl,
        target: vec![Component { weight: 1.0, mean: 0.0, sd: 0.05 }],
        grid: Grid { low: -10.0, high: 10.0, step: 0.01 },
        ..Settings::default()
    };
    let fit = NormalFit::new(settings).unwrap();
    let evaluation = fit.evaluate(MeanVariance { mean: 0.0, variance: 25.0 }, &Device::flex());
    let target = fit.target();
    let ln_normalised = |exponents: Vec<f64>| -> Vec<f64> {
        let ln_total = exponents.iter().map(|e| e.exp()).sum::<f64>().ln();
        exponents.iter().map(|e| e - ln_total).collect()
    };
    let ln_p = ln_normalised(target.points.iter().map(|x| -0.5 * (x / 0.05).powi(2)).collect());
    let ln_q = ln_normalised(target.points.iter().map(|x| -0.02 * x * x).collect());
    let expected: f64 = ln_p.iter().zip(&ln_q).map(|(p, q)| q.exp() * (q - p)).sum();
    assert!((evaluation.objective - expected).abs() < 1e-9 * expected, "{evaluation:?}, not {expected}");
    // d KL / d variance = E_Q[((x^2 - variance) / 2 variance^2) (ln q - ln p)], on the grid's own moments.
    let square: f64 = target.points.iter().zip(&ln_q).map(|(x, q)| x * x * q.exp()).sum();
    let slope: f64 = target
        .points
        .iter()
        .zip(ln_p.iter().zip(&ln_q))
        .map(|(x, (p, q))| q.exp() * (x * x - square) / (2.0 * 625.0) * (q - p))
        .sum();
    assert!((evaluation.gradient_spread - slope).abs() < 1e-9 * slope, "{evaluation:?}, not {slope}");
}

#[test]
fn a_step_that_would_make_the_variance_negative_is_halved_and_said() {
    let settings = Settings {
        start: Start { mean: 0.0, variance: 6.0, seed: None },
        target: vec![Component { weight: 1.0, mean: 0.0, sd: 0.2 }],
        learning_rate: 200.0,
        steps: 3,
        ..Settings::default()
    };
    let trajectory = NormalFit::new(settings).unwrap().run(&Device::flex(), |_| {}).unwrap();
    let halving = trajectory.halvings.first().expect("the first step leads below 0");
    assert_eq!(halving.step, 1);
    assert!(halving.refused_variance < 0.0 && halving.variance > 0.0, "{halving:?}");
    let part = (6.0 - halving.variance) / (6.0 - halving.refused_variance);
    assert!(
        (part - 0.5f64.powi(halving.times as i32)).abs() < 1e-12,
        "{part} of the step, halved {}",
        halving.times
    );
    assert!(trajectory.records.iter().all(|r| r.variance > 0.0 && r.kl.is_finite()));
}

#[test]
fn every_optimizer_comes_closer_on_every_backend() {
    #[expect(deprecated, reason = "Burn 0.22 is the last release with it, and it is kept for comparison")]
    #[cfg(feature = "ndarray")]
    let devices = [Device::flex(), Device::ndarray()];
    #[cfg(not(feature = "ndarray"))]
    let devices = [Device::flex()];
    for (optimizer, learning_rate) in [(OptimizerKind::Sgd, 1.0), (OptimizerKind::Adam, 0.1)] {
        let ends = devices.clone().map(|device| {
            let settings = Settings {
                optimizer,
                learning_rate,
                start: Start { mean: 1.5, variance: 2.0, seed: None },
                grid: Grid { step: 0.1, ..Default::default() },
                ..Settings::default()
            };
            let trajectory = NormalFit::new(settings).unwrap().run(&device, |_| {}).unwrap();
            let (first, last) = (trajectory.records[0], trajectory.records[10]);
            assert!(last.kl < 0.2 * first.kl, "{optimizer:?}: {first:?} to {last:?}");
            last
        });
        for end in &ends {
            let distance = (end.variance - ends[0].variance).abs();
            assert!(distance < 1e-9, "{optimizer:?}: backends end {distance:e} apart");
        }
    }
}

#[test]
fn a_gradient_tolerance_ends_the_descent_early() {
    let settings = Settings { gradient_tolerance: 2e-3, record_every: 7, ..Settings::default() };
    let trajectory = NormalFit::new(settings).unwrap().run(&Device::flex(), |_| {}).unwrap();
    let last = trajectory.records.last().unwrap();
    assert_eq!(trajectory.stop, StopReason::GradientTolerance);
    assert!(last.gradient <= 2e-3 && last.step < 100, "{last:?}");
    let before = &trajectory.records[trajectory.records.len() - 2];
    assert!(before.gradient > 2e-3, "{before:?}");
}

#[test]
fn an_array_with_zeros_is_a_target_for_what_is_finite_there() {
    let grid = Grid { low: 0.0, high: 4.0, step: 1.0 };
    let settings = |objective| Settings {
        objective,
        grid,
        start: Start { mean: 2.0, variance: 1.0, seed: None },
        ..Settings::default()
    };
    for objective in [Objective::ForwardKl, Objective::JensenShannon] {
        let fit = NormalFit::with_weights(settings(objective), &[0.0, 1.0, 2.0, 1.0, 0.0]).unwrap();
        let evaluation = fit.evaluate(MeanVariance { mean: 2.3, variance: 1.0 }, &Device::flex());
        let numbers = [evaluation.objective, evaluation.gradient_mean, evaluation.gradient_spread];
        assert!(numbers.iter().all(|v| v.is_finite() && *v != 0.0), "{evaluation:?}");
        assert!(
            evaluation.gradient_mean > 0.0,
            "the target's mean is 2, so the mean has to fall: {evaluation:?}"
        );
    }
    assert!(NormalFit::with_weights(settings(Objective::ReverseKl), &[0.0, 1.0, 2.0, 1.0, 0.0]).is_err());
}
