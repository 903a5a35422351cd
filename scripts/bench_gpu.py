#!/usr/bin/env python3
"""Training on a graphics card, backend by backend, beside PyTorch and JAX on the same card, as a table in Markdown.

    python scripts/bench_gpu.py PATH_TO_KLSWEEP --backends vulkan wgpu flex

Needs a klsweep with the backends named (`cargo build --release -p train --features vulkan`), and a Python with PyTorch or
JAX for that card; a peer that is not there is left out. What compiles in a first epoch is not counted, for anybody.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from bench import NETWORKS, SWEEP, TRAINING_ALONE, Measured, klsweep_run, peer

DENSE = "dense 256, latent 2"
CONVOLUTIONAL = "two convolutions, latent 16"
GELU = "dense 256, GELU, layer norm"


def card():
    if not shutil.which("nvidia-smi"):
        return "No card that nvidia-smi knows"
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    return subprocess.run(query, capture_output=True, text=True).stdout.strip()


def ours(train, backend, config, settings, epochs):
    arguments = [part for setting in settings for part in ("--set", setting)]
    arguments += ["--backend", backend, "--set", "kl_coefficients=[1.0]", *TRAINING_ALONE]
    one, more = (klsweep_run(train, config, count, *arguments) for count in (1, epochs + 1))
    return Measured((more.training_seconds - one.training_seconds) / epochs, 0, more.objectives[epochs - 1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("klsweep", type=Path)
    parser.add_argument("--backends", nargs="+", default=["vulkan", "wgpu"])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--skip-peers", action="store_true")
    args = parser.parse_args()

    work = {DENSE: ("vae_c1.toml", [], [])}
    work |= {name: NETWORKS[name][:3] for name in (GELU, CONVOLUTIONAL)}
    print(f"{card()}\n")
    print("| network | by | seconds an epoch | training objective at c = 1 |")
    print("|---|---|---|---|")

    def row(network, by, measure):
        try:
            measured = measure()
        except SystemExit as failure:
            print(f"| {network} | {by} | {failure} | |", flush=True)
            return
        print(f"| {network} | {by} | {measured.seconds:.2f} | {measured.objective:.3f} |", flush=True)

    for network, (config, settings, theirs) in work.items():
        for backend in args.backends:
            row(network, f"klsweep, {backend}", lambda: ours(args.klsweep, backend, config, settings, args.epochs))
        if not args.skip_peers:
            on_card = [*theirs, "--epochs", args.epochs + 1, "--fused", "--device", "cuda"]
            row(network, "PyTorch eager, fused Adam", lambda: peer(sys.executable, "pytorch_vae.py", *on_card))
    if not args.skip_peers:
        row(DENSE, "JAX", lambda: peer(sys.executable, "jax_vae.py", "--epochs", args.epochs))
        five = ["--coefficients", *SWEEP, "--epochs", args.epochs]
        row(DENSE, "JAX, each of five under vmap", lambda: peer(sys.executable, "jax_vae.py", *five))


if __name__ == "__main__":
    main()
