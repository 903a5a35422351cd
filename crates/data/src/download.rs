//! MNIST from the network.

use burn_dataset::Dataset as _;
use burn_dataset::vision::MnistDataset;
use record::Shape;

use crate::catch_panic::catch_panic;
use crate::error::{DataError, Result};
use crate::found::{Found, Rows, Source};
use crate::labels::Labels;

/// MNIST from Burn's cache, or else from the network into it.
pub fn download_mnist() -> Result<Source> {
    eprintln!("no MNIST in data/mnist: taking it from Burn's cache, or from the network into it");
    let downloaded = catch_panic(|| (MnistDataset::train(), MnistDataset::test()));
    let (train, test) = downloaded.map_err(|panic| {
        DataError::NoMnist(format!(
            "MNIST is neither in data/mnist nor in Burn's cache, and could not be downloaded ({panic}): connect to the \
             network, or put its four IDX files into a folder and name it with --set 'data.path=\"FOLDER\"'"
        ))
    })?;
    Ok(Source::parts(images(&train)?, images(&test)?))
}

fn images(dataset: &MnistDataset) -> Result<Found> {
    let (mut bytes, mut classes) = (Vec::new(), Vec::new());
    for position in 0..dataset.len() {
        let item = dataset.get(position).map_err(|error| {
            DataError::NoMnist(format!("cannot read image {position} of the downloaded MNIST: {error}"))
        })?;
        bytes.extend(item.image.as_flattened().iter().map(|&grey| grey as u8));
        classes.push(item.label);
    }
    Ok(Found {
        path: "MNIST".into(),
        within: None,
        kind: "IDX files",
        shape: Shape::grey(28, 28),
        rows: Rows::Bytes(bytes),
        planar: false,
        labels: Some(Labels::Classes { classes, names: Vec::new() }),
        parts: None,
        notes: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn without_data_cache_and_network_the_error_says_what_to_do() {
        const CHILD: &str = "KLSWEEP_TEST_WITHOUT_NETWORK";
        if std::env::var_os(CHILD).is_some() {
            println!("the error was: {:#}", download_mnist().unwrap_err());
            return;
        }
        // A process of its own, whose home holds no cache and whose network leads nowhere.
        let home = TempDir::new().unwrap();
        let test = "download::tests::without_data_cache_and_network_the_error_says_what_to_do";
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(CHILD, "")
            .env("HOME", home.path())
            .env("XDG_CACHE_HOME", home.path())
            .env("HTTPS_PROXY", "http://127.0.0.1:9")
            .output()
            .unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{stdout}");
        assert!(
            stdout.contains("the error was: MNIST is neither in data/mnist nor in Burn's cache, and could not be downloaded"),
            "{stdout}"
        );
        assert!(stdout.contains("--set 'data.path=\"FOLDER\"'"), "{stdout}");
    }
}
