//! The report on a run: finished or not, with images or without, whole or damaged.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::Value;

use crate::program::{Folder, smoke};

/// What the page's script reads.
pub fn data(page: &Path) -> Value {
    let html = fs::read_to_string(page).expect("the page is there");
    page_data(&html)
}

fn page_data(html: &str) -> Value {
    let (_, after) = html.split_once("id=\"report-data\">").expect("the page holds its data");
    let (json, _) = after.split_once("</script>").expect("the data ends");
    serde_json::from_str(json).expect("the data is JSON")
}

fn states(data: &Value) -> Vec<(f64, String)> {
    let members = data["members"].as_array().expect("there is a list of members");
    members.iter().map(|m| (m["c"].as_f64().unwrap(), m["state"].as_str().unwrap().to_string())).collect()
}

fn page(folder: &Folder) -> PathBuf {
    folder.path().join("runs/smoke/report.html")
}

#[test]
fn training_ends_with_a_report_and_its_figures() {
    let folder = Folder::new();
    let ran = folder.run(&["--config", &smoke()]).expect_code(0);
    assert!(ran.stdout.contains("report: runs/smoke/report.html"), "{}", ran.stdout);
    let data = data(&page(&folder));
    let finished = |c| (c, "finished".to_string());
    assert_eq!(states(&data), [finished(0.0), finished(1.0), finished(20.0)]);
    assert_eq!(data["notes"], serde_json::json!([]));
    assert_eq!(data["explorer"]["members"].as_array().unwrap().len(), 3);
    let html = fs::read_to_string(page(&folder)).unwrap();
    let headline = data["recommendation"]["headline"].as_str().unwrap();
    assert!(headline.starts_with("To generate from the prior, "), "{headline}");
    assert!(html.contains(headline), "readers without scripts see the headline");
    for section in ["trade-off", "diagnostics", "curves"] {
        let (_, after) =
            html.split_once(&format!("<section id=\"{section}\"")).expect("the section is there");
        let (section, _) = after.split_once("</section>").expect("it ends");
        assert!(section.contains("<polyline"), "readers without scripts see the charts");
    }
    assert_eq!(
        figures(&folder),
        ["diagnostics", "learning_curves", "manifold", "rate_distortion", "small_multiples"]
    );
    assert!(!folder.path().join("runs/smoke/c=1/seed=0/figures").exists());
    assert!(ran.stdout.contains("5 figures") && !ran.stdout.contains("left out"), "{}", ran.stdout);
}

/// The names of the figures of the smoke run; each is there as PNG and as SVG.
fn figures(folder: &Folder) -> Vec<String> {
    let dir = folder.path().join("runs/smoke/figures");
    let mut names = Vec::new();
    for entry in fs::read_dir(&dir).expect("there are figures") {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "svg") {
            for path in [path.clone(), path.with_extension("png")] {
                assert!(path.metadata().is_ok_and(|metadata| metadata.len() > 1000), "{}", path.display());
            }
            names.push(path.file_stem().unwrap().to_str().unwrap().to_string());
        }
    }
    names.sort();
    names
}

#[test]
fn the_verdicts_are_printed_for_programs_and_nothing_is_written() {
    let folder = Folder::new();
    // After so few steps every member is beaten by another one's by its own objective, within a fifth of it none is.
    folder.smoke(&["--set", "seeds=[0,1]", "--set", "margin.loss=0.2"]).expect_code(0);
    let answers = |args: &[&str]| -> Value {
        let ran = folder.run(&[&["report", "--json", "runs/smoke"], args].concat()).expect_code(0);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stdout))
    };
    let found = answers(&[]);
    for purpose in ["generate", "compress", "represent"] {
        let answer = &found[purpose];
        let named =
            ["choice", "as_good", "leading", "read_off"].contains(&answer["verdict"].as_str().unwrap());
        assert_eq!(answer["c"].is_number(), named, "{purpose}: {answer}");
        assert!(answer["as_good"].is_array() && answer["undecided"].is_array(), "{purpose}: {answer}");
        assert!(!answer["reason"].as_str().unwrap().is_empty(), "{purpose}: {answer}");
    }
    assert_eq!(found["compress"]["verdict"], "budget_needed");
    assert!(!page(&folder).exists());

    // Between the rates of c = 1 and c = 20.
    let rate = |c: &str| -> f64 {
        let result = fs::read(folder.path().join(format!("runs/smoke/c={c}/seed=0/result.json"))).unwrap();
        serde_json::from_slice::<Value>(&result).unwrap()["kl"].as_f64().unwrap()
    };
    let budget = (0.5 * (rate("1") + rate("20"))).to_string();
    let compress = &answers(&["--rate", &budget])["compress"];
    assert_eq!(compress["verdict"], "read_off", "{compress}");
    let c = compress["c"].as_f64().unwrap_or_else(|| panic!("{compress}"));
    assert!(1.0 < c && c < 20.0, "{compress}");
    let interval = compress["interval"].as_array().unwrap();
    assert!(interval[0].as_f64().unwrap() < c && c < interval[1].as_f64().unwrap(), "{compress}");
    assert_eq!(answers(&["--rate", "1e9"])["compress"]["verdict"], "unknown");

    folder.run(&["report", "runs/smoke", "--rate", "much"]).expect_refusal(&["no number of nats"]);
    folder
        .run(&["report", "runs/smoke", "--rate", "1", "--distortion", "2"])
        .expect_refusal(&["cannot be used with"]);
    folder.run(&["report", "runs/smoke", "--json", "--open"]).expect_refusal(&["cannot be used with"]);
}

