"""Trains small networks with PyTorch, writes their arrays with klsweep_export.py and the networks as ONNX files, and what `klsweep audit`
has to find in them.

    python scripts/audit_reference.py

It needs PyTorch, onnxscript, SciPy and scikit-learn, and writes tests/audit/. Every number is computed here from the arrays, by definitions and
by these libraries, with nothing of klsweep; the test `audit` holds klsweep to them.
"""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from scipy.spatial import cKDTree
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression
from torch import nn

from klsweep_export import export

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "tests" / "audit"
EPOCHS = 60
TEST = 240
RIDGES = [1.0, 1e-1, 1e-2, 1e-3, 1e-4]


def digits():
    """The images and classes of tests/data/digits.csv: 600 of 8 x 8 pixels."""
    rows = list(csv.reader(open(ROOT / "tests" / "data" / "digits.csv")))
    pixels = [place for place, name in enumerate(rows[0]) if name.startswith("pixel_")]
    label = next(place for place in range(len(rows[0])) if place not in pixels)
    images = np.array([[float(row[place]) for place in pixels] for row in rows[1:]], np.float32)
    images /= images.max()
    return images.reshape(-1, 1, 8, 8), np.array([int(row[label]) for row in rows[1:]], np.uint8)


class Dense(nn.Module):
    """64-32-2-32-64, probabilities of white pixels."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU())
        self.mean, self.log_var = nn.Linear(32, 2), nn.Linear(32, 2)
        self.decoder = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 64), nn.Sigmoid(), nn.Unflatten(1, (1, 8, 8)))

    def encode(self, images):
        features = self.body(images)
        return self.mean(features), self.log_var(features)

    decode = property(lambda self: self.decoder)
    loss = staticmethod(lambda decoded, images: nn.functional.binary_cross_entropy(decoded, images, reduction="sum"))


class Spatial(nn.Module):
    """Convolutions with codes of 2 x 2 x 2, means of Gaussian pixels of variance 0.1."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 8, 4, 2, 1), nn.SiLU(), nn.Conv2d(8, 4, 4, 2, 1))
        self.decoder = nn.Sequential(nn.ConvTranspose2d(2, 8, 4, 2, 1), nn.SiLU(), nn.ConvTranspose2d(8, 1, 4, 2, 1))

    def encode(self, images):
        return self.body(images).chunk(2, dim=1)

    decode = property(lambda self: self.decoder)
    loss = staticmethod(lambda decoded, images: ((decoded - images) ** 2).sum() / (2 * 0.1))


