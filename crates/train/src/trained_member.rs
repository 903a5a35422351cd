//! A trained network of a run, for whoever goes on with it.

use std::path::Path;

use anyhow::{Context, Result, bail};
use burn::tensor::{Device, Tensor, TensorData};
use model::{Posterior, Vae};
use record::{DataRecord, MemberId, MemberResult, RunConfig, RunDir, Units};

use crate::diagnostics::OnDevice;
use crate::encode_images::values;
use crate::saved_network::read_network;

/// A trained network with what is known of it.
pub struct TrainedMember {
    /// The directory of its run.
    pub run: RunDir,
    /// What the run trained.
    pub config: RunConfig,
    /// The data that it saw.
    pub data: DataRecord,
    /// What was measured of it.
    pub result: MemberResult,
    /// The network.
    pub vae: Vae,
    /// Where it is.
    pub device: Device,
}

/// Posteriors of examples, on the host.
pub struct EncodedRows {
    /// Means, `[examples, latent]`.
    pub means: Vec<f32>,
    /// Logarithms of the variances, `[examples, latent]`.
    pub log_vars: Vec<f32>,
}

impl TrainedMember {
    /// The network of a coefficient, of the first seed that is finished if none is named.
    ///
    /// # Errors
    ///
    /// Fails when there is no such member, or it is not trained to its end.
    pub fn open(path: &Path, c: f64, seed: Option<u64>, device: Device) -> Result<Self> {
        let run = RunDir::open(path)?;
        let config = run.config()?;
        let record = run.record()?.with_context(|| format!("{} has no run.json", path.display()))?;
        if let Some(from) = record.audited {
            bail!("{} is an audit of {from}: there are no networks in it", path.display());
        }
        let of_coefficient: Vec<MemberId> =
            config.members().into_iter().filter(|id| id.kl_coefficient == c).collect();
        if of_coefficient.is_empty() {
            let known: Vec<String> = config.kl_coefficients.iter().map(f64::to_string).collect();
            bail!("{} has no member c={c}: its coefficients are {}", path.display(), known.join(", "));
        }
        let mut chosen = None;
        for id in of_coefficient.into_iter().filter(|id| seed.is_none_or(|seed| id.seed == seed)) {
            if let Some(result) = run.member(id).result()? {
                chosen = Some((id, result));
                break;
            }
        }
        let Some((id, result)) = chosen else {
            let seed = seed.map(|seed| format!(" seed={seed}")).unwrap_or_default();
            bail!(
                "there is no finished member c={c}{seed} in {}: `klsweep status {}` shows which are",
                path.display(),
                path.display()
            );
        };
        let vae = read_network(&run.member(id).weights(), &config, &record.data.shape(), &device)
            .with_context(|| format!("cannot read the network of {id}"))?;
        Ok(Self { config, data: record.data, result, vae, run, device })
    }

    /// Those of what it was trained on.
    pub fn units(&self) -> Units {
        Units::of(&self.data, &self.config.data)
    }

    /// Encodes examples as the network sees them, `[examples, numbers]`.
    pub fn encode(&self, examples: Vec<f32>) -> EncodedRows {
        let numbers = self.vae.decoder.pixels();
        let shape = [examples.len() / numbers, numbers];
        let examples = Tensor::from_data(TensorData::new(examples, shape), &self.device);
        let Posterior { mean, log_var } = self.vae.encoder.forward(examples);
        EncodedRows { means: values(mean), log_vars: values(log_var) }
    }

    /// Its decoder.
    pub fn decoder(&self) -> OnDevice<'_> {
        OnDevice { vae: &self.vae, device: &self.device }
    }

    /// Its coefficient and seed.
    pub fn id(&self) -> MemberId {
        MemberId { kl_coefficient: self.result.c, seed: self.result.seed }
    }
}
