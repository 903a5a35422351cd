"""Sweeps on arrays: results, errors, interruption, and the bits of the command line."""

import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import klsweep
from conftest import REPOSITORY

SETTINGS = {"epochs": 40, "batch_size": 40, "seeds": [0, 1], "model": {"encoder_hidden": [32], "decoder_hidden": [32]}}


@pytest.fixture(scope="module")
def trained(digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    return klsweep.sweep(*digits, c=[0.1, 1], output=folder, quiet=True, **SETTINGS)


def test_the_summary_has_a_number_for_each_member(trained):
    summary = trained.summary
    np.testing.assert_array_equal(summary["c"], [0.1, 0.1, 1, 1])
    np.testing.assert_array_equal(summary["seed"], [0, 1, 0, 1])
    assert summary["seed"].dtype == np.int64 and summary["kl"].dtype == np.float64
    np.testing.assert_allclose(summary["elbo_loss"], summary["reconstruction"] + summary["kl"], rtol=1e-6)
    for id, kl in zip(["c=0.1/seed=0", "c=0.1/seed=1", "c=1/seed=0", "c=1/seed=1"], summary["kl"]):
        assert json.loads((trained.path / id / "result.json").read_text())["kl"] == pytest.approx(kl, rel=1e-12)


def test_what_is_recommended_has_reasons_and_the_report_is_a_page(trained):
    assert set(trained.recommendation) == {"generate", "compress", "represent"}
    assert all(answer["reason"] and answer["verdict"] for answer in trained.recommendation.values())
    page = trained.report(figures="none")
    assert page == trained.path / "report.html" and "<html" in page.read_text()
    with pytest.raises(ValueError, match="the known ones are"):
        trained.report(figures="some")


def test_codes_and_images_go_there_and_back(trained, digits):
    images = digits[0]
    codes, log_vars = trained.encode(images, 0.1, log_vars=True)
    assert codes.shape == log_vars.shape == (len(images), 2) and codes.dtype == np.float32
    np.testing.assert_array_equal(trained.encode(images / np.float32(255), 0.1), codes)
    decoded = trained.decode(codes, 0.1)
    assert decoded.shape == images.shape and 0 <= decoded.min() and decoded.max() <= 1
    # An image is nearer to its own reconstruction than to another's.
    errors = ((images[:100, None] / 255.0 - decoded[None, :100]) ** 2).sum((2, 3))
    assert (np.diag(errors) < errors.mean(1)).mean() > 0.9
    assert not np.array_equal(trained.encode(images, 0.1, seed=1), codes)
    with pytest.raises(ValueError, match="its coefficients are 0.1, 1"):
        trained.encode(images, 0.5)
    with pytest.raises(ValueError, match="has the shape"):
        trained.decode(np.zeros((3, 5)), 0.1)
    assert klsweep.load(trained.path).summary["kl"][0] == trained.summary["kl"][0]


def test_the_command_line_gives_the_same_bits(trained, tmp_path):
    klsweep_program = os.environ.get("KLSWEEP")
    if not klsweep_program:
        assert not os.environ.get("CI"), "KLSWEEP has to be the path of the program"
        pytest.skip("KLSWEEP is not the path of the program")
    data = next(path for path in trained.path.parent.glob("sweep-*.npy") if "labels" not in path.name)
    overrides = ["epochs=40", "batch_size=40", "seeds=[0, 1]", "model.encoder_hidden=[32]", "model.decoder_hidden=[32]", "name='cli'"]
    arguments = [word for override in overrides for word in ("--set", override)]
    subprocess.run([klsweep_program, data, "--c", "0.1,1", "--quiet", "--no-report", *arguments], cwd=tmp_path, check=True)
    files = ["weights.safetensors", "outputs.safetensors", "losses.safetensors", "history.csv"]
    for member in ["c=0.1/seed=0", "c=0.1/seed=1", "c=1/seed=0", "c=1/seed=1"]:
        for file in files:
            ours, theirs = (folder / member / file for folder in (trained.path, tmp_path / "runs" / "cli"))
            assert ours.read_bytes() == theirs.read_bytes(), f"{member}/{file}"


def test_ctrl_c_stops_and_the_same_call_goes_on_to_the_same_bits(digits, tmp_path):
    settings = {**SETTINGS, "seeds": [0], "epochs": 1500}
    call = lambda folder: klsweep.sweep(digits[0], c=[1], output=folder, quiet=True, **settings)
    began = threading.Event()

    def interrupt():
        # That this thread runs says that the training does not hold Python's lock.
        history = tmp_path / "stopped" / "sweep" / "c=1" / "seed=0" / "history.csv"
        while not history.exists():
            time.sleep(0.01)
        began.set()
        os.kill(os.getpid(), signal.SIGINT)

    # A shell starts what runs in the background with the signal ignored, and Python leaves it so.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        call(tmp_path / "stopped")
    thread.join()
    signal.signal(signal.SIGINT, before)
    member = Path("sweep") / "c=1" / "seed=0"
    stopped = tmp_path / "stopped" / member
    assert began.is_set() and (stopped / "checkpoint").is_dir() and not (stopped / "result.json").exists()
    result = call(tmp_path / "stopped")
    assert result.path == tmp_path / "stopped" / "sweep" and len(result.summary["kl"]) == 1
    call(tmp_path / "undisturbed")
    weights = [tmp_path / folder / member / "weights.safetensors" for folder in ("stopped", "undisturbed")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_tables_come_back_in_their_own_units(tmp_path):
    rng = np.random.default_rng(2)
    rows = rng.normal([100.0, -3.0], [20.0, 0.5], (400, 2))
    result = klsweep.sweep(rows, c=1e-4, output=tmp_path, quiet=True, epochs=300, seeds=[0], batch_size=80)
    decoded = result.decode(result.encode(rows, 1e-4), 1e-4)
    assert decoded.shape == rows.shape
    assert np.corrcoef(decoded[:, 0], rows[:, 0])[0, 1] > 0.9 and abs(decoded[:, 0].mean() - 100) < 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"X": np.zeros((300, 4)), "epoch": 3}, "did you mean `epochs`"),
        ({"X": np.zeros((300, 4)), "c": [-1]}, "a finite number, 0 or greater"),
        ({"X": np.zeros((300, 4)), "backend": "wgpu"}, "built without the backend wgpu"),
        ({"X": np.full((300, 4), np.nan)}, "missing"),
        ({"X": np.array(["a", "b"])}, "only real numbers"),
        ({"X": 3.0}, "a row for each example"),
        ({"X": np.zeros((300, 4)), "labels": [1, 2]}, "2 labels of 300 examples"),
        ({"X": "nowhere.npy"}, "nowhere.npy"),
        ({"X": np.zeros((300, 4)), "epochs": None}, "epochs is a NoneType"),
    ],
)
def test_what_is_wrong_is_a_value_error_in_words(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        klsweep.sweep(**{"c": [1], "output": tmp_path, "quiet": True, **arguments})
    assert not [path for path in tmp_path.glob("*") if path.is_dir()], "nothing is half-written"


def test_the_example_of_the_page_does_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs" / "python.md").read_text(), re.DOTALL)
    assert len(blocks) >= 2
    names: dict = {}
    for block in blocks:
        exec(block, names)
    assert (tmp_path / "runs" / "ring" / "report.html").is_file()
