import csv
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def digits():
    """The images, 8 x 8 bytes, and classes of tests/data/digits.csv."""
    with open(REPOSITORY / "tests/data/digits.csv", newline="") as file:
        header, *rows = csv.reader(file)
    pixels = [place for place, name in enumerate(header) if name.startswith("pixel")]
    label = next(place for place in range(len(header)) if place not in pixels)
    images = np.array([[float(row[place]) for place in pixels] for row in rows]).reshape(-1, 8, 8)
    return np.round(255 * images / images.max()).astype(np.uint8), np.array([int(row[label]) for row in rows])
