//! Own data from one line to the report: each loader and each likelihood on small sets that `scripts/own_data.py` made.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use record::{DataRecord, RunDir, RunRecord};
use serde_json::Value;
use train::saved_network::read_network;

use crate::browser::{Browser, Screen};
#[cfg(unix)]
use crate::interruption::interrupt_command;
use crate::program::{Folder, Ran, repository};
use crate::report::data;

fn fixture(name: &str) -> PathBuf {
    repository().join("tests/data").join(name)
}

/// A folder with caches of its own, in which a fixture lies.
fn folder(name: &str) -> Folder {
    let folder = Folder::new();
    fs::copy(fixture(name), folder.path().join(name)).expect("the fixture is there");
    folder
}

/// A folder with a folder `digits` of images: the digits of the table, of 255 levels instead of 16.
pub fn folder_of_digits() -> Folder {
    let images = Folder::new();
    let mut table = csv::Reader::from_path(fixture("digits.csv")).unwrap();
    for (number, row) in table.records().enumerate() {
        let row: Vec<u8> = row.unwrap().iter().map(|cell| cell.parse().unwrap()).collect();
        let dir = images.path().join("digits").join(row[64].to_string());
        fs::create_dir_all(&dir).unwrap();
        let levels: Vec<u8> = row[..64].iter().map(|&level| (u16::from(level) * 255 / 16) as u8).collect();
        let png = figure::Pixels::new(8, 8, 1, levels).to_png();
        fs::write(dir.join(format!("{number:04}.png")), png).unwrap();
    }
    images
}

/// Trains on data with few networks for a short while, and gives back what is said.
fn trained(folder: &Folder, arguments: &[&str]) -> Ran {
    let mut command =
        folder.command(&[arguments, &["--c", "0.1,1", "--epochs", "2", "--seeds", "1"]].concat());
    command.env("KLSWEEP_CACHE", folder.path().join("cache"));
    crate::program::ran(&mut command).expect_code(0)
}

fn record(folder: &Folder, run: &str) -> RunRecord {
    let dir = RunDir::open(&folder.path().join("runs").join(run)).expect("the run is there");
    dir.record().unwrap().expect("it has a record")
}

fn page(folder: &Folder, run: &str) -> Value {
    data(&folder.path().join("runs").join(run).join("report.html"))
}

