#!/usr/bin/env python3
"""Reference values at extreme parameters, scales and distances (crates/metrics/tests/reference/*_extremes.csv).

    python scripts/extreme_reference.py

writes `family_extremes.csv` and `discrete_extremes.csv`. Needs mpmath. Every value comes from the definition, in
50-digit arithmetic or more: the integral of p ln(p / q), the sum over the outcomes, or the sum of powers. The parameters
and probabilities are the doubles that the texts denote; probabilities are divided by their exact sum.
"""

import csv
import pathlib
import re

from mpmath import mp, mpf

mp.dps = 60
FOLDER = pathlib.Path(__file__).parent.parent / "crates/metrics/tests/reference"


# Families


def parsed(text):
    name, inside = re.fullmatch(r"(\w+)\((.*)\)", text).groups()
    return name, [mpf(float(x)) for x in inside.split(",")]


def ln_pdf(name, v):
    """The logarithm of the density, of the mass for counts; both may be asked anywhere inside the support."""
    ln, pi, ln_gamma = mp.log, mp.pi, mp.loggamma
    if name in ("beta", "gamma", "inverse_gamma"):
        a, b = v
    return {
        "normal": lambda x: -(((x - v[0]) / v[1]) ** 2) / 2 - ln(v[1]) - ln(2 * pi) / 2,
        "log_normal": lambda x: -(((ln(x) - v[0]) / v[1]) ** 2) / 2 - ln(x * v[1]) - ln(2 * pi) / 2,
        "exponential": lambda x: ln(v[0]) - v[0] * x,
        "laplace": lambda x: -abs(x - v[0]) / v[1] - ln(2 * v[1]),
        "gumbel": lambda x: -(x - v[0]) / v[1] - mp.exp(-(x - v[0]) / v[1]) - ln(v[1]),
        "half_normal": lambda x: -((x / v[0]) ** 2) / 2 - ln(v[0]) + ln(2 / pi) / 2,
        "gamma": lambda x: a * ln(b) - ln_gamma(a) + (a - 1) * ln(x) - b * x,
        "inverse_gamma": lambda x: a * ln(b) - ln_gamma(a) - (a + 1) * ln(x) - b / x,
        "weibull": lambda x: ln(v[1] / v[0]) + (v[1] - 1) * ln(x / v[0]) - (x / v[0]) ** v[1],
        "beta": lambda x: (a - 1) * ln(x) + (b - 1) * mp.log1p(-x) - ln_gamma(a) - ln_gamma(b) + ln_gamma(a + b),
        "uniform": lambda x: -ln(v[1] - v[0]),
        "pareto": lambda x: ln(v[1]) + v[1] * ln(v[0]) - (v[1] + 1) * ln(x),
        "binomial": lambda k: ln_gamma(v[0] + 1) - ln_gamma(k + 1) - ln_gamma(v[0] - k + 1)
        + k * ln(v[1]) + (v[0] - k) * mp.log1p(-v[1]),
        "poisson": lambda k: k * ln(v[0]) - v[0] - ln_gamma(k + 1),
    }[name]


def peak(name, v):
    """Centre and width of the bulk of the mass, and the support."""
    inf = mp.inf
    if name in ("normal", "laplace", "gumbel"):
        return v[0], v[1], -inf, inf
    if name == "log_normal":
        return mp.exp(v[0]), mp.exp(v[0]) * v[1], mpf(0), inf
    if name == "exponential":
        return mpf(0), 1 / v[0], mpf(0), inf
    if name == "half_normal":
        return mpf(0), v[0], mpf(0), inf
    if name == "gamma":
        return v[0] / v[1], mp.sqrt(v[0]) / v[1], mpf(0), inf
    if name == "inverse_gamma":
        return v[1] / v[0], v[1] / v[0] / mp.sqrt(v[0]), mpf(0), inf
    if name == "weibull":
        return v[0], v[0] / v[1], mpf(0), inf
    if name == "pareto":
        return v[0], v[0] / v[1], v[0], inf
    if name == "beta":
        n = v[0] + v[1]
        return v[0] / n, mp.sqrt(v[0] * v[1] / n / n / (n + 1)), mpf(0), mpf(1)
    if name == "uniform":
        return v[0], (v[1] - v[0]) / 300, v[0], v[1]
    if name == "binomial":
        return v[0] * v[1], mp.sqrt(v[0] * v[1] * (1 - v[1])), mpf(0), v[0]


