//! The model card of a network: `README.md` with front matter as model hubs read it.

use std::path::Path;

use anyhow::Result;
use record::{DataRecord, Quantity, Scale, Scaling, VERSION};
use report::Report;

use crate::own_data::describe_scaling;
use crate::trained_member::TrainedMember;

/// The numbers of a card, by their keys.
const NUMBERS: [&str; 8] = [
    "reconstruction",
    "kl",
    "elbo_loss",
    "report_nll",
    "bits_per_dimension",
    "active_units",
    "mutual_information",
    "report_probe_accuracy",
];

/// The card.
///
/// # Errors
///
/// Fails when the report on the run cannot be made.
pub fn model_card(member: &TrainedMember) -> Result<String> {
    let TrainedMember { run, config, data, result, .. } = member;
    let recommendation = Report::read(&[run.path().to_path_buf()])?.recommendation(None);
    let verdicts = recommendation.purposes().map(|purpose| {
        let title = purpose.title;
        match purpose.answer.c {
            Some(c) if c == result.c => format!("{title}: this coefficient"),
            Some(c) => format!("{title}: c = {c} of the sweep"),
            None => format!("{title}: none is named"),
        }
    });
    let number = |key: &str| {
        let quantity = Quantity::named(key);
        let value = (quantity.value)(result)?;
        Some(format!("| {} | {value:.*} | {} |\n", quantity.label, quantity.digits, quantity.unit))
    };
    let numbers: String = NUMBERS.into_iter().filter_map(number).collect();
    let DataRecord { train, test, .. } = data;
    // Whose folder it was in is nobody's business.
    let source = Path::new(&data.source).file_name().unwrap_or_default().to_string_lossy();
    Ok(format!(
        "---\n\
         license: # to be filled in\n\
         library_name: pytorch\n\
         tags: [variational-autoencoder, beta-vae, klsweep]\n\
         ---\n\
         # {name}, c = {c}\n\
         \n\
         A variational autoencoder with {latent} latent dimensions and the likelihood {likelihood}, trained for {epochs} epochs on {train} \
         examples of {source} ({shape}) with the KL coefficient {c}, seed {seed}, by klsweep {VERSION}.\n\
         \n\
         What the sweep of {coefficients} coefficients says: {verdicts}.\n\
         \n\
         | on {test} test examples | value | unit |\n\
         |---|---|---|\n\
         {numbers}\
         \n\
         `model.py` loads `model.safetensors` into PyTorch: `vae = load(); vae.decode(codes)`. `encoder.onnx` (images to mean and log_var) and \
         `decoder.onnx` (codes to outputs and means) have a free batch axis. {scaling}\n",
        name = config.name,
        c = result.c,
        latent = config.model.latent,
        likelihood = config.model.likelihood,
        epochs = result.epochs,
        shape = data.shape(),
        seed = result.seed,
        coefficients = config.kl_coefficients.len(),
        verdicts = verdicts.join("; "),
        scaling = scaling(data, config.data.scale),
    ))
}

fn scaling(data: &DataRecord, scale: Scale) -> String {
    let Scaling { shift, scale: by, .. } = &data.scaling;
    match describe_scaling(&data.scaling, scale) {
        Some(seen) if scale == Scale::Unit && !by.is_empty() => format!("Numbers from {seen}."),
        Some(seen) => format!("Numbers are seen {seen}."),
        None => format!("Columns are seen less {shift:?}, divided by {by:?}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::Shape;

    #[test]
    fn the_scale_of_numbers_is_said_as_it_is() {
        let scaled = |shift: f64, by: f64| DataRecord {
            scaling: Scaling { shift: vec![shift], scale: vec![by], fill: Vec::new() },
            ..DataRecord::of_shape(&Shape::grey(1, 1))
        };
        for (shift, by, scale, expected) in [
            (0.0, 255.0, Scale::Unit, "Numbers from 0 to 255 are seen as 0 to 1."),
            (0.25, 0.5, Scale::Standardise, "Numbers are seen less 0.25, divided by 0.5."),
            (0.0, 1.0, Scale::None, "Numbers are seen as they are."),
        ] {
            assert_eq!(scaling(&scaled(shift, by), scale), expected);
        }
    }
}
