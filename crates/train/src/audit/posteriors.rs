//! Posteriors in files: what can be said of all of them while they pass by, and those that are kept.

use anyhow::{Result, ensure};
use data::{DataError, NamedArray};
use ndarray::{Array1, Array2};
use record::COLLAPSED_KL;

use super::Spread;
use super::folder::MemberArrays;
use crate::diagnostics::EncodedImages;
use crate::random::{Purpose, noise_of};

/// The variance of the means from which on a dimension is in use, as in [`record::LatentUse`].
const ACTIVE: f64 = 0.01;

/// The posteriors of a set of images.
pub struct ReadPosteriors {
    /// Of the images that are kept.
    pub kept: EncodedImages,
    /// `KL(q(z|x) ‖ N(0, I))` of every image, in nats.
    pub kl: Array1<f32>,
    /// Of all images, for each dimension.
    pub dimensions: Vec<DimensionUse>,
}

/// What all posteriors say of a latent dimension.
#[derive(Clone, Copy, Debug, Default)]
pub struct DimensionUse {
    count: f64,
    kl: f64,
    variance: f64,
    collapsed: f64,
    mean: f64,
    /// The sum of the squared distances of the means from their mean.
    squares: f64,
}

impl DimensionUse {
    fn see(&mut self, mean: f64, log_var: f64) -> f64 {
        let variance = log_var.exp();
        let kl = 0.5 * (mean * mean + variance - 1.0 - log_var);
        self.count += 1.0;
        self.kl += kl;
        self.variance += variance;
        self.collapsed += if kl < COLLAPSED_KL { 1.0 } else { 0.0 };
        // Welford's method: means far from 0 keep the digits of their variance.
        let before = mean - self.mean;
        self.mean += before / self.count;
        self.squares += before * (mean - self.mean);
        kl
    }

    /// The mean KL, in nats.
    pub fn kl(&self) -> f64 {
        self.kl / self.count
    }

    /// The mean variance of the posteriors.
    pub fn variance(&self) -> f64 {
        self.variance / self.count
    }

    /// The share of images of which it carries next to nothing.
    pub fn collapsed_share(&self) -> f64 {
        self.collapsed / self.count
    }

    /// Whether it is in use.
    pub fn is_active(&self) -> bool {
        self.squares / self.count > ACTIVE
    }
}

/// The parameters of the posteriors as a member has them.
struct Parameters<'a> {
    means: &'a NamedArray,
    spreads: &'a NamedArray,
    spread: Spread,
}

impl<'a> Parameters<'a> {
    /// Those of a part of the data, of `count` images where that is known.
    fn of(member: &'a MemberArrays, part: &str, spread: Spread) -> Result<Self> {
        let (id, arrays) = (member.id, &member.arrays);
        let [log_vars, as_variances] = ["log_vars", "variances"].map(|name| format!("{part}{name}"));
        let spreads = match arrays.get(&as_variances) {
            Some(spreads) if spread == Spread::Variances => spreads,
            Some(_) if !arrays.contains_key(&log_vars) => {
                anyhow::bail!(
                    "{id} has {as_variances} and no {log_vars}: say with --variances that they are given by variances"
                )
            }
            _ => member.require(&log_vars)?,
        };
        let means = member.require(&format!("{part}means"))?;
        ensure!(
            means.shape().len() >= 2 && means.rows() > 0 && means.row_numbers() > 0,
            means.refused(format!(
                "has the shape {:?}: means are [images, latent dimensions, …]",
                means.shape()
            ))
        );
        ensure!(
            means.shape() == spreads.shape(),
            spreads.refused(format!(
                "has the shape {:?}, and the means of {id} {:?}: every mean has its log-variance",
                spreads.shape(),
                means.shape()
            ))
        );
        Ok(Self { means, spreads, spread })
    }