def family_kl(p_text, q_text):
    (p_name, p), (q_name, q) = parsed(p_text), parsed(q_text)
    if p_name == "von_mises":
        return von_mises_kl(p, q)
    ln_p, ln_q = ln_pdf(p_name, p), ln_pdf(q_name, q)
    centre, width, low, high = peak(p_name, p)

    def term(x):
        l = ln_p(x)
        return mp.exp(l) * (l - ln_q(x)) if l > -600 else mpf(0)

    if p_name == "binomial":
        # A sum over the counts. For wide peaks over every h-th, h times: what that leaves out is the Fourier transform of
        # the term at the frequencies 2 pi / h and beyond, exp(-2 (pi 16)^2) for a sixteenth of the standard deviation.
        step = max(1, int(width / 16))
        first, reach = int(mp.nint(centre)), int(40 * width) // step + 60
        counts = (first + j * step for j in range(-reach, reach + 1))
        return step * mp.fsum(term(mpf(k)) for k in counts if low <= k <= high)
    # Cuts every few widths, up to 300 where tails fall as exp(-t); narrower ones by the peak of the other density.
    cuts = [k for k in range(-300, 301, 10)] + [k / mpf(2) for k in range(-20, 21)]
    if p_name == "pareto":
        # A power as its tail: in ln(x / scale) it is exponential.
        of_log = lambda t: term(low * mp.exp(t / p[1])) * low * mp.exp(t / p[1]) / p[1]
        return mp.quad(of_log, [k for k in range(0, 20)] + [k for k in range(20, 601, 10)], maxdegree=7)
    points = [centre + width * k for k in cuts]
    points = [x for x in points if low < x < high] + [x for x in (low, high) if abs(x) < mp.inf]
    if q_name in ("normal", "laplace", "gumbel") and min(points) < q[0] < max(points):
        points.append(q[0])
    if p_name == "uniform":
        points += [high - (high - low) * mpf(2) ** -k for k in range(1, 12)]
    return mp.quad(term, sorted(set(points)), maxdegree=7)


def von_mises_kl(p, q):
    (mp_, kp), (mq, kq) = p, q
    # ln I0 grows as the concentration itself, and two small concentrations differ by less than their squares.
    with mp.workdps(700):
        ln_i0 = lambda k: mp.log(mp.besseli(0, k)) if k < 1000 else asymptotic_ln_i0(k)
        mean = mp.besseli(1, kp) / mp.besseli(0, kp) if kp < 1000 else mp.diff(asymptotic_ln_i0, kp, h=kp * mpf(10) ** -300)
        return ln_i0(kq) - ln_i0(kp) + mean * (kp - kq * mp.cos(mp_ - mq))


def asymptotic_ln_i0(k):
    """Hankel's expansion (DLMF 10.40.1), summed down to 1e-690 of the first term."""
    term, total, n = mpf(1), mpf(1), 0
    while abs(term) > mpf(10) ** -690 and n < 2 * k:
        n += 1
        term *= mpf(2 * n - 1) ** 2 / (8 * k * n)
        total += term
    return k - mp.log(2 * mp.pi * k) / 2 + mp.log(total)


