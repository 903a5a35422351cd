"""The divergences of this crate beside SciPy, NumPy, scikit-learn, ndarray-stats and logp, in one run on the same numbers.

    python scripts/bench_divergences.py > docs/divergences-benchmark.md

prints Markdown, first one table of all kinds of work, then one for KL and one for JS by size. Every figure is the shortest of many repetitions
within 0.7 seconds. The same 64-bit floats go to all; the values are compared, and a disagreement is an error. Needs numpy,
scipy and scikit-learn.
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
import sklearn
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist, jensenshannon
from scipy.special import rel_entr
from sklearn.metrics.pairwise import rbf_kernel

ROOT = pathlib.Path(__file__).parent.parent
MANIFEST = ROOT / "crates/metrics/bench/Cargo.toml"
PROGRAM = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", MANIFEST.parent / "target")) / "debug/metrics-bench"
BUDGET = 0.7
SIZES = [10**3, 10**4, 10**5, 10**6, 10**7]
# ndarray-stats adds up eight unsorted partial sums, the others fewer; SciPy pairs. MMD subtracts what is nearly equal.
TOLERANCE = 1e-11
TOLERANCE_OF_SAMPLES = 1e-8
NEIGHBOURS = 5
BANDWIDTH = 2.0

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
    while runs < 2 or time.perf_counter() - start < BUDGET:
        run = time.perf_counter()
        value = function()
        best = min(best, time.perf_counter() - run)
        runs += 1
    return best, float(value)


def ours(task, p, q, columns):
    """What the Rust side measures: by name the seconds and the value."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [pathlib.Path(folder) / name for name in ("p.bin", "q.bin")]
        for path, values in zip(paths, (p, q)):
            values.astype("<f8").tofile(path)
        run = subprocess.run([PROGRAM, task, *paths, str(columns)], check=True, capture_output=True, text=True)
    lines = (line.split(",") for line in run.stdout.splitlines())
    return {name: (float(seconds), float(value)) for name, seconds, value in lines}


def check(what, value, expected, tolerance):
    if abs(value - expected) > tolerance * abs(expected):
        sys.exit(f"{what}: {value!r} here, {expected!r} in Python")


def neighbour_kl(x, y, workers):
    """Wang, Kulkarni and Verdú's estimate; ours computes ten smaller ones besides, for its standard error."""
    of_x, of_y = cKDTree(x), cKDTree(y)
    own = of_x.query(x, [NEIGHBOURS + 1], workers=workers)[0]
    other = of_y.query(x, [NEIGHBOURS], workers=workers)[0]
    return x.shape[1] * np.log(other / own).mean() + np.log(len(y) / (len(x) - 1))


def mmd(x, y):
    """The unbiased estimate; ours has its standard error besides."""
    n, m, gamma = len(x), len(y), 0.5 / BANDWIDTH**2
    within = lambda x, n: (rbf_kernel(x, gamma=gamma).sum() - n) / (n * (n - 1))
    return within(x, n) + within(y, m) - 2 * rbf_kernel(x, y, gamma=gamma).mean()


def distributions(rng, *shape):
    weights = rng.random(shape)
    return weights / weights.sum(axis=-1, keepdims=True)