fn figures(folder: &Folder, run: &str) -> Vec<String> {
    let dir = folder.path().join("runs").join(run).join("figures");
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_table_is_understood_trained_and_reported_without_pictures() {
    let folder = folder("wine.csv");
    let said = trained(&folder, &["wine.csv", "--figures", "all"]).stdout;
    for line in [
        "data: a table, wine.csv: 178 examples of 13 columns",
        "classes: 3: Barbera, Barolo, Grignolino",
        "parts: 142 training, 18 validation, 18 test",
        "note: There are 178 examples, and a verdict needs 200",
        "likelihood: gaussian",
        "network: 13-64-2-64-13",
        "training: coefficients 0.1, 1, 1 seeds, 2 epochs of 2 steps",
        "run: runs/wine",
    ] {
        assert!(said.contains(line), "{line:?} in {said}");
    }
    let DataRecord { columns, classes, scaling, .. } = record(&folder, "wine").data;
    assert_eq!((columns[0].as_str(), columns.len(), classes.len()), ("alcohol", 13, 3));
    assert_eq!(scaling.scale.len(), 13);
    let page = page(&folder, "wine");
    let headline = page["recommendation"]["headline"].as_str().unwrap();
    assert!(headline.starts_with("There are 178 examples, and a verdict needs 200"), "{headline}");
    let explorer = &page["explorer"];
    assert_eq!(explorer["columns"][12]["name"], "proline");
    assert_eq!(explorer["classes"][0], "Barbera");
    assert!(explorer["images"].is_null() && !explorer["members"][0]["codes"].is_null());
    assert_eq!(explorer["members"][0]["decoder"]["link"], "identity");
    let figures = figures(&folder, "wine");
    assert!(figures.contains(&"profiles.png".to_string()), "{figures:?}");
    assert!(!figures.contains(&"manifold.png".to_string()), "{figures:?}");
    let of_member = folder.path().join("runs/wine/c=1/seed=0/figures");
    assert!(of_member.join("column_errors.svg").exists());
}

#[test]
fn a_table_of_pixels_is_images_and_the_same_as_a_folder_of_them() {
    let digits = folder("digits.csv");
    let said = trained(&digits, &["digits.csv"]).stdout;
    assert!(said.contains("600 examples of 8 x 8 grey pixels"), "{said}");
    assert!(said.contains("classes: 10: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"), "{said}");
    assert!(said.contains("likelihood: continuous_bernoulli"), "{said}");
    assert!(said.contains("parts: 480 training, 60 validation, 60 test"), "{said}");

    let images = folder_of_digits();
    let said = trained(&images, &["digits"]).stdout;
    assert!(said.contains("a folder of images, digits: 600 examples of 8 x 8 grey pixels"), "{said}");
    assert_eq!(record(&images, "digits").data.classes, record(&digits, "digits").data.classes);
    assert!(!page(&images, "digits")["explorer"]["images"].is_null());

    // Whatever was decoded before is not needed to go on, and what changed is noticed.
    trained(&images, &["digits"]);
    let run = images.path().join("runs/digits");
    fs::remove_file(run.join("c=1/seed=0/result.json")).unwrap();
    fs::remove_dir_all(images.path().join("digits/3")).unwrap();
    let mut command = images.command(&["--resume", "runs/digits"]);
    command.env("KLSWEEP_CACHE", images.path().join("cache"));
    crate::program::ran(&mut command)
        .expect_refusal(&["no longer that on which runs/digits was trained", "put it back"]);
}

#[test]
fn colours_are_kept_from_the_file_to_the_page() {
    let tiles = folder("tiles.npz");
    let said = trained(&tiles, &["tiles.npz", "--figures", "all"]).stdout;
    assert!(said.contains("260 examples of 16 x 16 pixels of three colours"), "{said}");
    assert!(said.contains("classes: no labels") && said.contains("likelihood: gaussian"), "{said}");
    let page = page(&tiles, "tiles");
    assert_eq!((&page["explorer"]["channels"], &page["explorer"]["labels"]), (&3.into(), &Value::Null));
    let png = fs::read(tiles.path().join("runs/tiles/c=1/seed=0/figures/reconstructions.png")).unwrap();
    assert!(png.len() > 1000);
    let shown = tiles.path().join("tiles.npz");
    let said = tiles.run(&["data", shown.to_str().unwrap()]).expect_code(0).stdout;
    assert!(said.contains("images: contact-sheet.png"), "{said}");
    assert!(tiles.path().join("contact-sheet.png").exists());
}

#[test]
fn every_likelihood_trains_on_coloured_shapes() {
    let shapes = folder("shapes.npz");
    for likelihood in ["grey_bernoulli", "continuous_bernoulli", "gaussian", "discretised_logistic"] {
        let set = format!("model.likelihood=\"{likelihood}\"");
        let name = format!("name=\"{likelihood}\"");
        trained(&shapes, &["shapes.npz", "--set", &set, "--set", &name, "--quiet"]);
        assert!(!page(&shapes, likelihood)["explorer"].is_null(), "{likelihood}");
    }
}

#[test]
fn cifar_10_is_read_with_its_own_parts() {
    let folder = Folder::new();
    let dir = folder.path().join("cifar");
    fs::create_dir(&dir).unwrap();
    let batch = |images: u32, first: u32| -> Vec<u8> {
        let pixel = |image: u32, i: u32| (image * 31 + i * i % 251) as u8;
        (first..first + images)
            .flat_map(|image| {
                std::iter::once((image % 10) as u8).chain((0..3072).map(move |i| pixel(image, i)))
            })
            .collect()
    };
    fs::write(dir.join("data_batch_1.bin"), batch(150, 0)).unwrap();
    fs::write(dir.join("data_batch_2.bin"), batch(50, 150)).unwrap();
    fs::write(dir.join("test_batch.bin"), batch(60, 200)).unwrap();
    let said = trained(&folder, &["cifar", "--no-report"]).stdout;
    assert!(
        said.contains("CIFAR-10's binary files, cifar: 260 examples of 32 x 32 pixels of three colours"),
        "{said}"
    );
    assert!(said.contains("parts: 200 training, 60 test") && said.contains("3072-256-16-256-3072"), "{said}");
}

#[test]
fn mnist_with_black_and_white_exchanged_is_another_data_set() {
    let folder = Folder::new();
    let dir = folder.path().join("inverted");
    fs::create_dir(&dir).unwrap();
    for (name, count) in [("train-images-idx3-ubyte", 500u32), ("t10k-images-idx3-ubyte", 200)] {
        let path = repository().join("data/mnist").join(format!("{name}.gz"));
        let images = ::data::read_idx(&path, 3).unwrap().values;
        let header = [0x0803, count, 28, 28].map(u32::to_be_bytes).concat();
        let inverted = images[..count as usize * 784].iter().map(|grey| 255 - grey);
        fs::write(dir.join(name), header.into_iter().chain(inverted).collect::<Vec<u8>>()).unwrap();
    }
    let said = trained(&folder, &["inverted"]).stdout;
    assert!(said.contains("IDX files, inverted: 700 examples of 28 x 28 grey pixels"), "{said}");
    assert!(said.contains("classes: no labels") && said.contains("parts: 500 training, 200 test"), "{said}");
    assert!(page(&folder, "inverted")["explorer"]["labels"].is_null());
}

/// Numbers that a script of the page gives.
fn numbers(browser: &mut Browser, script: &str) -> Vec<f64> {
    let found = browser.eval(script);
    found.as_array().expect("a list").iter().map(|number| number.as_f64().expect("of numbers")).collect()
}

/// The decoder's means for a code, as the page and as the network has them.
fn assert_decodes_as_the_network(browser: &mut Browser, run: &Path, z: &[f32]) {
    let dir = RunDir::open(run).unwrap();
    let config = dir.config().unwrap();
    let device = Device::flex();
    let vae = read_network(
        &dir.member(config.members()[0]).weights(),
        &config,
        &dir.examples().unwrap().unwrap().shape,
        &device,
    )
    .unwrap();
    let code = Tensor::<2>::from_data(TensorData::new(z.to_vec(), [1, z.len()]), &device);
    let means = vae.decoder.distribution(vae.decoder.forward(code)).mean().into_data();
    let expected: Vec<f64> = means.iter::<f32>().map(f64::from).collect();
    let found = numbers(browser, &format!("[...klsweep.decode(0, {z:?})]"));
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        // The page's weights are integers of 16 bits.
        assert!((found - expected).abs() < 1e-2 * (1.0 + expected.abs()), "{found}, not {expected}");
    }
}

