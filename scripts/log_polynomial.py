"""The polynomial behind the logarithm of crates/metrics/src/numeric/logarithm.rs.

    python scripts/log_polynomial.py

fits R(z) = sum_k z^k / (2 k + 3), for which atanh(s) = s + s^3 R(s^2), on 0 <= s^2 <= 0.04 with Chebyshev nodes in
50-digit arithmetic, rounds the coefficients to 64-bit floats and prints them, lowest degree first, with the largest
error that the rounded polynomial makes.
"""

import mpmath

mpmath.mp.dps = 50
LIMIT = mpmath.mpf("0.0401")  # |s| <= 1/5, and a little for the rounding of s
TERMS = 9


def exact(z):
    if z < mpmath.mpf("1e-12"):
        return mpmath.mpf(1) / 3 + z / 5 + z * z / 7
    s = mpmath.sqrt(z)
    return (mpmath.atanh(s) / s - 1) / z


def main():
    fitted = mpmath.chebyfit(exact, [0, LIMIT], TERMS)
    rounded = [float(c) for c in reversed(fitted)]
    for coefficient in rounded:
        print(repr(coefficient))
    as_mpf = [mpmath.mpf(c) for c in reversed(rounded)]
    worst = max(abs(mpmath.polyval(as_mpf, z) - exact(z)) for z in mpmath.linspace(0, LIMIT, 2001))
    print(f"largest error {mpmath.nstr(worst, 3)}")


if __name__ == "__main__":
    main()
