//! The `metrics` command as its users run it: what it prints, what it writes, and every refusal.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn metrics(arguments: &[&str]) -> Output {
    metrics_with_input(arguments, "")
}

fn metrics_with_input(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_metrics"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn stdout(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The message of a refusal, which has to leave with 2.
fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A folder of its own for each test, empty at the start.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

const EXAMPLE: [&str; 5] = ["compare", "--p", "0.10,0.40,0.50", "--q", "0.80,0.15,0.05"];

#[test]
fn compare_shows_the_figures_of_the_example_with_their_units() {
    let table = stdout(&metrics(&EXAMPLE));
    let row = |name: &str, of: &str| -> Vec<&str> {
        let line = table.lines().find(|l| l.starts_with(name) && l.contains(of));
        line.unwrap_or_else(|| panic!("no {name} {of} in\n{table}"))
            .split(of)
            .nth(1)
            .unwrap()
            .split_whitespace()
            .collect()
    };
    assert_eq!(row("Kullback-Leibler", "P ‖ Q"), ["1.335680", "1.926979"]);
    assert_eq!(row("Kullback-Leibler", "Q ‖ P"), ["1.401300", "2.021648"]);
    assert_eq!(row("Jensen-Shannon  ", "P, Q"), ["0.291261", "0.420201"]);
    assert_eq!(row("Jensen-Shannon distance", "P, Q"), ["0.539686", "0.648229"]);
    assert_eq!(row("total variation", "P, Q"), ["0.700000"]);
    let headers: Vec<Vec<&str>> =
        table.lines().filter(|l| l.starts_with("     ")).map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(headers, [vec!["nats", "bits"], vec!["√nats", "√bits"], vec!["no", "unit"]]);
    let sums: Vec<&str> = table.lines().find(|l| l.starts_with("sum")).unwrap().split_whitespace().collect();
    assert_eq!(sums, ["sum", "1.000000", "1.000000"]);
}

#[test]
fn compare_gives_the_same_as_json_and_csv_in_any_base() {
    let json = stdout(&metrics(&[&EXAMPLE[..], &["--format", "json", "--base", "bits,10"]].concat()));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let kl = &json["divergences"].as_array().unwrap().iter().find(|d| d["of"] == "P ‖ Q").unwrap();
    assert_eq!(kl["name"], "Kullback-Leibler");
    let bits = kl["values"]["bits"].as_f64().unwrap();
    let decimal = kl["values"]["base 10"].as_f64().unwrap();
    assert!((bits - 1.926979).abs() < 1e-6 && (decimal / bits - 2f64.log10()).abs() < 1e-14, "{kl}");

    let rows = stdout(&metrics(&[&EXAMPLE[..], &["--format", "csv", "--base", "nats"]].concat()));
    let mut reader = csv::Reader::from_reader(rows.as_bytes());
    assert_eq!(reader.headers().unwrap(), vec!["name", "of", "unit", "value"]);
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), json["divergences"].as_array().unwrap().len());
    let distance = rows.iter().find(|r| &r[0] == "Jensen-Shannon distance").unwrap();
    assert_eq!(&distance[2], "√nats");
    assert!((distance[3].parse::<f64>().unwrap() - 0.539686).abs() < 1e-6);
}

#[test]
fn compare_reads_files_and_standard_input_with_labels() {
    let csv = "label, q, p\nheads, 0.25, 0.5\ntails, 0.75, 0.5\n";
    let file = folder("compare_reads").join("coins.csv");
    std::fs::write(&file, csv).unwrap();
    let from_file = stdout(&metrics(&["compare", "--file", text(&file)]));
    let from_input = stdout(&metrics_with_input(&["compare", "--file", "-"], csv));
    assert_eq!(from_file, from_input);
    let heads: Vec<&str> = from_file.lines().nth(1).unwrap().split_whitespace().take(3).collect();
    assert_eq!(heads, ["heads", "0.500000", "0.250000"]);
}

#[test]
fn compare_says_infinity_where_the_reference_rules_an_outcome_out() {
    let arguments = ["compare", "--p", "0.5,0.5", "--q", "1,0", "--format", "json"];
    let json: serde_json::Value = serde_json::from_str(&stdout(&metrics(&arguments))).unwrap();
    let of = |of: &str| {
        let rows = json["divergences"].as_array().unwrap();
        rows.iter().find(|d| d["name"] == "Kullback-Leibler" && d["of"] == of).unwrap()["values"]["nats"]
            .clone()
    };
    assert_eq!(of("P ‖ Q"), "inf");
    assert!((of("Q ‖ P").as_f64().unwrap() - 2f64.ln()).abs() < 1e-15);
}