FAMILIES = """
uniform(0.001, 1) | weibull(1, 110)
uniform(0.001, 1) | weibull(1, 102)
uniform(0.001, 1) | weibull(1, 3)
exponential(1) | weibull(1, 2)
exponential(1e162) | weibull(1e-162, 2)
exponential(1e-162) | weibull(1e162, 2)
exponential(1) | weibull(1, 8)
exponential(1e41) | weibull(1e-41, 8)
exponential(1e300) | half_normal(1e-300)
exponential(1e-200) | gamma(3, 1e-200)
log_normal(0, 1e-8) | normal(1, 1e-8)
log_normal(0, 1e-7) | normal(1, 1e-7)
log_normal(0, 1e-5) | normal(1, 1e-5)
log_normal(0, 0.01) | normal(1, 0.01)
inverse_gamma(1e6, 1e6) | normal(1.000001, 0.001)
weibull(1, 1e7) | normal(0.99999994, 1.28e-7)
weibull(1, 300) | normal(0.998, 0.004)
weibull(2, 3) | normal(1.8, 0.7)
pareto(1, 1e7) | normal(1.0000001, 1e-7)
pareto(2, 5) | normal(2.5, 0.6)
beta(1e7, 1e7) | normal(0.5, 1.118e-4)
beta(1e7, 3e7) | normal(0.25, 6.8e-5)
beta(0.5, 400) | normal(0.001, 0.002)
gamma(1e8, 1e8) | normal(1, 1e-4)
normal(0, 1e-200) | laplace(1e-200, 1e-200)
normal(0, 1e200) | gumbel(1e200, 2e200)
von_mises(0, 1e16) | von_mises(0, 2e16)
von_mises(0, 1e15) | von_mises(0, 3e15)
von_mises(0, 1e12) | von_mises(0, 1.5e12)
von_mises(0, 1e12) | von_mises(0, 1.000001e12)
von_mises(0, 1e6) | von_mises(1e-3, 1e6)
von_mises(0, 1e300) | von_mises(0, 3e300)
von_mises(0, 49) | von_mises(0, 49.000001)
von_mises(0, 51) | von_mises(0, 51.000001)
von_mises(0, 49) | von_mises(0, 52)
von_mises(0, 99) | von_mises(0, 99.000001)
von_mises(0, 101) | von_mises(0, 101.000001)
von_mises(0, 99) | von_mises(0, 201)
von_mises(0, 201) | von_mises(0, 99)
von_mises(0, 199) | von_mises(0, 202)
von_mises(0, 20) | von_mises(0, 20.00001)
von_mises(0, 3) | von_mises(0, 3.0000001)
von_mises(0, 1e-6) | von_mises(0, 2e-6)
von_mises(0, 1e-150) | von_mises(0, 3e-150)
von_mises(0, 0) | von_mises(0, 1e-7)
von_mises(0, 10) | von_mises(0, 1e9)
von_mises(0, 1e9) | von_mises(0, 10)
von_mises(0, 0.5) | von_mises(2, 45)
binomial(1000, 0.5) | poisson(500)
binomial(1e5, 0.01) | poisson(1000)
binomial(1e9, 0.5) | poisson(5e8)
binomial(1e12, 0.5) | poisson(5e11)
binomial(1e12, 0.3) | poisson(3e11)
binomial(9e15, 0.5) | poisson(4.5e15)
binomial(1e9, 0.5) | binomial(2e9, 0.25)
binomial(1e6, 1e-6) | poisson(1)
"""


# Discrete distributions


def normalised(values):
    values = [mpf(x) for x in values]
    total = mp.fsum(values)
    return [x / total for x in values]


def renyi(p, q, alpha):
    # Orders down to 1e-300 and up to 1e308: the sum differs from 1 by as little, and its largest term is e to as much.
    with mp.workdps(700):
        p, q = normalised(p), normalised(q)
        e = mpf(alpha) - 1
        logs = [mp.log(a) + e * mp.log(a / b) for a, b in zip(p, q) if a and b]
        largest = max(logs)
        return (largest + mp.log(mp.fsum(mp.exp(l - largest) for l in logs))) / e


def tsallis(p, q, alpha):
    with mp.workdps(700):
        p, q = normalised(p), normalised(q)
        e = mpf(alpha) - 1
        return (mp.fsum(mp.exp(mp.log(a) + e * mp.log(a / b)) for a, b in zip(p, q) if a and b) - 1) / e


