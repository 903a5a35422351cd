//! What one does with a trained network: `klsweep sample`, `encode`, `decode`, `reconstruct` and `export`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::own_data::npy as write_npy;
use crate::program::{Folder, examples, repository};

/// A folder with a run on MNIST, `runs/smoke`, and one on a table, `runs/wine`, made once for all tests.
fn trained() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    FOLDER
        .get_or_init(|| {
            let temporary = TempDir::new().unwrap();
            let folder = Folder::at(temporary.path());
            folder.smoke(&["--set", "kl_coefficients=[1.0]"]).expect_code(0);
            let wine = repository().join("tests/data/wine.csv");
            let arguments = ["--c", "0.1", "--epochs", "2", "--seeds", "1", "--no-report", "--quiet"];
            let mut command = folder.command(&[&[wine.to_str().unwrap()], &arguments[..]].concat());
            command.env("KLSWEEP_CACHE", temporary.path().join("cache"));
            crate::program::ran(&mut command).expect_code(0);
            temporary
        })
        .path()
}

/// A folder of a test's own; runs are named by their path.
fn run(name: &str) -> String {
    trained().join("runs").join(name).display().to_string()
}

/// The rows of a CSV file without its header.
fn rows(text: &str) -> Vec<Vec<f64>> {
    let row = |line: &str| line.split(',').map(|cell| cell.parse().unwrap()).collect();
    text.lines().skip(1).map(row).collect()
}

/// The shape and the numbers of an array.
fn npy(path: &Path) -> (String, Vec<f32>) {
    let bytes = fs::read(path).unwrap();
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let length = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    assert_eq!(length % 64, 0, "NumPy aligns the numbers");
    let header = String::from_utf8_lossy(&bytes[10..length]).into_owned();
    let shape = header.split('(').nth(1).unwrap().split(')').next().unwrap().to_string();
    let numbers = bytes[length..].chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    (shape, numbers.collect())
}

fn size_of_png(path: &Path) -> [u32; 2] {
    let bytes = fs::read(path).unwrap();
    [16, 20].map(|at| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]))
}

#[test]
fn the_examples_of_the_page_do_what_it_says() {
    let folder = Folder::new();
    let smoke = run("smoke");
    for (count, output) in [("30", "images.npy"), ("8", "photos/")] {
        folder.run(&["sample", &smoke, "--c", "1", "--count", count, "--output", output]).expect_code(0);
    }
    let commands = examples("docs/using.md");
    assert_eq!(commands.len(), 5, "{commands:?}");
    for command in commands {
        let arguments: Vec<&str> =
            command.iter().map(|word| if word == "runs/sweep" { smoke.as_str() } else { word }).collect();
        folder.run(&arguments).expect_code(0);
    }
    for name in ["samples.png", "codes.npy", "path.png", "pairs.png", "export/decoder.onnx"] {
        assert!(folder.path().join(name).is_file(), "{name}");
    }
    // Nine images of a path in one row, 28 pixels wide each and doubled, with gaps of two.
    assert_eq!(size_of_png(&folder.path().join("path.png")), [9 * 58 - 2, 56]);
}

#[test]
fn samples_come_again_with_their_seed_and_from_a_mixture_they_are_others() {
    let folder = Folder::new();
    let smoke = run("smoke");
    let sample = |name: &str, more: &[&str]| {
        let path = folder.path().join(name);
        let arguments = ["sample", &smoke, "--c", "1", "--count", "20", "--output", name];
        folder.run(&[&arguments[..], more].concat()).expect_code(0);
        path
    };
    let (shape, first) = npy(&sample("a.npy", &[]));
    assert_eq!((shape.as_str(), first.len()), ("20, 28, 28", 20 * 784));
    assert!(first.iter().all(|grey| (0.0..=1.0).contains(grey)));
    assert_eq!(npy(&sample("b.npy", &[])).1, first);
    assert_ne!(npy(&sample("c.npy", &["--seed", "1"])).1, first);
    let (_, other) = npy(&sample("d.npy", &["--from", "mixture"]));
    assert_ne!(other, first);
    // Five columns and four rows of 28 pixels, four times as large to be 640 pixels wide, with gaps of two.
    let [width, height] = size_of_png(&sample("grid.png", &[]));
    assert!(width >= 500 && height < width, "{width} x {height}");
    sample("single/", &[]);
    assert_eq!(fs::read_dir(folder.path().join("single")).unwrap().count(), 20);
    assert_eq!(size_of_png(&folder.path().join("single/000019.png")), [28, 28]);
}

