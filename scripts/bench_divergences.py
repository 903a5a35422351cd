"""KL and Jensen-Shannon of this crate, SciPy, ndarray-stats and logp on the same distributions, in one run.

    python scripts/bench_divergences.py > docs/divergences-benchmark.md

prints a Markdown table. Every figure is the shortest of many repetitions within 0.7 seconds. The same 64-bit floats go
to all; the values are compared, and a disagreement is an error.
"""

import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

import numpy as np
import scipy
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr

ROOT = pathlib.Path(__file__).parent.parent
MANIFEST = ROOT / "crates/metrics/bench/Cargo.toml"
BUDGET = 0.7
SIZES = [10**3, 10**4, 10**5, 10**6, 10**7]
# ndarray-stats adds up eight unsorted partial sums, the others fewer; SciPy pairs.
TOLERANCE = 1e-11

COLUMNS = {
    "kl": ["metrics", "scipy", "ndarray-stats", "logp", "plain loop"],
    "js": ["metrics", "scipy", "logp"],
}
TITLES = {
    "kl": "KL divergence: `kl_divergence(p, q)` against `rel_entr(p, q).sum()`",
    "js": "Jensen-Shannon distance: `jensen_shannon_distance(p, q, Base::Nats)` against `jensenshannon(p, q)`",
}


def measure(function):
    start = time.perf_counter()
    best, runs = float("inf"), 0
    while runs < 3 or time.perf_counter() - start < BUDGET:
        run = time.perf_counter()
        value = function()
        best = min(best, time.perf_counter() - run)
        runs += 1
    return best, float(value)


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()


def duration(seconds):
    for unit, factor in [("s", 1), ("ms", 1e3), ("µs", 1e6)]:
        if seconds * factor >= 1 or unit == "µs":
            return f"{seconds * factor:.3g} {unit}"


def main():
    subprocess.run(["cargo", "build", "--quiet", "--manifest-path", MANIFEST], check=True)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", MANIFEST.parent / "target"))
    results = {}
    for bins in SIZES:
        rng = np.random.default_rng(bins)
        p, q = (weights / weights.sum() for weights in rng.random((2, bins)))
        measured = {
            "scipy kl": measure(lambda: rel_entr(p, q).sum()),
            "scipy js": measure(lambda: jensenshannon(p, q)),
        }
        with tempfile.TemporaryDirectory() as folder:
            paths = [pathlib.Path(folder) / name for name in ("p.bin", "q.bin")]
            for path, values in zip(paths, (p, q)):
                values.astype("<f8").tofile(path)
            lines = subprocess.run(
                [target / "debug/metrics-bench", *paths], check=True, capture_output=True, text=True
            ).stdout.splitlines()
        for line in lines:
            name, seconds, value = line.split(",")
            measured[name] = (float(seconds), float(value))
        for kind, columns in COLUMNS.items():
            ours = measured[f"metrics {kind}"][1]
            for column in columns:
                theirs = measured[f"{column} {kind}"][1]
                if abs(theirs - ours) > TOLERANCE * ours:
                    sys.exit(f"{kind} of {bins} bins is {ours!r}, and {theirs!r} in {column}")
        results[bins] = measured

    print("# Divergences: time against other libraries\n")
    print("`python scripts/bench_divergences.py > docs/divergences-benchmark.md` writes this file.\n")
    print(f"{processor()}, {os.cpu_count()} cores; Python {platform.python_version()}, NumPy {np.__version__},")
    print(f"SciPy {scipy.__version__}, ndarray-stats 0.7.0, logp 0.2.4. Shortest of many runs. Ours uses all cores from")
    print("32,768 bins up, the others one; it alone checks every entry, names a bad one and compensates its sums.")
    print("\"Plain loop\" is `p.iter().zip(q).map(|(p, q)| p * (p / q).ln()).sum()`.")
    for kind, columns in COLUMNS.items():
        print(f"\n## {TITLES[kind]}\n")
        print("| bins | " + " | ".join(columns) + " | SciPy / metrics |")
        print("|---:|" + "---:|" * (len(columns) + 1))
        for bins, measured in results.items():
            seconds = [measured[f"{column} {kind}"][0] for column in columns]
            ratio = measured[f"scipy {kind}"][0] / seconds[0]
            print(f"| {bins:,} | " + " | ".join(map(duration, seconds)) + f" | {ratio:.1f} |")


if __name__ == "__main__":
    main()