#[test]
fn the_page_decodes_the_columns_of_a_table_in_their_units() {
    let folder = folder("wine.csv");
    trained(&folder, &["wine.csv", "--quiet"]);
    let run = folder.path().join("runs/wine");
    let Some(mut browser) = Browser::open(&run.join("report.html"), Screen::DESKTOP) else { return };
    browser.settle();
    assert_decodes_as_the_network(&mut browser, &run, &[0.5, -1.0]);
    let columns =
        "[...document.querySelectorAll('#decoded-columns tr')].map((row) => row.innerText.split('\\t'))";
    let rows = browser.eval(columns);
    assert_eq!((rows.as_array().unwrap().len(), &rows[12][0]), (13, &"proline".into()));
    // In milligrams a litre, not in standard deviations.
    let proline: f64 = rows[12][1].as_str().unwrap().parse().unwrap();
    assert!((300.0..1500.0).contains(&proline), "{proline}");
    assert_eq!(browser.eval("getComputedStyle(document.getElementById('digit')).display"), "none");
    let legend = browser.eval("document.getElementById('class-legend').innerText");
    assert!(legend.as_str().unwrap().contains("Grignolino"), "{legend}");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn the_page_decodes_and_shows_colours() {
    let folder = folder("tiles.npz");
    trained(&folder, &["tiles.npz", "--quiet"]);
    let run = folder.path().join("runs/tiles");
    let Some(mut browser) = Browser::open(&run.join("report.html"), Screen::DESKTOP) else { return };
    browser.settle();
    let z: Vec<f32> = (0..16).map(|dimension| 0.1 * dimension as f32 - 0.7).collect();
    assert_decodes_as_the_network(&mut browser, &run, &z);
    let coloured = "[...document.querySelectorAll('#picker-grid canvas')].map((c) => { \
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; \
        return d.some((level, i) => i % 4 === 0 && Math.abs(level - d[i + 2]) > 20) ? 1 : 0; })";
    let coloured = numbers(&mut browser, coloured);
    assert!(coloured.iter().sum::<f64>() > 0.5 * coloured.len() as f64, "{coloured:?}");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn a_run_gets_a_number_where_another_one_has_its_name_and_prints_what_it_chose() {
    let folder = folder("wine.csv");
    let print = |arguments: &[&str]| {
        folder.run(&[&["wine.csv", "--print-config"], arguments].concat()).expect_code(0).stdout
    };
    let config = print(&["--c", "0.5,2", "--seeds", "2"]);
    assert!(config.contains("kl_coefficients = [0.5, 2.0]") && config.contains("seeds = [0, 1]"), "{config}");
    assert!(config.contains("epochs = 2000"), "4,000 updates of two steps an epoch: {config}");
    assert!(!folder.path().join("runs").exists());
    // What was printed trains the same.
    let path = folder.write("printed.toml", &config);
    let again = folder.run(&["--config", path.to_str().unwrap(), "--print-config"]).expect_code(0).stdout;
    assert_eq!(again, config);

    trained(&folder, &["wine.csv", "--quiet", "--no-report"]);
    trained(&folder, &["wine.csv", "--quiet", "--no-report"]);
    trained(&folder, &["wine.csv", "--quiet", "--no-report", "--set", "model.latent=1"]);
    let names: Vec<bool> = ["wine", "wine-2", "wine-3"]
        .iter()
        .map(|name| folder.path().join("runs").join(name).exists())
        .collect();
    assert_eq!(names, [true, true, false]);
}

/// 400 images of 20 x 40 pixels, 1.2 MiB of 32-bit numbers.
fn larger_than_a_mebibyte() -> Vec<u8> {
    let numbers = (0..400 * 800u32).map(|i| (i * 7919 % 1009) as f32 / 1008.0);
    npy("<f4", "(400, 20, 40)", numbers.flat_map(f32::to_le_bytes).collect())
}

/// An array from the bytes of its numbers.
pub fn npy(numbers: &str, shape: &str, bytes: Vec<u8>) -> Vec<u8> {
    let header = format!("{{'descr': '{numbers}', 'fortran_order': False, 'shape': {shape}, }}");
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), &bytes].concat()
}

