//! Arbitrary bytes as two lists of floats: no panic, and no NaN, no negative number and nothing out of bounds from valid
//! input, of which most inputs are made by normalising the lists.

use std::f64::consts::LN_2;

use metrics::{
    Base, bhattacharyya_coefficient, bhattacharyya_distance, chi_squared, cross_entropy, entropy,
    generalized_jensen_shannon, hellinger, jeffreys, jensen_shannon_distance, jensen_shannon_divergence,
    kl_divergence, mutual_information, normalized, rel_entr, renyi_divergence, total_variation,
    tsallis_divergence,
};
use ndarray::ArrayView2;

/// Bytes as a way to make two distributions of the rest, which are floats.
pub fn divergences(data: &[u8]) {
    let Some((&control, data)) = data.split_first() else { return };
    let floats: Vec<f64> =
        data.chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap())).collect();
    let (p, q) = floats.split_at(floats.len() / 2);
    let q = &q[..p.len()];
    let alpha = floats.last().copied().unwrap_or(0.5);

    // As they are: mostly errors, and never a panic.
    all(p, q, alpha);
    // What is left of them once they are made valid.
    let positive = |values: &[f64]| -> Vec<f64> {
        values.iter().map(|x| if x.is_finite() { x.abs().min(1e300) } else { 0.0 }).collect()
    };
    if let (Ok(mut p), Ok(mut q)) = (normalized(&positive(p)), normalized(&positive(q))) {
        match control % 4 {
            // Nearly equal distributions.
            1 => q = p.iter().map(|p| if p.to_bits() & 1 == 0 { p.next_up() } else { *p }).collect(),
            // Longer than a block of the vectorised pass.
            2 => {
                p = normalized(&p.repeat(97)).unwrap();
                q = normalized(&q.repeat(97)).unwrap();
            }
            _ => {}
        }
        let alpha = if alpha.is_finite() { alpha.abs().min(1e6) } else { f64::from(control) / 16.0 };
        assert!(all(&p, &q, alpha), "a valid input was refused: {p:?} {q:?}");
    }
}

/// Calls everything and checks what has a value. Whether everything had one.
fn all(p: &[f64], q: &[f64], alpha: f64) -> bool {
    let mut complete = true;
    let mut within = |name: &str, value: Result<f64, metrics::DivergenceError>, most: f64| match value {
        // NaN fails too.
        Ok(value) => assert!((0.0..=most).contains(&value), "{name} is {value:e} for {p:?} {q:?} {alpha}"),
        Err(_) => complete = false,
    };
    let inf = f64::INFINITY;
    // The last place, for bounds that are themselves rounded.
    let ulps = 1.0 + 8.0 * f64::EPSILON;
    within("entropy", entropy(p), (p.len() as f64).ln() * ulps);
    within("cross-entropy", cross_entropy(p, q), inf);
    within("kl", kl_divergence(p, q), inf);
    within("jeffreys", jeffreys(p, q), inf);
    within("js", jensen_shannon_divergence(p, q), LN_2);
    within("js distance", jensen_shannon_distance(p, q, Base::Bits), 1.0);
    within("generalised js", generalized_jensen_shannon(&[p, q], &[0.25, 0.75]), LN_2);
    within("total variation", total_variation(p, q), 1.0);
    within("hellinger", hellinger(p, q), 1.0);
    within("coefficient", bhattacharyya_coefficient(p, q), 1.0);
    within("bhattacharyya", bhattacharyya_distance(p, q), inf);
    within("chi-squared", chi_squared(p, q), inf);
    within("renyi", renyi_divergence(p, q, alpha), inf);
    within("tsallis", tsallis_divergence(p, q, alpha), inf);
    if let Ok(joint) = ArrayView2::from_shape((p.len() / 2, 2), &p[..p.len() / 2 * 2]) {
        let information = mutual_information(joint);
        assert!(information.is_err() || (0.0..=LN_2 * ulps).contains(&information.unwrap()));
    }
    if let Ok(terms) = rel_entr(p, q) {
        assert!(terms.iter().all(|term| !term.is_nan()), "terms {terms:?} for {p:?} {q:?}");
    }
    complete
}
