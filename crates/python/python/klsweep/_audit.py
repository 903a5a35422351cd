"""Networks that were trained elsewhere."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from . import _native
from ._files import StrPath, classes, digest, is_path, numbers, save
from ._result import Result

PARTS = ("", "train_", "validation_")
SHARED = ("images", "labels")


def audit(
    means: Any,
    log_vars: Any = None,
    *,
    c: float = 1.0,
    seed: int = 0,
    labels: Any = None,
    images: Any = None,
    losses: Any = None,
    decoded: Any = None,
    likelihood: Optional[str] = None,
    variance: Union[float, str, None] = None,
    logits: bool = False,
    variances: bool = False,
    log_variances: bool = False,
    name: str = "audit",
    output: StrPath = "runs",
    quiet: bool = False,
    **others: Any,
) -> Result:
    """Judges networks by what they made of the test images, as `klsweep audit` does; see docs/audit.md for what each array is.

    `means` and `log_vars`, `losses` and `decoded` are arrays of one network, of the coefficient `c` and the `seed`, or dictionaries with
    such an array for each coefficient, or for each (coefficient, seed). `images` and `labels` are of all networks. Each also with
    `train_` and `validation_` before its name. `means` may be the path of a folder too, and then there are no arrays.
    """
    runs = Path(output).absolute()
    if variance is not None and variance != "optimal":
        variance = _above_zero(variance)
    if is_path(means):
        folder, to = Path(means), runs / name
    else:
        known = {part + array for part in PARTS for array in (*SHARED, "means", "log_vars", "losses", "decoded")}
        if unknown := sorted(set(others) - known):
            raise ValueError(f"no array is called {unknown[0]!r}: the known ones are {', '.join(sorted(known))}")
        given = {"means": means, "log_vars": log_vars, "losses": losses, "decoded": decoded}
        given |= {"images": images, "labels": labels} | others
        files = _files({key: value for key, value in given.items() if value is not None}, c, seed)
        to = runs / f"{name}-{digest(files)}"
        folder = to.with_name(f"{to.name}-arrays")
        for file, array in files.items():
            save(folder / file, array)
    fixed, optimal = (None, True) if variance == "optimal" else (variance, False)
    lines = _native.audit_arrays(folder, to, likelihood, fixed, optimal, logits, variances, log_variances, quiet)
    if not quiet:
        print("\n".join(lines))
    return Result(to)


def _above_zero(variance: Any) -> float:
    if isinstance(variance, (int, float, np.number)) and np.isfinite(variance) and variance > 0:
        return float(variance)
    raise ValueError(f"variance = {variance!r}: a variance is a number above 0, or \"optimal\"")


def _files(given: Mapping[str, Any], c: float, seed: int) -> dict[str, np.ndarray]:
    """The arrays by the names of their files in the folder of an audit."""
    files = {}
    for key, value in given.items():
        read = classes if key.endswith("labels") else numbers
        if key.endswith(SHARED):
            files[f"{key}.npy"] = read(key, value)
            continue
        for member, array in (value if isinstance(value, Mapping) else {(c, seed): value}).items():
            coefficient, number = member if isinstance(member, tuple) else (member, seed)
            files[f"c={float(coefficient)!r}/seed={int(number)}/{key}.npy"] = read(key, array)
    return files
