//! NaN and infinity: where the first of them arose in a training.
//!
//! To look at every number in every step would cost a good part of it, and make a graphics card wait. The sums of the losses
//! are looked at now and then, and everything that goes into a checkpoint by the thread that writes it, so that no
//! checkpoint holds such a number. Where one is found, the steps since the last checkpoint are taken once more: they have the
//! same bits, so that the step and the tensor in which the first one arises can be named.

use anyhow::Result;
use burn::tensor::TensorData;
use model::NamedTensor;
use record::{MemberId, NotFinite};

use crate::batches::Batches;
use crate::checkpoint::Snapshot;
use crate::run_context::RunContext;
use crate::state::{Stepped, TrainState};

/// How many steps may pass before the sums of the losses are looked at.
pub const LOOK_EVERY: usize = 64;

/// The tensor of a checkpoint that holds a number that is not finite, in words; the one that the others follow from, where
/// there are several: a loss comes before the gradient, and that before the weights.
pub fn not_finite(tensors: &[NamedTensor]) -> Option<String> {
    const ORDER: [(&str, &str); 4] = [
        ("sums.", "the loss "),
        ("adam.first.", "the gradient of "),
        ("adam.second.", "the squared gradient of "),
        ("", "the parameter "),
    ];
    let broken: Vec<&str> =
        tensors.iter().filter(|tensor| !is_finite(&tensor.data)).map(|tensor| tensor.name.as_str()).collect();
    let first = |(prefix, words): (&str, &str)| {
        broken.iter().find_map(|name| Some(format!("{words}{}", name.strip_prefix(prefix)?)))
    };
    ORDER.into_iter().find_map(first)
}

fn is_finite(data: &TensorData) -> bool {
    // An iterator of Burn's asks for each number by a call.
    match data.as_slice::<f32>() {
        Ok(numbers) => numbers.iter().all(|number| number.is_finite()),
        Err(_) => data.iter::<f32>().all(f32::is_finite),
    }
}

/// Takes the steps of a member from `state` on, up to the place where a number was found that is not finite, and gives back
/// the first such place; where there is none on the way, what was found was no work of the training.
pub fn first_not_finite(
    run: &RunContext<'_>,
    id: MemberId,
    mut state: TrainState,
    found: NotFinite,
) -> Result<NotFinite> {
    let last = (found.epoch - 1, found.step.unwrap_or(usize::MAX));
    while state.epoch <= last.0 {
        let mut batches = Batches::of_epoch(run, id.seed, state.epoch, state.step)?;
        while let Some(batch) = batches.take() {
            Stepped { state, .. } = batches.beside(|| state.step(batch, id.kl_coefficient))?;
            if let Some(not_finite) = Snapshot::of(&state, run.kernels).not_finite() {
                return Ok(not_finite);
            }
            if (state.epoch, state.step) >= last {
                return Ok(found);
            }
        }
        state.next_epoch(run.device);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::TensorData;

    #[test]
    fn the_cause_is_named_before_what_follows_from_it() {
        let tensor = |name: &str, value: f32| NamedTensor {
            name: name.to_string(),
            data: TensorData::from([1.0, value]),
        };
        let tensors = |weight, first, second, kl| {
            not_finite(&[
                tensor("encoder.mean.weight", weight),
                tensor("adam.first.encoder.mean.weight", first),
                tensor("adam.second.encoder.mean.weight", second),
                tensor("sums.kl", kl),
            ])
        };
        let (nan, infinite) = (f32::NAN, f32::INFINITY);
        assert_eq!(tensors(1.0, 1.0, 1.0, f32::MAX), None);
        assert_eq!(tensors(nan, nan, nan, infinite).unwrap(), "the loss kl");
        assert_eq!(tensors(nan, -infinite, nan, 1.0).unwrap(), "the gradient of encoder.mean.weight");
        assert_eq!(tensors(1.0, 1.0, infinite, 1.0).unwrap(), "the squared gradient of encoder.mean.weight");
        assert_eq!(tensors(nan, 1.0, 1.0, 1.0).unwrap(), "the parameter encoder.mean.weight");
    }
}
