//! The divergences against 50-digit arithmetic, SciPy and PyTorch.
//!
//! The values come from `python scripts/divergence_reference.py`, which also says how the inputs are made.

use std::collections::BTreeMap;

use metrics::{
    DivergenceError, bhattacharyya_coefficient, chi_squared, cross_entropy, entropy,
    generalized_jensen_shannon, hellinger, jensen_shannon_divergence, kl_divergence, mutual_information,
    renyi_divergence, total_variation, tsallis_divergence,
};
use ndarray::Array2;
use serde_json::Value;

/// The promise of the crate. The worst case of the table is a tenth of it, see the printed ratios.
const TOLERANCE: f64 = 1e-14;

/// What separates SciPy and PyTorch from the exact values. They sum terms of either sign without compensation, so that the
/// error is one of the terms, which are of the order of 1, and not of the sum.
const PEER_TOLERANCE: f64 = 1e-14;

struct SplitMix64(u64);

impl SplitMix64 {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// The same integers as `weights` in the script.
fn weights(kind: &str, seed: u64, bins: usize) -> (Vec<u64>, Vec<u64>) {
    let mut draws = SplitMix64(seed);
    (0..bins)
        .map(|i| {
            let [a, b, c, d] = [(); 4].map(|()| draws.draw());
            let (a, b) = (a >> 11, b >> 11);
            match kind {
                "random" => (a, b),
                "sparse" => (if c % 10 == 0 || i == 0 { a } else { 0 }, b),
                "peaked" => ((a >> (c % 50)) + 1, (b >> (d % 50)) + 1),
                _ => {
                    let k: u32 = kind.strip_prefix("near").unwrap().parse().unwrap();
                    (a, if c % 2 == 1 { a + (a >> k) } else { a - (a >> k) })
                }
            }
        })
        .unzip()
}

fn normalized(integers: &[u64]) -> Vec<f64> {
    let total = integers.iter().map(|&w| u128::from(w)).sum::<u128>() as f64;
    integers.iter().map(|&w| w as f64 / total).collect()
}

fn computed(name: &str, p: &[f64], q: &[f64]) -> Result<f64, DivergenceError> {
    match name.split_once(' ') {
        Some(("renyi", alpha)) => renyi_divergence(p, q, alpha.parse().unwrap()),
        Some(("tsallis", alpha)) => tsallis_divergence(p, q, alpha.parse().unwrap()),
        _ => match name {
            "entropy" => entropy(p),
            "cross_entropy" => cross_entropy(p, q),
            "kl" => kl_divergence(p, q),
            "reverse_kl" => kl_divergence(q, p),
            "js" => jensen_shannon_divergence(p, q),
            "total_variation" => total_variation(p, q),
            "hellinger" => hellinger(p, q),
            "chi_squared" => chi_squared(p, q),
            "coefficient" => bhattacharyya_coefficient(p, q),
            other => panic!("no function for {other}"),
        },
    }
}

fn cases() -> Vec<Value> {
    let table: Value = serde_json::from_str(include_str!("divergence_reference.json")).unwrap();
    table["cases"].as_array().unwrap().clone()
}

fn inputs(case: &Value) -> (Vec<f64>, Vec<f64>) {
    let (kind, seed) = (case["kind"].as_str().unwrap(), case["seed"].as_u64().unwrap());
    let (p, q) = weights(kind, seed, case["bins"].as_u64().unwrap() as usize);
    (normalized(&p), normalized(&q))
}

#[test]
fn all_agree_with_50_digits() {
    let mut worst = BTreeMap::new();
    let mut failures = Vec::new();
    for case in cases() {
        let (p, q) = inputs(&case);
        for (name, expected) in case["values"].as_object().unwrap() {
            let expected: f64 = expected.as_str().unwrap().parse().unwrap();
            let value = computed(name, &p, &q).unwrap();
            let error = if value == expected { 0.0 } else { (value - expected).abs() / expected };
            // A sum of powers that is the exponential of 700 amplifies the rounding of the exponent by as much.
            let tolerance = if name.starts_with("tsallis") {
                TOLERANCE.max(f64::EPSILON * expected.max(1.0).ln())
            } else {
                TOLERANCE
            };
            // NaN is not within.
            let within = error <= tolerance;
            if !within {
                failures.push(format!(
                    "{} seed {} with {} bins: {name} is {value:e}, not {expected:e} (error {error:.1e})",
                    case["kind"], case["seed"], case["bins"]
                ));
            }
            let entry = worst.entry(name.clone()).or_insert(0.0_f64);
            *entry = entry.max(error);
        }
    }
    for (name, error) in worst {
        println!("{name}: largest relative error {error:.1e}");
    }
    assert!(failures.is_empty(), "{} beyond {TOLERANCE:e}:\n{}", failures.len(), failures.join("\n"));
}

/// The bits of this machine's results, which every other has to reproduce.
#[test]
fn the_same_bits_everywhere() {
    let (p, q) = weights("peaked", 3, 1000);
    let (p, q) = (normalized(&p), normalized(&q));
    let close = normalized(&weights("near20", 3, 1000).1);
    let of_close = normalized(&weights("near20", 3, 1000).0);
    let names = [
        "entropy",
        "cross_entropy",
        "kl",
        "js",
        "total_variation",
        "hellinger",
        "chi_squared",
        "coefficient",
        "renyi 0.3",
        "renyi 1e-9",
        "renyi 40",
        "tsallis 0.7",
        "tsallis 2.5",
    ];
    let mut bits: Vec<u64> = names
        .iter()
        .flat_map(|name| [computed(name, &p, &q), computed(name, &of_close, &close)])
        .map(|value| value.unwrap().to_bits())
        .collect();
    bits.push(generalized_jensen_shannon(&[&p, &q, &close], &[0.2, 0.3, 0.5]).unwrap().to_bits());
    let table = Array2::from_shape_vec((20, 50), p).unwrap();
    bits.push(mutual_information(table.view()).unwrap().to_bits());
    assert_eq!(bits, BITS, "{bits:#018x?}");
}

#[rustfmt::skip]
const BITS: [u64; 28] = [
    0x4010_bd99_99f6_1394, 0x401a_e6eb_1311_b298, 0x4033_3c90_31a5_a889, 0x401a_e6eb_1311_b497,
    0x402e_1a53_9650_4748, 0x3d5f_f950_023f_2121, 0x3fe5_0c00_5b15_8a62, 0x3d3f_f950_071e_69f4,
    0x3fef_2d8d_5e94_e7d3, 0x3e9f_f950_072e_8028, 0x3fee_b689_6c24_1b61, 0x3e96_9e41_00d3_a2f1,
    0x42ba_7330_19b7_b97a, 0x3d6f_f94f_f880_9226, 0x3fb4_2d68_be00_547d, 0x3fef_ffff_ffff_fc01,
    0x400a_82ea_ab3a_f0d7, 0x3d43_2f30_0570_cdba, 0x3e52_1e37_9f7c_863d, 0x3b81_2a74_cf19_dc08,
    0x4041_0741_fafc_4109, 0x3db3_fbd1_13cd_d647, 0x4007_9d7e_6e2f_7526, 0x3d56_61b8_039e_7362,
    0x4439_78d2_4bf4_8e10, 0x3d73_fbd1_f844_cfe9, 0x3fe8_461e_6005_25ef, 0x4001_375c_ce54_889b,
];

#[test]
fn scipy_and_pytorch_agree() {
    for case in cases().iter().filter(|case| !case["peers"].is_null()) {
        let (p, q) = inputs(case);
        for (peer, values) in case["peers"].as_object().unwrap() {
            for (name, value) in values.as_object().unwrap() {
                let (theirs, ours) = (value.as_f64().unwrap(), computed(name, &p, &q).unwrap());
                assert!(
                    (ours - theirs).abs() <= PEER_TOLERANCE * (1.0 + ours),
                    "{case}: {name} is {ours:e}, and {theirs:e} in {peer}"
                );
            }
        }
    }
}

/// Orders from 1e-300 to 1e308, distributions and tables that agree in up to 13 digits, tiny probabilities. The values
/// come from `python scripts/extreme_reference.py`.
const EXTREMES: &str = include_str!("reference/discrete_extremes.csv");

#[test]
fn extremes_agree_with_50_digits() {
    let mut failures = Vec::new();
    for record in csv::Reader::from_reader(EXTREMES.as_bytes()).records().map(Result::unwrap) {
        let (quantity, order) = (&record[0], record[1].parse().unwrap_or(f64::NAN));
        let lists: Vec<Vec<f64>> =
            record[2].split(';').map(|list| list.split(' ').map(|x| x.parse().unwrap()).collect()).collect();
        let value = match quantity {
            "renyi" => renyi_divergence(&lists[0], &lists[1], order),
            "tsallis" => tsallis_divergence(&lists[0], &lists[1], order),
            "information" => {
                let table = Array2::from_shape_vec((lists.len(), lists[0].len()), lists.concat()).unwrap();
                mutual_information(table.view())
            }
            "generalised_js" => {
                let (weights, distributions) = lists.split_last().unwrap();
                let distributions: Vec<&[f64]> = distributions.iter().map(Vec::as_slice).collect();
                generalized_jensen_shannon(&distributions, weights)
            }
            other => panic!("no function for {other}"),
        }
        .unwrap();
        let expected: f64 = record[3].parse().unwrap();
        let error = (value - expected).abs() / expected;
        let within = error <= TOLERANCE;
        if !within {
            failures.push(format!(
                "{quantity} {order:e} of {}: {value:e}, not {expected:e} (error {error:.1e})",
                &record[2]
            ));
        }
    }
    assert!(failures.is_empty(), "{} beyond {TOLERANCE:e}:\n{}", failures.len(), failures.join("\n"));
}
