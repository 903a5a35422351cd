"""What all peers share: the images, the initial weights, and the line of JSON that they report."""

import gzip
import json
import resource
from pathlib import Path

import numpy as np

PIXELS, HIDDEN, LATENT = 784, 256, 2
BATCH = 128
ADAM = {"learning_rate": 1e-3, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}


def training_images():
    """The 60,000 training images as grey levels between 0 and 1, `[60000, 784]`."""
    path = Path(__file__).parents[2] / "data/mnist/train-images-idx3-ubyte.gz"
    pixels = np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=16)
    return pixels.reshape(-1, PIXELS).astype(np.float32) / 255


def glorot_layers(rng):
    """Weights `[inputs, outputs]` and biases of the five layers, in the order of klsweep."""
    sizes = [(PIXELS, HIDDEN), (HIDDEN, LATENT), (HIDDEN, LATENT), (LATENT, HIDDEN), (HIDDEN, PIXELS)]
    layers = []
    for inputs, outputs in sizes:
        limit = np.sqrt(6 / (inputs + outputs))
        weight = rng.uniform(-limit, limit, (inputs, outputs)).astype(np.float32)
        layers.append((weight, np.zeros(outputs, np.float32)))
    return layers


def report(seconds, objectives):
    """Prints the seconds of each epoch and the mean objective of the last one for each coefficient."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "objectives": objectives, "peak_mb": peak}))
