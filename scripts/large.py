#!/usr/bin/env python3
"""What large runs cost: prints the table of docs/reliability.md.

Needs some GB of space in TMPDIR for the largest. Usage: scripts/large.py KLSWEEP [NAME ...]
"""

import pathlib
import random
import resource
import struct
import subprocess
import sys
import tempfile
import threading
import time

# The exit code of a command whose input cannot be worked with.
REFUSED = 2
REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
SMOKE = ["--config", REPOSITORY / "configs/smoke.toml"]


def coefficients(count):
    return "kl_coefficients=[" + ", ".join(f"{index / 100:.2f}" for index in range(count)) + "]"


def of_smoke(*arguments):
    return lambda folder: [*SMOKE, *arguments]


def images(folder):
    """Sixty-four images of noise as an array of NumPy, for a network of one narrow hidden layer."""
    shape, path = (64, 256, 256, 3), folder / "images.npy"
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (63 - (10 + len(header)) % 64) + "\n"
    noise = random.Random(0).randbytes(64 * 256 * 256 * 3)
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + noise)
    narrow = ["--set", "model.encoder_hidden=[16]", "--set", "model.decoder_hidden=[16]"]
    return [path, "--c", "1", "--seeds", "1", "--epochs", "1", *narrow]


def table(folder):
    """Ten million rows of four columns, written in blocks that differ."""
    stream, path = random.Random(0), folder / "table.csv"
    with path.open("w") as file:
        file.write("a,b,c,d\n")
        for _ in range(100):
            rows = "".join(
                f"{stream.random():.4f},{stream.random():.4f},{stream.randrange(9)},{stream.gauss(0, 1):.3f}\n" for _ in range(1000)
            )
            file.writelines([rows] * 100)
    return [path, "--c", "1", "--seeds", "1", "--epochs", "1", "--set", "batch_size=8192"]


RUNS = {
    "100 coefficients, one epoch": of_smoke("--set", coefficients(100), "--set", "epochs=1"),
    "1,000 coefficients, one epoch": of_smoke("--set", coefficients(1000), "--set", "epochs=1"),
    "64 workers on the cores of this machine": of_smoke("--set", coefficients(64), "--set", "epochs=1", "--workers", "64"),
    "512 latent dimensions": of_smoke("--set", "model.latent=512"),
    "3 x 256 x 256": images,
    "ten million rows": table,
    "5,000 epochs": of_smoke("--set", "kl_coefficients=[1]", "--set", "epochs=5000"),
}


class Refused(Exception):
    """What a command said that did not begin."""


def watch(process, found):
    """Keeps the greatest number of threads of a process in found[0], and its peak memory in kB in found[1]."""
    while process.poll() is None:
        try:
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        except OSError:
            return
        fields = dict(line.split(":", 1) for line in status.splitlines())
        found[0] = max(found[0], int(fields.get("Threads", "0")))
        found[1] = max(found[1], int(fields.get("VmHWM", "0 kB").split()[0]))
        time.sleep(0.02)


def run(command, folder):
    """Seconds, seconds of processor time, threads and peak memory in MB of a command; or why it refused to begin."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    said = folder / "said"
    with said.open("w") as stderr:
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=stderr)
    found = [0, 0]
    watcher = threading.Thread(target=watch, args=(process, found))
    watcher.start()
    code = process.wait()
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    watcher.join()
    if code == REFUSED:
        raise Refused(said.read_text().strip())
    if code != 0:
        sys.exit(f"{command} ended with {code}: {said.read_text()}")
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, processor, found[0], found[1] / 1e3


def measure(klsweep, prepare):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        train = run([klsweep, *prepare(folder), "--quiet", "--no-report"], folder)
        [of_run] = (folder / "runs").iterdir()
        report = run([klsweep, "report", of_run], folder)
        files = [path for path in of_run.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files) / 1e6
        page = (of_run / "report.html").stat().st_size / 1e6
        cells = [f"{of[0]:.0f} | {of[1]:.0f} | {of[3]:.0f} | {of[2]}" for of in (train, report)]
        return f"{cells[0]} | {cells[1].rsplit(' | ', 1)[0]} | {len(files)} | {size:.0f} | {page:.1f}"


def main():
    klsweep = pathlib.Path(sys.argv[1]).resolve()
    columns = "run | training, s | processor, s | memory, MB | threads | report, s | processor, s | memory, MB | files | on disk, MB | page, MB"
    print(f"| {columns} |\n|{'---|' * columns.count('|')}---|")
    for name, prepare in RUNS.items():
        if not sys.argv[2:] or name in sys.argv[2:]:
            try:
                print(f"| {name} | {measure(klsweep, prepare)} |", flush=True)
            except Refused as refused:
                print(f"| {name} | refused: {refused} |", flush=True)


if __name__ == "__main__":
    main()