#[test]
fn coefficients_are_converted() {
    let folder = Folder::new();
    let ran = folder
        .run(&["convert", "--from", "pytorch-vae", "--shape", "3x64x64", "--latent", "128"])
        .expect_code(0);
    assert!(ran.stdout.starts_with("c = 1.536\n"), "{}", ran.stdout);
    let args = ["convert", "--from", "nobody", "--value", "1", "--shape", "28x28", "--latent", "2"];
    folder.run(&args).expect_refusal(&["nobody", "pytorch-vae", "scvi-tools"]);
    let args = ["convert", "--from", "mse", "--value", "1", "--shape", "28x28", "--latent", "2"];
    folder.run(&args).expect_refusal(&["--from mse needs --reduction sum or --reduction mean"]);
}

#[test]
fn a_run_is_named_once_and_a_report_that_cannot_be_written_is_no_bad_input() {
    let folder = Folder::new();
    folder.smoke(&["--set", "epochs=1"]).expect_code(0);
    folder
        .run(&["report", "runs/smoke", "runs/../runs/smoke"])
        .expect_refusal(&["runs/smoke and runs/../runs/smoke are the same run"]);
    let page = folder.path().join("runs/smoke/report.html");
    if page.exists() {
        fs::remove_file(&page).unwrap();
    }
    fs::create_dir(&page).unwrap();
    let ran = folder.run(&["--resume", "runs/smoke"]).expect_code(3);
    assert!(ran.stderr.contains("the results are written, the report is not; to make it:"), "{}", ran.stderr);
}

#[test]
fn figures_are_written_as_many_as_are_asked_for() {
    let folder = Folder::new();
    folder.run(&["--config", &smoke(), "--quiet", "--set", "epochs=1", "--figures", "none"]).expect_code(0);
    assert!(page(&folder).exists() && !folder.path().join("runs/smoke/figures").exists());

    let ran = folder.run(&["report", "runs/smoke", "--figures", "all"]).expect_code(0);
    assert!(figures(&folder).contains(&"small_multiples_own_range".to_string()));
    for figure in ["figures/diagnostics/kl", "c=1/seed=0/figures/encoder", "c=20/seed=0/figures/samples"] {
        for extension in ["png", "svg"] {
            let path = folder.path().join("runs/smoke").join(figure).with_extension(extension);
            assert!(path.metadata().is_ok_and(|metadata| metadata.len() > 1000), "{}", path.display());
        }
    }
    assert!(!ran.stdout.contains("left out"), "{}", ran.stdout);

    // What cannot be drawn is said.
    for c in ["0", "1", "20"] {
        for file in ["weights", "outputs"] {
            fs::remove_file(folder.path().join(format!("runs/smoke/c={c}/seed=0/{file}.safetensors")))
                .unwrap();
        }
    }
    let ran = folder.run(&["report", "runs/smoke"]).expect_code(0);
    assert!(ran.stdout.contains("left out: manifold of smoke: no member has recorded"), "{}", ran.stdout);
}

