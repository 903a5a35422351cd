"""Training."""

import json
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Optional

import numpy as np

from . import _native
from ._files import StrPath, classes, digest, is_path, numbers, save
from ._result import Result


def sweep(
    X: Any,
    labels: Any = None,
    c: Optional[Iterable[float]] = None,
    *,
    name: str = "sweep",
    output: StrPath = "runs",
    quiet: bool = False,
    **config: Any,
) -> Result:
    """Trains the same network with each KL coefficient of `c`, and measures it.

    `X` holds a row for each example: `[examples, columns]`, `[examples, height, width]`, or with 1 or 3 channels last or second; or it
    is the path of anything that `klsweep` reads. What is not said is chosen by what the data is, as `klsweep X.npy` chooses it. `config`
    has the keys of a configuration: `epochs=10, seeds=[0, 1], model={"latent": 8, "encoder_hidden": [512]}`.

    Arrays are kept as files in `output`, beside the directory of the run, so that every command of klsweep works there. Ctrl-C stops the
    training; the same call goes on from where it stood.
    """
    runs = Path(output).absolute()
    if is_path(X):
        if labels is not None:
            raise ValueError("labels of a file stand beside it, or in it: data={'labels': ...} names them")
        path = Path(X)
    else:
        arrays = {"X": numbers("X", X)}
        if labels is not None:
            arrays["labels"] = classes("labels", labels)
            if len(arrays["labels"]) != len(arrays["X"]):
                raise ValueError(f"there are {len(arrays['labels'])} labels of {len(arrays['X'])} examples")
        stem = f"{name}-{digest(arrays)}"
        path = runs / f"{stem}.npy"
        if labels is not None:
            save(runs / f"{stem}_labels.npy", arrays["labels"])
        save(path, arrays["X"])
    config = {"name": name, **config}
    if c is not None:
        config["kl_coefficients"] = [float(coefficient) for coefficient in np.atleast_1d(np.asarray(c, np.float64))]
    found, failures = _native.sweep(path, runs, list(_overrides(config)), quiet)
    for failure in failures:
        warnings.warn(failure, RuntimeWarning, stacklevel=2)
    return Result(found)


def _overrides(config: Mapping[str, Any], above: str = "") -> Iterable[str]:
    """The lines key=value of nested settings."""
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from _overrides(value, f"{above}{key}.")
        else:
            yield f"{above}{key}={_toml(key, value)}"


def _toml(key: str, value: Any) -> str:
    """A value in TOML's syntax."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name} = {_toml(name, inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, (list, tuple, range)):
        return "[" + ", ".join(_toml(key, inner) for inner in value) + "]"
    if isinstance(value, (bool, int, float, str)):
        return json.dumps(value)
    raise ValueError(f"{key} is a {type(value).__name__}: settings are numbers, texts, truth values, and lists and dictionaries of them")
