#!/usr/bin/env python3
"""Entropies, moments, densities and Rényi divergences of the families (crates/metrics/tests/reference/family_*.csv).

    python scripts/family_moments_reference.py

writes `family_moments.csv` and `family_renyi.csv`. Needs mpmath. All of it is integrated or summed from the densities in
40-digit arithmetic: the entropy is the integral of -p ln p, and so on. The densities are those of `extreme_reference.py`
and `family_reference.py`.
"""

import csv
import pathlib

from mpmath import mp, mpf

import family_reference
from family_reference import line, numbers

mp.dps = 40
FOLDER = pathlib.Path(__file__).parent.parent / "crates/metrics/tests/reference"


def mass_function(name, v):
    found = family_reference.mass_function(name, v)
    return found and found[0]


def integrate(f, d):
    """Over the support of a density on the line, as the KL of `family_reference.py` is."""
    c, w = d.centre, d.width
    if d.low == -mp.inf:
        cuts = [-120, -60, -30, -9, -6, -3, -1, 0, 1, 3, 6, 9, 30, 60, 120] if d.heavy else [-9, -6, -3, -1, 0, 1, 3, 6, 9]
        return mp.quad(lambda t: f(c + w * mp.sinh(t)) * w * mp.cosh(t), [mpf(k) for k in cuts], maxdegree=9)
    if d.high == mp.inf:
        unit = c - d.low if d.low != 0 else c
        cuts = [-700, -200, -60, -20, -8, -4, -2, -1, 0, 1, 2, 4, 8, 20, 60, 150]
        return mp.quad(lambda t: f(d.low + unit * mp.exp(t)) * unit * mp.exp(t), [mpf(k) for k in cuts], maxdegree=9)
    cuts = [d.low + (d.high - d.low) * mpf(k) / 16 for k in range(17)]
    return mp.quad(f, cuts, maxdegree=10)


def total(f, text, others=()):
    """The integral or the sum of f(x, ln p(x))."""
    name, v = numbers(text)
    mass = mass_function(name, v)
    if mass:
        return mp.fsum(f(mpf(k), mp.log(mass(k))) for k in range(600) if mass(k) > 0)
    d = line(name, v)

    def of_x(x):
        ln_p = d.ln_pdf(x)
        return f(x, ln_p) if ln_p > -3000 else mpf(0)

    return integrate(of_x, d)


MOMENTS = """
bernoulli(0.3) 1
binomial(12, 0.3) 4
categorical(0.1, 0.4, 0.5) 1
poisson(3.5) 2
geometric(0.3) 5
normal(0.4, 1.7) 2.5
half_normal(1.3) 0.7
log_normal(0.2, 0.6) 1.1
laplace(0.3, 1.2) -0.9
gumbel(0.5, 1.4) -2
cauchy(0.3, 1.1) 4
exponential(1.7) 0.6
gamma(2.5, 1.5) 2.2
gamma(0.3, 1.5) 0.01
gamma(40, 3) 12
inverse_gamma(5.5, 3) 0.8
weibull(1.4, 0.8) 0.5
weibull(1.4, 7) 1.2
uniform(-1, 2.5) 0.3
pareto(0.7, 5.5) 1.9
beta(2, 3.5) 0.3
beta(0.5, 0.7) 0.9
continuous_bernoulli(0.3) 0.8
continuous_bernoulli(0.5) 0.1
von_mises(0.5, 3) 1.2
""".strip().splitlines()

