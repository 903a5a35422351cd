//! Which latent dimensions a figure shows, and what it calls them.

use record::dimensions_by_kl;

/// The dimensions along the axes of a plane: both in their order, or the two of highest KL, that first; only one if there
/// is only one.
pub fn on_axes(kl_per_dim: &[f64]) -> Vec<usize> {
    match kl_per_dim.len() {
        0..=2 => (0..kl_per_dim.len()).collect(),
        _ => dimensions_by_kl(kl_per_dim)[..2].to_vec(),
    }
}

/// A dimension as a formula calls it, such as z₀.
pub fn name(dimension: usize) -> String {
    let subscript = |digit: char| char::from_u32(digit as u32 - '0' as u32 + '₀' as u32).unwrap_or(digit);
    format!("z{}", dimension.to_string().chars().map(subscript).collect::<String>())
}

/// The same, with its KL where it was chosen for it.
pub fn name_with_kl(dimension: usize, kl_per_dim: &[f64]) -> String {
    match kl_per_dim.len() {
        0..=2 => name(dimension),
        _ => format!("{}, KL {:.2} nats", name(dimension), kl_per_dim[dimension]),
    }
}

/// What stands on an axis along a dimension: codes have no unit but the prior's standard deviation.
pub fn axis_label(what: &str) -> String {
    format!("{what} (prior σ = 1)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_dimensions_keep_their_order_and_more_are_ranked() {
        assert_eq!(on_axes(&[0.1]), [0]);
        assert_eq!(on_axes(&[0.1, 2.0]), [0, 1]);
        assert_eq!(on_axes(&[0.1, f64::NAN, 3.0, 2.0]), [2, 3]);
        assert_eq!(dimensions_by_kl(&[0.1, f64::NAN, 3.0, 2.0]), [2, 3, 0, 1]);
    }

    #[test]
    fn a_dimension_has_its_number_as_a_subscript() {
        assert_eq!(name(10), "z₁₀");
        assert_eq!(name_with_kl(1, &[1.0, 2.0]), "z₁");
        assert_eq!(name_with_kl(1, &[1.0, 2.345, 3.0]), "z₁, KL 2.35 nats");
    }
}