#[test]
fn compare_draws_the_plot_as_svg_and_png() {
    let folder = folder("compare_draws");
    let (svg, png) = (folder.join("bars.svg"), folder.join("bars.png"));
    stdout(&metrics(&[&EXAMPLE[..], &["--plot", text(&svg), "--plot", text(&png)]].concat()));
    let drawn = std::fs::read_to_string(&svg).unwrap();
    assert!(drawn.starts_with("<svg") && drawn.contains("aria-label=\"probability\""), "{drawn}");
    assert!(std::fs::read(&png).unwrap().starts_with(b"\x89PNG\r\n\x1a\n"));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2, "a temporary file was left behind");
}

#[test]
fn compare_refuses_what_is_no_pair_of_distributions() {
    for (arguments, expected) in [
        (&["--p", "0.5,x", "--q", "0.5,0.5"][..], "entry 1 of --p is 'x', which is not a number"),
        (&["--p", "0.5,0.4", "--q", "0.5,0.5"], "sums to 0.9"),
        (&["--p", "-0.5,1.5", "--q", "0.5,0.5"], "p[0] is -0.5"),
        (&["--p", "0.5,0.5", "--q", "-0.5,1.5"], "q[0] is -0.5"),
        (&["--p", "0.5,0.5", "--q", "1"], "1 entries where 2 are needed"),
        (&["--p", "1", "--q", "nan"], "q[0] is NaN"),
        (&["--p", "1", "--q", "1", "--base", "1"], "'1' is no base: use nats, bits, or a number above 1"),
        (&["--p", "1", "--q", "1", "--alpha", "-2"], "the order is -2"),
        (
            &["--p", "1", "--q", "1", "--plot", "bars.pdf"],
            "--plot bars.pdf: the name has to end in .svg or .png",
        ),
        (&["--p", "1", "--q", "1", "--plot", "/nowhere/bars.svg"], "cannot write /nowhere/bars.svg"),
        (&["--file", "/nowhere/p.csv"], "cannot read /nowhere/p.csv"),
        (&["--p", "0,0", "--q", "1,0", "--normalize"], "cannot normalise P"),
        (&["--p", "1"], "--q <LIST>"),
        (&[], "--p <LIST>"),
    ] {
        let message = refusal(&metrics(&[&["compare"], arguments].concat()));
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
    for (input, expected) in [
        ("a,b\n1,1\n", "the header is 'a,b', and has to name the columns p and q"),
        ("p,q\n1,one\n", "line 2: q is 'one', which is not a number"),
        ("p,q\n1\n", "cannot read a row"),
        ("p,q\n", "p is empty"),
    ] {
        let message = refusal(&metrics_with_input(&["compare", "--file", "-"], input));
        assert!(message.contains(expected), "{input:?}: {message}");
    }
}

#[test]
fn compare_of_many_outcomes_keeps_output_and_plot_short() {
    let folder = folder("compare_many");
    let (file, plot) = (folder.join("many.csv"), folder.join("bars.svg"));
    let count = 100_000;
    let rows = (0..count).map(|i| format!("outcome {i},{},{}\n", 1 + i % 7, 1 + i % 5));
    std::fs::write(&file, "label,p,q\n".to_owned() + &rows.collect::<String>()).unwrap();
    let arguments = ["compare", "--file", text(&file), "--normalize", "--plot", text(&plot)];
    let table = stdout(&metrics(&arguments));
    assert!(table.contains("outcome 23 ") && table.contains("... 99976 more"), "{table}");
    let svg = std::fs::read_to_string(&plot).unwrap();
    assert!(
        svg.contains("aria-label=\"first of 417 outcomes a bar\"") && svg.len() < 500_000,
        "{}",
        svg.len()
    );
    let json = stdout(&metrics(&[&arguments[..4], &["--format", "json"]].concat()));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["outcomes"], count);
    assert!((json["sum_p"].as_f64().unwrap() - 1.0).abs() < 1e-9);
}

/// Draws that look random, from the digits of a sine.
fn samples(count: usize, shift: f64) -> Vec<[f64; 2]> {
    let digits = |i: usize| ((i as f64 + 1.0).sin() * 1e4).rem_euclid(1.0);
    (0..count).map(|i| [digits(2 * i) + shift, digits(2 * i + 1)]).collect()
}

