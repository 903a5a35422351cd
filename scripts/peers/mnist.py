"""What all peers share: the images, the initial weights, and the line of JSON that they report."""

import gzip
import json
import resource
import time
from pathlib import Path

import numpy as np

PIXELS, HIDDEN, LATENT = 784, (256,), 2
BATCH = 128
ADAM = {"learning_rate": 1e-3, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}


def training_images():
    """The 60,000 training images as grey levels between 0 and 1, `[60000, 784]`."""
    path = Path(__file__).parents[2] / "data/mnist/train-images-idx3-ubyte.gz"
    pixels = np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=16)
    return pixels.reshape(-1, PIXELS).astype(np.float32) / 255


def images_of(array):
    """The images of an array of NumPy, channels first, as numbers between 0 and 1, `[images, channels, height, width]`."""
    pixels = np.load(array)["images"]
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32) / 255


def glorot_layers(rng, hidden=HIDDEN, latent=LATENT):
    """Weights `[inputs, outputs]` and biases of the layers, in the order of klsweep: the encoder's, the heads of mean and
    log-variance, the decoder's with the mirrored widths."""
    encoder = [PIXELS, *hidden]
    decoder = [latent, *reversed(hidden), PIXELS]
    heads = [(encoder[-1], latent)] * 2
    sizes = [*zip(encoder, encoder[1:]), *heads, *zip(decoder, decoder[1:])]
    layers = []
    for inputs, outputs in sizes:
        limit = np.sqrt(6 / (inputs + outputs))
        weight = rng.uniform(-limit, limit, (inputs, outputs)).astype(np.float32)
        layers.append((weight, np.zeros(outputs, np.float32)))
    return layers


class Clock:
    """Seconds that pass, and seconds that the process computes, since it was made."""

    def __init__(self):
        self.start = time.perf_counter(), time.process_time()

    def read(self, share=1):
        """Both, divided by `share`."""
        now = time.perf_counter(), time.process_time()
        return [(end - start) / share for start, end in zip(self.start, now)]


def report(clocks, objectives):
    """Prints what the clock of each epoch read, and the mean objective of the last epoch for each coefficient."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds, cpu_seconds = zip(*clocks)
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds, "objectives": objectives, "peak_mb": peak}))
