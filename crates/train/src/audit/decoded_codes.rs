//! What a decoder makes of codes of the images: their losses.

use anyhow::{Result, bail};
use ndarray::Array1;

use super::AuditOptions;
use super::folder::MemberArrays;
use super::posteriors::for_each_code;
use super::sets::Set;
use crate::diagnostics::Decode;
use crate::random::Purpose;
use crate::together::together;

/// Images whose codes are decoded at a time.
const BATCH: usize = 500;

/// Calls `each` for some images after others, until all of a set were seen, with the decoder's outputs for a code of each, and their own
/// numbers.
fn for_each_decoded(
    member: &MemberArrays,
    set: &Set,
    decoder: &dyn Decode,
    purpose: Purpose,
    options: &AuditOptions,
    mut each: impl FnMut(&[f32], &[f32]),
) -> Result<()> {
    let Some(images) = &set.images else { bail!("{}images are not at hand", set.part) };
    let numbers = images.numbers();
    let batch = together(BATCH, numbers);
    let (mut codes, mut done) = (Vec::new(), 0);
    let mut decode = |codes: Vec<f32>| -> Result<()> {
        let outputs = decoder.outputs(codes)?;
        let count = outputs.len() / numbers;
        each(&outputs, &images.rows(done..done + count)?);
        done += count;
        Ok(())
    };
    for_each_code(member, set.part, options.spread, purpose, |code| {
        codes.extend(code);
        if codes.len() == batch * code.len() { decode(std::mem::take(&mut codes)) } else { Ok(()) }
    })?;
    if codes.is_empty() { Ok(()) } else { decode(codes) }
}

/// The variance of Gaussian pixels at which the decoded images are likeliest.
pub fn optimal_variance(
    member: &MemberArrays,
    set: &Set,
    decoder: &dyn Decode,
    options: &AuditOptions,
) -> Result<f64> {
    let (mut sum, mut count) = (0.0, 0);
    for_each_decoded(member, set, decoder, Purpose::DiagnosticNoise, options, |outputs, seen| {
        sum += outputs.iter().zip(seen).map(|(m, x)| f64::from(x - m).powi(2)).sum::<f64>();
        count += seen.len();
    })?;
    Ok(sum / count.max(1) as f64)
}

/// `-log p(x|z)` of each image of a set, for a code of its posterior.
pub fn losses(
    member: &MemberArrays,
    set: &Set,
    decoder: &dyn Decode,
    purpose: Purpose,
    options: &AuditOptions,
) -> Result<Array1<f32>> {
    let likelihood = decoder.likelihood_on_host();
    let mut losses = Vec::with_capacity(set.count);
    for_each_decoded(member, set, decoder, purpose, options, |outputs, seen| {
        losses.extend(likelihood.nll(outputs, seen));
    })?;
    Ok(Array1::from(losses))
}