#[test]
fn samples_reads_csv_and_npy_and_gives_errors() {
    let folder = folder("samples_reads");
    let (csv, npy) = (folder.join("a.csv"), folder.join("b.npy"));
    let rows = samples(400, 0.0).into_iter().map(|[x, y]| format!("{x},{y}\n"));
    std::fs::write(&csv, "x,y\n".to_owned() + &rows.collect::<String>()).unwrap();
    // As numpy.save writes it.
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (300, 2), }";
    bytes.extend(format!("{header:<117}\n").as_bytes());
    bytes.extend(samples(300, 0.3).iter().flatten().flat_map(|x| x.to_le_bytes()));
    std::fs::write(&npy, bytes).unwrap();

    let arguments = ["samples", text(&csv), text(&npy), "--permutations", "99", "--format", "json"];
    let json: serde_json::Value = serde_json::from_str(&stdout(&metrics(&arguments))).unwrap();
    assert_eq!((&json["samples_p"], &json["samples_q"]), (&400.into(), &300.into()));
    let find = |name: &str| {
        json["divergences"].as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone()
    };
    // The unit square, whose entropy is 0.
    let entropy = find("entropy");
    let (value, error) = (entropy["values"]["nats"].as_f64(), entropy["standard_errors"]["nats"].as_f64());
    assert!(value.unwrap().abs() < 0.05 + 4.0 * error.unwrap(), "{entropy}");
    // Moved by 0.3, of which a direction sees the cosine.
    let sliced = find("sliced Wasserstein-2")["values"]["no unit"].as_f64().unwrap();
    assert!((sliced - 0.3 / 2f64.sqrt()).abs() < 0.05, "{sliced}");
    assert_eq!(find("p-value of the energy distance")["values"]["no unit"], 0.01);

    let table = stdout(&metrics(&["samples", text(&csv), text(&csv), "--paired", "--neighbours", "1"]));
    assert!(table.contains("400 samples, 2 dimensions") && table.contains(" ± "), "{table}");
    assert!(table.contains("mutual information"), "{table}");
    let line = table.lines().find(|line| line.starts_with("Kullback-Leibler")).unwrap();
    assert!(line.contains("coincides with as many reference samples"), "a set beside itself: {line}");
    let of_csv = stdout(&metrics(&["samples", text(&csv), text(&npy), "--format", "csv", "--base", "bits"]));
    assert!(
        of_csv.starts_with("name,of,unit,value,standard_error\nKullback-Leibler,P ‖ Q,bits,"),
        "{of_csv}"
    );
}

