#!/usr/bin/env python3
"""klsweep against what a user would pick instead, on this machine, as a table in Markdown.

    python scripts/bench.py                      # everything, three times in turn
    python scripts/bench.py --rounds 1 --epochs 2 --skip keras

The rows of the table say which processor they were measured on. The peers are installed into `target/peers` when it is not there (seven gigabytes, once). Everything is run in turn, round
after round, so that what else the machine does falls on all alike; the medians of the rounds are compared. All of them
only train: klsweep with 128 test images instead of 10,000, though with its checkpoint after every epoch. What JAX and
Keras compile in their first epoch is not counted.

On a machine that does nothing else, the seconds that pass decide. On a shared one, the processor's seconds beside them
show who gets by with less of it: they do not depend on how many of the cores were free.
"""

import argparse
import csv
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SWEEP = [0.0, 0.02, 1.0, 2.0, 20.0]
# The peers measure no test images.
TRAINING_ALONE = ["--set", "data.test_images=128"]
# Members times epochs that klsweep is measured over, at least.
LEAST_WORK = 15
INVERTED = "klsweep, sweep of five, MNIST inverted"
EAGER = "PyTorch eager with fused Adam, two threads"
PACKAGES = ["numpy", "torch", "jax", "tensorflow-cpu"]
# Other initial weights, orders and noise: after the same number of epochs, objectives differ by a few nats in 170.
AGREEMENT = 0.05


@dataclass
class Measured:
    """One run: seconds per coefficient and epoch, and the last epoch's mean training objective at c = 1."""

    seconds: float
    cpu_seconds: float
    objective: float | None = None
    peak_mb: float = 0.0


def finish(process):
    """A child's output, its seconds on the processor, and its peak memory in MB."""
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{process.args} failed")
    return output, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def start(command, cwd=None):
    return subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True, cwd=cwd)


def peer(python, script, *arguments, processes=1):
    """A peer's run; of several processes side by side, the seconds that each epoch costs both together."""
    command = [python, ROOT / "scripts/peers" / script, *arguments]
    reports = [json.loads(finish(child)[0]) for child in [start(command) for _ in range(processes)]]
    seconds, cpu_seconds = (
        statistics.median(second for report in reports for second in report[kind])
        for kind in ("seconds", "cpu_seconds")
    )
    objectives = reports[0]["objectives"]
    objective = objectives[SWEEP.index(1.0)] if len(objectives) == len(SWEEP) else objectives[0]
    return Measured(seconds / processes, cpu_seconds, objective, max(report["peak_mb"] for report in reports))


