//! Closed-form KL between families against 40-digit quadrature and summation.
//!
//! With the values of torch 2.15 beside them. The values come from `python scripts/family_reference.py > crates/metrics/tests/reference/family_kl.csv`, which knows
//! the densities and no closed form of a divergence.

use std::f64::consts::{E, PI, TAU};

use metrics::families::{Cauchy, Distribution, Entropy, FamilyError, KlDivergence, RenyiDivergence};

const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;

const REFERENCE: &str = include_str!("reference/family_kl.csv");

/// Within a family every term is non-negative, so a relative tolerance holds however small the result: a hundred
/// roundings, for special functions that are good to a few.
const RELATIVE: f64 = 2e-14;

/// Near equal parameters KL is the square of their distance d, and one rounding ε of a parameter changes it by about
/// `d ε = sqrt(KL) ε`. The textbook forms are off by ε itself there.
const ROUNDINGS_OF_A_PARAMETER: f64 = 4.0;

/// The difference of ln I0 at two concentrations has an absolute accuracy only, and forms across families subtract terms
/// of a size of up to about 10.
const ABSOLUTE: f64 = 1e-14;

struct Row {
    p: Distribution,
    q: Distribution,
    kl: f64,
    torch: Option<f64>,
}

fn rows() -> impl Iterator<Item = Row> {
    let mut reader = csv::Reader::from_reader(REFERENCE.as_bytes());
    let records: Vec<_> = reader.records().collect::<Result<_, _>>().unwrap();
    records.into_iter().map(|record| Row {
        p: record[0].parse().unwrap(),
        q: record[1].parse().unwrap(),
        kl: record[2].parse().unwrap(),
        torch: record[3].parse().ok(),
    })
}

