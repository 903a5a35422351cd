#!/usr/bin/env python3
"""What large runs cost: prints the table of docs/reliability.md.

Usage: scripts/large.py KLSWEEP [NAME ...]
"""

import pathlib
import subprocess
import sys
import tempfile
import threading
import time

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
SMOKE = REPOSITORY / "configs/smoke.toml"


def coefficients(count):
    return "kl_coefficients=[" + ", ".join(f"{index / 100:.2f}" for index in range(count)) + "]"


RUNS = {
    "1,000 coefficients, one epoch": ["--set", coefficients(1000), "--set", "epochs=1"],
    "64 workers on the cores of this machine": ["--set", coefficients(64), "--set", "epochs=1", "--workers", "64"],
    "512 latent dimensions": ["--set", "model.latent=512"],
    "5,000 epochs": ["--set", "kl_coefficients=[1]", "--set", "epochs=5000"],
}


def most_threads(process, found):
    """Keeps the greatest number of threads of a process in found[0]."""
    while process.poll() is None:
        try:
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        except OSError:
            return
        fields = dict(line.split(":", 1) for line in status.splitlines())
        found[0] = max(found[0], int(fields.get("Threads", "0")))
        found[1] = max(found[1], int(fields.get("VmHWM", "0 kB").split()[0]))
        time.sleep(0.02)


def measure(klsweep, arguments):
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        process = subprocess.Popen([klsweep, "--config", SMOKE, "--quiet", *arguments], cwd=folder)
        found = [0, 0]
        watcher = threading.Thread(target=most_threads, args=(process, found))
        watcher.start()
        code = process.wait()
        seconds = time.monotonic() - began
        watcher.join()
        if code != 0:
            sys.exit(f"{arguments} ended with {code}")
        run = pathlib.Path(folder) / "runs/smoke"
        files = [path for path in run.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files) / 1e6
        page = (run / "report.html").stat().st_size / 1e6
        return f"{seconds:.0f} | {found[1] / 1e3:.0f} | {found[0]} | {len(files)} | {size:.0f} | {page:.1f}"


def main():
    klsweep = pathlib.Path(sys.argv[1]).resolve()
    print("| run | seconds | peak memory, MB | threads | files | on disk, MB | page, MB |\n|---|---|---|---|---|---|---|")
    for name, arguments in RUNS.items():
        if not sys.argv[2:] or name in sys.argv[2:]:
            print(f"| {name} | {measure(klsweep, arguments)} |", flush=True)


if __name__ == "__main__":
    main()
