"""Reference values of the diagnostics from PyTorch, in 64-bit floats, for two small trained networks.

    pip install torch==2.15.0 scipy
    python scripts/reference_diagnostics.py > crates/train/tests/diagnostics/reference.json

The networks were trained by klsweep itself, L being 2 and 4, and their weights.safetensors kept beside the reference:

    cargo run -p train -- --config configs/smoke.toml --set 'name="latent_L"' --set 'kl_coefficients=[0.5]' \
        --set 'model={latent=L,encoder_hidden=[8],decoder_hidden=[8]}' --set data.train_images=4000 \
        --set data.test_images=1000 --set epochs=20 --set optimizer.learning_rate=0.005

The definitions are written down as plainly as can be, and where klsweep has a choice of estimators this script takes the
other one: the parts of the KL are each estimated from log-densities, none as the difference of others. Everything that is
sampled is sampled many times with different noise. The reference holds the mean and the standard deviation of one time.

With a run of its own the script measures that instead, for whoever wants to hold a real member against it:

    python scripts/reference_diagnostics.py runs/sweep/c=1/seed=0/weights.safetensors
"""

import gzip
import json
import math
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F
from scipy.stats import norm

torch.set_default_dtype(torch.float64)
torch.manual_seed(20261122)

ROOT = pathlib.Path(__file__).parent.parent
SAMPLES, NEIGHBOURS, BINS, EDGE = 100, 10, 24, 4.0
LOG_2_PI = math.log(2 * math.pi)