#[test]
fn samples_refuses_what_cannot_be_held_side_by_side() {
    let folder = folder("samples_refuses");
    let write = |name: &str, contents: &str| {
        let path = folder.join(name);
        std::fs::write(&path, contents).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (plane, line) = (write("plane.csv", "1,2\n3,4\n5,7\n"), write("line.csv", "1\n2\n4\n"));
    let (words, empty) = (write("words.csv", "x\n1\ntwo\n"), write("empty.csv", ""));
    let no_npy = write("no.npy", "1,2\n3,4\n");
    for (x, y, expected) in [
        (&plane, &line, "P has 2 dimensions and Q has 1"),
        (&line, &words, "line 3: x is 'two', which is not a number"),
        (&line, &empty, "holds no numbers"),
        (&no_npy, &line, "it does not begin with \\x93NUMPY"),
        (&"/nowhere.csv".to_owned(), &line, "cannot read /nowhere.csv"),
    ] {
        let message = refusal(&metrics(&["samples", x, y]));
        assert!(message.contains(expected), "{message}");
    }
    let many = write("many.csv", &"0.5\n0.25\n1\n".repeat(40_000));
    let table = stdout(&metrics(&["samples", &many, &line]));
    assert!(table.contains("more than 100000 samples: --all-pairs looks at every pair"), "{table}");
    assert!(table.contains("Wasserstein-1 "), "{table}");
    // Too few for neighbours are enough for a distance.
    let table = stdout(&metrics(&["samples", &line, &line]));
    assert!(
        table.contains("3 samples where at least 60 are needed") && table.contains("Wasserstein-1"),
        "{table}"
    );
}

#[test]
fn matrix_prints_every_pair() {
    let rows = "label,a,b\nfair,1,1\nloaded,3,1\ncertain,1,0\n";
    let arguments = ["matrix", "-", "--normalize", "--format", "csv", "--base", "bits"];
    let csv = stdout(&metrics_with_input(&arguments, rows));
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    assert_eq!(reader.headers().unwrap(), vec!["label", "fair", "loaded", "certain"]);
    let rows_of_js: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(&rows_of_js[1][0], "loaded");
    let value = |row: usize, column: usize| rows_of_js[row][column + 1].parse::<f64>().unwrap();
    assert_eq!((value(0, 0), value(0, 2)), (0.0, value(2, 0)));
    // H(3/4, 1/4) - H(1/2, 1/2) / 2
    let expected = 0.25 * 4f64.log2() + 0.75 * (4.0 / 3.0f64).log2() - 0.5;
    assert!((value(0, 2) - expected).abs() < 1e-15, "{}", value(0, 2));

    let kl = ["matrix", "-", "--normalize", "--divergence", "kl", "--format", "json"];
    let kl: serde_json::Value = serde_json::from_str(&stdout(&metrics_with_input(&kl, rows))).unwrap();
    assert_eq!((&kl["values"][0][2], &kl["unit"]), (&"inf".into(), &"nats".into()));
    let table = stdout(&metrics_with_input(&["matrix", "-", "--normalize"], rows));
    assert!(table.lines().any(|line| line.starts_with("certain")) && table.ends_with("in nats\n"), "{table}");

    let message = refusal(&metrics_with_input(&["matrix", "-"], rows));
    assert!(message.contains("row 0 of p with row 0 of q") && message.contains("sums to 2"), "{message}");
    let message = refusal(&metrics_with_input(&["matrix", "-", "--normalize"], "0,0\n1,1\n"));
    assert!(message.contains("row 0") && message.contains("sums to 0"), "{message}");
}

#[test]
fn families_prints_both_directions() {
    let table = stdout(&metrics(&["families", "normal(0,2)", "normal(5,1)"]));
    assert!(table.contains("KL(P ‖ Q)      13.30685 nats      19.19773 bits"), "{table}");
    assert!(table.contains("KL(Q ‖ P)      3.443147 nats"), "{table}");
    let one_way = stdout(&metrics(&["families", "half_normal(1)", "cauchy(0, 1)", "--base", "nats"]).clone());
    let lines: Vec<&str> = one_way.lines().collect();
    assert!(lines.iter().any(|l| l.starts_with("KL(P ‖ Q)  no closed form")), "{one_way}");
    assert!(lines.iter().any(|l| l.starts_with("KL(Q ‖ P)           inf nats")), "{one_way}");
    let both_ways = ["families", "half_normal(1)", "cauchy(0, 1)", "--base", "nats", "--numeric"];
    let numeric = stdout(&metrics(&both_ways));
    assert!(numeric.contains("KL(P ‖ Q)      0.952392 nats  (integrated; error below"), "{numeric}");
    let numeric = stdout(&metrics(&[&both_ways[..], &["--format", "json"]].concat()));
    let numeric: serde_json::Value = serde_json::from_str(&numeric).unwrap();
    assert!(numeric["error_nats"]["KL(P ‖ Q)"].as_f64().unwrap() < 1e-12, "{numeric}");
    assert!(numeric["error_nats"]["KL(Q ‖ P)"].is_null(), "{numeric}");
    let csv =
        stdout(&metrics(&["families", "normal(0,1)", "normal(1,1)", "--format", "csv", "--base", "nats"]));
    assert_eq!(csv, "name,unit,value\nKL(P ‖ Q),nats,0.5\nKL(Q ‖ P),nats,0.5\n");
    let json = stdout(&metrics(&["families", "exponential(1)", "uniform(0,1)", "--format", "json"]));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["kl"]["KL(P ‖ Q)"]["nats"], "inf");
    assert!(stdout(&metrics(&["families", "--list"])).contains("von_mises(location, concentration)\n"));
}

#[test]
fn families_refuses_what_it_cannot_read() {
    for (arguments, expected) in [
        (&["normall(0,1)", "normal(0,1)"][..], "did you mean 'normal'?"),
        (&["normal(0,-1)", "normal(0,1)"], "sd is -1, and has to be finite and above 0"),
        (&["normal(0,1", "normal(0,1)"], "at character 11: expected ',', found the end"),
        (&["poisson(1)", "geometric(0.5)"], "no closed form for KL(poisson ‖ geometric)"),
        (&["poisson(1)", "normal(0,1)"], "KL compares distributions of one space"),
        (&["normal(0,1)"], "<Q>"),
    ] {
        let message = refusal(&metrics(&[&["families"], arguments].concat()));
        assert!(message.contains(expected), "{arguments:?}: {message}");
    }
}

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/normal_fit.toml");