#[test]
fn every_pair_matches_quadrature_or_summation() {
    let mut failures = Vec::new();
    let mut count = 0;
    for Row { p, q, kl, .. } in rows() {
        count += 1;
        let actual = p.kl_divergence(&q).unwrap();
        let subtracts = p.name() != q.name() || matches!(p.name(), "von_mises" | "binomial");
        let rounding = ROUNDINGS_OF_A_PARAMETER * f64::EPSILON * kl.sqrt();
        let limit = RELATIVE * kl + rounding + if subtracts { ABSOLUTE } else { 0.0 };
        let close = if kl.is_infinite() { actual == kl } else { (actual - kl).abs() <= limit };
        if !close {
            failures.push(format!("KL({p} ‖ {q}) is {actual:e}, expected {kl:e} within {limit:e}"));
        }
    }
    assert!(count > 130, "the reference file has {count} rows");
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

/// Pairs on which torch 2.15 is wrong. 0 log 0 is NaN or -∞ in the first three; the last two have equal supports, and
/// get infinity as if one had mass outside the other.
const TORCH_IS_WRONG: [[&str; 2]; 5] = [
    ["poisson(0)", "poisson(2)"],
    ["poisson(0)", "poisson(0)"],
    ["binomial(5, 1)", "binomial(5, 0.3)"],
    ["continuous_bernoulli(0.3)", "uniform(0, 1)"],
    ["uniform(0, 1)", "continuous_bernoulli(0.3)"],
];

/// The textbook forms of torch lose digits to cancellation, up to six of them here.
const TORCH_TOLERANCE: f64 = 1e-10;

#[test]
fn torch_agrees_where_it_has_the_pair_and_is_right() {
    let mut count = 0;
    for Row { p, q, torch, .. } in rows() {
        let Some(torch) = torch else { continue };
        count += 1;
        let actual = p.kl_divergence(&q).unwrap();
        let close = actual == torch || (actual - torch).abs() <= TORCH_TOLERANCE * actual.max(1.0);
        let wrong = TORCH_IS_WRONG.contains(&[p.to_string().as_str(), q.to_string().as_str()]);
        assert_eq!(close, !wrong, "KL({p} ‖ {q}) is {actual}, torch says {torch}");
    }
    assert!(count > 80, "torch has {count} of the pairs");
}

#[test]
fn every_family_is_at_zero_from_itself() {
    for Row { p, q, .. } in rows() {
        for d in [p, q] {
            assert_eq!(d.kl_divergence(&d).unwrap(), 0.0, "KL({d} ‖ {d})");
        }
    }
}

/// At parameters from 1e-300 to 1e300, narrow peaks and near-equal members. The values come from
/// `python scripts/extreme_reference.py`.
const EXTREMES: &str = include_str!("reference/family_extremes.csv");

/// Across families the terms that are subtracted are as large as the logarithms of the parameters.
fn largest_logarithm(pair: &[&str]) -> f64 {
    let numbers = pair.iter().flat_map(|text| text.split(['(', ',', ')'])).map(str::trim);
    numbers
        .filter_map(|n| n.parse::<f64>().ok())
        .filter(|n| *n != 0.0)
        .fold(1.0, |l, n| l.max(n.abs().ln().abs()))
}

#[test]
fn extremes_match_50_digits() {
    let mut failures = Vec::new();
    for record in csv::Reader::from_reader(EXTREMES.as_bytes()).records().map(Result::unwrap) {
        let [p, q] = [0, 1].map(|i| record[i].parse::<Distribution>().unwrap());
        let kl: f64 = record[2].parse().unwrap();
        let across = if p.name() == q.name() && p.name() != "binomial" { 0.0 } else { ABSOLUTE };
        // One rounding of a mean is that of a parameter, in units of the standard deviation.
        let standardised = match &q {
            Distribution::Normal(q) => (q.mean() / q.sd()).abs().max(1.0),
            _ => 1.0,
        };
        let rounding = ROUNDINGS_OF_A_PARAMETER * f64::EPSILON * standardised * kl.sqrt();
        let limit =
            RELATIVE * kl + rounding.min(0.5 * kl) + across * largest_logarithm(&[&record[0], &record[1]]);
        let actual = p.kl_divergence(&q).unwrap();
        // NaN is not close.
        let close = (actual - kl).abs() <= limit;
        if !close {
            failures.push(format!("KL({p} ‖ {q}) is {actual:e}, expected {kl:e} within {limit:e}"));
        }
    }
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}

/// Splitmix64, for parameters that do not change from run to run.
fn next(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

#[test]
fn parameters_at_the_limits_of_f64_never_give_nan_or_less_than_zero() {
    let mut state = 1;
    let mut any = |reach: f64| {
        let exponent = reach * (2.0 * next(&mut state) - 1.0);
        10f64.powf(exponent)
    };
    for reach in [1.0, 15.0, 307.0] {
        for _ in 0..400 {
            let mut sign = || if any(1.0) < 1.0 { -1.0 } else { 1.0 };
            let signs = [sign(), sign()];
            let mut positive = || any(reach).clamp(f64::MIN_POSITIVE, f64::MAX);
            let (a, b, c) = (positive(), positive(), positive());
            let real = signs[0] * a;
            let (low, high) = (real.min(real + b), real.max(real + b));
            let probability = (a / (1.0 + a)).clamp(1e-300, 1.0 - 1e-16);
            let texts = [
                format!("normal({real:e}, {b:e})"),
                format!("half_normal({b:e})"),
                format!("log_normal({real:e}, {b:e})"),
                format!("laplace({real:e}, {b:e})"),
                format!("gumbel({real:e}, {b:e})"),
                format!("cauchy({real:e}, {b:e})"),
                format!("exponential({a:e})"),
                format!("gamma({a:e}, {b:e})"),
                format!("inverse_gamma({a:e}, {b:e})"),
                format!("weibull({a:e}, {b:e})"),
                format!("beta({a:e}, {b:e})"),
                format!("dirichlet({a:e}, {b:e}, {c:e})"),
                format!("continuous_bernoulli({probability:e})"),
                format!("uniform({low:e}, {high:e})"),
                format!("pareto({a:e}, {b:e})"),
                format!("von_mises({:e}, {b:e})", real % 7.0),
                format!("bernoulli({probability:e})"),
                format!("binomial({}, {probability:e})", (c % 50.0).floor()),
                format!("poisson({a:e})"),
                format!("geometric({probability:e})"),
                format!("multivariate_normal([{real:e}, {c:e}], [{b:e}, {a:e}])"),
            ];
            // An interval may be empty once its ends are rounded; nothing else is refused.
            let family = |text: &String| match text.parse::<Distribution>() {
                Err(FamilyError::EmptyInterval { .. }) => None,
                parsed => Some(parsed.unwrap()),
            };
            let these: Vec<Distribution> = texts.iter().filter_map(family).collect();
            let those: Vec<Distribution> = rows().step_by(3).flat_map(|row| [row.p, row.q]).collect();
            let others = &those[(a.to_bits() % 40) as usize..][..40];
            for (p, q) in these.iter().flat_map(|p| others.iter().chain(&these).map(move |q| (p, q))) {
                for (p, q) in [(p, q), (q, p)] {
                    if let Ok(kl) = p.kl_divergence(q) {
                        assert!(kl >= 0.0, "KL({p:?} ‖ {q:?}) is {kl}");
                    }
                }
            }
        }
    }
}

#[test]
fn pairs_without_a_common_space_or_a_closed_form_are_named() {
    let kl = |p: &str, q: &str| {
        p.parse::<Distribution>().unwrap().kl_divergence(&q.parse().unwrap()).unwrap_err().to_string()
    };
    assert_eq!(
        kl("poisson(1)", "gamma(1, 1)"),
        "poisson is a distribution over counts and gamma one over real numbers: KL compares distributions of one space"
    );
    assert_eq!(
        kl("normal(0, 1)", "cauchy(0, 1)"),
        "no closed form for KL(normal ‖ cauchy) is known here; ask for it numerically"
    );
    assert_eq!(
        kl("dirichlet(1, 1)", "dirichlet(1, 1, 1)"),
        "dirichlet: P has 2 dimensions and Q has 3; they have to have the same number"
    );
    assert_eq!(
        kl("beta(1e308, 1e308)", "beta(2, 2)"),
        "KL(beta ‖ beta) has terms beyond the range of 64-bit floats: bring the parameters to a common scale"
    );
}

#[test]
fn heavier_tails_than_the_reference_has_are_infinitely_far() {
    for q in ["normal(0, 1)", "laplace(0, 1)", "gumbel(0, 1)"] {
        let p: Distribution = "cauchy(0, 1)".parse().unwrap();
        assert_eq!(p.kl_divergence(&q.parse().unwrap()), Ok(f64::INFINITY), "{q}");
    }
}

/// Entropies, moments and densities, integrated or summed in 40-digit arithmetic by
/// `python scripts/family_moments_reference.py`.
const MOMENTS: &str = include_str!("reference/family_moments.csv");

/// Rényi divergences of four orders, from the same script.
const RENYI: &str = include_str!("reference/family_renyi.csv");

#[test]
fn entropies_moments_and_densities_match_their_integrals() {
    let mut count = 0;
    for record in csv::Reader::from_reader(MOMENTS.as_bytes()).records().map(Result::unwrap) {
        let d: Distribution = record[0].parse().unwrap();
        let x: f64 = record[4].parse().unwrap();
        let found = [Some(d.entropy()), d.mean(), d.variance(), d.ln_pdf(x)];
        for (found, column) in found.into_iter().zip([1, 2, 3, 5]) {
            let expected: Option<f64> = record[column].parse().ok();
            let close = match (found, expected) {
                (Some(found), Some(expected)) => {
                    (found - expected).abs() <= ABSOLUTE * expected.abs().max(1.0)
                }
                (found, expected) => found.is_none() && expected.is_none(),
            };
            assert!(close, "column {column} of {d}: {found:?}, not {expected:?}");
            count += 1;
        }
    }
    assert!(count >= 100, "{count}");
}

#[test]
fn there_is_no_density_at_infinity() {
    for Row { p, q, .. } in rows() {
        for d in [p, q].into_iter().filter(|d| d.name() != "von_mises") {
            for x in [f64::NEG_INFINITY, f64::INFINITY] {
                assert!(d.ln_pdf(x).is_none_or(|ln_pdf| ln_pdf == f64::NEG_INFINITY), "{d} at {x}");
            }
        }
    }
}

#[test]
fn renyi_divergences_match_their_integrals() {
    let mut count = 0;
    let mut failures = Vec::new();
    for record in csv::Reader::from_reader(RENYI.as_bytes()).records().map(Result::unwrap) {
        let (order, expected): (f64, f64) = (record[2].parse().unwrap(), record[3].parse().unwrap());
        let found = renyi(&record[0], &record[1], order).unwrap();
        // The integral of the reference is ln(1 + x) of its own quadrature, good to 1e-30; the closed forms beyond order
        // 1 subtract.
        let limit = 1e-13 * expected.max(0.1);
        let close = found == expected || (found - expected).abs() <= limit;
        if !close {
            failures.push(format!(
                "order {order} of {} and {}: {found:e}, not {expected:e}",
                &record[0], &record[1]
            ));
        }
        count += 1;
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(count > 80, "{count}");
}

/// Rényi's divergence of two members of one family, read from text.
fn renyi(p: &str, q: &str, order: f64) -> Result<f64, FamilyError> {
    fn of<T: RenyiDivergence>(p: T, q: T, order: f64) -> Result<f64, FamilyError> {
        let (bhattacharyya, hellinger) = (p.bhattacharyya_distance(&q)?, p.hellinger_distance(&q)?);
        assert!((hellinger * hellinger - -(-bhattacharyya).exp_m1()).abs() < 1e-15);
        p.renyi_divergence(&q, order)
    }
    macro_rules! pair {
        ($($family:ident)*) => {
            match (p.parse()?, q.parse()?) {
                $((Distribution::$family(p), Distribution::$family(q)) => of(p, q, order),)*
                (p, q) => panic!("{p} and {q} are of no family with an order"),
            }
        };
    }
    pair!(
        Bernoulli Beta Binomial Categorical ContinuousBernoulli Dirichlet Exponential Gamma Geometric Gumbel HalfNormal
        InverseGamma Laplace LogNormal MultivariateNormal Normal Pareto Poisson Uniform VonMises Weibull
    )
}

#[test]
fn orders_approach_kl_and_grow() {
    for [p, q] in [
        ["normal(0, 1)", "normal(0.5, 1.5)"],
        ["gamma(2, 1)", "gamma(3, 1.5)"],
        ["dirichlet(1, 2, 3)", "dirichlet(1.5, 2, 2)"],
        ["laplace(0, 1)", "laplace(0.5, 1.5)"],
        ["pareto(2, 3)", "pareto(1, 2)"],
        [
            "multivariate_normal([0, 1], [[2, 0.5], [0.5, 1]])",
            "multivariate_normal([1, -1], [[1, -0.3], [-0.3, 3]])",
        ],
        ["bernoulli(0.2)", "bernoulli(0.3)"],
        ["von_mises(0, 2)", "von_mises(1, 3)"],
        ["poisson(3)", "poisson(4)"],
        ["geometric(0.3)", "geometric(0.2)"],
        ["beta(2, 3)", "beta(3, 2)"],
    ] {
        let kl = p.parse::<Distribution>().unwrap().kl_divergence(&q.parse().unwrap()).unwrap();
        assert_eq!(renyi(p, q, 1.0), Ok(kl));
        let near = [1.0 - 1e-7, 1.0 + 1e-7].map(|order| renyi(p, q, order).unwrap());
        assert!(near[0] <= kl && kl <= near[1] && near[1] - near[0] < 1e-5, "{p}, {q}: {near:?} around {kl}");
        let orders = [0.01, 0.3, 0.7, 1.0, 1.3];
        let values = orders.map(|order| renyi(p, q, order).unwrap());
        assert!(values.is_sorted(), "{p}, {q}: {values:?}");
        for order in orders {
            assert_eq!(renyi(p, p, order), Ok(0.0), "{p} of order {order}");
        }
    }
    // Close members keep relative precision: a (mean_p - mean_q)^2 / 2 for a variance of 1.
    let close = renyi("normal(0, 1)", "normal(1e-9, 1)", 0.5).unwrap();
    assert!((close / 2.5e-19 - 1.0).abs() < 1e-14, "{close:e}");
    // Beyond the integral.
    assert_eq!(renyi("normal(0, 3)", "normal(0, 1)", 2.0), Ok(f64::INFINITY));
    assert_eq!(renyi("poisson(1)", "poisson(0)", 2.0), Ok(f64::INFINITY));
    assert!(matches!(renyi("weibull(1, 2)", "weibull(1, 3)", 0.5), Err(FamilyError::NoClosedForm { .. })));
    assert!(matches!(renyi("normal(0, 1)", "normal(1, 1)", 0.0), Err(FamilyError::Order { .. })));
}

/// `(1 - a) D_a(P ‖ Q) = a D_(1 - a)(Q ‖ P)`, both being `-ln ∫ p^a q^(1 - a)`.
#[test]
fn exchanging_the_two_exchanges_the_order() {
    for [p, q] in [
        ["laplace(0, 1)", "laplace(1000, 0.1)"],
        ["laplace(0, 1e-3)", "laplace(5, 1e3)"],
        ["weibull(1, 300)", "weibull(20, 300)"],
        ["gumbel(0, 1)", "gumbel(2000, 1)"],
        ["normal(0, 1)", "normal(3, 1e200)"],
        ["half_normal(1e-200)", "half_normal(1e10)"],
        ["continuous_bernoulli(1e-9)", "continuous_bernoulli(0.999999)"],
        ["pareto(1, 3)", "pareto(4, 0.1)"],
        ["poisson(1e-5)", "poisson(1e5)"],
        ["gamma(1e-3, 1)", "gamma(1e4, 7)"],
        ["exponential(1e-200)", "exponential(1e200)"],
        ["beta(0.1, 9)", "beta(30, 0.2)"],
        ["von_mises(0, 90)", "von_mises(3, 500)"],
        ["geometric(1e-6)", "geometric(0.9)"],
        ["uniform(0, 2)", "uniform(1, 9)"],
        [
            "multivariate_normal([0, 1], [[2, 0.5], [0.5, 1]])",
            "multivariate_normal([9, -1], [[1, -0.3], [-0.3, 3]])",
        ],
    ] {
        for order in [0.01, 0.3, 0.5, 0.8] {
            let (forward, reverse) = (renyi(p, q, order).unwrap(), renyi(q, p, 1.0 - order).unwrap());
            let (forward, reverse) = ((1.0 - order) * forward, order * reverse);
            // A few roundings of parameters, of which the divergence of far ones is a multiple.
            let close = (forward - reverse).abs() <= 1e-12 * forward;
            assert!(
                close && forward.is_finite() && forward > 0.0,
                "{order} of {p}, {q}: {forward} and {reverse}"
            );
        }
    }
    // Finite beyond order 1, although the probability between rounds to 1.
    let beyond = renyi("continuous_bernoulli(0.999999)", "continuous_bernoulli(1e-4)", 2.0).unwrap();
    // A(2 η_p - η_q) - 2 A(η_p) + A(η_q) with A(η) = ln((e^η - 1) / η), whose logits are 13.8 and -9.2.
    let partition = |eta: f64| (eta.exp_m1() / eta).ln();
    let logit = |p: f64| p.ln() - (-p).ln_1p();
    let (of_p, of_q) = (logit(0.999999), logit(1e-4));
    let expected = partition(2.0 * of_p - of_q) - 2.0 * partition(of_p) + partition(of_q);
    assert!((beyond - expected).abs() < 1e-12 * expected, "{beyond}, not {expected}");
}

/// A change of unit changes no divergence.
#[test]
fn divergences_do_not_depend_on_the_scale() {
    // Families of a scale, which a factor c multiplies or, where it is a rate, divides.
    type Family = fn(f64) -> String;
    let families: [Family; 11] = [
        |c| format!("normal(0, {:e})", 1.25 * c),
        |c| format!("laplace({:e}, {:e})", 0.5 * c, c),
        |c| format!("gumbel({:e}, {:e})", -0.5 * c, 2.0 * c),
        |c| format!("half_normal({:e})", 1.5 * c),
        |c| format!("exponential({:e})", 1.0 / c),
        |c| format!("gamma(2.5, {:e})", 2.0 / c),
        |c| format!("inverse_gamma(3.5, {:e})", 2.0 * c),
        |c| format!("weibull({c:e}, 1.5)"),
        |c| format!("pareto({:e}, 4)", 0.5 * c),
        |c| format!("uniform({:e}, {:e})", 0.5 * c, 2.0 * c),
        |c| format!("cauchy(0, {c:e})"),
    ];
    let mut count = 0;
    for (p, q) in families.iter().flat_map(|p| families.iter().map(move |q| (p, q))) {
        let kl = |c: f64| p(c).parse::<Distribution>().unwrap().kl_divergence(&q(c).parse().unwrap());
        let Ok(expected) = kl(1.0) else { continue };
        // Powers of two, so that every parameter is exact.
        for exponent in [-960, -300, -1, 5, 300, 960] {
            let found = kl(2f64.powi(exponent)).unwrap();
            count += usize::from(expected.is_finite());
            // The logarithm of the scale enters every term.
            let limit = 4.0 * f64::EPSILON * (1.0 + expected + f64::from(exponent).abs());
            let close = found == expected || (found - expected).abs() <= limit;
            assert!(
                close,
                "KL({} ‖ {}) at the scale 2^{exponent} is {found}, not {expected}",
                p(1.0),
                q(1.0)
            );
        }
    }
    assert!(count > 300, "{count} finite ones");
}

/// `2 ln(d / 2) - ln s_p - ln s_q` where the distance is all that counts; neither its square nor its ratio to a scale is in range.
#[test]
fn cauchy_distributions_that_are_very_far_from_each_other() {
    for (location, scale, expected) in [(1e120_f64, 1e-200_f64, 1_472.268_2), (1e300, 1e-300, 2_761.715_8)] {
        let (p, q) = (Cauchy::new(0.0, scale).unwrap(), Cauchy::new(location, scale).unwrap());
        let found = p.kl_divergence(&q).unwrap();
        assert!((found - expected).abs() < 1e-3, "{found}, not {expected}");
    }
}

/// Where P narrows and Q is the Normal of its moments, the divergence goes to that of its limit.
#[test]
fn narrow_peaks_approach_their_limit() {
    for (peak, limit) in [
        // An exponential and a Gumbel distribution: the entropy of the Normal less their own.
        ("pareto", 0.5 * (TAU * E).ln() - 1.0),
        ("weibull", 0.5 * (TAU * E * PI * PI / 6.0).ln() - 1.0 - EULER_GAMMA),
        ("log_normal", 0.0),
        ("gamma", 0.0),
        ("inverse_gamma", 0.0),
        ("beta", 0.0),
    ] {
        for exponent in 3..8 {
            let width = 10f64.powi(-exponent);
            let shape = 1.0 / width;
            let (p, mean, sd) = match peak {
                "pareto" => (format!("pareto(1, {shape:e})"), 1.0 + width + width * width, width),
                "weibull" => {
                    let sd = PI / 6f64.sqrt() * width;
                    (format!("weibull(1, {shape:e})"), 1.0 - EULER_GAMMA * width, sd)
                }
                "log_normal" => (format!("log_normal(0, {width:e})"), 1.0 + 0.5 * width * width, width),
                "gamma" => (format!("gamma({:e}, {:e})", shape * shape, shape * shape), 1.0, width),
                "inverse_gamma" => {
                    let a = shape * shape;
                    (format!("inverse_gamma({a:e}, {a:e})"), 1.0 + width * width, width)
                }
                _ => (format!("beta({:e}, {:e})", shape * shape, shape * shape), 0.5, width / 8f64.sqrt()),
            };
            let q = format!("normal({mean:e}, {sd:e})");
            let kl = p.parse::<Distribution>().unwrap().kl_divergence(&q.parse().unwrap()).unwrap();
            // The next order of the width; the rounding of the mean in units of the width.
            let tolerance = 3.0 * width + f64::EPSILON / width;
            assert!((kl - limit).abs() < tolerance, "KL({p} ‖ {q}) is {kl:e}, its limit {limit:e}");
        }
    }
}