#[test]
fn a_run_without_any_finished_epoch_has_a_report_that_says_so() {
    let folder = Folder::new();
    // The learning rate is too great for any objective to stay finite.
    folder.smoke(&["--set", "optimizer.learning_rate=1e30"]).expect_code(3);
    folder.run(&["report", "runs/smoke"]).expect_code(0);
    let data = data(&page(&folder));
    assert!(states(&data).iter().all(|(_, state)| state == "failed"), "{:?}", states(&data));
    let message = data["members"][0]["message"].as_str().unwrap();
    assert!(message.contains("is no longer finite after step 2 of epoch 1"), "{message}");
    let headline = data["recommendation"]["headline"].as_str().unwrap();
    assert!(headline.starts_with("No member is finished"), "{headline}");
}

#[test]
fn what_is_damaged_is_shown_as_failed_and_the_rest_is_reported() {
    let folder = Folder::new();
    folder.smoke(&[]).expect_code(0);
    let member = |c: &str| folder.path().join(format!("runs/smoke/c={c}/seed=0"));
    let result = fs::read_to_string(member("0").join("result.json")).unwrap();
    fs::write(member("0").join("result.json"), &result[..result.len() / 2]).unwrap();
    // Without its network, what is recorded of it cannot be made anew.
    fs::remove_file(member("20").join("weights.safetensors")).unwrap();
    put_a_nan_into(&member("20").join("outputs.safetensors"), "decoder.1.bias");
    folder.run(&["report", "runs/smoke"]).expect_code(0);
    let data = data(&page(&folder));
    let states: Vec<String> = states(&data).into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, ["failed", "finished", "failed"]);
    let message = |member: usize| data["members"][member]["message"].as_str().unwrap();
    assert!(message(0).contains("result.json is damaged"), "{}", message(0));
    assert!(message(2).contains("1 of the 784 values of decoder.1.bias"), "{}", message(2));
    assert_eq!(data["explorer"]["members"].as_array().unwrap().len(), 1);
    assert_eq!(data["coefficients"].as_array().unwrap().len(), 1);
}

#[test]
fn a_file_of_a_newer_version_is_named_and_not_called_damaged() {
    let folder = Folder::new();
    folder.smoke(&[]).expect_code(0);
    let path = folder.path().join("runs/smoke/c=1/seed=0/result.json");
    let result = fs::read_to_string(&path).unwrap();
    let newer = result.replace("\"schema\": 2", "\"schema\": 7");
    fs::write(
        &path,
        newer.replace(&format!("\"version\": {:?}", env!("CARGO_PKG_VERSION")), "\"version\": \"9.1.0\""),
    )
    .unwrap();
    folder.run(&["report", "runs/smoke"]).expect_code(0);
    let message = data(&page(&folder))["members"][1]["message"].as_str().unwrap().to_string();
    assert!(message.contains("was written by klsweep 9.1.0 in format 7"), "{message}");
    folder.smoke(&[]).expect_refusal(&["c=1/seed=0/result.json was written by klsweep 9.1.0 in format 7"]);
}

pub fn put_a_nan_into(path: &Path, name: &str) {
    let bytes = fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let changed: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = file
        .tensors()
        .into_iter()
        .map(|(found, view)| {
            let mut data = view.data().to_vec();
            if found == name {
                data[..4].copy_from_slice(&f32::NAN.to_le_bytes());
            }
            (found, view.dtype(), view.shape().to_vec(), data)
        })
        .collect();
    let views = changed
        .iter()
        .map(|(name, dtype, shape, data)| (name, TensorView::new(*dtype, shape.clone(), data).unwrap()));
    fs::write(path, safetensors::serialize(views, header.metadata().clone()).unwrap()).unwrap();
}

