//! What the divergences satisfy for all distributions, on random ones and on those that the fuzzer found.

#[path = "../../../fuzz/src/divergences.rs"]
mod fuzzed;

use std::f64::consts::LN_2;

use metrics::{
    Base, bhattacharyya_coefficient, chi_squared, cross_entropy, entropy, generalized_jensen_shannon,
    hellinger, jeffreys, jensen_shannon_distance, jensen_shannon_divergence, kl_divergence,
    mutual_information, normalized, rel_entr, renyi_divergence, total_variation, tsallis_divergence,
};
use ndarray::Array2;
use proptest::prelude::*;

/// Room for the rounding of the inputs: that of a merged or permuted probability is one part in 1e16, and a divergence is
/// about as sensitive to it as its value is large.
const ROUNDING: f64 = 1e-13;

/// Weights with zeros among them and over many orders of magnitude, down to ten to the `lowest`.
fn weight(lowest: f64) -> impl Strategy<Value = f64> {
    prop_oneof![
        1 => Just(0.0),
        4 => 0.01..1.0_f64,
        2 => (lowest..0.0).prop_map(|exponent| 10.0_f64.powf(exponent)),
    ]
}

fn distribution_down_to(lowest: f64, outcomes: usize) -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(weight(lowest), outcomes)
        .prop_filter_map("all weights are zero", |weights| normalized(&weights).ok())
}

fn distribution_of(outcomes: usize) -> impl Strategy<Value = Vec<f64>> {
    distribution_down_to(-280.0, outcomes)
}

/// `count` distributions over the same outcomes, sometimes more of them than a block of the vectorised pass holds.
fn distributions(count: usize) -> impl Strategy<Value = Vec<Vec<f64>>> {
    prop_oneof![9 => 1..40_usize, 1 => 200..600_usize]
        .prop_flat_map(move |outcomes| prop::collection::vec(distribution_of(outcomes), count))
}

fn pair() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    distributions(2).prop_map(|mut both| (both.remove(0), both.remove(0)))
}

/// A pair, and the same pair with the outcomes in another order.
fn permuted() -> impl Strategy<Value = [Vec<f64>; 4]> {
    pair().prop_flat_map(|(p, q)| {
        let indices: Vec<usize> = (0..p.len()).collect();
        Just(indices).prop_shuffle().prop_map(move |order| {
            let reordered = |values: &[f64]| order.iter().map(|&i| values[i]).collect();
            [p.clone(), q.clone(), reordered(&p), reordered(&q)]
        })
    })
}

/// The distribution of the sum of every two neighbouring outcomes: what is left when they cannot be told apart.
fn merged(p: &[f64]) -> Vec<f64> {
    p.chunks(2).map(|neighbours| neighbours.iter().sum()).collect()
}

/// The joint distribution of independent draws.
fn product(p: &[f64], q: &[f64]) -> Vec<f64> {
    p.iter().flat_map(|p| q.iter().map(move |q| p * q)).collect()
}

fn at_most(smaller: f64, larger: f64) -> bool {
    smaller <= larger + ROUNDING * (1.0 + larger.abs())
}

fn close(a: f64, b: f64) -> bool {
    a == b || (a - b).abs() <= ROUNDING * (1.0 + a.abs())
}

type Divergence = fn(&[f64], &[f64]) -> f64;

const SYMMETRIC: [(&str, Divergence); 5] = [
    ("js", |p, q| jensen_shannon_divergence(p, q).unwrap()),
    ("total variation", |p, q| total_variation(p, q).unwrap()),
    ("hellinger", |p, q| hellinger(p, q).unwrap()),
    ("jeffreys", |p, q| jeffreys(p, q).unwrap()),
    ("coefficient", |p, q| bhattacharyya_coefficient(p, q).unwrap()),
];

/// Those that grow with the difference, and shrink when outcomes are merged.
const MONOTONE: [(&str, Divergence); 9] = [
    ("kl", |p, q| kl_divergence(p, q).unwrap()),
    ("js", |p, q| jensen_shannon_divergence(p, q).unwrap()),
    ("total variation", |p, q| total_variation(p, q).unwrap()),
    ("hellinger", |p, q| hellinger(p, q).unwrap()),
    ("jeffreys", |p, q| jeffreys(p, q).unwrap()),
    ("chi-squared", |p, q| chi_squared(p, q).unwrap()),
    ("renyi 1/2", |p, q| renyi_divergence(p, q, 0.5).unwrap()),
    ("renyi 3", |p, q| renyi_divergence(p, q, 3.0).unwrap()),
    ("tsallis 1/2", |p, q| tsallis_divergence(p, q, 0.5).unwrap()),
];

