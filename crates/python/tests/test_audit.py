"""Audits of arrays in memory."""

import json
from pathlib import Path

import numpy as np
import pytest

import klsweep
from conftest import REPOSITORY

ARRAYS = REPOSITORY / "tests" / "audit" / "dense"


def arrays():
    """The arrays that PyTorch left, as `audit` takes them."""
    members = {(c, seed): ARRAYS / f"c={c}" / f"seed={seed}" for c in (0.1, 1.0) for seed in (0, 1)}
    of_members = {
        name: {member: np.load(folder / f"{name}.npy") for member, folder in members.items()}
        for name in ("means", "log_vars", "decoded", "train_means", "train_log_vars")
    }
    shared = {name: np.load(ARRAYS / f"{name}.npy") for name in ("images", "labels", "train_images", "train_labels")}
    return of_members | shared


def test_arrays_get_the_numbers_that_numpy_and_scipy_have(tmp_path):
    result = klsweep.audit(**arrays(), likelihood="grey_bernoulli", output=tmp_path, quiet=True)
    expected = json.loads((REPOSITORY / "tests" / "audit" / "expected.json").read_text())["dense"]
    summary = result.summary
    for place, member in enumerate(expected):
        assert (summary["c"][place], summary["seed"][place]) == (member["c"], member["seed"])
        for key in ("reconstruction", "kl", "objective", "elbo_loss", "active_units"):
            assert summary[key][place] == pytest.approx(member[key], rel=1e-4), key
    assert set(result.recommendation) == {"generate", "compress", "represent"}
    assert result.report(figures="none").is_file()
    # The folder of the same arrays is judged alike.
    folder = klsweep.audit(ARRAYS, likelihood="grey_bernoulli", output=tmp_path, name="folder", quiet=True)
    for key, column in summary.items():
        np.testing.assert_array_equal(folder.summary[key], column, err_msg=key)
    # And again: the place is known by the arrays.
    again = klsweep.audit(**arrays(), likelihood="grey_bernoulli", output=tmp_path, quiet=True)
    assert again.path == result.path


def test_one_network_needs_no_dictionaries(tmp_path, capsys):
    rng = np.random.default_rng(0)
    means, log_vars = rng.standard_normal((300, 2, 1, 1)), np.full((300, 2, 1, 1), -2.0)
    result = klsweep.audit(means, log_vars, c=0.5, output=tmp_path)
    kl = 0.5 * (means**2 + np.exp(log_vars) - 1 - log_vars).sum((1, 2, 3)).mean()
    assert result.summary["kl"][0] == pytest.approx(kl, rel=1e-6) and result.summary["c"][0] == 0.5
    assert np.isnan(result.summary["reconstruction"][0])
    assert "left out: Reconstruction" in capsys.readouterr().out
    variances = klsweep.audit(means, np.exp(log_vars), variances=True, output=tmp_path, name="variances", quiet=True)
    assert variances.summary["kl"][0] == pytest.approx(kl, rel=1e-6)
    with pytest.raises(ValueError, match="there are no networks in it"):
        result.encode(means, 0.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"log_vars": np.zeros((300, 3))}, "every mean has its log-variance"),
        ({"log_vars": np.full((300, 2), 0.5)}, "variances"),
        ({"log_vars": None}, "no array log_vars"),
        ({"losses": np.zeros(300)}, "--likelihood"),
        ({"likelihood": "normal"}, "the known ones are grey_bernoulli"),
        ({"variance": 0}, "a number above 0"),
        ({"train_meens": np.zeros((300, 2))}, "no array is called 'train_meens'"),
        ({"means": np.full((300, 2), np.nan)}, "NaN"),
    ],
)
def test_what_is_wrong_is_a_value_error_in_words(change, message, tmp_path):
    given = {"means": np.zeros((300, 2)), "log_vars": np.full((300, 2), -1.0), "output": tmp_path, "quiet": True}
    with pytest.raises(ValueError, match=message):
        klsweep.audit(**{**given, **change})
