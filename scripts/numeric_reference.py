#!/usr/bin/env python3
"""KL of pairs without a closed form (crates/metrics/tests/reference/family_numeric.csv).

    python scripts/numeric_reference.py > crates/metrics/tests/reference/family_numeric.csv

Needs mpmath. As in `family_reference.py`, from nothing but the two densities, in 40-digit arithmetic.
"""

from mpmath import mp, mpf

from family_reference import integral, line, numbers, summation, mass_function

PAIRS = """
normal(0, 1) | cauchy(0, 1)
normal(3, 0.1) | cauchy(-1, 2)
laplace(0.3, 1.2) | cauchy(0.5, 1)
gumbel(0.4, 1.5) | cauchy(0, 1)
gumbel(0, 1) | laplace(0.4, 0.9)
exponential(2) | cauchy(0.3, 1)
gamma(2.5, 1.5) | laplace(0.7, 1.1)
gamma(2.5, 1.5) | cauchy(0.7, 1.1)
half_normal(1.2) | gumbel(0.3, 0.8)
log_normal(0.1, 0.5) | gumbel(1, 0.8)
log_normal(0.1, 0.5) | laplace(1, 0.8)
log_normal(0.1, 0.5) | cauchy(1, 0.8)
weibull(1.2, 1.8) | gumbel(1, 0.7)
weibull(1.2, 1.8) | laplace(1, 0.7)
inverse_gamma(4, 3) | gumbel(0.8, 0.5)
inverse_gamma(0.7, 3) | cauchy(0.8, 0.5)
pareto(1.5, 3) | gumbel(2, 0.8)
pareto(1.5, 3) | laplace(2, 0.8)
pareto(1.5, 0.5) | cauchy(2, 0.8)
beta(2, 3) | gumbel(0.3, 0.4)
beta(2, 3) | cauchy(0.3, 0.4)
beta(2, 3) | laplace(0.3, 0.4)
uniform(0.2, 0.7) | log_normal(-1, 0.6)
uniform(-1, 2) | cauchy(0.3, 0.4)
continuous_bernoulli(0.3) | beta(1.5, 2)
continuous_bernoulli(0.3) | gamma(1.5, 2)
continuous_bernoulli(0.3) | weibull(0.8, 1.4)
poisson(3) | geometric(0.3)
poisson(40) | geometric(0.03)
geometric(0.3) | poisson(2)
geometric(0.01) | poisson(80)
""".strip().splitlines()

if __name__ == "__main__":
    mp.dps = 40
    print("p,q,kl_nats")
    for row in PAIRS:

        p_text, q_text = row.split(" | ")
        (p_name, p), (q_name, q) = numbers(p_text), numbers(q_text)
        if mass_function(p_name, p):
            value = summation(mass_function(p_name, p), mass_function(q_name, q))
        else:
            value = integral(line(p_name, p), line(q_name, q))
        print(f'"{p_text}","{q_text}",{mp.nstr(value, 20)}', flush=True)