#[test]
fn what_the_fuzzer_found_has_its_bounds() {
    let seeds = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/divergences");
    let mut count = 0;
    for seed in std::fs::read_dir(seeds).unwrap() {
        fuzzed::divergences(&std::fs::read(seed.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 0, "there are no seeds");
}

proptest! {
    #[test]
    fn symmetric_ones_are_symmetric((p, q) in pair()) {
        for (name, divergence) in SYMMETRIC {
            let (forward, reverse) = (divergence(&p, &q), divergence(&q, &p));
            prop_assert!(close(forward, reverse), "{}: {} and {}", name, forward, reverse);
        }
    }

    #[test]
    fn bounds_hold((p, q) in pair()) {
        prop_assert!((0.0..=LN_2).contains(&jensen_shannon_divergence(&p, &q).unwrap()));
        prop_assert!((0.0..=1.0).contains(&jensen_shannon_distance(&p, &q, Base::Bits).unwrap()));
        prop_assert!((0.0..=1.0).contains(&total_variation(&p, &q).unwrap()));
        prop_assert!((0.0..=1.0).contains(&hellinger(&p, &q).unwrap()));
        prop_assert!((0.0..=1.0).contains(&bhattacharyya_coefficient(&p, &q).unwrap()));
        prop_assert!(at_most(entropy(&p).unwrap(), (p.len() as f64).ln()));
        for (name, divergence) in MONOTONE {
            let value = divergence(&p, &q);
            prop_assert!(value >= 0.0, "{}: {}", name, value);
            prop_assert_eq!(divergence(&p, &p), 0.0, "{} of p and p", name);
        }
    }

    #[test]
    fn inequalities_between_them((p, q) in pair()) {
        let kl = kl_divergence(&p, &q).unwrap();
        let tv = total_variation(&p, &q).unwrap();
        let h2 = hellinger(&p, &q).unwrap().powi(2);
        let js = jensen_shannon_divergence(&p, &q).unwrap();
        prop_assert!(at_most(2.0 * tv * tv, kl), "Pinsker: 2 * {}^2 > {}", tv, kl);
        prop_assert!(at_most(kl, chi_squared(&p, &q).unwrap().ln_1p()), "kl and chi-squared");
        prop_assert!(at_most(h2, tv) && at_most(tv, (2.0 * h2).sqrt()), "Le Cam: {} {}", h2, tv);
        prop_assert!(at_most(js, LN_2 * tv), "Lin: {} > ln 2 * {}", js, tv);
        prop_assert!(at_most(js, 0.25 * jeffreys(&p, &q).unwrap()), "js and jeffreys");
    }

    #[test]
    fn identities_between_them((p, q) in pair()) {
        let (h, kl) = (entropy(&p).unwrap(), kl_divergence(&p, &q).unwrap());
        prop_assert!(close(cross_entropy(&p, &q).unwrap(), h + kl));
        prop_assert!(close(rel_entr(&p, &q).unwrap().iter().sum::<f64>(), kl));
        let js = jensen_shannon_divergence(&p, &q).unwrap();
        prop_assert!(close(generalized_jensen_shannon(&[&p, &q], &[0.5, 0.5]).unwrap(), js));
        // Their logarithms: a divergence of e^600 is known to 600 roundings.
        let (tsallis, chi_squared) = (tsallis_divergence(&p, &q, 2.0).unwrap(), chi_squared(&p, &q).unwrap());
        prop_assert!(close(tsallis.ln_1p(), chi_squared.ln_1p()), "{} and {}", tsallis, chi_squared);
    }

    #[test]
    fn the_order_of_outcomes_does_not_matter([p, q, p_reordered, q_reordered] in permuted()) {
        for (name, divergence) in MONOTONE {
            let (one, other) = (divergence(&p, &q), divergence(&p_reordered, &q_reordered));
            prop_assert!(close(one, other), "{}: {} and {}", name, one, other);
        }
    }

    #[test]
    fn merging_outcomes_brings_distributions_closer((p, q) in pair()) {
        for (name, divergence) in MONOTONE {
            let (fine, coarse) = (divergence(&p, &q), divergence(&merged(&p), &merged(&q)));
            prop_assert!(at_most(coarse, fine), "{}: {} rose to {}", name, fine, coarse);
        }
    }

    /// Of probabilities whose products do not underflow, and a `q` that is nowhere 0 when `everywhere`.
    #[test]
    fn kl_of_a_product_is_the_sum(
        [p1, q1, p2, q2] in (1..20_usize, 1..20_usize).prop_flat_map(|(one, two)| {
            [one, one, two, two].map(|outcomes| distribution_down_to(-140.0, outcomes))
        }),
        everywhere in any::<bool>(),
    ) {
        let positive = |q: Vec<f64>| -> Vec<f64> {
            if everywhere { normalized(&q.iter().map(|q| q + 1e-140).collect::<Vec<_>>()).unwrap() } else { q }
        };
        let (q1, q2) = (positive(q1), positive(q2));
        let sum = kl_divergence(&p1, &q1).unwrap() + kl_divergence(&p2, &q2).unwrap();
        let whole = kl_divergence(&product(&p1, &p2), &product(&q1, &q2)).unwrap();
        prop_assert!(close(whole, sum), "{} and {}", whole, sum);
    }

    #[test]
    fn renyi_grows_with_the_order((p, q) in pair(), lower in 0.0..5.0_f64, step in 0.0..5.0_f64) {
        let (low, high) = (renyi_divergence(&p, &q, lower).unwrap(), renyi_divergence(&p, &q, lower + step).unwrap());
        prop_assert!(at_most(low, high), "order {}: {}, order {}: {}", lower, low, lower + step, high);
    }

    #[test]
    fn the_jensen_shannon_distance_is_a_metric(three in distributions(3)) {
        let distance = |i: usize, j: usize| jensen_shannon_distance(&three[i], &three[j], Base::Nats).unwrap();
        prop_assert!(at_most(distance(0, 2), distance(0, 1) + distance(1, 2)));
    }

    #[test]
    fn the_generalised_form_is_bounded_by_the_entropy_of_the_weights(
        three in distributions(3),
        weights in distribution_of(3),
    ) {
        let js = generalized_jensen_shannon(&[&three[0], &three[1], &three[2]], &weights).unwrap();
        prop_assert!(js >= 0.0 && at_most(js, entropy(&weights).unwrap()), "{}", js);
    }

    #[test]
    fn mutual_information_is_what_the_entropies_share((p, q) in pair(), joint in distribution_of(12)) {
        let independent = Array2::from_shape_vec((p.len(), q.len()), product(&p, &q)).unwrap();
        let information = mutual_information(independent.view()).unwrap();
        prop_assert!((0.0..1e-14).contains(&information), "independent: {}", information);

        let table = Array2::from_shape_vec((3, 4), joint.clone()).unwrap();
        let rows: Vec<f64> = table.rows().into_iter().map(|row| row.sum()).collect();
        let columns: Vec<f64> = table.columns().into_iter().map(|column| column.sum()).collect();
        let (h_rows, h_columns) = (entropy(&rows).unwrap(), entropy(&columns).unwrap());
        let information = mutual_information(table.view()).unwrap();
        prop_assert!(close(information, h_rows + h_columns - entropy(&joint).unwrap()));
        prop_assert!(at_most(information, h_rows.min(h_columns)));
    }

    #[test]
    fn nearly_equal_distributions_are_nearly_at_zero((p, _) in pair(), flips in prop::collection::vec(0..3_u64, 600)) {
        let q: Vec<f64> = p
            .iter()
            .zip(&flips)
            .map(|(p, flip)| if *p > 0.0 { f64::from_bits(p.to_bits() - 1 + flip) } else { 0.0 })
            .collect();
        // One unit in the last place of each is a relative difference of at most 2^-52, squared; below the normal
        // numbers, which weigh nothing, it is more.
        for (name, divergence) in MONOTONE {
            let value = divergence(&p, &q);
            let limit = match name {
                "total variation" => 2.3e-16,
                "hellinger" => 2.3e-16,
                _ => 5e-32 * 10.0,
            };
            prop_assert!((0.0..limit).contains(&value), "{}: {}", name, value);
        }
    }

    /// Long slices are cut into chunks that threads share; the result is the same on any number of them.
    #[test]
    fn the_number_of_threads_does_not_matter(seed in any::<u32>()) {
        let weights = |salt: u32| -> Vec<f64> {
            (0..70_000_u32).map(|i| f64::from((i ^ salt ^ seed).wrapping_mul(2_654_435_761) | 1)).collect()
        };
        let (p, q) = (normalized(&weights(1)).unwrap(), normalized(&weights(77)).unwrap());
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| kl_divergence(&p, &q).unwrap().to_bits())
        };
        prop_assert_eq!(on(1), on(3));
    }
}