#[test]
fn a_run_is_reported_from_its_record_and_without_that_but_for_what_needs_it() {
    let folder = Folder::new();
    // Eight images of 4 x 4 pixels for training and for testing, without labels.
    let images = |count: u32| {
        let mut bytes = vec![0, 0, 8, 3];
        bytes.extend([count, 4, 4].iter().flat_map(|size: &u32| size.to_be_bytes()));
        bytes.extend((0..count * 16).map(|pixel| (pixel * 37 % 256) as u8));
        bytes
    };
    let data_dir = folder.path().join("images");
    fs::create_dir(&data_dir).unwrap();
    for name in ["train-images-idx3-ubyte", "t10k-images-idx3-ubyte"] {
        fs::write(data_dir.join(name), images(8)).unwrap();
    }
    let config = "kl_coefficients = [0.5, 2.0]\nepochs = 2\nbatch_size = 4\n[data]\ndir = \"images\"\n";
    let path = folder.write("own.toml", config);
    folder.run(&["--config", path.to_str().unwrap(), "--quiet"]).expect_code(0);
    let page = folder.path().join("runs/own/report.html");
    assert!(!data(&page)["explorer"]["images"].is_null());

    fs::remove_dir_all(&data_dir).unwrap();
    folder.run(&["report", "runs/own"]).expect_code(0);
    let from_record = data(&page);
    let few = "There are 16 examples, and a verdict needs 200: the numbers are shown without one.";
    assert_eq!(from_record["notes"], serde_json::json!([few]));
    let explorer = &from_record["explorer"];
    assert!(!explorer["images"].is_null() && !explorer["members"][0]["codes"].is_null());
    assert_eq!((&explorer["height"], &explorer["width"]), (&Value::from(4), &Value::from(4)));

    fs::remove_file(folder.path().join("runs/own/examples.safetensors")).unwrap();
    folder.run(&["report", "runs/own"]).expect_code(0);
    let data = data(&page);
    let note = data["notes"][0].as_str().unwrap();
    assert!(note.starts_with("It is not recorded what the networks make of examples"), "{note}");
    assert!(data["explorer"].is_null());
    assert_eq!(data["recommendation"]["headline"], few);
    assert!(!data["recommendation"]["collapse"].is_null(), "where dimensions collapse is recorded");
}

#[test]
fn several_runs_share_a_report_if_they_are_alike() {
    let folder = Folder::new();
    folder.smoke(&["--set", "kl_coefficients=[1.0]"]).expect_code(0);
    folder.smoke(&["--set", "kl_coefficients=[1.0, 4.0]", "--set", "name=\"more\""]).expect_code(0);
    folder
        .smoke(&["--set", "kl_coefficients=[1.0]", "--set", "name=\"longer\"", "--set", "epochs=3"])
        .expect_code(0);

    folder.run(&["report", "runs/smoke", "runs/more"]).expect_refusal(&["--output"]);
    folder.run(&["report", "runs/smoke", "runs/more", "--output", "both.html"]).expect_code(0);
    let data = data(&folder.path().join("both.html"));
    assert_eq!(states(&data).iter().map(|(c, _)| *c).collect::<Vec<_>>(), [1.0, 4.0]);
    let note = data["notes"][0].as_str().unwrap();
    assert!(note.contains("c=1 seed=0 of runs/more is left out"), "{note}");

    folder.run(&["report", "runs/smoke", "runs/longer", "--output", "all.html"]).expect_refusal(&[
        "runs/smoke has epochs = 2, runs/longer has epochs = 3",
        "alike in everything else",
    ]);
    assert!(!folder.path().join("all.html").exists());
}

#[test]
fn a_directory_that_is_no_runs_is_refused() {
    let folder = Folder::new();
    folder
        .run(&["report", "absent"])
        .expect_refusal(&["absent is no run directory", "there is no such directory"]);
    folder.run(&["report", "."]).expect_refusal(&["is no run directory", "config.toml"]);
    folder.run(&["report"]).expect_refusal(&["<DIR>"]);
    folder.run(&["watch", "absent"]).expect_refusal(&["absent is no run directory"]);
    folder.write("config.toml", "kl_coefficients = [");
    folder.run(&["report", "."]).expect_refusal(&["config.toml"]);
    folder.run(&["report", ".", "--grid", "1"]).expect_refusal(&["from 2 to 50"]);
}

