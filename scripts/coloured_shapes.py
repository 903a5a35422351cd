"""Coloured shapes of known form, colour, size and place, for a convolutional network.

Usage: python scripts/coloured_shapes.py FILE.npz COUNT SIDE; needs NumPy alone.
"""

import sys

import numpy as np


def shapes(count, side, seed=0):
    """Squares, discs and triangles in six colours on black; also their factors."""
    random = np.random.default_rng(seed)
    colours = np.array([(230, 40, 40), (40, 200, 60), (60, 90, 240), (240, 200, 40), (200, 60, 220), (40, 210, 220)])
    y, x = np.mgrid[:side, :side]
    images, factors = [], []
    for _ in range(count):
        form, colour = random.integers(3), random.integers(len(colours))
        radius = random.uniform(2.0, 0.3 * side)
        top, left = random.uniform(radius, side - 1 - radius, size=2)
        inside = [
            np.maximum(abs(y - top), abs(x - left)) <= radius,
            np.hypot(y - top, x - left) <= radius,
            (y - top <= radius) & (2 * abs(x - left) <= y - top + radius),
        ][form]
        images.append(np.where(inside[..., None], colours[colour], 0).astype(np.uint8))
        factors.append((form, colour, radius, top, left))
    return np.stack(images), np.array(factors)


if __name__ == "__main__":
    path, count, side = sys.argv[1:]
    images, factors = shapes(int(count), int(side))
    np.savez_compressed(path, images=images, labels=factors[:, 0].astype(np.uint8), factors=factors)
