"""Writes small data sets to try klsweep on, from what other packages bring, and those of tests/data.

    python3 -m venv env && env/bin/pip install scikit-learn==1.9.1 pillow==13.0.0
    env/bin/python scripts/own_data.py FOLDER          # all of them
    env/bin/python scripts/own_data.py --fixtures      # tests/data, which the tests read

digits.csv, digits/     1,797 digits of 8 x 8 grey levels, as a table and as a folder of images with a folder for each class
wine.csv                178 wines, 13 measurements, the name of the grower as label
tiles/                  tiles of 32 x 32 pixels of scikit-learn's two photographs, without labels
shapes.npz              coloured shapes of known form, colour, size and place
inverted_mnist.npz      MNIST with black and white exchanged, in the arrays of Keras
"""

import csv
import gzip
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits, load_sample_images, load_wine

from coloured_shapes import shapes

ROOT = Path(__file__).parent.parent


def digits_csv(path, count=None):
    digits = load_digits()
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*digits.feature_names, "digit"])
        for row, label in zip(digits.data[:count], digits.target[:count]):
            writer.writerow([*row.astype(int), label])


def digits_folder(path):
    digits = load_digits()
    for number, (image, label) in enumerate(zip(digits.images, digits.target)):
        folder = path / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((image * 255 / 16).round().astype(np.uint8)).save(folder / f"{number:04}.png")


def wine_csv(path):
    wine = load_wine()
    growers = ["Barolo", "Grignolino", "Barbera"]
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*wine.feature_names, "wine"])
        for row, label in zip(wine.data, wine.target):
            writer.writerow([*row, growers[label]])


def tiles(side, count):
    """As many tiles of each photograph, evenly spaced."""
    found = []
    for photograph in load_sample_images().images:
        rows, columns = (length // side for length in photograph.shape[:2])
        places = [(row * side, column * side) for row in range(rows) for column in range(columns)]
        chosen = np.linspace(0, len(places) - 1, min(count // 2, len(places))).astype(int)
        found += [photograph[top : top + side, left : left + side] for top, left in (places[i] for i in chosen)]
    return np.stack(found)


def inverted_mnist(path):
    def idx(name, offset):
        return np.frombuffer(gzip.open(ROOT / "data/mnist" / name).read(), np.uint8, offset=offset)

    arrays = {}
    for part, prefix in [("train", "train"), ("test", "t10k")]:
        arrays[f"x_{part}"] = 255 - idx(f"{prefix}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
        arrays[f"y_{part}"] = idx(f"{prefix}-labels-idx1-ubyte.gz", 8)
    np.savez_compressed(path, **arrays)


def main():
    if sys.argv[1:] == ["--fixtures"]:
        out = ROOT / "tests/data"
        digits_csv(out / "digits.csv", 600)
        wine_csv(out / "wine.csv")
        np.savez_compressed(out / "tiles.npz", images=tiles(16, 260))
        images, factors = shapes(300, 12)
        np.savez_compressed(out / "shapes.npz", images=images, labels=factors[:, 0].astype(np.uint8))
        return
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    digits_csv(out / "digits.csv")
    digits_folder(out / "digits")
    wine_csv(out / "wine.csv")
    (out / "tiles").mkdir(exist_ok=True)
    for number, tile in enumerate(tiles(32, 10**6)):
        Image.fromarray(tile).save(out / "tiles" / f"{number:03}.png")
    images, factors = shapes(4000, 32)
    np.savez_compressed(out / "shapes.npz", images=images, labels=factors[:, 0].astype(np.uint8), factors=factors)
    inverted_mnist(out / "inverted_mnist.npz")


main()
