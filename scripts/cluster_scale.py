#!/usr/bin/env python3
"""What a sweep of 1,000 tiny members costs that eight processes share on one folder: the figures of docs/clusters.md.

Usage: scripts/cluster_scale.py KLSWEEP
"""

import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
MEMBERS = 1000
PROCESSES = 8
CONFIG = """name = "many"
kl_coefficients = {coefficients}
epochs = 1
[model]
encoder_hidden = [8]
decoder_hidden = [8]
[data]
dir = "{repository}/data/mnist"
train_images = 128
test_images = 64
"""


def timed(what, start):
    """Runs what `start` starts to its end, and prints what it took."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    for process in start():
        if process.wait() != 0:
            sys.exit(f"{what} ended with {process.returncode}")
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{what}: {seconds:.1f} s, {processor:.1f} s of processor time", flush=True)


def size(path):
    return f"{path.stat().st_size / 1e6:.1f} MB"


def main():
    klsweep = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        coefficients = [index / 100 for index in range(MEMBERS)]
        (pathlib.Path(folder) / "many.toml").write_text(CONFIG.format(coefficients=coefficients, repository=REPOSITORY))
        train = [klsweep, "--config", "many.toml", "--member", "auto", "--workers", "1", "--quiet", "--no-report"]

        def processes():
            return [
                subprocess.Popen(train, cwd=folder, env={**os.environ, "SLURM_PROCID": str(task)})
                for task in range(PROCESSES)
            ]

        timed(f"{MEMBERS} members by {PROCESSES} processes", processes)
        timed("the same again, when nothing is left", processes)
        timed("status", lambda: [subprocess.Popen([klsweep, "status", "runs/many"], cwd=folder, stdout=subprocess.DEVNULL)])
        timed("report", lambda: [subprocess.Popen([klsweep, "report", "runs/many"], cwd=folder, stdout=subprocess.DEVNULL)])
        run = pathlib.Path(folder) / "runs/many"
        files = [path for path in run.rglob("*") if path.is_file()]
        total = sum(path.stat().st_size for path in files) / 1e6
        for name in ("summary.csv", "run.json", "report.html"):
            print(f"{name}: {size(run / name)}")
        print(f"{len(files)} files, {total:.0f} MB")


if __name__ == "__main__":
    main()
