//! What weighted samples are worth.
//!
//! The mean of importance weights `w = p / q` over samples of `q` estimates the mass of `p`. It is only as good as `q`
//! reaches: where `p` has mass that `q` hardly ever finds, the weights have a heavy tail, and the sample looks more precise
//! than it is.

/// The share of weights, and the multiple of the root of their number, that count as the tail at most.
const TAIL_SHARE: f64 = 0.2;
const TAIL_ROOTS: f64 = 3.0;
/// Weights below which there is no tail to fit.
const LEAST_TAIL: usize = 5;
/// The weight of the prior of the shape, in observations, and its mean.
const PRIOR_OBSERVATIONS: f64 = 10.0;
const PRIOR_SHAPE: f64 = 0.5;

/// `ln(1/K sum_k exp(log_weights_k))`.
///
/// ```
/// use metrics::samples::importance::log_mean;
///
/// assert!((log_mean(&[-1000.0, -1000.0 + 3f64.ln()]) - (-1000.0 + 2f64.ln())).abs() < 1e-12);
/// ```
pub fn log_mean(log_weights: &[f64]) -> f64 {
    let greatest = greatest(log_weights);
    if greatest.is_infinite() {
        return greatest;
    }
    let sum: f64 = log_weights.iter().map(|weight| (weight - greatest).exp()).sum();
    greatest + (sum / log_weights.len() as f64).ln()
}

/// How many equally weighted samples tell as much: `(sum w)^2 / sum w^2`, from 1 to their number.
///
/// 0 where no weight is above 0; of weights that are infinite, how many are.
///
/// Source: Kong, Liu and Wong, *Sequential Imputations and Bayesian Missing Data Problems*, JASA 89 (1994).
pub fn effective_samples(log_weights: &[f64]) -> f64 {
    let greatest = greatest(log_weights);
    if greatest.is_infinite() {
        let infinite = log_weights.iter().filter(|weight| **weight == f64::INFINITY);
        return infinite.count() as f64;
    }
    let weights = log_weights.iter().map(|weight| (weight - greatest).exp());
    let (sum, squares) = weights.fold((0.0, 0.0), |(sum, squares), w| (sum + w, squares + w * w));
    sum * sum / squares
}

/// The shape `k` of a generalised Pareto distribution fitted to the greatest weights: their moments of order `1 / k` and
/// above do not exist. Below 0.5 their variance does, and up to 0.7 the mean of the weights can be relied upon; beyond,
/// practically not.
///
/// The tail is the greatest fifth of the weights, or `3 sqrt(K)` of them if that is fewer. `None` if these are fewer than five,
/// or no weight is above 0; -∞ where the tail has no spread, ∞ where a weight is infinite.
///
/// # Source
///
/// Vehtari, Simpson, Gelman, Yao and Gabry, *Pareto Smoothed Importance Sampling*, JMLR 25 (2024), with their weak prior; the
/// fit is that of Zhang and Stephens, *A New and Efficient Estimation Method for the Generalized Pareto Distribution*,
/// Technometrics 51 (2009).
pub fn pareto_shape(log_weights: &[f64]) -> Option<f64> {
    let count = log_weights.len();
    let tail = (TAIL_SHARE * count as f64).min(TAIL_ROOTS * (count as f64).sqrt()).ceil() as usize;
    if tail < LEAST_TAIL || tail >= count {
        return None;
    }
    let mut sorted = log_weights.to_vec();
    sorted.sort_by(f64::total_cmp);
    let greatest = sorted[count - 1];
    if greatest.is_infinite() {
        return (greatest > 0.0).then_some(f64::INFINITY);
    }
    let cutoff = (sorted[count - tail - 1] - greatest).exp();
    let excess: Vec<f64> =
        sorted[count - tail..].iter().map(|weight| (weight - greatest).exp() - cutoff).collect();
    Some(generalised_pareto_shape(&excess))
}

