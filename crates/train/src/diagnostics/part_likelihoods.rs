//! The likelihoods of both parts of the held-out images: by integration where the latent space is small, else by sampling.

use anyhow::{Context, Result};
use ndarray::Axis;
use record::{Estimate, LogLikelihoods, Nll, NllMethod, NllOfSamples};

use super::integrated_likelihood::{Integrands, integrated_likelihoods};
use super::measured::Measured;
use super::quadrature::{Integral, MOST_DIMENSIONS, coarse_cells};
use super::sampled_likelihood::{SampledLikelihood, sampled_likelihoods};
use super::subject::{Measurer, at_hand};

/// Codes an image where its likelihood is sampled.
const SAMPLES: usize = 100;
/// Numbers of codes for which the likelihood is sampled on some images, to see whether more would change it.
const SAMPLES_COMPARED: [usize; 3] = [10, 100, 1000];
/// Images of a part for that: the differences between the numbers of codes are those of the same images.
const IMAGES_COMPARED: usize = 25;
/// Images of a part whose likelihood is computed where that of all would take longer than some ten seconds.
const FEWER_IMAGES: usize = 2000;
/// Multiplications of an integration that take so long: those of the coarse lattice are about half.
const MULTIPLICATIONS: usize = 300_000_000_000;
/// Numbers of the decoded coarse lattice at most, 1 GiB of them: images for which they are more have their likelihoods sampled.
const MOST_DECODED: usize = 1 << 28;
/// The Pareto shape of importance weights beyond which an estimate is not to be relied upon (Vehtari et al. 2024).
const UNRELIABLE: f64 = 0.7;

impl Measurer<'_> {
    /// The likelihoods of both parts; `None` of one without images.
    pub fn nlls(&self, parts: [&Measured<'_>; 2]) -> Result<[Option<(Nll, LogLikelihoods)>; 2]> {
        let latent = self.decoder.latent();
        if latent <= MOST_DIMENSIONS && coarse_cells(latent) * self.decoder.numbers() <= MOST_DECODED {
            return self.integrated(parts);
        }
        let [choose, report] = parts.map(|part| (part.count() > 0).then(|| self.sampled(part)).transpose());
        Ok([choose?, report?])
    }

    /// Over the same lattice, so that each code is decoded once.
    fn integrated(&self, parts: [&Measured<'_>; 2]) -> Result<[Option<(Nll, LogLikelihoods)>; 2]> {
        let count: usize = parts.iter().map(|part| part.count()).sum();
        let multiplications = count * coarse_cells(self.decoder.latent()) * self.decoder.numbers();
        let all = multiplications <= MULTIPLICATIONS;
        let parts = parts.map(|part| part.thinned(if all { part.count() } else { FEWER_IMAGES }));
        let mut images = Vec::new();
        let mut reconstruction = Vec::new();
        for part in &parts {
            images.extend(at_hand(part)?.gather()?);
            reconstruction.extend(part.terms.reconstruction.as_ref().context("the losses are known")?);
        }
        let means = ndarray::concatenate(Axis(0), &parts.each_ref().map(|part| part.encoded.means.view()))?;
        let integrands = Integrands { images: &images, means: means.view(), reconstruction: &reconstruction };
        let found = integrated_likelihoods(self.decoder, &integrands)?;
        let (of_choose, of_report) = found.split_at(parts[0].count());
        let of_part = |part: &Measured<'_>, found: &[Integral]| {
            let error = found.iter().map(|image| image.error).sum::<f64>() / found.len() as f64;
            let mean = Estimate::of_mean(found.iter().map(|image| -image.log_likelihood))?;
            let log_likelihoods = LogLikelihoods {
                index: part.terms.index.clone(),
                value: found.iter().map(|image| image.log_likelihood as f32).collect(),
                pareto_k: None,
                effective_samples: None,
            };
            Some((
                Nll { mean, images: found.len(), method: NllMethod::Quadrature { error } },
                log_likelihoods,
            ))
        };
        Ok([of_part(&parts[0], of_choose), of_part(&parts[1], of_report)])
    }

    fn sampled(&self, measured: &Measured<'_>) -> Result<(Nll, LogLikelihoods)> {
        let sample = |images: usize, samples: usize| {
            let measured = measured.thinned(images);
            let subset = at_hand(&measured)?;
            let found = sampled_likelihoods(self.decoder, &subset, &measured.encoded, self.member, samples)?;
            let mean = Estimate::of_mean(found.iter().map(|image| -image.log_likelihood));
            Ok::<_, anyhow::Error>((subset, found, mean.context("there are images")?))
        };
        let (subset, found, mean) = sample(FEWER_IMAGES, SAMPLES)?;
        let count = found.len() as f64;
        let unreliable = found.iter().filter(|image| image.pareto_k > UNRELIABLE).count() as f64;
        let of_samples =
            |samples: usize| Ok(NllOfSamples { samples, nll: sample(IMAGES_COMPARED, samples)?.2 });
        let method = NllMethod::ImportanceSampling {
            samples: SAMPLES,
            unreliable: unreliable / count,
            effective_samples: found.iter().map(|image| image.effective_samples).sum::<f64>() / count,
            by_samples: SAMPLES_COMPARED.into_iter().map(of_samples).collect::<Result<_>>()?,
        };
        let column =
            |value: fn(&SampledLikelihood) -> f64| found.iter().map(|image| value(image) as f32).collect();
        let log_likelihoods = LogLikelihoods {
            index: subset.positions.iter().copied().collect(),
            value: column(|image| image.log_likelihood),
            pareto_k: Some(column(|image| image.pareto_k)),
            effective_samples: Some(column(|image| image.effective_samples)),
        };
        Ok((Nll { mean, images: found.len(), method }, log_likelihoods))
    }
}
