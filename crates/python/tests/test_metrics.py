"""The numbers of `klsweep.metrics` beside those of NumPy and SciPy."""

import numpy as np
import pytest
from scipy import integrate, special, stats
from scipy.spatial.distance import jensenshannon

from klsweep import metrics

RNG = np.random.default_rng(0)


def test_divergences_of_probabilities_are_those_of_scipy():
    p, q = RNG.dirichlet(np.ones(7), (4, 5)), RNG.dirichlet(np.ones(7), 5)
    np.testing.assert_allclose(metrics.kl_divergence(p, q), special.rel_entr(p, q).sum(-1), rtol=1e-12)
    np.testing.assert_allclose(metrics.jensen_shannon_divergence(p, q), jensenshannon(p, np.broadcast_to(q, p.shape), axis=-1) ** 2, rtol=1e-9)
    assert metrics.kl_divergence([0.5, 0.5], [1.0, 0.0]) == np.inf
    assert isinstance(metrics.kl_divergence([0.5, 0.5], [0.25, 0.75]), float)


def test_what_is_no_distribution_is_a_value_error_in_words():
    with pytest.raises(ValueError, match="sum"):
        metrics.kl_divergence([0.5, 0.6], [0.5, 0.5])
    with pytest.raises(ValueError, match="2 and 3 outcomes"):
        metrics.kl_divergence([0.5, 0.5], [0.2, 0.3, 0.5])
    with pytest.raises(ValueError, match="single number"):
        metrics.kl_divergence(1.0, [1.0])


def test_families_are_integrated_alike():
    p, q = stats.norm(0, 2), stats.norm(1, 3)
    expected = integrate.quad(lambda x: p.pdf(x) * (p.logpdf(x) - q.logpdf(x)), -40, 40)[0]
    found = metrics.kl_between_families("normal(0, 2)", "normal(1, 3)")
    assert found.error == 0 and abs(found.value - expected) < 1e-9
    p, q = stats.gumbel_r(0, 1), stats.cauchy(0, 1)
    expected = integrate.quad(lambda x: p.pdf(x) * (p.logpdf(x) - q.logpdf(x)), -20, 60)[0]
    found = metrics.kl_between_families("gumbel(0, 1)", "cauchy(0, 1)")
    assert 0 < found.error < 1e-6 and abs(found.value - expected) < 1e-7
    with pytest.raises(ValueError, match="did you mean 'normal'"):
        metrics.kl_between_families("normall(0, 1)", "normal(0, 1)")


@pytest.fixture(scope="module")
def posteriors():
    means = RNG.standard_normal((300, 3)) * [1.5, 0.7, 0.0]
    log_vars = RNG.normal([-2, -1, 0], 0.2, (300, 3))
    return means, log_vars, means + np.exp(0.5 * log_vars) * RNG.standard_normal(means.shape)


def test_the_decomposition_is_what_its_definition_gives(posteriors):
    means, log_vars, codes = posteriors
    found = metrics.decompose_kl(means, log_vars, codes)
    kl = 0.5 * (means**2 + np.exp(log_vars) - 1 - log_vars)
    np.testing.assert_allclose(metrics.kl_per_dimension(means, log_vars), kl.mean(0), rtol=1e-12)

    def information(log_densities):
        shares = log_densities - special.logsumexp(log_densities, 1, keepdims=True)
        return np.log(len(means)) + (np.exp(shares) * shares).sum(1)

    of_dimensions = stats.norm.logpdf(codes[:, None], means, np.exp(0.5 * log_vars))
    joint = information(of_dimensions.sum(2))
    single = sum(information(of_dimensions[..., d]) for d in range(3))
    covariance = np.cov(means.T, bias=True) + np.diag(np.exp(log_vars).mean(0))
    upper = 0.5 * (np.linalg.slogdet(covariance)[1] - log_vars.sum(1).mean())
    for name, values in {
        "kl": kl.sum(1),
        "mutual_information": joint,
        "marginal_kl": kl.sum(1) - joint,
        "dimension_kl": kl.sum(1) - single,
        "total_correlation": single - joint,
    }.items():
        value, error = getattr(found, name)
        assert value == pytest.approx(values.mean(), rel=1e-9), name
        assert error == pytest.approx(values.std(ddof=1) / np.sqrt(len(values)), rel=1e-9), name
    assert found.information_upper.value == pytest.approx(upper, rel=1e-9)
    assert not found.saturated
    drawn = metrics.decompose_kl(means, log_vars, seed=3)
    assert drawn.kl == found.kl and drawn.mutual_information != found.mutual_information
    assert drawn == metrics.decompose_kl(means, log_vars, seed=3)


def test_spatial_posteriors_are_flattened(posteriors):
    means, log_vars, codes = (array[:, :2].reshape(-1, 1, 2) for array in posteriors)
    assert metrics.decompose_kl(means, log_vars, codes) == metrics.decompose_kl(*(array[:, :2] for array in posteriors))


def test_distances_to_the_prior(posteriors):
    codes = posteriors[2][:, :2]
    found = metrics.compare_to_prior(codes)
    n, d, s = len(codes), 2, 2.0
    distances = ((codes[:, None] - codes) ** 2).sum(2)
    among = (np.exp(-distances / (2 * s**2)).sum() - n) / (n * (n - 1))
    beside = (s**2 / (s**2 + 1)) ** (d / 2) * np.exp(-(codes**2).sum(1) / (2 * (s**2 + 1))).mean()
    squared_mmd = among - 2 * beside + (s**2 / (s**2 + 2)) ** (d / 2)
    assert found.squared_mmd.value == pytest.approx(squared_mmd, rel=1e-9)
    assert found.squared_mmd.standard_error > 0
    # 576 cells are more than 300 codes.
    assert found.binned_js is None and found.js_floor is None
    normal = np.random.default_rng(1).standard_normal((5000, 2))
    found = metrics.compare_to_prior(normal)
    assert abs(found.binned_js.value) < 4 * found.js_floor
    assert abs(found.neighbour_kl.value) < 4 * found.neighbour_kl.standard_error + 0.02
    shifted = metrics.compare_to_prior(normal + 1.0)
    # KL(N(m, I) || N(0, I)) = m^2 / 2.
    assert shifted.neighbour_kl.value == pytest.approx(1.0, abs=0.1)
    assert shifted.binned_kl.value == pytest.approx(1.0, abs=0.1)


def test_shapes_and_numbers_that_do_not_fit_are_value_errors(posteriors):
    means, log_vars, codes = posteriors
    for arguments, message in [
        ((means, log_vars[:, :2]), r"\(300, 3\).*\(300, 2\)"),
        ((means, log_vars, codes[:7]), "every posterior has a code"),
        ((np.full((3, 2), np.nan), np.zeros((3, 2))), "NaN"),
        ((np.zeros(3), np.zeros(3)), r"means has the shape \(3,\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            metrics.decompose_kl(*arguments)
    with pytest.raises(ValueError, match="60"):
        metrics.compare_to_prior(codes[:20])