def information(rows):
    total = mp.fsum(mpf(x) for row in rows for x in row)
    cells = [[mpf(x) / total for x in row] for row in rows]
    x = [mp.fsum(row) for row in cells]
    y = [mp.fsum(column) for column in zip(*cells)]
    return mp.fsum(c * mp.log(c / x[i] / y[j]) for i, row in enumerate(cells) for j, c in enumerate(row) if c)


def generalised_js(distributions, weights):
    weights, distributions = normalised(weights), [normalised(p) for p in distributions]
    mean = [mp.fsum(w * p for w, p in zip(weights, ps)) for ps in zip(*distributions)]
    return mp.fsum(w * a * mp.log(a / m) for w, p in zip(weights, distributions) for a, m in zip(p, mean) if a and w)


def tilted(p, by):
    """p with every second entry raised and every other one lowered by a fraction."""
    moved = [x * (1 + by * (-1) ** i) for i, x in enumerate(p)]
    total = sum(moved)
    return [x / total for x in moved]


def discrete_rows():
    p, q = [0.10, 0.40, 0.50], [0.80, 0.15, 0.05]
    sparse = [0.0, 0.4, 0.6]
    for alpha in [1e-300, 1e-100, 1e-17, 1e-14, 1e-10, 1e-5, 0.1, 0.3, 0.49999, 0.5, 0.75, 1.0000001, 3.0, 1e4, 1e8, 1e100, 1e300, 1e308]:
        yield "renyi", alpha, [p, q], renyi(p, q, alpha)
        if alpha <= 3:
            yield "tsallis", alpha, [p, q], tsallis(p, q, alpha)
    for alpha in [1e-17, 0.3]:
        yield "renyi", alpha, [sparse, q], renyi(sparse, q, alpha)
        yield "renyi", alpha, [q, sparse], renyi(q, sparse, alpha)
    for by in [1e-3, 1e-4, 1e-8, 1e-12]:
        for alpha in [1e-10, 0.4, 0.6, 2.0, 1 / by, 30 / by]:
            close = tilted(p, by)
            yield "renyi", alpha, [close, p], renyi(close, p, alpha)
    tiny = [1e-310, 0.25, 0.75]
    for alpha in [0.3, 0.5, 2.0]:
        yield "tsallis", alpha, [tiny, q], tsallis(tiny, q, alpha)
    for by in [1e-3, 1e-6, 1e-8, 1e-12]:
        rows = [[a * b * (1 + by * (-1) ** (i + j)) for j, b in enumerate([0.1, 0.35, 0.55])] for i, a in enumerate([0.2, 0.3, 0.5])]
        total = sum(map(sum, rows))
        rows = [[x / total for x in row] for row in rows]
        yield "information", "", rows, information(rows)
    many = [(7 * i) % 11 + 1 for i in range(40)]
    many = [x / sum(many) for x in many]
    for by in [1e-3, 1e-6, 1e-10, 1e-13]:
        for base in [p, many]:
            three = [base, tilted(base, by), tilted(base, -2 * by)]
            yield "generalised_js", "", three + [[0.2, 0.3, 0.5]], generalised_js(three, [0.2, 0.3, 0.5])
    far = [p, q, [1e-9, 1e-9, 1 - 2e-9]]
    yield "generalised_js", "", far + [[1e-12, 0.5, 0.5 - 1e-12]], generalised_js(far, [1e-12, 0.5, 0.5 - 1e-12])


def main():
    with open(FOLDER / "family_extremes.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["p", "q", "kl_nats"])
        for row in FAMILIES.strip().splitlines():
            p, q = row.split(" | ")
            writer.writerow([p, q, mp.nstr(family_kl(p, q), 20)])
            file.flush()
    with open(FOLDER / "discrete_extremes.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["quantity", "order", "distributions", "value"])
        for quantity, order, distributions, value in discrete_rows():
            text = ";".join(" ".join(map(repr, p)) for p in distributions)
            writer.writerow([quantity, order, text, mp.nstr(value, 20)])


if __name__ == "__main__":
    main()
