"""Reference values of the diagnostics from PyTorch, in 64-bit floats, for two small trained networks.

    pip install torch==2.15.0 scipy
    python scripts/reference_diagnostics.py > crates/train/tests/diagnostics/reference.json

The networks were trained by klsweep itself, L being 2 and 4, and their weights.safetensors kept beside the reference:

    cargo run -p train -- --config configs/smoke.toml --set 'name="latent_L"' --set 'kl_coefficients=[0.5]' \
        --set 'model={latent=L,encoder_hidden=[8],decoder_hidden=[8]}' --set data.train_images=4000 \
        --set data.test_images=1000 --set epochs=20 --set optimizer.learning_rate=0.005

The definitions are written down as plainly as can be, and where klsweep has a choice of estimators this script takes the
other one: the parts of the KL are each estimated from log-densities, none as the difference of others, and log p(x) is summed
over one fine grid, or in four dimensions over very many codes from a wider proposal. Everything that is sampled is sampled
many times with different noise. The reference holds the mean and the standard deviation of one time.

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
from scipy.spatial import cKDTree
from scipy.special import digamma, gammaln
from scipy.stats import norm

torch.set_default_dtype(torch.float64)
torch.manual_seed(20261122)

ROOT = pathlib.Path(__file__).parent.parent
NEIGHBOURS, BINS, EDGE = 10, 24, 4.0
RIDGES = [1.0, 1e-1, 1e-2, 1e-3, 1e-4]
# The coefficient that the networks were trained with.
COEFFICIENT = 0.5
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
        return float((p[used] * np.log(p[used] / q[used])).sum())

    middle = (share + mass) / 2
    used = share > 0
    # Half of the second derivative times the variance of a share.
    js_bias = (0.25 * (1 - share) * mass / (share + mass))[used].sum() / len(codes)
    kl_bias = (0.5 * (1 - share))[used].sum() / len(codes)
    return (kl(share, middle) + kl(mass, middle)) / 2 - js_bias, kl(share, mass) - kl_bias


def neighbour_kl_to_prior(codes, k=5):
    count, latent = codes.shape
    distances = cKDTree(codes).query(codes, k + 1)[0][:, k]
    log_ball = latent / 2 * math.log(math.pi) - gammaln(latent / 2 + 1)
    entropy = digamma(count) - digamma(k) + log_ball + latent * np.log(distances).mean()
    return float(-entropy + latent / 2 * LOG_2_PI + 0.5 * (codes**2).sum(1).mean())


def information_upper(mean, log_var):
    covariance = torch.cov(mean.T, correction=0) + torch.diag(log_var.exp().mean(0))
    return 0.5 * (torch.logdet(covariance) - log_var.sum(1).mean()).item()


def probe_accuracies(train, train_labels, parts):
    """A multinomial logistic regression for each ridge; the best one on the first part, by its accuracy on both."""
    shift, scale = train.mean(0), train.std(0, correction=0)
    labels = torch.tensor(train_labels, dtype=torch.long)
    best = None
    for ridge in RIDGES:
        weights = torch.zeros(train.shape[1], 10, requires_grad=True)
        intercepts = torch.zeros(10, requires_grad=True)
        optimizer = torch.optim.LBFGS([weights, intercepts], max_iter=1000, tolerance_grad=1e-8, line_search_fn="strong_wolfe")

        def loss():
            optimizer.zero_grad()
            scores = ((train - shift) / scale) @ weights + intercepts
            value = F.cross_entropy(scores, labels) + ridge / 2 * (weights**2).sum()
            value.backward()
            return value

        optimizer.step(loss)
        with torch.no_grad():
            found = [
                float(((((codes - shift) / scale) @ weights + intercepts).argmax(1).numpy() == truth).mean())
                for codes, truth in parts
            ]
        if best is None or found[0] > best[0]:
            best = found
    return best


def log_likelihoods(network, images, mean, log_var):
    """log p(x) of each image."""
    count, latent = mean.shape
    if latent == 2:
        low, high = torch.minimum(mean.min(0).values, torch.tensor(-6.0)), torch.maximum(mean.max(0).values, torch.tensor(6.0))
        steps = 320
        axes = [low[d] + (high[d] - low[d]) * (torch.arange(steps) + 0.5) / steps for d in (0, 1)]
        log_area = sum(math.log((high[d] - low[d]).item() / steps) for d in (0, 1))
        total = torch.full((count,), -math.inf)
        for x in axes[0]:
            codes = torch.stack([x.expand(steps), axes[1]], 1)
            logits = network.layer("decoder.logits", F.relu(network.layer("decoder.hidden.0", codes)))
            values = images @ logits.T - F.softplus(logits).sum(1) - 0.5 * (codes**2).sum(1) - LOG_2_PI
            total = torch.logaddexp(total, torch.logsumexp(values, 1))
        return total + log_area
    precision = 1 + COEFFICIENT * ((-log_var).exp() - 1).clamp(min=0)
    centre = COEFFICIENT * (-log_var).exp() * mean / precision
    spread = torch.log(1.3 / precision)
    samples, prior, found = 2000, torch.zeros(()), []
    for x, m, l in zip(images.split(10), centre.split(10), spread.split(10)):
        z = m[:, None] + torch.exp(l[:, None] / 2) * torch.randn(len(x), samples, latent)
        log_weights = network.log_likelihood(z, x[:, None].expand(-1, samples, -1))
        log_weights = log_weights + (log_normal(z, prior, prior) - log_normal(z, m[:, None], l[:, None])).sum(-1)
        found.append(torch.logsumexp(log_weights, 1) - math.log(samples))
    return torch.cat(found)


def nearest_neighbour_accuracy(train, train_labels, test, test_labels):
    right = 0
    for means, labels in zip(test.split(500), np.split(test_labels, range(500, len(test), 500))):
        distances = ((means[:, None, :] - train[None, :, :]) ** 2).sum(-1) if len(train) < 10_000 else torch.cdist(means, train)
        nearest = distances.topk(NEIGHBOURS, largest=False).indices.numpy()
        votes = [np.bincount(train_labels[row], minlength=10).argmax() for row in nearest]
        right += int((np.array(votes) == labels).sum())
    return right / len(test)


def once(mean, log_var, widest):
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
        "js_to_prior_nats": js,
        "kl_to_prior_nats": kl,
        "neighbour_kl_to_prior_nats": neighbour_kl_to_prior(codes.numpy()),
    }
    for d in range(latent):
        found[f"z_mean_{d}"] = codes[:, d].mean().item()
        found[f"z_std_{d}"] = codes[:, d].std(correction=0).item()
    return found


def measure(path, train_images, test_images, repetitions):
    network = Network(weights(path))
    train, train_labels = mnist("train", train_images)
    test, test_labels = mnist("t10k", test_images)
    mean, log_var = network.encode(test)
    kl_of_images = 0.5 * (mean**2 + log_var.exp() - 1 - log_var)
    kl_per_dim = kl_of_images.mean(0)
    widest = sorted(kl_per_dim.argsort(descending=True)[:2].tolist())
    drawn = [once(mean, log_var, widest) for _ in range(repetitions)]
    train_mean = network.encode(train)[0]
    parts = [(mean[first::2], test_labels[first::2]) for first in (0, 1)]
    choose_probe, report_probe = probe_accuracies(train_mean, train_labels, parts)
    nll = -log_likelihoods(network, test, mean, log_var)
    return {
        "kl_per_dim": kl_per_dim.tolist(),
        "collapsed_share": (kl_of_images < 0.01).double().mean(0).tolist(),
        "posterior_variance": log_var.exp().mean(0).tolist(),
        "active_units": int((mean.var(0, correction=0) > 0.01).sum()),
        "information_upper": information_upper(mean, log_var),
        "knn_accuracy": nearest_neighbour_accuracy(train_mean, train_labels, mean, test_labels),
        "probe_accuracy": {"choose": choose_probe, "report": report_probe},
        "nll": {"choose": nll[0::2].mean().item(), "report": nll[1::2].mean().item()},
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