#[test]
fn what_is_encoded_and_decoded_is_what_is_reconstructed() {
    let folder = Folder::new();
    let smoke = run("smoke");
    folder.run(&["sample", &smoke, "--c", "1", "--count", "1100", "--output", "images.npy"]).expect_code(0);
    folder.run(&["encode", &smoke, "--c", "1", "images.npy", "--output", "codes.npy"]).expect_code(0);
    folder.run(&["decode", &smoke, "--c", "1", "codes.npy", "--output", "decoded.npy"]).expect_code(0);
    folder.run(&["reconstruct", &smoke, "--c", "1", "images.npy", "--output", "again.npy"]).expect_code(0);
    let read = |name: &str| npy(&folder.path().join(name));
    assert_eq!(read("codes.npy").0, "1100, 2");
    assert_eq!(read("decoded.npy"), read("again.npy"));
    // The same as CSV, with log-variances, through standard output and input.
    let encoded = folder
        .run(&["encode", &smoke, "--c", "1", "images.npy", "--log-vars", "--output", "-"])
        .expect_code(0);
    assert!(encoded.stdout.starts_with("mean_0,mean_1,log_var_0,log_var_1\n"), "{}", &encoded.stdout[..60]);
    let found = rows(&encoded.stdout);
    assert_eq!(found.len(), 1100);
    for (row, code) in found.iter().zip(read("codes.npy").1.chunks(2)) {
        assert_eq!([row[0] as f32, row[1] as f32], code);
    }
    let mut command = folder.command(&["decode", &smoke, "--c", "1", "-", "--output", "piped.npy"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let text: String =
        read("codes.npy").1.chunks(2).map(|code| format!("{},{}\n", code[0], code[1])).collect();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(read("piped.npy"), read("decoded.npy"));
}

#[test]
fn images_of_any_numbers_are_encoded_as_they_were_seen_in_training_and_given_back_in_their_own_units() {
    let level = |image: usize, place: usize| ((image * 37 + place * (5 + image % 7)) % 256) as u8;
    let levels = |first: usize, count: usize| -> Vec<u8> {
        (first..first + count).flat_map(|image| (0..64).map(move |place| level(image, place))).collect()
    };
    let bytes = |levels: &[u8]| levels.to_vec();
    let of_16_bits =
        |levels: &[u8]| levels.iter().flat_map(|&l| (u16::from(l) * 257).to_le_bytes()).collect();
    let floats = |levels: &[u8]| levels.iter().flat_map(|&l| f32::from(l).to_le_bytes()).collect();
    let signed =
        |levels: &[u8]| levels.iter().flat_map(|&l| (f32::from(l) / 127.5 - 1.0).to_le_bytes()).collect();
    type Written<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;
    let images_of =
        |descr: &str, count: usize, bytes: Vec<u8>| write_npy(descr, &format!("({count}, 8, 8)"), bytes);
    let kinds: [(&str, &str, Written<'_>, &str, [f32; 2]); 6] = [
        ("|u1", "unit", &bytes, "grey_bernoulli", [0.0, 1.0]),
        ("|u1", "standardise", &bytes, "gaussian", [0.0, 1.0]),
        ("<u2", "unit", &of_16_bits, "grey_bernoulli", [0.0, 65535.0]),
        ("<u2", "standardise", &of_16_bits, "gaussian", [0.0, 65535.0]),
        ("<f4", "none", &floats, "gaussian", [0.0, 255.0]),
        ("<f4", "unit", &signed, "gaussian", [-1.0, 1.0]),
    ];
    for (kind, (descr, scale, written, likelihood, [black, white])) in kinds.into_iter().enumerate() {
        let folder = Folder::new();
        let data = folder.path().join("images");
        fs::create_dir(&data).unwrap();
        for (name, first, count) in [("train", 0, 250), ("test", 250, 30)] {
            fs::write(
                data.join(format!("{name}.npy")),
                images_of(descr, count, written(&levels(first, count))),
            )
            .unwrap();
        }
        let settings = [format!("data.scale=\"{scale}\""), format!("model.likelihood=\"{likelihood}\"")];
        let mut arguments =
            vec!["images", "--c", "1", "--epochs", "1", "--seeds", "1", "--no-report", "--quiet"];
        settings.iter().for_each(|setting| arguments.extend(["--set", setting]));
        folder.run(&arguments).expect_code(0);
        let run = "runs/images";
        folder.run(&["export", run, "--c", "1", "--to", "arrays", "--arrays"]).expect_code(0);
        let (_, expected) = npy(&folder.path().join("arrays/c=1/seed=0/means.npy"));
        folder.run(&["encode", run, "--c", "1", "images/test.npy", "--output", "codes.npy"]).expect_code(0);
        let (shape, codes) = npy(&folder.path().join("codes.npy"));
        assert!(shape.starts_with("30, "), "{shape}");
        for (a, b) in codes.iter().zip(&expected) {
            assert!((a - b).abs() < 1e-5, "{descr} {scale}: {a}, {b}");
        }
        // The same images as bytes.
        fs::write(folder.path().join("bytes.npy"), images_of("|u1", 30, levels(250, 30))).unwrap();
        folder.run(&["encode", run, "--c", "1", "bytes.npy", "--output", "codes.npy"]).expect_code(0);
        for (a, b) in npy(&folder.path().join("codes.npy")).1.iter().zip(&expected) {
            assert!((a - b).abs() < 1e-4, "{descr} {scale}, from bytes: {a}, {b}");
        }
        let reconstruct = |name: &str| {
            let arguments = ["reconstruct", run, "--c", "1", "images/test.npy", "--beside", "--output", name];
            folder.run(&arguments).expect_code(0);
            folder.path().join(name)
        };
        let (_, beside) = npy(&reconstruct("beside.npy"));
        for (pair, image) in beside.chunks_exact(128).zip(levels(250, 30).chunks_exact(64)) {
            for (&number, &level) in pair.iter().zip(image) {
                let expected = black + (white - black) * f32::from(level) / 255.0;
                assert!((number - expected).abs() <= 1e-5 * (white - black), "{kind}: {number}, {expected}");
            }
        }
        let pictures = reconstruct("beside/");
        let read = |name: &str| data::read_picture(&pictures.join(name), [8, 8, 1]).unwrap();
        assert_eq!(read("000000.png"), levels(250, 1), "{descr} {scale}");
    }
    // A network of bytes does not take other numbers for black and white images.
    let folder = Folder::new();
    let numbers = vec![251.0f32; 784];
    super::audit::write_npy(&folder.path().join("other.npy"), &[1, 28, 28], &numbers);
    let said = folder.run(&["encode", &run("smoke"), "--c", "1", "other.npy"]).expect_code(2).stderr;
    assert!(
        said.contains("other.npy holds in row 0 251: the network was trained on bytes, and pixels that are no bytes (uint8)"),
        "{said}"
    );
}

#[test]
fn codes_between_two_lead_from_one_to_the_other() {
    let folder = Folder::new();
    let smoke = run("smoke");
    let decode = |name: &str, more: &[&str]| {
        folder.run(&[&["decode", &smoke, "--c", "1", "--output", name], more].concat()).expect_code(0);
        npy(&folder.path().join(name)).1
    };
    let path = decode("path.npy", &["--code", "-1,0", "--code", "2,1", "--between", "5"]);
    let ends = decode("ends.npy", &["--code", "-1,0", "--code", "0.5,0.5", "--code", "2,1"]);
    assert_eq!(path.len(), 5 * 784);
    for (at, end) in [(0, 0), (2, 1), (4, 2)] {
        for (a, b) in path[at * 784..][..784].iter().zip(&ends[end * 784..][..784]) {
            // Where a product of a batch of five and one of three add up in another order.
            assert!((a - b).abs() < 1e-5, "{a}, {b}");
        }
    }
}

#[test]
fn a_table_is_given_back_in_its_own_units_by_the_names_of_its_columns() {
    let folder = Folder::new();
    let wine = run("wine");
    let table = repository().join("tests/data/wine.csv");
    let arguments =
        ["reconstruct", &wine, "--c", "0.1", table.to_str().unwrap(), "--beside", "--output", "-"];
    let said = folder.run(&arguments).expect_code(0).stdout;
    let original = fs::read_to_string(&table).unwrap();
    let header: Vec<&str> = said.lines().next().unwrap().split(',').collect();
    let place = original.lines().next().unwrap().split(',').position(|name| name == header[0]).unwrap();
    for (row, line) in rows(&said).iter().step_by(2).zip(original.lines().skip(1)) {
        let expected: f64 = line.split(',').nth(place).unwrap().parse().unwrap();
        assert!((row[0] - expected).abs() < 1e-3, "{}, not {expected}", row[0]);
    }
    let samples =
        rows(&folder.run(&["sample", &wine, "--c", "0.1", "--count", "7", "--quiet"]).expect_code(0).stdout);
    assert_eq!((samples.len(), samples[0].len()), (7, header.len()));
}

#[test]
fn tables_are_read_as_they_are_for_training() {
    let folder = Folder::new();
    // A time of day in the first column, of which one is missing.
    let row = |i: u32| [1.7e9 + f64::from(i * 977 % 86_400), f64::from(i % 7), f64::from(i * i % 11)];
    let text = |separator: &str| -> String {
        let line = |i: u32| {
            let cells = row(i).map(|number| number.to_string());
            let cells = if i == 3 { [String::new(), cells[1].clone(), cells[2].clone()] } else { cells };
            cells.join(separator) + "\n"
        };
        [format!("\u{feff}{}\n", ["time", "b", "c"].join(separator))]
            .into_iter()
            .chain((0..300).map(line))
            .collect()
    };
    folder.write("rows.csv", &text(";"));
    let arguments = ["rows.csv", "--c", "0.01", "--epochs", "2", "--seeds", "1", "--no-report", "--quiet"];
    folder.run(&[&arguments[..], &["--set", "data.missing=\"mean\""]].concat()).expect_code(0);
    folder.write("tabs.tsv", &text("\t"));
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text(",").as_bytes()).unwrap();
    fs::write(folder.path().join("packed.csv.gz"), packed.finish().unwrap()).unwrap();
    let codes = ["rows.csv", "tabs.tsv", "packed.csv.gz"].map(|file| {
        let said = folder.run(&["encode", "runs/rows", "--c", "0.01", file]).expect_code(0).stdout;
        assert_eq!(said.lines().count(), 301);
        said
    });
    assert!(codes[0] == codes[1] && codes[1] == codes[2]);
    folder.write("gap.csv", "1,2,3\n1,NA,3\n");
    folder.write("wine.csv", &format!("1,NA{}\n", ",1".repeat(11)));
    let said = folder.run(&["encode", &run("wine"), "--c", "0.1", "wine.csv"]).expect_code(2).stderr;
    let expected =
        "wine.csv has no number in line 1, column 2: numbers are missing only where training filled them";
    assert!(said.contains(expected), "{said}");
    folder.run(&["encode", "runs/rows", "--c", "0.01", "gap.csv"]).expect_code(0);
    let arguments = ["reconstruct", "runs/rows", "--c", "0.01", "rows.csv", "--beside", "--output"];
    let said = folder.run(&[&arguments[..], &["-"]].concat()).expect_code(0).stdout;
    for (i, found) in rows(&said).iter().step_by(2).enumerate().filter(|&(i, _)| i != 3) {
        // What a network sees has 24 bits: the greatest is 2 standard deviations of 25,000 from the mean.
        assert!((found[0] - row(i as u32)[0]).abs() < 0.01, "{found:?}");
    }
    folder.run(&[&arguments[..], &["beside.npy"]].concat()).expect_code(0);
    let header = fs::read(folder.path().join("beside.npy")).unwrap();
    assert!(String::from_utf8_lossy(&header[..128]).contains("'<f8'"), "32 bits have steps of 128 s there");
    let said = folder.run(&["encode", &run("wine"), "--c", "0.1", "rows.csv"]).expect_code(2).stderr;
    assert!(said.contains("rows.csv has no column \"alcohol\", which the network was trained on"), "{said}");
}

#[test]
fn an_export_replaces_another_one_and_nothing_else() {
    let folder = Folder::new();
    let smoke = run("smoke");
    let export = || folder.run(&["export", &smoke, "--c", "1", "--to", "out"]);
    fs::create_dir(folder.path().join("out")).unwrap();
    folder.write("out/README.md", "mine");
    let said = export().expect_code(2).stderr;
    assert!(said.contains("out/README.md is of no export, which would replace it"), "{said}");
    assert_eq!(fs::read_dir(folder.path().join("out")).unwrap().count(), 1);
    fs::remove_file(folder.path().join("out/README.md")).unwrap();
    export().expect_code(0);
    fs::remove_file(folder.path().join("out/README.md")).unwrap();
    export().expect_code(0);
    export().expect_code(0);
}

#[test]
fn pictures_are_read_in_the_order_of_their_names() {
    let folder = Folder::new();
    let smoke = run("smoke");
    folder.run(&["sample", &smoke, "--c", "1", "--count", "3", "--output", "pictures/"]).expect_code(0);
    folder.run(&["encode", &smoke, "--c", "1", "pictures", "--output", "all.npy"]).expect_code(0);
    folder.run(&["encode", &smoke, "--c", "1", "pictures/000002.png", "--output", "last.npy"]).expect_code(0);
    let [all, last] = ["all.npy", "last.npy"].map(|name| npy(&folder.path().join(name)).1);
    for (a, b) in all[4..].iter().zip(&last) {
        assert!((a - b).abs() < 1e-5, "{a}, {b}");
    }
}

#[test]
fn what_cannot_be_done_is_said_and_nothing_is_written() {
    let folder = Folder::new();
    let [smoke, wine] = ["smoke", "wine"].map(run);
    folder.write("three.csv", "1,2,3\n");
    folder.write("words.csv", "a,b\n1,x\n");
    folder.write("empty.csv", "");
    folder.write("far.csv", "1e300,0\n");
    fs::create_dir(folder.path().join("nothing")).unwrap();
    let cases: [(&[&str], &str); 15] = [
        (&["sample", &smoke, "--c", "1", "--count", "0"], "0 is not in 1.."),
        (&["decode", &smoke, "--c", "1", "empty.csv"], "there is no row to read"),
        (
            &["decode", &smoke, "--c", "1", "far.csv", "--output", "a.csv"],
            "far.csv has in line 1, column 1 1e300, which is beyond what the network can see",
        ),
        (
            &["decode", &wine, "--c", "0.1", "--code=1e38,1e38", "--output", "-"],
            "for row 0: what it was given is far from all that it was trained on",
        ),
        (&["encode", &smoke, "--c", "1", "nothing"], "nothing holds no image: PNG, JPEG and WebP are read"),
        (
            &["sample", &smoke, "--c", "1", "--count", "999999999999", "--output", "a.png"],
            "a grid shows at most 2500 images",
        ),
        (&["sample", &smoke, "--c", "7"], "has no member c=7: its coefficients are 1"),
        (&["sample", &smoke, "--c", "1", "--member-seed", "3"], "there is no finished member c=1 seed=3"),
        (
            &["sample", &smoke, "--c", "1", "--output", "a.gif"],
            "a.gif cannot be written: name a .png, .npy or .csv file",
        ),
        (
            &["sample", &smoke, "--c", "1", "--count", "2501", "--output", "a.png"],
            "a grid shows at most 2500 images",
        ),
        (
            &["decode", &smoke, "--c", "1", "three.csv"],
            "three.csv has 3 numbers in line 1, and a code has 2 dimensions",
        ),
        (
            &["decode", &smoke, "--c", "1", "words.csv"],
            "words.csv has \"x\" in line 2, column 2: numbers are needed",
        ),
        (
            &["decode", &smoke, "--c", "1", "--code", "1"],
            "--code 1 is no code of 2 dimensions: write 2 numbers",
        ),
        (
            &["encode", &smoke, "--c", "1", "three.csv", "--output", "a.png"],
            "a.png would be a picture, and these are rows of numbers",
        ),
        (&["encode", &smoke, "--c", "1", "absent.npy"], "there is no absent.npy"),
    ];
    for (arguments, expected) in cases {
        let ran = folder.run(arguments).expect_code(2);
        assert!(ran.stderr.contains(expected), "{expected}: {}", ran.stderr);
    }
    let left: Vec<PathBuf> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left.len(), 5, "{left:?}");
}

#[test]
fn of_a_file_of_several_arrays_the_named_one_is_read() {
    let folder = Folder::new();
    let smoke = run("smoke");
    let of = |name: &str, rows: usize, from: usize| {
        format!(
            r#""{name}":{{"dtype":"F32","shape":[{rows},2],"data_offsets":[{from},{}]}}"#,
            from + 8 * rows
        )
    };
    let header = format!("{{{},{}}}", of("z_train", 1, 0), of("z_test", 3, 8));
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend([0_u8; 32]);
    fs::write(folder.path().join("z.safetensors"), bytes).unwrap();
    folder.write("z.csv", "0,0\n0,0\n0,0\n");
    let decode = |arguments: &[&str]| folder.run(&[&["decode", &smoke, "--c", "1"], arguments].concat());
    let text = decode(&["z.safetensors"]).expect_code(2).stderr;
    assert!(text.contains("z.safetensors has the arrays z_test, z_train: say which with --array"), "{text}");
    let text = decode(&["z.safetensors", "--array", "z"]).expect_code(2).stderr;
    assert!(
        text.contains("z.safetensors has the arrays z_test, z_train, and none that is called z"),
        "{text}"
    );
    let text = decode(&["z.csv", "--array", "z"]).expect_code(2).stderr;
    assert!(text.contains("--array z names an array, and z.csv is no file of arrays"), "{text}");
    let text = decode(&["--code", "1,2", "--array", "z"]).expect_code(2).stderr;
    assert!(text.contains("cannot be used with"), "{text}");
    let array = decode(&["z.safetensors", "--array", "z_test", "--output", "-"]).expect_code(0).stdout;
    assert_eq!(array, decode(&["z.csv", "--output", "-"]).expect_code(0).stdout);
}

/// `scripts/export_check.py` holds the files to onnxruntime and PyTorch; here the parameters are compared by the format alone.
#[test]
fn an_export_has_pytorchs_names_and_layout() {
    let folder = Folder::new();
    let smoke = run("smoke");
    folder.run(&["export", &smoke, "--c", "1", "--to", "out"]).expect_code(0);
    let out = folder.path().join("out");
    let bytes = fs::read(out.join("model.safetensors")).unwrap();
    let exported = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let own = fs::read(trained().join("runs/smoke/c=1/seed=0/weights.safetensors")).unwrap();
    let own = safetensors::SafeTensors::deserialize(&own).unwrap();
    let numbers = |file: &safetensors::SafeTensors<'_>, name: &str| -> Vec<f32> {
        let data = file.tensor(name).unwrap().data().to_vec();
        data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    };
    for (name, of_own) in [
        ("encoder.0", "encoder.hidden.0"),
        ("mean", "encoder.mean"),
        ("log_var", "encoder.log_var"),
        ("decoder.0", "decoder.hidden.0"),
        ("decoder.2", "decoder.logits"),
    ] {
        let shape = own.tensor(&format!("{of_own}.weight")).unwrap().shape().to_vec();
        let [inputs, outputs] = shape[..] else { panic!("{of_own}") };
        assert_eq!(exported.tensor(&format!("{name}.weight")).unwrap().shape(), [outputs, inputs]);
        let (there, here) =
            (numbers(&exported, &format!("{name}.weight")), numbers(&own, &format!("{of_own}.weight")));
        for (row, column) in [(0, 0), (outputs - 1, 0), (1, inputs - 1)] {
            assert_eq!(there[row * inputs + column], here[column * outputs + row], "{name}");
        }
        assert_eq!(numbers(&exported, &format!("{name}.bias")), numbers(&own, &format!("{of_own}.bias")));
    }
    let card = fs::read_to_string(out.join("README.md")).unwrap();
    assert!(card.starts_with("---\nlicense: # to be filled in\n") && card.lines().count() <= 30, "{card}");
    assert!(
        card.contains("# smoke, c = 1")
            && card.contains("| Reconstruction |")
            && !card.contains("/data/mnist"),
        "{card}"
    );
}
