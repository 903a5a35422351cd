"""Arrays as the files that klsweep reads."""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Union

import numpy as np

StrPath = Union[str, "os.PathLike[str]"]


def is_path(value: Any) -> bool:
    return isinstance(value, (str, os.PathLike))


def numbers(name: str, values: Any) -> np.ndarray:
    """Numbers stored row by row, of the type that they have."""
    array = np.asarray(values)
    if array.dtype.kind not in "buif":
        raise ValueError(f"{name} holds values of the type {array.dtype}: only real numbers can be read")
    if array.ndim == 0:
        raise ValueError(f"{name} is a single number: it needs a row for each example")
    return np.ascontiguousarray(array)


def classes(name: str, labels: Any) -> np.ndarray:
    """The number of each example's class; words in their alphabetical order."""
    array = np.asarray(labels)
    if array.ndim != 1:
        raise ValueError(f"{name} has the shape {array.shape}: labels are one for each example")
    if array.dtype.kind in "bui":
        return array
    return np.unique(array, return_inverse=True)[1]


def digest(arrays: Mapping[str, np.ndarray]) -> str:
    """A name for these arrays, which others do not have."""
    found = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        found.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        found.update(array.data if array.flags.c_contiguous else array.tobytes())
    return found.hexdigest()[:12]


def save(path: Path, array: np.ndarray) -> None:
    """Writes an array; where it is, it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        return
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            np.save(file, array)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


@contextlib.contextmanager
def file_of(name: str, values: Any) -> Iterator[Path]:
    """A file with these rows: the one that is named, or one that is there for a while."""
    if is_path(values):
        yield Path(values)
        return
    with tempfile.TemporaryDirectory(prefix="klsweep-") as folder:
        path = Path(folder) / f"{name}.npy"
        save(path, numbers(name, values))
        yield path