RENYI = """
bernoulli(0.3) | bernoulli(0.6)
categorical(0.1, 0.4, 0.5) | categorical(0.3, 0.3, 0.4)
binomial(12, 0.3) | binomial(12, 0.5)
poisson(3.5) | poisson(5)
geometric(0.3) | geometric(0.4)
normal(0.4, 1.7) | normal(-0.3, 2)
half_normal(1.3) | half_normal(1.6)
log_normal(0.2, 0.6) | log_normal(0.4, 0.8)
exponential(1.7) | exponential(1.2)
gamma(2.5, 1.5) | gamma(2, 1.2)
inverse_gamma(5.5, 3) | inverse_gamma(4, 2.5)
weibull(1.4, 0.8) | weibull(2, 0.8)
gumbel(0.5, 1.4) | gumbel(0.9, 1.4)
beta(2, 3.5) | beta(1.5, 2.5)
continuous_bernoulli(0.3) | continuous_bernoulli(0.8)
von_mises(0.5, 3) | von_mises(1, 2)
von_mises(0.5, 1) | von_mises(0.5, 4)
laplace(0.3, 1.2) | laplace(-0.5, 2)
laplace(0.3, 1.2) | laplace(0.3, 1.2000001)
uniform(-1, 2.5) | uniform(-2, 3)
uniform(-1, 2.5) | uniform(0, 3)
pareto(0.7, 5.5) | pareto(0.6, 4)
pareto(0.5, 5.5) | pareto(0.6, 4)
""".strip().splitlines()


def renyi(p_text, q_text, alpha):
    (p_name, p), (q_name, q) = numbers(p_text), numbers(q_text)
    if mass_function(p_name, p):
        of_p, of_q = mass_function(p_name, p), mass_function(q_name, q)
        value = mp.fsum(of_p(k) ** alpha * of_q(k) ** (1 - alpha) for k in range(600) if of_p(k) > 0 and of_q(k) > 0)
        return mp.log(value) / (alpha - 1)
    p, q = line(p_name, p), line(q_name, q)
    if alpha > 1 and (p.low < q.low or p.high > q.high):
        return mp.inf

    def of_x(x):
        l = alpha * p.ln_pdf(x) + (1 - alpha) * q.ln_pdf(x)
        return mp.exp(l) if l > -3000 else mpf(0)

    # Over the common support; kinks of the Laplace density and the ends of the intervals are cut at.
    both = line(p_name, numbers(p_text)[1])
    both.low, both.high = max(p.low, q.low), min(p.high, q.high)
    if p_name == "laplace":
        cuts = sorted({-400, -100, -30, -10, -3, 3, 10, 30, 100, 400, float(p.centre), float(q.centre)})
        cuts = sorted(set(map(mpf, [-400, -100, -30, -10, -3, 3, 10, 30, 100, 400])) | {p.centre, q.centre})
        return mp.log(mp.quad(of_x, cuts, maxdegree=9)) / (alpha - 1)
    if p_name == "pareto":
        both.centre = both.low * 2
    return mp.log(integrate(of_x, both)) / (alpha - 1)


def main():
    with open(FOLDER / "family_moments.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["distribution", "entropy", "mean", "variance", "x", "ln_pdf"])
        for row in MOMENTS:
            text, x = row.rsplit(" ", 1)
            name, v = numbers(text)
            entropy = total(lambda x, l: -mp.exp(l) * l, text)
            mean = variance = None
            if name not in ("cauchy", "von_mises"):
                mean = total(lambda x, l: x * mp.exp(l), text)
                variance = total(lambda x, l: (x - mean) ** 2 * mp.exp(l), text)
            mass = mass_function(name, v)
            at = mpf(float(x))
            ln_pdf = mp.log(mass(int(x))) if mass else line(name, v).ln_pdf(at)
            shown = ["" if value is None else mp.nstr(value, 20) for value in (entropy, mean, variance)]
            writer.writerow([text, *shown, x, mp.nstr(ln_pdf, 20)])
    with open(FOLDER / "family_renyi.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["p", "q", "order", "renyi_nats"])
        for row in RENYI:
            p, q = row.split(" | ")
            for alpha in ("0.25", "0.5", "0.9", "2"):
                value = renyi(p, q, mpf(alpha))
                writer.writerow([p, q, alpha, "inf" if value == mp.inf else mp.nstr(value, 20)])


if __name__ == "__main__":
    main()