#[test]
#[cfg(unix)]
fn a_run_on_data_larger_than_the_memory_granted_is_stopped_and_resumed_to_the_same_bits() {
    let arguments = [
        "large.npy",
        "--c",
        "0.1,1",
        "--seeds",
        "1",
        "--epochs",
        "40",
        "--set",
        "data.memory_mib=1",
        "--set",
        "checkpoint_every_steps=2",
        "--no-report",
    ];
    let [whole, stopped] = [(), ()].map(|()| {
        let folder = Folder::new();
        fs::write(folder.path().join("large.npy"), larger_than_a_mebibyte()).unwrap();
        folder
    });
    let said = whole.run(&arguments).expect_code(0).stdout;
    assert!(said.contains("memory: read in blocks of"), "{said}");
    let run = stopped.path().join("runs/large");
    let command = stopped.command(&[&arguments[..], &["--workers", "2"]].concat());
    let (code, said) = interrupt_command(command, &run, ["c=0.1", "c=1"], "INT");
    assert_eq!(code, Some(130), "{said}");
    assert!(!run.join("c=1/seed=0/result.json").exists(), "it was stopped before its end");
    stopped.run(&["--resume", "runs/large", "--no-report"]).expect_code(0);
    crate::program::assert_same_bits(&stopped.bits("large"), &whole.bits("large"));
}

