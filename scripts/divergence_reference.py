"""Reference values for the divergences of discrete distributions.

    python scripts/divergence_reference.py

writes crates/metrics/tests/divergence_reference.json, which crates/metrics/tests/divergence_reference.rs reads. It needs
mpmath (with gmpy2 it takes two minutes, without it many), NumPy, SciPy and PyTorch.

A case is a recipe and not a list of numbers: integer weights from SplitMix64, divided by their sum rounded to a 64-bit
float. Integer arithmetic and one correctly rounded division give the same bits in Python and in Rust. The values are
those of the distributions that these floats are proportional to, in 50-digit arithmetic. Beside them stand, for the
small cases, what SciPy and PyTorch make of the same floats.
"""

import json
import pathlib

import mpmath
import numpy as np
import scipy.spatial.distance
import scipy.special
import scipy.stats
import torch

mpmath.mp.dps = 50
OUTPUT = pathlib.Path(__file__).parent.parent / "crates/metrics/tests/divergence_reference.json"

MASK = 2**64 - 1
ORDERS = [0.0, 0.5, 0.999, 2.0, 3.5, 50.0]


def split_mix(seed, length):
    state = seed
    for _ in range(length):
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield z ^ (z >> 31)


def weights(kind, seed, bins):
    """Pairs of integer weights below 2^54."""
    draws = split_mix(seed, 4 * bins)
    p, q = [], []
    for _ in range(bins):
        a, b, c, d = (next(draws) for _ in range(4))
        a, b = a >> 11, b >> 11
        if kind == "random":
            pass
        elif kind == "sparse":  # nine in ten outcomes of p are impossible, the first is not
            a = a if c % 10 == 0 or not p else 0
        elif kind == "peaked":  # fifteen orders of magnitude in each
            a, b = (a >> (c % 50)) + 1, (b >> (d % 50)) + 1
        elif kind.startswith("near"):  # q differs from p by one part in 2^k
            k = int(kind[4:])
            b = a + (a >> k) if c % 2 else a - (a >> k)
        else:
            raise ValueError(kind)
        p.append(a)
        q.append(b)
    return p, q


def normalized(integers):
    total = float(sum(integers))
    return [float(w) / total for w in integers]


def reference(p, q, orders):
    p = [mpmath.mpf(x) for x in p]
    q = [mpmath.mpf(x) for x in q]
    p_sum, q_sum = mpmath.fsum(p), mpmath.fsum(q)
    names = "entropy cross_entropy kl reverse_kl js total_variation hellinger chi_squared coefficient".split()
    sums = {name: mpmath.mpf(0) for name in names}
    powers = {alpha: mpmath.mpf(0) for alpha in orders}
    infinite = set()
    for a, b in zip(p, q):
        a, b = a / p_sum, b / q_sum
        m = (a + b) / 2
        log_a = mpmath.log(a) if a else None
        log_b = mpmath.log(b) if b else None
        log_m = mpmath.log(m) if m else None
        if a:
            sums["entropy"] -= a * log_a
            sums["js"] += a * (log_a - log_m) / 2
            if b:
                sums["cross_entropy"] -= a * log_b
                sums["kl"] += a * (log_a - log_b)
            else:
                infinite |= {"cross_entropy", "kl", "chi_squared"}
        if b:
            sums["js"] += b * (log_b - log_m) / 2
            sums["chi_squared"] += (a - b) ** 2 / b
            if a:
                sums["reverse_kl"] += b * (log_b - log_a)
            else:
                infinite.add("reverse_kl")
        root = mpmath.sqrt(a * b)
        sums["coefficient"] += root
        sums["hellinger"] += a / 2 + b / 2 - root
        sums["total_variation"] += abs(a - b) / 2
        if a and b:
            for alpha in orders:
                powers[alpha] += mpmath.exp(alpha * log_a + (1 - mpmath.mpf(alpha)) * log_b)
    sums["hellinger"] = mpmath.sqrt(sums["hellinger"])
    values = {name: "inf" if name in infinite else mpmath.nstr(value, 25) for name, value in sums.items()}
    for alpha, power_sum in powers.items():
        blocked = alpha > 1 and "kl" in infinite
        e = mpmath.mpf(alpha) - 1
        if abs(power_sum - 1) < mpmath.mpf("1e-45"):  # the rounding of the 50 digits
            power_sum = mpmath.mpf(1)
        values[f"renyi {alpha}"] = "inf" if blocked else mpmath.nstr(mpmath.log(power_sum) / e, 25)
        values[f"tsallis {alpha}"] = "inf" if blocked else mpmath.nstr((power_sum - 1) / e, 25)
    return values


def peers(p, q):
    p, q = np.array(p), np.array(q)
    with np.errstate(all="ignore"):
        return {
            "scipy": {
                "entropy": scipy.stats.entropy(p),
                "kl": float(scipy.special.rel_entr(p, q).sum()),
                "js": float(scipy.spatial.distance.jensenshannon(p, q)) ** 2,
            },
            "torch": {
                "kl": torch.nn.functional.kl_div(
                    torch.tensor(q).log(), torch.tensor(p), reduction="sum"
                ).item(),
            },
        }


def main():
    recipes = [
        (kind, 1000 * bins + number, bins)
        for bins in [2, 3, 10, 1000]
        for number, kind in enumerate(
            ["random", "sparse", "peaked", "near5", "near12", "near20", "near30", "near40", "near48"]
        )
        if not (kind == "sparse" and bins < 10)
    ] + [(kind, 7, 1_000_000) for kind in ["random", "sparse", "peaked", "near20"]]
    cases = []
    for kind, seed, bins in recipes:
        p, q = (normalized(w) for w in weights(kind, seed, bins))
        small = bins <= 1000
        case = {"kind": kind, "seed": seed, "bins": bins, "values": reference(p, q, ORDERS if small else [])}
        if small and not kind.startswith("near"):
            case["peers"] = peers(p, q)
        cases.append(case)
        print(kind, seed, bins, flush=True)
    versions = {"mpmath": mpmath.__version__, "scipy": scipy.__version__, "torch": torch.__version__}
    OUTPUT.write_text(json.dumps({"versions": versions, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
