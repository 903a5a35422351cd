//! What codes tell about their images, where the aggregate posterior is the prior and the information is set exactly.

use anyhow::Result;
use metrics::latent::{KlDecomposition, Posteriors, decompose_kl};
use metrics::samples::SampleError;
use ndarray::{Array2, ArrayView2};

use super::check::{Case, Check};
use super::gaussian_data::exact_gaussian;
use crate::random::{Purpose, noise};

const IMAGES: usize = 2000;
const LATENT: usize = 2;
/// In nats: from far below `ln 2000 = 7.6` to far above.
const INFORMATION: [f64; 9] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0];
/// Of the mean over 2,000 codes of a number that varies by about one nat: four and a half standard errors.
const SAMPLING: f64 = 0.1;
/// Draws for the bound from below.
const DRAWS: usize = 50_000;

/// An estimator of the parts of the KL.
type Decompose = fn(Posteriors<'_>, ArrayView2<'_, f64>) -> Result<KlDecomposition, SampleError>;

/// The information estimated from the codes of 2,000 images, beside the true one and the most that so many images can show.
pub fn case() -> Result<Case> {
    case_of(decompose_kl)
}

fn case_of(decompose: Decompose) -> Result<Case> {
    let mut checks = Vec::new();
    for information in INFORMATION {
        // Each dimension carries its share: -log(variance) / 2.
        let log_var = -2.0 * information / LATENT as f64;
        let means = exact_gaussian(IMAGES, &[-log_var.exp_m1(); LATENT], 1);
        let log_vars = Array2::from_elem((IMAGES, LATENT), log_var);
        let drawn = noise(2, Purpose::SelfTestData, 0, 0, IMAGES * LATENT);
        let mut codes = means.clone();
        codes
            .iter_mut()
            .zip(drawn)
            .for_each(|(code, noise)| *code += (0.5 * log_var).exp() * f64::from(noise));
        let posteriors = Posteriors::new(means.view(), log_vars.view())?;
        let KlDecomposition { kl, mutual_information, .. } = decompose(posteriors, codes.view())?;
        let bounds = shown_by_images(&[log_var; LATENT], IMAGES);
        checks.push(Check::value(format!("I = {information}: KL"), information, 1e-6, kl));
        checks.push(Check::between(
            format!("I = {information}: estimate"),
            bounds,
            SAMPLING,
            mutual_information,
        ));
    }
    let title = format!(
        "Information of codes and its saturation: {IMAGES} images, whose logarithm is {:.4}; nats",
        (IMAGES as f64).ln()
    );
    Ok(Case { title, checks })
}

/// Between what values the expected information about the index among so many images lies, when the aggregate posterior is the
/// prior and every posterior has these log-variances.
///
/// It is `E[-log(1/N Σ_j q(z|x_j) / q(z|x_i))]` over codes of images `i`. By Jensen's inequality it is at least what it would
/// be with the other images' densities at their mean, `p(z)`; and it is at most the information, and the logarithm of `N`.
pub fn shown_by_images(log_vars: &[f64], images: usize) -> [f64; 2] {
    let count = images as f64;
    let truth: f64 = log_vars.iter().map(|log_var| -0.5 * log_var).sum();
    let drawn = noise(3, Purpose::SelfTestData, 0, 0, 2 * DRAWS * log_vars.len());
    let of_code = |drawn: &[f32]| {
        let log_ratio = |(pair, log_var): (&[f32], &f64)| {
            let [mean, noise] = [pair[0], pair[1]].map(f64::from);
            let z = (-log_var.exp_m1()).sqrt() * mean + (0.5 * log_var).exp() * noise;
            0.5 * (z * z - noise * noise - log_var)
        };
        let log_ratio: f64 = drawn.chunks_exact(2).zip(log_vars).map(log_ratio).sum();
        -(1.0 / count + (count - 1.0) / count * (-log_ratio).exp()).ln()
    };
    let least = drawn.chunks_exact(2 * log_vars.len()).map(of_code).sum::<f64>() / DRAWS as f64;
    // Drawn, the bound from below may exceed the one from above where they are the same.
    let most = truth.min(count.ln()).max(0.0);
    [least.clamp(0.0, most), most]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimator_holds_and_broken_ones_are_found() {
        let case = case().unwrap();
        assert!(case.passed(), "{case}");
        let too_great: Decompose = |posteriors, codes| {
            let mut found = decompose_kl(posteriors, codes)?;
            found.mutual_information *= 1.1;
            Ok(found)
        };
        let not_capped: Decompose = |posteriors, codes| {
            let mut found = decompose_kl(posteriors, codes)?;
            found.mutual_information = found.kl;
            Ok(found)
        };
        for broken in [too_great, not_capped] {
            assert!(!case_of(broken).unwrap().passed());
        }
    }
}