#[test]
fn black_and_white_images_are_chosen_the_bernoulli_likelihood_and_one_grey_pixel_another() {
    let folder = Folder::new();
    let pixels: Vec<u8> = (0..300 * 16u32).map(|i| 255 * u8::from(i * 7919 % 1009 > 500)).collect();
    let print = |name: &str, pixels: Vec<u8>| {
        fs::write(folder.path().join(name), npy("|u1", "(300, 4, 4)", pixels)).unwrap();
        folder.run(&[name, "--print-config"]).expect_code(0).stdout
    };
    let config = print("binary.npy", pixels.clone());
    assert!(
        config.contains("likelihood = \"bernoulli\"") && config.contains("binarise = \"none\""),
        "{config}"
    );
    // Whichever part the image belongs to.
    for position in [0, 150 * 16, 300 * 16 - 1] {
        let mut grey = pixels.clone();
        grey[position] = 128;
        let config = print("grey.npy", grey);
        assert!(config.contains("likelihood = \"continuous_bernoulli\""), "pixel {position}: {config}");
    }
    let said = trained(&folder, &["binary.npy"]).stdout;
    assert!(said.contains("likelihood: bernoulli"), "{said}");
}

#[test]
fn data_larger_than_the_memory_granted_gives_the_same_bits_again_and_notices_a_change() {
    let folder = Folder::new();
    let npy = larger_than_a_mebibyte();
    fs::write(folder.path().join("large.npy"), &npy).unwrap();
    let arguments = ["large.npy", "--set", "data.memory_mib=1", "--no-report"];
    let said = trained(&folder, &arguments).stdout;
    assert!(said.contains("memory: read in blocks of"), "{said}");
    let first = folder.bits("large");
    fs::rename(folder.path().join("runs/large"), folder.path().join("runs/before")).unwrap();
    trained(&folder, &arguments);
    crate::program::assert_same_bits(&folder.bits("large"), &first);

    let mut changed = npy;
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    fs::write(folder.path().join("large.npy"), changed).unwrap();
    fs::remove_file(folder.path().join("runs/large/c=1/seed=0/result.json")).unwrap();
    folder
        .run(&["--resume", "runs/large", "--no-report"])
        .expect_refusal(&["no longer that on which runs/large was trained"]);
}

#[test]
fn data_that_is_called_as_a_command_needs_to_say_so() {
    let folder = Folder::new();
    fs::copy(fixture("wine.csv"), folder.path().join("report")).unwrap();
    folder.run(&["report"]).expect_refusal(&["write ./report"]);
    folder.run(&["./report"]).expect_refusal(&["is of no kind that can be read"]);
    folder.run(&["nothing.csv"]).expect_refusal(&["nothing.csv"]);
}

