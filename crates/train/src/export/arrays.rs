//! A network with what it makes of its data, as `klsweep audit` reads it.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use data::{Dataset, Progress, Split, load_at_hand};
use record::{Encoded, Likelihood, Units, Variance, create_dir};

use crate::diagnostics::Decode;
use crate::encode_images::encode_images;
use crate::random::Purpose;
use crate::rows::{BLOCK, Content, Output};
use crate::trained_member::TrainedMember;

/// Writes the images and classes of a run's data into a folder, and what one of its networks makes of them into the folder of the
/// member below. Gives back the arguments with which they are audited.
///
/// # Errors
///
/// Fails when the data is not at hand, or a file cannot be written.
pub fn export_arrays(member: &TrainedMember, to: &Path, progress: &dyn Progress) -> Result<Vec<String>> {
    let TrainedMember { run, config, data, .. } = member;
    let dataset = load_at_hand(&config.data)
        .with_context(|| format!("cannot read the data of {}", run.path().display()))?;
    ensure!(
        data.is_same_data(&dataset.record),
        "the data in {} is no longer that on which {} was trained",
        dataset.record.source,
        run.path().display()
    );
    create_dir(&to.join(member.id().dir()))?;
    let Dataset { train, validation, test, .. } = &dataset;
    let held_out = Purpose::DiagnosticNoise;
    let parts = [
        ("", Some(test), held_out),
        ("validation_", validation.as_ref(), held_out),
        ("train_", Some(train), Purpose::TrainingExampleNoise),
    ];
    for (part, images, purpose) in parts {
        if let Some(images) = images {
            progress.at(&format!("arrays of {part}images"), 0, images.count() as u64);
            write_part(member, images, part, purpose, to)?;
        }
    }
    Ok(arguments(member))
}

fn write_part(member: &TrainedMember, images: &Split, part: &str, purpose: Purpose, to: &Path) -> Result<()> {
    let own = to.join(member.id().dir());
    let count = images.count();
    let content = Content::examples(images.shape(), Units::as_seen());
    let number = || Content::plain(vec!["number".to_string()]);
    let begin =
        |dir: &Path, name: &str, content| Output::begin(&dir.join(format!("{part}{name}.npy")), content, 1);

    let mut shared = begin(to, "images", content.clone())?;
    for start in (0..count).step_by(BLOCK) {
        shared.write(&images.rows(start..(start + BLOCK).min(count))?)?;
    }
    shared.finish()?;
    if let Some(labels) = &images.labels {
        let mut classes = begin(to, "labels", number())?;
        classes.write(&labels.iter().map(|label| f32::from(*label)).collect::<Vec<_>>())?;
        classes.finish()?;
    }

    let positions: Vec<u32> = (0..count as u32).collect();
    let seed = member.result.seed;
    let Encoded { mean, log_var, code, reconstruction, .. } =
        encode_images(&member.vae, images, &positions, seed, purpose, &member.device)?;
    let latent = Content::plain((0..mean.ncols()).map(|dimension| dimension.to_string()).collect());
    let rows = |array: ndarray::Array2<f32>| array.into_iter().collect::<Vec<f32>>();
    for (name, numbers) in [("means", rows(mean)), ("log_vars", rows(log_var))] {
        let mut file = begin(&own, name, latent.clone())?;
        file.write(&numbers)?;
        file.finish()?;
    }
    let mut losses = begin(&own, "losses", number())?;
    losses.write(&reconstruction.context("the losses were computed")?.to_vec())?;
    losses.finish()?;
    // Of training images nothing is shown, and they are many.
    if purpose != Purpose::DiagnosticNoise {
        return Ok(());
    }
    let codes = rows(code.context("the codes were drawn")?);
    let mut decoded = begin(&own, "decoded", content)?;
    for codes in codes.chunks(BLOCK * member.vae.latent()) {
        decoded.write(&member.decoder().outputs(codes.to_vec())?)?;
    }
    decoded.finish()?;
    Ok(())
}

/// What `klsweep audit` has to be told of them.
fn arguments(member: &TrainedMember) -> Vec<String> {
    let model = &member.config.model;
    let [what, spread] = ["--likelihood", "--log-variances"].map(str::to_string);
    let mut arguments = vec![spread, what, model.likelihood.name().to_string()];
    match (model.likelihood, model.variance) {
        (Likelihood::Gaussian, Variance::Fixed(variance)) => {
            arguments.extend(["--variance".to_string(), variance.to_string()]);
        }
        // A learnt variance is in the losses, and in the decoder's file.
        (Likelihood::Gaussian, _) => arguments.extend(["--variance".to_string(), "optimal".to_string()]),
        _ => arguments.push("--logits".to_string()),
    }
    arguments
}
