"""Numbers about distributions, in nats. The second argument of a divergence is the reference. What is an estimate has its standard error."""

from typing import Any, NamedTuple, Optional

import numpy as np

from . import _native

__all__ = [
    "Estimate",
    "KlDecomposition",
    "NumericKl",
    "PriorComparison",
    "compare_to_prior",
    "decompose_kl",
    "jensen_shannon_divergence",
    "kl_between_families",
    "kl_divergence",
    "kl_per_dimension",
]


class Estimate(NamedTuple):
    """A number and the standard deviation that it would have over repetitions of the drawing."""

    value: float
    standard_error: float


class NumericKl(NamedTuple):
    """A divergence and a bound on its error: 0 where there is a closed form."""

    value: float
    error: float


class KlDecomposition(NamedTuple):
    """The parts of `KL(q(z|x) || p(z))`: kl = mutual_information + marginal_kl, marginal_kl = total_correlation + dimension_kl."""

    kl: Estimate
    mutual_information: Estimate
    """A lower bound of I(x; z), at most the logarithm of the number of images."""
    information_upper: Estimate
    """An upper bound of it."""
    marginal_kl: Estimate
    """KL(q(z) || p(z))."""
    total_correlation: Estimate
    """How much the dimensions of q(z) depend on each other."""
    dimension_kl: Estimate
    """How far each dimension of q(z) by itself is from the prior."""
    saturated: bool
    """Whether mutual_information says more of the number of images than of the encoder."""


class PriorComparison(NamedTuple):
    """How far a cloud of codes is from N(0, I)."""

    binned_js: Optional[Estimate]
    """On a grid of 24 bins over [-4, 4] along each axis; None where it has more cells than there are codes."""
    binned_kl: Optional[Estimate]
    js_floor: Optional[float]
    """What 95 % of as many codes from the prior itself come out below."""
    kl_floor: Optional[float]
    neighbour_kl: Estimate
    """By the distances to fifth-nearest neighbours, in any number of dimensions."""
    squared_mmd: Estimate
    """The squared maximum mean discrepancy, which has no unit."""


def kl_divergence(p: Any, q: Any) -> Any:
    """KL(P || Q) of probabilities along the last axis; the other axes are broadcast and kept."""
    return _along(_native.kl_divergence, p, q)


def jensen_shannon_divergence(p: Any, q: Any) -> Any:
    """JS(P, Q) of probabilities along the last axis; the other axes are broadcast and kept. Not its root, the distance."""
    return _along(_native.jensen_shannon_divergence, p, q)


def kl_between_families(p: str, q: str) -> NumericKl:
    """KL(P || Q) of two named distributions such as "normal(0, 2)" (mean and standard deviation) and "gamma(shape=2, rate=0.5)":
    in closed form, or where there is none by quadrature or summation."""
    return NumericKl(*_native.kl_between_families(p, q))


def kl_per_dimension(means: Any, log_vars: Any) -> np.ndarray:
    """The KL of each latent dimension from N(0, 1), averaged over the posteriors `[images, latent]`."""
    return _native.kl_per_dimension(_matrix("means", means), _matrix("log_vars", log_vars))


def decompose_kl(means: Any, log_vars: Any, codes: Any = None, *, seed: int = 0) -> KlDecomposition:
    """The parts of the KL of posteriors `[images, latent]`, with one code of each, which is drawn with `seed` if it is not given."""
    means, log_vars = _matrix("means", means), _matrix("log_vars", log_vars)
    if codes is None and means.shape == log_vars.shape:
        codes = means + np.exp(0.5 * log_vars) * np.random.default_rng(seed).standard_normal(means.shape)
    parts, saturated = _native.decompose_kl(means, log_vars, _matrix("codes", means if codes is None else codes))
    return KlDecomposition(saturated=saturated, **{name: Estimate(*pair) for name, pair in parts})


def compare_to_prior(codes: Any) -> PriorComparison:
    """The distances of codes `[images, latent]`, one of each posterior, from the prior."""
    found = {
        name: pair and (pair[0] if name.endswith("floor") else Estimate(*pair))
        for name, pair in _native.compare_to_prior(_matrix("codes", codes))
    }
    return PriorComparison(**found)


def _along(divergence: Any, p: Any, q: Any) -> Any:
    p, q = (np.asarray(side, np.float64) for side in (p, q))
    if not p.ndim or not q.ndim:
        raise ValueError("a distribution is a list of probabilities, not a single number")
    if p.shape[-1] != q.shape[-1]:
        raise ValueError(f"the distributions have {p.shape[-1]} and {q.shape[-1]} outcomes")
    return divergence(*(np.ascontiguousarray(side) for side in np.broadcast_arrays(p, q)))[()]


def _matrix(name: str, values: Any) -> np.ndarray:
    matrix = np.ascontiguousarray(values, np.float64)
    if matrix.ndim > 2:
        matrix = matrix.reshape(len(matrix), -1)
    if matrix.ndim != 2:
        raise ValueError(f"{name} has the shape {matrix.shape}: it is [images, latent dimensions]")
    return matrix