#[test]
fn parts_that_do_not_fit_each_other_are_refused_or_brought_together() {
    let folder = Folder::new();
    let levels: Vec<u8> = (0..40 * 16u32).map(|i| (i * 7919 % 256) as u8).collect();
    let shares = levels.iter().flat_map(|&level| (f64::from(level) / 255.0).to_le_bytes()).collect();
    fs::create_dir(folder.path().join("parts")).unwrap();
    folder.write("parts/train.csv", "a,b\n1,2\n3,4\n");
    folder.write("parts/test.csv", "b,a\n2,1\n4,3\n");
    let said = folder.run(&["data", "parts"]).expect_code(0).stdout;
    assert!(said.contains("note: The columns of parts/test.csv come in another order"), "{said}");
    folder.write("parts/test.csv", "a,c\n2,1\n4,3\n");
    let lacking = "it lacks \"b\" and has \"c\" besides";
    folder
        .run(&["data", "parts"])
        .expect_refusal(&["parts/test.csv has other columns than parts/train.csv", lacking]);
    for part in ["train", "test"] {
        fs::remove_file(folder.path().join(format!("parts/{part}.csv"))).unwrap();
    }
    fs::write(folder.path().join("parts/train.npy"), npy("|u1", "(40, 4, 4)", levels)).unwrap();
    fs::write(folder.path().join("parts/test.npy"), npy("<f8", "(40, 4, 4)", shares)).unwrap();
    folder.run(&["data", "parts"]).expect_refusal(&[
        "parts/test.npy holds numbers from 0 to 1, and parts/train.npy bytes from 0 to 255",
        "save all of them as bytes",
    ]);
}

#[test]
fn a_size_of_images_that_does_not_fit_into_memory_is_refused() {
    let folder = folder_of_digits();
    folder.run(&["data", "digits", "--set", "data.image_size=10000000"]).expect_refusal(&[
        "data.image_size = 10000000 makes 600 images of 100000.0 GB each, 60000000.0 GB together",
        "choose a smaller size",
    ]);
    assert!(!folder.path().join("contact-sheet.png").exists());
}

#[test]
fn a_column_that_is_standardised_is_said_to_be() {
    let folder = Folder::new();
    folder.write("one.csv", &format!("a\n{}", "-1\n3\n".repeat(100)));
    let said = folder.run(&["data", "one.csv"]).expect_code(0).stdout;
    assert!(said.contains("numbers: less ") && said.contains("  a: -1 to 3\n"), "{said}");
}

#[test]
fn bad_data_is_refused_by_name_and_place_before_anything_is_written() {
    let folder = Folder::new();
    for (name, text, expected) in [
        ("a.csv", "x,z\n1,2\n3,four\n", ["a.csv holds \"four\" in line 3", "column \"z\""]),
        ("b.csv", "x,z\n1,2\n3,\n5,6\n7,8\n", ["b.csv has no number in row 1", "data.missing"]),
        (
            "e.csv",
            "x,z\n1,2\n3,4\n5,1e300\n7,8\n",
            ["e.csv holds 1e300 in row 2, column \"z\"", "beyond 3.4e38"],
        ),
        (
            "f.csv",
            "x;z\n1,5;2,5\n",
            ["f.csv has no column of numbers", "\"1,5\" in line 2, column \"x\"; decimals"],
        ),
        ("c.npy", "no array", ["c.npy is no array of NumPy", "begin"]),
        ("d.txt", "1,2", ["d.txt is of no kind", ".csv"]),
    ] {
        let path = folder.write(name, text);
        folder.run(&[path.to_str().unwrap(), "--no-report"]).expect_refusal(&expected);
        assert!(!folder.path().join("runs").exists());
    }
    let images = folder.path().join("images");
    fs::create_dir(&images).unwrap();
    fs::write(images.join("broken.png"), "no image").unwrap();
    folder.run(&["images"]).expect_refusal(&["broken.png cannot be decoded", "data.skip_corrupt=true"]);
    fs::remove_file(images.join("broken.png")).unwrap();
    fs::write(images.join("a.gif"), "GIF89a").unwrap();
    folder.run(&["images"]).expect_refusal(&["images holds no image", "left out: 1 .gif"]);
    let missing = Path::new("images/none");
    folder.run(&[missing.to_str().unwrap()]).expect_refusal(&["cannot read images/none"]);
}
