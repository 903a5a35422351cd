//! What each latent dimension carries.

use ndarray::{ArrayView2, Axis};

use super::posteriors::Posteriors;

/// The variance of its mean over the images above which a dimension counts as active.
///
/// Source: Burda, Grosse and Salakhutdinov, *Importance Weighted Autoencoders* (2016), section 5.2, who find the
/// distribution of the variances so clearly two-peaked that the threshold matters little.
pub const ACTIVE_VARIANCE: f64 = 0.01;

/// `KL(q(z_d|x) ‖ N(0, 1))` for each latent dimension `d`, in nats, averaged over the images:
///
/// ```text
/// 1/N sum_i (mean_id^2 + exp(log_var_id) - 1 - log_var_id) / 2
/// ```
///
/// The dimensions of a diagonal posterior are independent, so that these numbers add up to `KL(q(z|x) ‖ p(z))`.
///
/// ```
/// use metrics::latent::{Posteriors, kl_per_dimension};
/// use ndarray::array;
///
/// // The first dimension is the prior itself, the second is off by one standard deviation.
/// let (means, log_vars) = (array![[0.0, 1.0], [0.0, -1.0]], array![[0.0, 0.0], [0.0, 0.0]]);
/// let posteriors = Posteriors::new(means.view(), log_vars.view())?;
/// assert_eq!(kl_per_dimension(posteriors), [0.0, 0.5]);
/// # Ok::<(), metrics::samples::SampleError>(())
/// ```
pub fn kl_per_dimension(posteriors: Posteriors<'_>) -> Vec<f64> {
    let images = posteriors.images() as f64;
    let (means, log_vars) = (posteriors.means(), posteriors.log_vars());
    means
        .axis_iter(Axis(1))
        .zip(log_vars.axis_iter(Axis(1)))
        .map(|(means, log_vars)| {
            // exp(l) - 1 - l cancels near the prior; exp_m1 keeps what is left of it.
            let terms = means.iter().zip(log_vars).map(|(m, l)| 0.5 * (m * m + (l.exp_m1() - l)));
            terms.sum::<f64>() / images
        })
        .collect()
}

/// How many latent dimensions have a mean that varies over the images, with a variance above [`ACTIVE_VARIANCE`].
///
/// # Shapes
///
/// - means: `[images, latent dimensions]`, of the posteriors
///
/// ```
/// use ndarray::array;
///
/// // The second dimension says the same of every image.
/// let means = array![[0.9, 0.1], [-1.1, 0.1], [0.2, 0.1]];
/// assert_eq!(metrics::latent::active_units(means.view()), 1);
/// ```
pub fn active_units(means: ArrayView2<'_, f64>) -> usize {
    means.axis_iter(Axis(1)).filter(|column| column.var(0.0) > ACTIVE_VARIANCE).count()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    #[test]
    fn next_to_the_prior_nothing_cancels() {
        let (means, log_vars) = (Array2::zeros((1, 1)), array![[1e-7]]);
        let kl = kl_per_dimension(Posteriors::new(means.view(), log_vars.view()).unwrap())[0];
        let expected = 1e-14 / 4.0 + 1e-21 / 12.0;
        // The difference of exp_m1(l) and l is good to 1e-16 of l, here 1e-9 of l^2.
        assert!((kl / expected - 1.0).abs() < 4e-9, "{kl}");
    }

    #[test]
    fn the_saturated_ends_of_the_log_variance_are_finite() {
        let (means, log_vars) = (array![[0.0, 0.0]], array![[-80.0, 40.0]]);
        let kl = kl_per_dimension(Posteriors::new(means.view(), log_vars.view()).unwrap());
        assert!((kl[0] - 39.5).abs() < 1e-12, "{kl:?}");
        assert!((kl[1] / (0.5 * 40f64.exp()) - 1.0).abs() < 1e-12, "{kl:?}");
    }

    #[test]
    fn a_dimension_is_active_when_its_mean_varies() {
        // Variances 0.0025, 0.0225 and, far from the origin, 0.
        let means = array![[0.05, 0.15, 7.0], [-0.05, -0.15, 7.0]];
        assert_eq!(active_units(means.view()), 1);
    }
}