class Encoder(nn.Module):
    """A model's encoder by itself."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images):
        return self.model.encode(images)


def to_onnx(model, member):
    """Both halves as PyTorch writes them: of any number of rows, by the exporter of today, whose numbers stand in files beside them; or
    of 40 rows, by the older one, the encoder with means and log-variances as the halves of its channels."""
    if isinstance(model, Dense):
        batch = {0: torch.export.Dim("batch")}
        for name, part, rows, outputs in [
            ("encoder", Encoder(model), torch.zeros(2, 1, 8, 8), ["mean", "log_var"]),
            ("decoder", model.decoder, torch.zeros(2, 2), ["decoded"]),
        ]:
            torch.onnx.export(
                part, (rows,), member / f"{name}.onnx", output_names=outputs, dynamic_shapes=(batch,), dynamo=True, external_data=True
            )
    else:
        torch.onnx.export(model.body, (torch.zeros(40, 1, 8, 8),), member / "encoder.onnx", dynamo=False)
        torch.onnx.export(model.decoder, (torch.zeros(40, 2, 2, 2),), member / "decoder.onnx", dynamo=False)


def log_likelihoods(model, images, reach=8.0, step=0.02):
    """log p(x) of each image by a sum over a lattice of codes of two dimensions, in 64-bit numbers."""
    logits = nn.Sequential(*list(model.decoder)[:-2]).double()
    axis = np.arange(-reach, reach + step / 2, step)
    pixels = torch.from_numpy(images.reshape(len(images), -1).astype(np.float64))
    rows = []
    for second in axis:
        codes = torch.from_numpy(np.stack([axis, np.full_like(axis, second)], 1))
        with torch.no_grad():
            l = logits(codes)
        of_codes = pixels @ l.T - nn.functional.softplus(l).sum(1)
        prior = -0.5 * (codes**2).sum(1) - np.log(2 * np.pi)
        rows.append(logsumexp((of_codes + prior).numpy(), 1))
    return logsumexp(rows, 0) + 2 * np.log(step)


def train(model, images, c, seed):
    torch.manual_seed(seed)
    model = model()
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    images = torch.from_numpy(images)
    for _ in range(EPOCHS):
        for batch in images[torch.randperm(len(images))].split(40):
            mean, log_var = model.encode(batch)
            decoded = model.decode(mean + (0.5 * log_var).exp() * torch.randn_like(mean))
            kl = -0.5 * (1 + log_var - mean**2 - log_var.exp()).sum()
            optimizer.zero_grad()
            ((model.loss(decoded, batch) + c * kl) / len(batch)).backward()
            optimizer.step()
    return model.eval()


def of_mean(values):
    values = np.asarray(values, np.float64)
    return {"value": values.mean(), "standard_error": values.std(ddof=1) / np.sqrt(len(values))}


def continuous_bernoulli(decoded, images):
    """-log of the density whose logit the decoder gives at a temperature, summed over images; the temperature that minimises it."""
    logits = np.log(decoded) - np.log1p(-decoded)

    def nll(inverse):
        l = logits * inverse
        # log of the integral of exp(l x) over [0, 1].
        safe = np.where(np.abs(l) < 1e-4, 1.0, l)
        normaliser = np.where(np.abs(l) < 1e-4, l / 2 + l**2 / 24, np.log(np.expm1(np.abs(safe)) / np.abs(safe)) + np.minimum(safe, 0))
        return (normaliser - images * l).sum(axis=1)

    best = minimize_scalar(lambda inverse: nll(inverse).sum(), bounds=(0.1, 10), method="bounded", options={"xatol": 1e-10}).x
    return 1 / best, nll(best)


def neighbours(train, classes, queries):
    """The class of most of the ten nearest, of several the smallest."""
    _, found = cKDTree(train).query(queries, 10)
    return np.array([np.bincount(classes[row], minlength=10).argmax() for row in found])


def probe(train, classes, choose, report, choose_classes):
    """Of several ridges the one that does best on the part that chooses; of those alike the greatest."""
    mean, deviation = train.mean(0), train.std(0)
    scaled = [(part - mean) / deviation for part in (train, choose, report)]
    best = None
    for ridge in RIDGES:
        fitted = LogisticRegression(C=1 / (ridge * len(train)), tol=1e-10, max_iter=10_000).fit(scaled[0], classes)
        found = [fitted.predict(part) for part in scaled[1:]]
        right = (found[0] == choose_classes).sum()
        if best is None or right > best[0]:
            best = (right, found)
    return best[1]


def expected(folder, c, seed, likelihood):
    member = folder / f"c={c}" / f"seed={seed}"
    load = lambda name: np.load((member if (member / f"{name}.npy").exists() else folder) / f"{name}.npy").astype(np.float64)
    flat = lambda name: load(name).reshape(len(load(name)), -1)
    means, log_vars, images, decoded = flat("means"), flat("log_vars"), flat("images"), flat("decoded")
    labels, train_labels = load("labels").astype(int), load("train_labels").astype(int)
    kl = 0.5 * (means**2 + np.exp(log_vars) - 1 - log_vars)
    if likelihood == "grey_bernoulli":
        losses = -(images * np.log(decoded) + (1 - images) * np.log1p(-decoded)).sum(1)
    else:
        losses = ((images - decoded) ** 2).sum(1) / 0.2 + 32 * np.log(2 * np.pi * 0.1)
    # The covariance of q(z), and what is left of the KL when a Normal of its moments takes the place of q(z).
    covariance = np.cov(means.T, bias=True) + np.diag(np.exp(log_vars).mean(0))
    information_upper = 0.5 * (np.linalg.slogdet(covariance)[1] - log_vars.sum(1).mean())
    parts = {"choose": slice(0, None, 2), "report": slice(1, None, 2)}
    # The likeliest noise, on the images that choose.
    chosen, chosen_images = decoded[parts["choose"]], images[parts["choose"]]
    if likelihood == "grey_bernoulli":
        temperature, nll = continuous_bernoulli(chosen, chosen_images)
    else:
        errors = ((chosen_images - chosen) ** 2).mean(1)
        temperature = errors.mean() / 0.1
        nll = 32 * (np.log(2 * np.pi * errors.mean()) + errors / errors.mean())
    train_means = flat("train_means")
    found = probe(train_means, train_labels, means[parts["choose"]], means[parts["report"]], labels[parts["choose"]])
    of_part = lambda part, classes: {
        "reconstruction": of_mean(losses[part]),
        "kl": of_mean(kl[part].sum(1)),
        "elbo_loss": of_mean((losses + kl.sum(1))[part]),
        "knn_accuracy": (neighbours(train_means, train_labels, means[part]) == labels[part]).mean(),
        "probe_accuracy": (classes == labels[part]).mean(),
    }
    return {
        "c": c,
        "seed": seed,
        "reconstruction": losses.mean(),
        "kl": kl.sum(1).mean(),
        "objective": (losses + c * kl.sum(1)).mean(),
        "elbo_loss": (losses + kl.sum(1)).mean(),
        "kl_per_dim": kl.mean(0).tolist(),
        "active_units": int((means.var(0) > 0.01).sum()),
        "posterior_variance": np.exp(log_vars).mean(0).tolist(),
        "collapsed_share": (kl < 0.01).mean(0).tolist(),
        "information_upper": information_upper,
        "temperature": temperature,
        "calibrated_elbo_loss": of_mean(nll + kl[parts["choose"]].sum(1)),
        "choose": of_part(parts["choose"], found[0]),
        "report": of_part(parts["report"], found[1]),
    }


def main():
    torch.set_num_threads(1)
    images, labels = digits()
    test, rest = slice(0, TEST), slice(TEST, None)
    shutil.rmtree(OUT, ignore_errors=True)
    reference = {"command": "python scripts/audit_reference.py", "torch": torch.__version__, "likelihoods": []}
    for name, model, likelihood, coefficients in [
        ("dense", Dense, "grey_bernoulli", [0.1, 1.0]),
        ("spatial", Spatial, "gaussian", [0.5, 2.0]),
    ]:
        folder, members = OUT / name, []
        for c in coefficients:
            for seed in [0, 1]:
                trained = train(model, images[rest], c, seed)
                with torch.no_grad():
                    export(
                        folder,
                        c,
                        lambda batch: trained.encode(torch.from_numpy(batch)),
                        images[test],
                        seed=seed,
                        decode=lambda codes: trained.decode(torch.from_numpy(codes)),
                        labels=labels[test],
                        train_images=images[rest],
                        train_labels=labels[rest],
                    )
                member = folder / f"c={c}" / f"seed={seed}"
                # Of training images, losses are not judged here: that keeps the files small.
                (member / "train_decoded.npy").unlink()
                members.append(expected(folder, c, seed, likelihood))
                to_onnx(trained, member)
                if model is Dense:
                    nll = -log_likelihoods(trained, images[test])
                    parts = {"choose": {"nll": {"mean": of_mean(nll[0::2])}}, "report": {"nll": {"mean": of_mean(nll[1::2])}}}
                    reference["likelihoods"].append({"c": c, "seed": seed, **parts})
        reference[name] = members
    (OUT / "expected.json").write_text(json.dumps(reference, indent=1) + "\n")
    print(f"{sum(file.stat().st_size for file in OUT.rglob('*') if file.is_file())} bytes in {OUT}")


if __name__ == "__main__":
    main()