#[test]
fn fit_writes_the_classic_experiment() {
    let output = folder("fit_writes").join("run");
    stdout(&metrics(&["fit", "--config", CONFIG, "--output", text(&output), "--animate"]));
    let mut names: Vec<String> =
        std::fs::read_dir(&output).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let expected =
        ["animation.gif", "config.toml", "curves.png", "curves.svg", "kl.png", "kl.svg", "trajectory.csv"];
    assert_eq!(names, expected);

    let trajectory = std::fs::read_to_string(output.join("trajectory.csv")).unwrap();
    let mut reader = csv::Reader::from_reader(trajectory.as_bytes());
    assert_eq!(reader.headers().unwrap(), vec!["step", "kl", "mean", "variance"]);
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let steps: Vec<&str> = rows.iter().map(|r| &r[0]).collect();
    assert_eq!(steps, ["0", "10", "20", "30", "40", "50", "60", "70", "80", "90", "100"]);
    // Computed with 17 digits by scripts/normal_fit_reference.py; the library's tests hold the whole trajectory.
    assert!((rows[10][3].parse::<f64>().unwrap() - 3.96750948207862).abs() < 1e-9, "{:?}", rows[10]);

    let svg = std::fs::read_to_string(output.join("curves.svg")).unwrap();
    for label in ["P, target", "Q, step 0", "Q, step 100", "probability density (per unit of x)"] {
        assert!(svg.contains(&format!("aria-label=\"{label}\"")), "no {label}");
    }
    assert!(
        std::fs::read_to_string(output.join("kl.svg")).unwrap().contains("aria-label=\"divergence (nats)\"")
    );
    assert!(std::fs::read(output.join("animation.gif")).unwrap().starts_with(b"GIF89a"));
}

#[test]
fn fit_replaces_results_of_the_same_configuration_only() {
    let output = folder("fit_replaces").join("run");
    let base = ["fit", "--output", text(&output), "--set", "grid.step=0.1", "--set", "steps=5"];
    let first = stdout(&metrics(&base));
    assert_eq!(stdout(&metrics(&base)), first);
    let before = std::fs::read_to_string(output.join("trajectory.csv")).unwrap();
    let other = [&base[..], &["--set", "steps=6"]].concat();
    let message = refusal(&metrics(&other));
    assert!(
        message.contains("holds the results of another configuration (steps was 5 and is 6)"),
        "{message}"
    );
    assert_eq!(std::fs::read_to_string(output.join("trajectory.csv")).unwrap(), before);
    stdout(&metrics(&[&other[..], &["--overwrite"]].concat()));
    assert_ne!(std::fs::read_to_string(output.join("trajectory.csv")).unwrap(), before);
}

#[test]
fn fit_takes_other_objectives_targets_and_starts() {
    let folder = folder("fit_takes");
    let (output, target) = (folder.join("run"), folder.join("target.csv"));
    std::fs::write(&target, "p\n0.1\n0.2\n0.4\n0.2\n0.1\n").unwrap();
    let set_target = format!("target_file={:?}", text(&target));
    let arguments = [
        "fit",
        "--output",
        text(&output),
        "--set",
        &set_target,
        "--set",
        "grid={ low = 0, high = 4, step = 1 }",
        "--set",
        "start.seed=8",
        "--set",
        "objective=jensen_shannon",
        "--set",
        "optimizer=adam",
        "--set",
        "learning_rate=0.1",
        "--set",
        "parameterization=log_variance",
    ];
    stdout(&metrics(&arguments));
    let trajectory = std::fs::read_to_string(output.join("trajectory.csv")).unwrap();
    assert!(trajectory.starts_with("step,kl,mean,variance,objective\n"), "{trajectory}");
    let last: Vec<f64> = trajectory.lines().last().unwrap().split(',').map(|v| v.parse().unwrap()).collect();
    assert!((last[2] - 2.0).abs() < 0.1, "the target's mean is 2: {last:?}");
    let halved = stdout(&metrics(&[
        "fit",
        "--output",
        text(&folder.join("halved")),
        "--set",
        "learning_rate=200",
        "--set",
        "start.variance=6",
        "--set",
        "target=[{ mean = 0, sd = 0.2 }]",
        "--set",
        "steps=2",
    ]));
    assert!(halved.contains("update 1 would have led to variance -"), "{halved}");
}