/// A program that ends with its test, also where that fails.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `klsweep watch` on the smoke run, and the address that it serves.
fn watch(folder: &Folder) -> (Ending, String) {
    let mut child = folder.command(&["watch", "runs/smoke"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.split(['/', ' ']).find(|part| part.starts_with("127.0.0.1:"));
    let address = address.expect("a loopback address").to_string();
    (Ending(child), address)
}

/// The answer to a request of these lines.
fn ask(address: &str, lines: &[&str]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{}\r\nConnection: close\r\n\r\n", lines.join("\r\n")).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn set_status(folder: &Folder, from: &str, to: &str) {
    let path = folder.path().join("runs/smoke/run.json");
    let text = fs::read_to_string(&path).unwrap();
    let changed = text.replace(&format!("\"status\": \"{from}\""), &format!("\"status\": \"{to}\""));
    assert_ne!(changed, text);
    fs::write(path, changed).unwrap();
}

#[test]
fn watch_serves_the_page_as_it_changes_until_the_run_has_ended() {
    let folder = Folder::new();
    folder.smoke(&["--set", "epochs=1"]).expect_code(0);
    set_status(&folder, "finished", "running");
    let (mut child, address) = watch(&folder);
    let host = format!("Host: {address}");
    let get = |path: &str| ask(&address, &[&format!("GET {path} HTTP/1.1"), &host]);
    let html = get("/");
    assert!(html.starts_with("HTTP/1.1 200"), "{}", &html[..60]);
    assert_eq!(page_data(&html)["live"], Value::Bool(true));
    assert!(get("/absent").contains(" 404 "));

    let version = || get("/version").rsplit("\r\n").next().unwrap().to_string();
    let before = version();
    let history = folder.path().join("runs/smoke/c=1/seed=0/history.csv");
    let text = fs::read_to_string(&history).unwrap();
    let last = text.lines().last().unwrap().replacen(",1,", ",2,", 1);
    fs::write(&history, format!("{text}{last}\n")).unwrap();
    // A page that was just made rests for a while first.
    let patience = Instant::now() + Duration::from_secs(60);
    while version() == before {
        assert!(Instant::now() < patience, "the page does not follow the run");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(page_data(&get("/"))["members"][1]["epochs"], 2);

    set_status(&folder, "running", "finished");
    assert_eq!(page_data(&get("/"))["live"], Value::Bool(false));
    assert!(child.0.wait().unwrap().success(), "it ends with the last page");
}

/// Also while a client is silent.
#[test]
#[cfg(unix)]
fn ctrl_c_ends_watch() {
    let folder = Folder::new();
    folder.smoke(&["--set", "epochs=1"]).expect_code(0);
    set_status(&folder, "finished", "running");
    let (mut child, address) = watch(&folder);
    let _silent = TcpStream::connect(&address).unwrap();
    let kill = Command::new("kill").args(["-INT", &child.0.id().to_string()]).status().unwrap();
    assert!(kill.success() && child.0.wait().unwrap().success(), "it is how one ends it");
}

#[test]
fn watch_answers_browsers_on_this_machine_alone_and_no_slow_client_holds_it_up() {
    let folder = Folder::new();
    folder.smoke(&["--set", "epochs=1"]).expect_code(0);
    set_status(&folder, "finished", "running");
    let (_child, address) = watch(&folder);
    let port = address.rsplit(':').next().unwrap();
    let code = |lines: &[&str]| ask(&address, lines)[9..12].to_string();

    // Half a request, one that is none, one whose answer is never read.
    let mut half = TcpStream::connect(&address).unwrap();
    half.write_all(b"GET / HT").unwrap();
    let mut wrong = TcpStream::connect(&address).unwrap();
    wrong.write_all(b"\0\xff\r\n\r\n").unwrap();
    let unread: Vec<TcpStream> = (0..8)
        .map(|_| {
            let mut stream = TcpStream::connect(&address).unwrap();
            write!(stream, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            stream
        })
        .collect();

    for host in ["localhost", "127.0.0.1:1", "[::1]:2", &format!("localhost:{port}")] {
        assert_eq!(code(&["GET /version HTTP/1.1", &format!("Host: {host}")]), "200", "{host}");
    }
    for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.168.0.1"] {
        assert_eq!(code(&["GET / HTTP/1.1", &format!("Host: {host}:{port}")]), "403", "{host}");
    }
    let origin =
        |origin: &str| code(&["GET /version HTTP/1.1", "Host: localhost", &format!("Origin: {origin}")]);
    assert_eq!(origin("http://localhost:5"), "200");
    for other in ["http://evil.example", "null", "https://localhost.evil.example"] {
        assert_eq!(origin(other), "403", "{other}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        assert_eq!(code(&[&format!("{method} / HTTP/1.1"), "Host: localhost"]), "405", "{method}");
    }
    for path in ["/../../etc/passwd", "//etc/passwd", "/%2e%2e/run.json", "/run.json"] {
        assert_eq!(code(&[&format!("GET {path} HTTP/1.1"), "Host: localhost"]), "404", "{path}");
    }
    let head = ask(&address, &["HEAD / HTTP/1.1", "Host: localhost"]);
    assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");

    drop((half, wrong, unread));
}