/// The shape of sorted excesses over a threshold.
fn generalised_pareto_shape(excess: &[f64]) -> f64 {
    let count = excess.len() as f64;
    let (greatest, quartile) = (excess[excess.len() - 1], excess[(count / 4.0 + 0.5) as usize - 1]);
    if quartile <= f64::EPSILON {
        // Weights so alike, or so few of any size, that the quantile that sets the scale drowns in rounding.
        return if greatest <= f64::EPSILON { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    // The profile likelihood on a grid of values of -k / sigma, whose posterior mean is the estimate.
    let candidates = 30 + count.sqrt() as usize;
    let shape = |b: f64| excess.iter().map(|x| (-b * x).ln_1p()).sum::<f64>() / count;
    let profile: Vec<(f64, f64)> = (1..=candidates)
        .map(|j| {
            let b = (1.0 - (candidates as f64 / (j as f64 - 0.5)).sqrt()) / (3.0 * quartile) + 1.0 / greatest;
            let k = shape(b);
            (b, count * ((-(b / k)).ln() - k - 1.0))
        })
        .filter(|(_, log_likelihood)| log_likelihood.is_finite())
        .collect();
    let best = profile.iter().map(|(_, log_likelihood)| *log_likelihood).fold(f64::NEG_INFINITY, f64::max);
    let (sum, weighted) = profile.iter().fold((0.0, 0.0), |(sum, weighted), (b, log_likelihood)| {
        let weight = (log_likelihood - best).exp();
        (sum + weight, weighted + weight * b)
    });
    (count * shape(weighted / sum) + PRIOR_OBSERVATIONS * PRIOR_SHAPE) / (count + PRIOR_OBSERVATIONS)
}

fn greatest(log_weights: &[f64]) -> f64 {
    log_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::draws::Draws;

    #[test]
    fn weights_without_a_size_are_no_nan() {
        let (none, infinite) = ([f64::NEG_INFINITY; 30], [f64::INFINITY; 30]);
        assert_eq!([&[], &none[..], &infinite].map(effective_samples), [0.0, 0.0, 30.0]);
        assert_eq!([&none, &infinite].map(|w| pareto_shape(w)), [None, Some(f64::INFINITY)]);
    }

    #[test]
    fn equal_weights_are_worth_as_many_samples_as_they_are() {
        let weights = [-3.0; 50];
        assert!((effective_samples(&weights) - 50.0).abs() < 1e-12);
        assert_eq!(pareto_shape(&weights), Some(f64::NEG_INFINITY));
        assert_eq!(log_mean(&weights), -3.0);
    }

    #[test]
    fn one_weight_above_all_is_worth_one_sample() {
        let mut weights = [-900.0; 50];
        weights[7] = 0.0;
        assert!((effective_samples(&weights) - 1.0).abs() < 1e-12);
        assert!(pareto_shape(&weights).is_some_and(|k| k > 0.7));
        assert_eq!(pareto_shape(&[0.0; 20]), None, "a fifth of 20 is no tail");
    }

    /// `w = u^(-k)` for uniform `u` is a Pareto distribution of shape `k`.
    #[test]
    fn the_shape_of_pareto_weights_is_found() {
        for shape in [0.1, 0.5, 0.9] {
            let mut draws = Draws::seeded(3);
            let weights: Vec<f64> = (0..20_000).map(|_| -shape * (1.0 - draws.uniform()).ln()).collect();
            let found = pareto_shape(&weights).unwrap();
            // Of 424 in the tail: (1 + k) / sqrt(424) is 0.09 at most. The prior pulls by 0.01.
            assert!((found - shape).abs() < 0.2, "{found}, not {shape}");
        }
    }

    /// A Normal sampled by one that is narrower: with variances 1 and c the weights are `exp((1/c - 1) x^2 / 2)`, and the tail has
    /// the shape `1 - c`.
    #[test]
    fn a_proposal_that_is_too_narrow_is_noticed() {
        let khat = |variance: f64| {
            let mut draws = Draws::seeded(5);
            let weights: Vec<f64> =
                (0..2000).map(|_| 0.5 * (1.0 - variance) * draws.normal().powi(2)).collect();
            pareto_shape(&weights).unwrap()
        };
        // The logarithm in the tail of a squared Normal, and the prior, take some of 0.95 away.
        let [fine, narrow] = [0.8, 0.05].map(khat);
        assert!(fine < 0.3 && narrow > 0.6, "{fine} {narrow}");
    }
}