def kinds_of_work(of_bins):
    """Rows of (what, peer, seconds of ours, seconds of the peer)."""
    rng = np.random.default_rng(1)
    for kind, name, peer in [("kl", "KL", "`rel_entr(p, q).sum()`"), ("js", "JS", "`jensenshannon(p, q)`")]:
        yield f"{name} of 10,000,000 bins", peer, of_bins[f"metrics {kind}"][0], of_bins[f"scipy {kind}"][0]

    p, q = distributions(rng, 10**6, 10), distributions(rng, 10**6, 10)
    found = ours("rows", p, q, 10)
    peers = {
        "kl": ("KL", "`rel_entr(p, q).sum(axis=1)`", lambda: rel_entr(p, q).sum(axis=1).sum()),
        "js": ("JS", "`jensenshannon(p, q, axis=1)`", lambda: (jensenshannon(p, q, axis=1) ** 2).sum()),
    }
    for kind, (name, peer, function) in peers.items():
        seconds, value = measure(function)
        check(name, found[kind][1], value, TOLERANCE)
        yield f"{name} of 1,000,000 rows of 10", peer, found[kind][0], seconds

    p = distributions(rng, 2000, 100)
    found = ours("pairwise", p, p, 100)["js"]
    seconds, value = measure(lambda: (cdist(p, p, "jensenshannon") ** 2).sum())
    check("pairwise JS", found[1], value, TOLERANCE)
    yield "JS of all pairs of 2,000 rows of 100", "`cdist(p, p, \"jensenshannon\")`", found[0], seconds

    for count, dimensions in [(100_000, 2), (20_000, 8)]:
        x, y = rng.normal(size=(count, dimensions)), rng.normal(0.1, 1.2, size=(count, dimensions))
        found = ours("neighbours", x, y, dimensions)["kl"]
        for peer, workers in [("`cKDTree`", 1), ("`cKDTree`, `workers=2`", 2)]:
            seconds, value = measure(lambda: neighbour_kl(x, y, workers))
            check("k-NN KL", found[1], value, TOLERANCE_OF_SAMPLES)
            what = f"k-NN KL of {count:,} points in {dimensions} dimensions, with its standard error"
            yield what, peer, found[0], seconds

    x, y = rng.normal(size=(10_000, 2)), rng.normal(0.1, 1.0, size=(10_000, 2))
    found = ours("mmd", x, y, 2)["mmd"]
    seconds, value = measure(lambda: mmd(x, y))
    check("MMD", found[1], value, TOLERANCE_OF_SAMPLES)
    yield "MMD of 10,000 points, with its standard error", "scikit-learn's `rbf_kernel`", found[0], seconds


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()


def duration(seconds):
    for unit, factor in [("s", 1), ("ms", 1e3), ("µs", 1e6)]:
        if seconds * factor >= 1 or unit == "µs":
            return f"{seconds * factor:.3g} {unit}"


def of_sizes():
    results = {}
    for bins in SIZES:
        rng = np.random.default_rng(bins)
        p, q = distributions(rng, bins), distributions(rng, bins)
        measured = {
            "scipy kl": measure(lambda: rel_entr(p, q).sum()),
            "scipy js": measure(lambda: jensenshannon(p, q)),
        }
        measured |= ours("bins", p, q, bins)
        for kind, columns in COLUMNS.items():
            for column in columns:
                of_column = measured[f"{column} {kind}"][1]
                check(f"{column}, {kind} of {bins} bins", measured[f"metrics {kind}"][1], of_column, TOLERANCE)
        results[bins] = measured
    return results


def main():
    subprocess.run(["cargo", "build", "--quiet", "--locked", "--manifest-path", MANIFEST], check=True)
    results = of_sizes()
    rows = list(kinds_of_work(results[SIZES[-1]]))

    print("# Divergences: time against other libraries\n")
    print("`python scripts/bench_divergences.py > docs/divergences-benchmark.md` writes this file.\n")
    print(f"{processor()}, {os.cpu_count()} cores; Python {platform.python_version()}, NumPy {np.__version__},")
    print(f"SciPy {scipy.__version__}, scikit-learn {sklearn.__version__}, ndarray-stats 0.7.0, logp 0.2.4. Shortest of many runs.")
    print("Ours uses all cores, the others one where nothing else is said, but for the matrix product in `rbf_kernel`; it alone")
    print("checks every entry, names a bad one and compensates its sums. All values agree.\n")
    print("| work | against | metrics | other | ratio |")
    print("|---|---|---:|---:|---:|")
    for what, peer, seconds, of_peer in rows:
        print(f"| {what} | {peer} | {duration(seconds)} | {duration(of_peer)} | {seconds / of_peer:.2f} |")
    print("\n\"Plain loop\" is `p.iter().zip(q).map(|(p, q)| p * (p / q).ln()).sum()`; below 32,768 bins ours uses one core.")
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