#[test]
fn fit_prints_the_configuration_and_does_nothing() {
    let printed = stdout(&metrics(&["fit", "--config", CONFIG, "--print-config", "--set", "steps=7"]));
    assert!(printed.contains("steps = 7\n") && printed.contains("optimizer = \"sgd\"\n"), "{printed}");
    let file = folder("fit_prints").join("config.toml");
    std::fs::write(&file, &printed).unwrap();
    assert_eq!(stdout(&metrics(&["fit", "--config", text(&file), "--print-config"])), printed);
}

#[test]
#[cfg(all(target_os = "linux", feature = "wgpu"))]
fn fit_says_so_where_a_backend_has_no_device() {
    let output = folder("fit_no_device").join("run");
    let child = Command::new(env!("CARGO_BIN_EXE_metrics"))
        .args(["fit", "--backend", "wgpu", "--output", text(&output)])
        // Hides every Vulkan and OpenGL driver, of software too.
        .env("VK_ICD_FILENAMES", "/dev/null")
        .env("VK_DRIVER_FILES", "/dev/null")
        .env("__EGL_VENDOR_LIBRARY_FILENAMES", "/dev/null")
        .output()
        .unwrap();
    let message = refusal(&child);
    assert!(message.contains("error: backend 'wgpu' finds no device that it can use"), "{message}");
    assert!(!output.exists());
}

#[test]
fn fit_refuses_what_it_cannot_do_and_writes_nothing() {
    let folder = folder("fit_refuses");
    let output = folder.join("run");
    let weights = folder.join("weights.csv");
    std::fs::write(&weights, "0.5\n-1\n").unwrap();
    let weights_key = format!("target_file={:?}", text(&weights));
    let words = folder.join("words.csv");
    std::fs::write(&words, "p\n0.5\nhalf\n").unwrap();
    let words_key = format!("target_file={:?}", text(&words));
    for (changes, expected) in [
        (&["step=5"][..], ": did you mean `steps`?"),
        (&["grid.stepp=5"], "in `grid`: did you mean `step`?"),
        (&["target=[{ mean = 0, sdd = 1 }]"], "`sdd`, expected one of `weight`, `mean`, `sd`"),
        (&["zzzzzzzzz=5"], "unknown field `zzzzzzzzz`, expected one of `steps`, `record_every`"),
        (&["outptu=x"], ": did you mean `output`?"),
        (&["steps=many"], "invalid type: string \"many\""),
        (
            &["objective=kl"],
            "unknown variant `kl`, expected one of `forward_kl`, `reverse_kl`, `jensen_shannon`",
        ),
        (&["optimizer=muon"], "unknown variant `muon`"),
        (&["steps"], "expected key=value"),
        (&["steps=[1"], "'[1' is no TOML value"),
        (&["learning_rate=0"], "learning_rate is 0, and has to be finite and above 0"),
        (&["start.variance=-1"], "start.variance is -1, and has to be finite and above 0"),
        (&["grid.step=1e-9"], "grid.step is 0.000000001, and has to be wide enough for at most 1e7 points"),
        (&["target=[]"], "target has no component"),
        (&["backend=cuda"], "this build has no backend 'cuda': build it with --features cuda"),
        (&["backend=tpu"], "no backend is called 'tpu'; the known ones are flex, ndarray, wgpu"),
        (&["target_file=/nowhere.csv"], "cannot read /nowhere.csv"),
        (
            &[weights_key.as_str()],
            "the target has 2 entries, and the grid from -10 to 10 in steps of 0.001 has 20001 points",
        ),
        (&[words_key.as_str()], "line 3: 'half' is not a number"),
        (
            &["learning_rate=1e300", "grid.step=0.1"],
            "and variance 1.499973697541302e300, the objective is NaN",
        ),
    ] {
        let mut arguments = vec!["fit", "--output", text(&output)];
        for change in changes {
            arguments.extend(["--set", change]);
        }
        let message = refusal(&metrics(&arguments));
        assert!(message.contains(expected), "{changes:?}: {message}");
        assert!(!output.exists(), "{changes:?} wrote something");
    }
    let message = refusal(&metrics(&["fit", "--config", "/nowhere.toml"]));
    assert!(message.contains("cannot read /nowhere.toml"), "{message}");
    let broken = folder.join("broken.toml");
    std::fs::write(&broken, "steps = \n").unwrap();
    let message = refusal(&metrics(&["fit", "--config", text(&broken)]));
    assert!(
        message.contains("broken.toml") && message.contains("caused by: TOML parse error at line 1"),
        "{message}"
    );
}
