"""What a sweep or an audit left."""

import csv
import json
import webbrowser
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np

from . import _native
from ._files import StrPath, file_of

WHOLE = {"seed", "epochs"}


class Result:
    """A run: its numbers, its report, and its networks."""

    path: Path
    """The directory of the run."""

    def __init__(self, path: StrPath) -> None:
        self.path = Path(path)
        if not (self.path / "config.toml").is_file():
            raise ValueError(f"{self.path} is no run: it holds no config.toml")

    def __repr__(self) -> str:
        return f"klsweep.Result({str(self.path)!r})"

    @property
    def summary(self) -> dict[str, np.ndarray]:
        """The columns of summary.csv, a number for each member; NaN where something was not measured."""
        with open(self.path / "summary.csv", newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        columns = {name: [row[place] for row in rows] for place, name in enumerate(header)}
        return {
            name: np.array(cells, np.int64) if name in WHOLE else np.array([cell or "nan" for cell in cells], np.float64)
            for name, cells in columns.items()
        }

    @property
    def recommendation(self) -> dict[str, dict[str, Any]]:
        """Which coefficient to keep to `generate`, to `compress` and to `represent`, as of `klsweep report --json`: each with its
        `verdict`, the coefficient `c` or None, and the `reason`."""
        return json.loads(_native.answers(self.path))

    def report(self, *, figures: str = "paper", open: bool = False) -> Path:
        """Writes report.html into the run's directory, with figures beside it ("paper", "all" or "none"), and gives back where it is."""
        page = Path(_native.write_report(self.path, figures))
        if open:
            webbrowser.open(page.resolve().as_uri())
        return page

    def encode(
        self, X: Any, c: float, seed: Optional[int] = None, *, log_vars: bool = False
    ) -> Union[np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """The means of the posteriors of examples, `[examples, latent]`; with `log_vars` the logarithms of their variances too.

        Examples are given as the data was, and scaled as in training. Bytes of images reach from black to white; where the data was bytes
        itself, other numbers than bytes are from 0 to 1. `X` may be a file too. Of several seeds the first that is finished, if none is named.
        """
        with file_of("X", X) as path:
            means, spreads = _native.encode_file(self.path, c, seed, path)
        return (means, spreads) if log_vars else means

    def decode(self, codes: Any, c: float, seed: Optional[int] = None) -> np.ndarray:
        """The decoder's means for codes, `[codes, latent]`, in the units of the data, of bytes from 0 to 1."""
        with file_of("codes", codes) as path:
            decoded, shape, is_wide = _native.decode_file(self.path, c, seed, path)
        return decoded.reshape(len(decoded), *shape).astype(np.float64 if is_wide else np.float32, copy=False)


def load(path: StrPath) -> Result:
    """The run in a directory, whoever trained it."""
    return Result(path)