def weights(path):
    """The tensors of a safetensors file of 32-bit floats."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            values = np.frombuffer(content[begin:end], "<f4").reshape(entry["shape"])
            tensors[name] = torch.tensor(values, dtype=torch.float64)
    return tensors


def mnist(split, count):
    def read(name, skip):
        return np.frombuffer(gzip.decompress((ROOT / "data" / "mnist" / f"{name}.gz").read_bytes())[skip:], np.uint8)

    images = read(f"{split}-images-idx3-ubyte", 16).reshape(-1, 784)[:count]
    return torch.tensor(images, dtype=torch.float64) / 255, read(f"{split}-labels-idx1-ubyte", 8)[:count]


class Network:
    def __init__(self, tensors):
        self.tensors = tensors

    def layer(self, name, values):
        return values @ self.tensors[f"{name}.weight"] + self.tensors[f"{name}.bias"]

    def encode(self, images):
        features = F.relu(self.layer("encoder.hidden.0", images))
        return self.layer("encoder.mean", features), self.layer("encoder.log_var", features).clamp(-80, 40)

    def log_likelihood(self, codes, images):
        logits = self.layer("decoder.logits", F.relu(self.layer("decoder.hidden.0", codes)))
        return -F.binary_cross_entropy_with_logits(logits, images, reduction="none").sum(-1)


def log_normal(values, mean, log_var):
    """The log-density of each dimension."""
    return -0.5 * (LOG_2_PI + log_var + (values - mean) ** 2 / log_var.exp())


def js_and_kl_to_prior(codes):
    inner = np.linspace(-EDGE, EDGE, BINS + 1)[1:-1]
    edges = np.concatenate([[-np.inf], inner, [np.inf]])
    mass = np.outer(np.diff(norm.cdf(edges)), np.diff(norm.cdf(edges)))
    counts = np.zeros((BINS, BINS))
    np.add.at(counts, tuple(np.searchsorted(inner, codes[:, d], side="right") for d in (0, 1)), 1)
    share = counts / len(codes)

    def kl(p, q):
        used = p > 0
        return float((p[used] * np.log2(p[used] / q[used])).sum())

    middle = (share + mass) / 2
    return (kl(share, middle) + kl(mass, middle)) / 2, kl(share, mass)


def nearest_neighbour_accuracy(train, train_labels, test, test_labels):
    right = 0
    for means, labels in zip(test.split(500), np.split(test_labels, range(500, len(test), 500))):
        distances = ((means[:, None, :] - train[None, :, :]) ** 2).sum(-1) if len(train) < 10_000 else torch.cdist(means, train)
        nearest = distances.topk(NEIGHBOURS, largest=False).indices.numpy()
        votes = [np.bincount(train_labels[row], minlength=10).argmax() for row in nearest]
        right += int((np.array(votes) == labels).sum())
    return right / len(test)


def once(network, images, mean, log_var, widest):
    """One drawing of everything that is sampled."""
    count, latent = mean.shape
    prior = torch.zeros(())

    codes = mean + torch.exp(log_var / 2) * torch.randn_like(mean)
    inside = log_normal(codes, mean, log_var)
    beside = log_normal(codes, prior, prior)
    joint, single = [], []
    for rows in codes.split(250):
        densities = log_normal(rows[:, None, :], mean[None], log_var[None])
        joint.append(torch.logsumexp(densities.sum(-1), 1) - math.log(count))
        single.append(torch.logsumexp(densities, 1) - math.log(count))
    joint, single = torch.cat(joint), torch.cat(single)
    js, kl = js_and_kl_to_prior(codes[:, widest].numpy())
    found = {
        "mutual_information": (inside.sum(-1) - joint).mean().item(),
        "marginal_kl": (joint - beside.sum(-1)).mean().item(),
        "total_correlation": (joint - single.sum(-1)).mean().item(),
        "dimension_kl": (single - beside).sum(-1).mean().item(),
        "js_to_prior": js,
        "kl_to_prior": kl,
    }
    for d in range(latent):
        found[f"z_mean_{d}"] = codes[:, d].mean().item()
        found[f"z_std_{d}"] = codes[:, d].std(correction=0).item()

    kl = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).sum(-1)
    elbo_loss = (kl - network.log_likelihood(codes, images)).mean().item()
    gaps = []
    stride = -(-count // 2000)
    for x, m, l in zip(images[::stride].split(50), mean[::stride].split(50), log_var[::stride].split(50)):
        z = m[:, None] + torch.exp(l[:, None] / 2) * torch.randn(len(x), SAMPLES, latent)
        log_weights = network.log_likelihood(z, x[:, None].expand(-1, SAMPLES, -1))
        log_weights = log_weights + (log_normal(z, prior, prior) - log_normal(z, m[:, None], l[:, None])).sum(-1)
        gaps.append(torch.logsumexp(log_weights, 1) - math.log(SAMPLES) - log_weights.mean(1))
    found["iwae_nll"] = elbo_loss - torch.cat(gaps).mean().item()
    return found


def measure(path, train_images, test_images, repetitions):
    network = Network(weights(path))
    train, train_labels = mnist("train", train_images)
    test, test_labels = mnist("t10k", test_images)
    mean, log_var = network.encode(test)
    kl_per_dim = 0.5 * (mean**2 + log_var.exp() - 1 - log_var).mean(0)
    widest = sorted(kl_per_dim.argsort(descending=True)[:2].tolist())
    drawn = [once(network, test, mean, log_var, widest) for _ in range(repetitions)]
    return {
        "kl_per_dim": kl_per_dim.tolist(),
        "active_units": int((mean.var(0, correction=0) > 0.01).sum()),
        "knn_accuracy": nearest_neighbour_accuracy(network.encode(train)[0], train_labels, mean, test_labels),
        "sampled": {
            name: {"mean": float(np.mean(values)), "std": float(np.std(values, ddof=1)) if repetitions > 1 else None}
            for name in drawn[0]
            for values in [[one[name] for one in drawn]]
        },
    }


if len(sys.argv) > 1:
    reference = measure(pathlib.Path(sys.argv[1]), 60_000, 10_000, 1)
else:
    kept = ROOT / "crates" / "train" / "tests" / "diagnostics"
    reference = {f"latent_{latent}": measure(kept / f"latent_{latent}.safetensors", 4000, 1000, 60) for latent in (2, 4)}
print(json.dumps(reference, indent=1))