def klsweep(train, config, members, epochs, *arguments):
    """What an epoch more costs: start-up and the diagnostics at the end are paid once a run."""
    one = klsweep_run(train, config, 1, *arguments)
    # So many epochs that they stand out of the difference between two whole runs.
    more = max(epochs, LEAST_WORK // members)
    many = klsweep_run(train, config, more + 1, *arguments)
    work = more * members
    seconds, cpu_seconds = many.seconds - one.seconds, many.cpu_seconds - one.cpu_seconds
    return Measured(seconds / work, cpu_seconds / work, many.objectives[epochs - 1], many.peak_mb)


@dataclass
class Run:
    """A whole process of klsweep."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    objectives: list
    """Mean training objective at c = 1 after each epoch."""
    training_seconds: float
    """Of the members together, without start-up and what is measured at the end."""


def klsweep_run(train, config, epochs, *arguments):
    with tempfile.TemporaryDirectory() as folder:
        data = f'data.path="{ROOT / "data/mnist"}"'  # What comes later in `arguments` takes its place.
        command = [train, "--quiet", "--no-report", "--config", ROOT / "configs" / config, "--set", data]
        begin = time.perf_counter()
        command += ["--set", f"epochs={epochs}", *arguments]
        _, cpu_seconds, peak = finish(start(command, cwd=folder))
        seconds = time.perf_counter() - begin
        members = list(Path(folder).glob("runs/*/c=*/seed=0"))
        with (next(m for m in members if "c=1/" in f"{m}/") / "history.csv").open() as history:
            objectives = [float(row["train_objective"]) for row in csv.DictReader(history)]
        training_seconds = sum(json.loads((member / "result.json").read_text())["seconds"] for member in members)
    return Run(seconds, cpu_seconds, peak, objectives, training_seconds)


def processor():
    """The name of the processor and the size of its first-level cache: virtual machines leave the model out."""
    described = subprocess.run(["lscpu", "-J"], capture_output=True, text=True, check=True)
    fields = {entry["field"]: entry["data"] for entry in json.loads(described.stdout)["lscpu"] if entry["data"]}
    nested = [child for entry in json.loads(described.stdout)["lscpu"] for child in entry.get("children", [])]
    fields |= {entry["field"]: entry["data"] for entry in nested}
    names = ("Model name:", "CPU family:", "Model:", "CPU(s):", "L1d cache:", "L2 cache:")
    return ", ".join(f"{name} {fields[name]}" for name in names if name in fields)


def inverted_mnist(folder):
    """MNIST with black and white exchanged: nothing to leave out of a product."""
    for name in ("train-images-idx3-ubyte", "t10k-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"):
        content = gzip.decompress((ROOT / "data/mnist" / f"{name}.gz").read_bytes())
        if "images" in name:
            content = content[:16] + bytes(255 - byte for byte in content[16:])
        (Path(folder) / name).write_bytes(content)
    return Path(folder)


def whole(run):
    return Measured(run.seconds, run.cpu_seconds, None, run.peak_mb)


def products(example, threads):
    output, cpu_seconds, _ = finish(start([example, threads]))
    return Measured(float(output), cpu_seconds / threads)


def build():
    cargo = ["cargo", "build", "--workspace", "--bins", "--examples"]
    subprocess.run(cargo, cwd=ROOT, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"
    return target / "klsweep", target / "examples/products_alone"


def peers_python():
    python = ROOT / "target/peers/bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", python.parents[1]], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
    return python


def check_agreement(measured):
    objectives = {name: runs[-1].objective for name, runs in measured.items() if runs[-1].objective}
    reference = objectives["klsweep, sweep of five"]
    del objectives[INVERTED]  # Other images.
    for name, objective in objectives.items():
        if abs(objective - reference) > AGREEMENT * reference:
            sys.exit(f"{name} reaches the objective {objective}, klsweep {reference}: not the same work")
    print("Training objective at c = 1 after the same epochs, in nats per image:", end=" ")
    print(", ".join(f"{name} {value:.1f}" for name, value in objectives.items()), end="\n\n")


def medians(runs):
    seconds = statistics.median(run.seconds for run in runs)
    return f"{seconds:.2f} | {statistics.median(run.cpu_seconds for run in runs):.2f}"


def table(measured):
    rows = [
        ("klsweep, sweep of five", "JAX, vmap over five"),
        ("klsweep, sweep of five", "PyTorch at its best, two processes"),
        ("klsweep, sweep of five", EAGER),
        (INVERTED, "klsweep, sweep of five"),
        ("klsweep, sweep of five", "five products alone, both cores"),
        ("klsweep, one member", "JAX, one coefficient"),
        ("klsweep, one member", EAGER),
        ("klsweep, one member", "Keras"),
    ]
    print(f"{processor()}\n")
    print("Seconds per coefficient and epoch, and those on the processor (of all cores together):\n")
    print("| work | seconds | CPU | against | seconds | CPU | ratio | ratio of CPU |")
    print("|---|---|---|---|---|---|---|---|")
    for ours, theirs in rows:
        if theirs not in measured:
            continue
        a, b = measured[ours], measured[theirs]
        # Round by round, so that a load that comes and goes falls on both.
        ratio = statistics.median(x.seconds / y.seconds for x, y in zip(a, b))
        cpu_ratio = statistics.median(x.cpu_seconds / y.cpu_seconds for x, y in zip(a, b))
        print(f"| {ours} | {medians(a)} | {theirs} | {medians(b)} | {ratio:.2f} | {cpu_ratio:.2f} |")
    print()
    if EAGER in measured:
        a, b = (
            max(run.peak_mb for run in measured[name])
            for name in ("klsweep, sweep of five", EAGER)
        )
        print(f"Peak memory: sweep of five {a:.0f} MB, PyTorch training one {b:.0f} MB: {a / b:.2f}.")
    startup = statistics.median(run.seconds for run in measured["klsweep, one step"])
    print(f"A run of one step, from the command to its end: {startup:.2f} s.")


@dataclass
class Shape:
    """A configuration of the same kind as the classic one."""

    hidden: tuple = (256,)
    latent: int = 2
    batch: int = 128
    members: int = 1

    def __str__(self):
        widths = "-".join(map(str, [*self.hidden, self.latent]))
        return f"{widths} | {self.batch} | {self.members}"


SHAPES = [
    Shape(),
    *(Shape(latent=latent) for latent in (16, 64)),
    *(Shape(hidden=hidden) for hidden in ((512,), (1024,), (512, 256))),
    *(Shape(batch=batch) for batch in (512, 2048)),
    *(Shape(members=members) for members in (2, 5, 20)),
]
# A fifth of MNIST: the ratios are those of all of it.
SHAPE_IMAGES = 12_000


def bench_shapes(train, python, rounds, epochs):
    """klsweep against PyTorch at its best: one process on two threads for one member, else two of one thread each."""
    measured = {}
    for number in range(rounds):
        for shape in SHAPES:
            coefficients = [1.0 + k for k in range(shape.members)]
            settings = {
                "kl_coefficients": coefficients,
                "batch_size": shape.batch,
                "model.latent": shape.latent,
                "model.encoder_hidden": list(shape.hidden),
                "model.decoder_hidden": list(reversed(shape.hidden)),
                "data.train_images": SHAPE_IMAGES,
            }
            arguments = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
            arguments += TRAINING_ALONE
            ours = klsweep(train, "vae_c1.toml", shape.members, epochs, *arguments)
            theirs = ["--epochs", epochs + 1, "--best", "--hidden", *shape.hidden, "--latent", shape.latent]
            theirs += ["--batch", shape.batch, "--images", SHAPE_IMAGES]
            if shape.members == 1:
                peers = peer(python, "pytorch_vae.py", *theirs, "--threads", 2)
            else:
                peers = peer(python, "pytorch_vae.py", *theirs, "--threads", 1, processes=2)
            measured.setdefault(str(shape), []).append((ours, peers))
            print(f"round {number + 1}/{rounds}, {shape}: {ours.seconds:.3f} {peers.seconds:.3f} s", file=sys.stderr)

    print("\nOther shapes, on a fifth of the images, against PyTorch at its best:\n")
    print("| hidden and latent | batch | members | seconds per coefficient and epoch | PyTorch | ratio | peak MB |")
    print("|---|---|---|---|---|---|---|")
    for shape, runs in measured.items():
        ours, theirs = (statistics.median(run[side].seconds for run in runs) for side in (0, 1))
        ratio = statistics.median(a.seconds / b.seconds for a, b in runs)
        peak = statistics.median(run[0].peak_mb for run in runs)
        print(f"| {shape} | {ours:.3f} | {theirs:.3f} | {ratio:.2f} | {peak:.0f} |")


def networks(shapes):
    """Name, configuration, settings over it, arguments of the PyTorch script, and how many coefficients; `shapes` is a file of
    coloured shapes."""
    convolutions = ["--convolutions", 32, 64, "--latent", 16]
    # All but some to train on, as of MNIST.
    shares = "data.shares=[0.96, 0.02, 0.02]"
    coloured = [f'data.path="{shapes}"', shares], [*convolutions, "--array", shapes]
    normed = ['model.activation="gelu"', 'model.norm="layer"'], ["--activation", "gelu", "--norm", "layer"]
    for name, config, settings, theirs in (
        ("two convolutions, latent 16", "conv.toml", [], convolutions),
        ("the same on 32 x 32 x 3, Gaussian", "conv_colour.toml", *coloured),
        ("dense 256, GELU, layer norm", "vae_c1.toml", *normed),
    ):
        yield name, config, settings, theirs, 1
        yield f"{name}, sweep of five", config, settings, theirs, 5


def bench_networks(train, python, rounds, epochs):
    """Networks of other layers against PyTorch at its best: alone on two threads, else two processes of one thread each."""
    measured = {}
    folder = tempfile.TemporaryDirectory()
    shapes = Path(folder.name) / "shapes.npz"
    making = [python, ROOT / "scripts/coloured_shapes.py", shapes, SHAPE_IMAGES * 105 // 100, 32]
    subprocess.run([str(part) for part in making], check=True)
    for number in range(rounds):
        for name, config, settings, theirs, members in networks(shapes):
            values = [*settings, f"kl_coefficients={[1.0 + k for k in range(members)]}", f"data.train_images={SHAPE_IMAGES}"]
            arguments = [part for value in values for part in ("--set", value)]
            ours = klsweep(train, config, members, epochs, *arguments, *TRAINING_ALONE)
            theirs = [*theirs, "--epochs", epochs + 1, "--best", "--images", SHAPE_IMAGES]
            threads = ["--threads", 2 if members == 1 else 1]
            peers = peer(python, "pytorch_vae.py", *theirs, *threads, processes=1 if members == 1 else 2)
            measured.setdefault(name, []).append((ours, peers))
            print(f"round {number + 1}/{rounds}, {name}: {ours.seconds:.3f} {peers.seconds:.3f} s", file=sys.stderr)

    steps = -(-SHAPE_IMAGES // 128)
    print("\nOther networks, milliseconds a step of 128 images and member, against PyTorch at its best:\n")
    print("| network | klsweep | CPU | PyTorch | CPU | ratio | ratio of CPU | peak MB | PyTorch |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, runs in measured.items():
        cells = [
            f"{1000 / steps * statistics.median(getattr(run[side], kind) for run in runs):.1f}"
            for side in (0, 1)
            for kind in ("seconds", "cpu_seconds")
        ]
        ratios = [
            f"{statistics.median(getattr(a, kind) / getattr(b, kind) for a, b in runs):.2f}" for kind in ("seconds", "cpu_seconds")
        ]
        peaks = [f"{max(run[side].peak_mb for run in runs):.0f}" for side in (0, 1)]
        print("| " + " | ".join([name, *cells, *ratios, *peaks]) + " |")


CUBECL_LOGS = """
[profiling]
logger = { level = "minimal", file = "kernels.log" }
[memory]
logger = { level = "full", file = "memory.log" }
"""


def wgpu_counts(train, steps):
    """Kernel launches and read-backs of a short training on wgpu, or what it said where it could not."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "cubecl.toml").write_text(CUBECL_LOGS)
        command = [train, "--quiet", "--no-report", "--backend", "wgpu", "--config", ROOT / "configs/vae_c1.toml"]
        settings = [f'data.path="{ROOT / "data/mnist"}"', "epochs=1", "data.test_images=128"]
        settings.append(f"data.train_images={128 * steps}")
        command += [part for setting in settings for part in ("--set", setting)]
        process = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if process.returncode != 0:
            return process.stderr.strip()
        launches = (Path(folder) / "kernels.log").read_text().count("Executing ")
        read_backs = (Path(folder) / "memory.log").read_text().count("[Staging CPU Memory] Reserved memory")
        return launches, read_backs


def print_wgpu(train):
    """What one step more adds. A read-back reserves staging memory; copies to the device have no log: there are two, the
    images and the noise."""
    few, more = wgpu_counts(train, 4), wgpu_counts(train, 5)
    if isinstance(few, str):
        print(f"No count of wgpu's kernel launches: {few}")
        return
    launches, read_backs = (b - a for a, b in zip(few, more))
    print(f"A training step on wgpu: {launches} kernel launches, {read_backs} read-backs, 2 copies to the device.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--skip", nargs="*", default=[], choices=["eager", "pytorch", "jax", "keras"])
    parser.add_argument("--shapes", action="store_true", help="other latents, widths, batches and numbers of members too")
    parser.add_argument("--networks", action="store_true", help="convolutions, other activations and norms alone, nothing else")
    parser.add_argument("--python", help="a Python that has the peers, instead of an environment made for them")
    parser.add_argument("--keras-python", help="the same for TensorFlow alone")
    args = parser.parse_args()

    train, example = build()
    python = args.python or peers_python()
    if args.networks:
        print(processor())
        return bench_networks(train, python, args.rounds, args.epochs)
    epochs = ["--epochs", args.epochs]
    five = ["--coefficients", *SWEEP]
    inverted = tempfile.TemporaryDirectory()
    inverted_data = ["--set", f'data.path="{inverted_mnist(inverted.name)}"']
    one_step = ["--set", "data.train_images=128", "--set", "data.test_images=128"]
    work = {
        "klsweep, sweep of five": lambda: klsweep(train, "sweep.toml", 5, args.epochs, *TRAINING_ALONE),
        INVERTED: lambda: klsweep(train, "sweep.toml", 5, args.epochs, *TRAINING_ALONE, *inverted_data),
        "klsweep, one member": lambda: klsweep(train, "vae_c1.toml", 1, args.epochs, *TRAINING_ALONE),
        "klsweep, one step": lambda: whole(klsweep_run(train, "vae_c1.toml", 1, *one_step)),
        "five products alone, both cores": lambda: products(example, 2),
        "five products alone, one core": lambda: products(example, 1),
    }
    if "jax" not in args.skip:
        work["JAX, vmap over five"] = lambda: peer(python, "jax_vae.py", *epochs, *five)
        work["JAX, one coefficient"] = lambda: peer(python, "jax_vae.py", *epochs)
    if "pytorch" not in args.skip:
        best = [*epochs, "--best", "--threads", 1]
        work["PyTorch at its best, two processes"] = lambda: peer(python, "pytorch_vae.py", *best, processes=2)
    if not {"pytorch", "eager"} & set(args.skip):
        work[EAGER] = lambda: peer(python, "pytorch_vae.py", *epochs, "--fused")
    if "keras" not in args.skip:
        work["Keras"] = lambda: peer(args.keras_python or python, "keras_vae.py", *epochs)

    measured = {name: [] for name in work}
    for number in range(args.rounds):
        for name, run in work.items():
            measured[name].append(run())
            print(
                f"round {number + 1}/{args.rounds}, load {os.getloadavg()[0]:.1f}: {name} "
                f"{measured[name][-1].seconds:.2f} s",
                file=sys.stderr,
            )
    check_agreement(measured)
    table(measured)
    print_wgpu(train)
    if args.shapes:
        bench_shapes(train, python, args.rounds, args.epochs)


if __name__ == "__main__":
    main()
