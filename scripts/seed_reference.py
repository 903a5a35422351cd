#!/usr/bin/env python3
"""The terms of the classic network on the test images, trained by PyTorch from several seeds: what tests/readme.rs expects.

    python scripts/seed_reference.py --c 0 --seeds 1 2     # some minutes a seed on one thread
"""

import argparse
import gzip
import sys
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parent / "peers"))
from mnist import ADAM, BATCH, PIXELS, glorot_layers, training_images


def test_images():
    path = Path(__file__).parents[1] / "data/mnist/t10k-images-idx3-ubyte.gz"
    pixels = np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=16)
    return pixels.reshape(-1, PIXELS).astype(np.float32) / 255


def terms(weights, images):
    """Reconstruction and KL, in nats summed over the images."""
    encoder, encoder_bias, mean, mean_bias, log_var, log_var_bias, decoder, decoder_bias, out, out_bias = weights
    features = torch.relu(images @ encoder + encoder_bias)
    means, log_vars = features @ mean + mean_bias, features @ log_var + log_var_bias
    codes = means + torch.exp(0.5 * log_vars) * torch.randn_like(means)
    logits = torch.relu(codes @ decoder + decoder_bias) @ out + out_bias
    reconstruction = functional.binary_cross_entropy_with_logits(logits, images, reduction="sum")
    return reconstruction, 0.5 * (means.square() + log_vars.exp() - log_vars - 1).sum()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--c", type=float, default=0.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--epochs", type=int, default=40)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    images, held_out = torch.from_numpy(training_images()), torch.from_numpy(test_images())
    print("c,seed,epochs,reconstruction,kl")
    for seed in args.seeds:
        torch.manual_seed(seed)
        layers = glorot_layers(np.random.default_rng(seed))
        weights = [torch.from_numpy(part.copy()).requires_grad_() for layer in layers for part in layer]
        betas = ADAM["beta_1"], ADAM["beta_2"]
        adam = torch.optim.Adam(weights, lr=ADAM["learning_rate"], betas=betas, eps=ADAM["epsilon"], fused=True)
        for _ in range(args.epochs):
            for positions in torch.randperm(len(images)).split(BATCH):
                reconstruction, kl = terms(weights, images[positions])
                adam.zero_grad()
                ((reconstruction + args.c * kl) / len(positions)).backward()
                adam.step()
        with torch.no_grad():
            reconstruction, kl = (float(term) / len(held_out) for term in terms(weights, held_out))
        print(f"{args.c:g},{seed},{args.epochs},{reconstruction:.3f},{kl:.3f}", flush=True)


main()