    /// Calls `each` for every image with its means and log-variances.
    fn for_each(&self, mut each: impl FnMut(usize, &[f64], &[f64]) -> Result<()>) -> Result<()> {
        let mut all_positive = true;
        let mut log_vars = Vec::new();
        self.means.read_rows(|means| {
            self.spreads.read_rows(|spreads| {
                let mut image = 0;
                while let (Some(mean), Some(spread)) = (means.next()?, spreads.next()?) {
                    check_finite(self.means, image, mean)?;
                    check_finite(self.spreads, image, spread)?;
                    all_positive &= spread.iter().all(|value| *value > 0.0);
                    log_vars.clear();
                    if self.spread == Spread::Variances {
                        if let Some(value) = spread.iter().find(|value| **value <= 0.0) {
                            let reason = format!("holds {value} in row {image}: a variance is above 0");
                            return Err(self.spreads.refused(reason).into());
                        }
                        log_vars.extend(spread.iter().map(|variance| variance.ln()));
                    } else {
                        log_vars.extend(spread);
                    }
                    each(image, mean, &log_vars)?;
                    image += 1;
                }
                Ok::<_, anyhow::Error>(())
            })
        })?;
        ensure!(
            self.spread != Spread::Expected || !all_positive,
            self.spreads.refused(
                "holds no number below 0: these look like variances, or standard deviations, and not like their logarithms. Read \
                 them as variances with --variances, or say with --log-variances that they are logarithms"
            )
        );
        Ok(())
    }
}

/// What cannot be gone on with is named with its row.
pub fn check_finite(array: &NamedArray, row: usize, numbers: &[f64]) -> Result<(), DataError> {
    match numbers.iter().find(|number| !(**number as f32).is_finite()) {
        Some(number) if number.is_finite() => Err(array.refused(format!(
            "holds {number:e} in row {row}: every number has to be below 3e38, as those of 32 bits are"
        ))),
        Some(number) => {
            Err(array.refused(format!("holds {number} in row {row}: every number has to be finite")))
        }
        None => Ok(()),
    }
}

/// Calls `each` for every image of a part, from the first on, with a code of its posterior, drawn with the seed's noise.
///
/// # Errors
///
/// Fails as [`read_posteriors`], and as `each` does.
pub fn for_each_code(
    member: &MemberArrays,
    part: &str,
    spread: Spread,
    purpose: Purpose,
    mut each: impl FnMut(&[f32]) -> Result<()>,
) -> Result<()> {
    let mut noise = noise_of(member.id.seed, purpose);
    let mut code = Vec::new();
    Parameters::of(member, part, spread)?.for_each(|_, means, log_vars| {
        code.clear();
        let parameters = means.iter().zip(log_vars).zip(&mut noise);
        code.extend(parameters.map(|((mean, log_var), noise)| code_of(*mean, *log_var, noise)));
        each(&code)
    })
}

/// A coordinate of a code, by the posterior and the noise.
pub fn code_of(mean: f64, log_var: f64, noise: f32) -> f32 {
    mean as f32 + (0.5 * log_var as f32).exp() * noise
}

/// How many images a part has posteriors of, and how many latent dimensions these have.
pub fn posterior_shape(member: &MemberArrays, part: &str, spread: Spread) -> Result<(usize, usize)> {
    let Parameters { means, .. } = Parameters::of(member, part, spread)?;
    Ok((means.rows(), means.row_numbers()))
}

/// Reads the posteriors of a part, and keeps those at some positions, which rise.
///
/// # Errors
///
/// Fails when the arrays are damaged, do not fit each other, or hold what is no posterior.
pub fn read_posteriors(
    member: &MemberArrays,
    part: &str,
    spread: Spread,
    positions: &[u32],
) -> Result<ReadPosteriors> {
    let parameters = Parameters::of(member, part, spread)?;
    let (count, latent) = (parameters.means.rows(), parameters.means.row_numbers());
    let mut dimensions = vec![DimensionUse::default(); latent];
    let mut kl = Vec::with_capacity(count);
    let (mut means, mut log_vars) = (Vec::new(), Vec::new());
    let mut kept = positions.iter().peekable();
    parameters.for_each(|image, mean, log_var| {
        let of_dimensions = dimensions.iter_mut().zip(mean).zip(log_var);
        let of_image: f64 = of_dimensions.map(|((seen, mean), log_var)| seen.see(*mean, *log_var)).sum();
        ensure!(
            (of_image as f32).is_finite(),
            parameters.means.refused(format!(
                "and the variances beside it give row {image} a KL of {of_image:.0e} nats: posteriors lie near the prior, whose \
                 mean is 0 and whose variance is 1"
            ))
        );
        kl.push(of_image as f32);
        if kept.next_if(|position| **position as usize == image).is_some() {
            means.extend(mean);
            log_vars.extend(log_var);
        }
        Ok(())
    })?;
    let array = |numbers| Array2::from_shape_vec((positions.len(), latent), numbers);
    let kept = EncodedImages { means: array(means)?, log_vars: array(log_vars)? };
    Ok(ReadPosteriors { kept, kl: Array1::from(kl), dimensions })
}
