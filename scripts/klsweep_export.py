"""Writes what `klsweep audit` reads, from a model of PyTorch, Keras or anything that gives arrays. It needs NumPy alone: copy it.

    from klsweep_export import export
    export("audit", c=0.1, seed=0, encode=encode, decode=decode, images=test_images, labels=test_labels,
           train_images=train_images, train_labels=train_labels)

`encode(batch)` gives the means and the log-variances of the posteriors, `decode(codes)` what the decoder makes of codes (say with
`klsweep audit --likelihood` what that means), both for a batch of NumPy arrays. For PyTorch, without gradients:

    encode = lambda batch: model.encode(torch.from_numpy(batch))
    decode = lambda codes: model.decode(torch.from_numpy(codes))

Call it once for each network. The networks have to see the same images in the same order.
"""

import os

import numpy as np


def to_numpy(values):
    """A NumPy array of 32-bit numbers, whatever the framework's tensor is."""
    for step in ("detach", "cpu", "numpy"):
        if hasattr(values, step):
            values = getattr(values, step)()
    values = np.asarray(values)
    return values if values.dtype == np.uint8 else values.astype(np.float32)


def in_batches(function, rows, batch):
    """The outputs of a function for some rows, batch by batch, each output in one array."""
    found = [function(rows[start : start + batch]) for start in range(0, len(rows), batch)]
    several = isinstance(found[0], (tuple, list))
    columns = zip(*found) if several else [found]
    arrays = [np.concatenate([to_numpy(part) for part in column]) for column in columns]
    return arrays if several else arrays[0]


def export(folder, c, encode, images, *, seed=0, decode=None, labels=None, losses=None, train_images=None, train_labels=None, batch=500):
    """Writes the arrays of one network to `folder/c=C/seed=SEED/`, and what all networks share to `folder/`.

    `losses`: the reconstruction loss of each image, summed over its pixels, for one code each; if it is not given, klsweep computes
    it from the decoded images. `train_images` are needed for what is learnt from codes: classifiers.
    """
    member = os.path.join(folder, f"c={c}", f"seed={seed}")
    os.makedirs(member, exist_ok=True)

    def save(where, name, array):
        np.save(os.path.join(where, name + ".npy"), np.ascontiguousarray(to_numpy(array)))

    parts = [("", images, labels), ("train_", train_images, train_labels)]
    for part, rows, classes in parts:
        if rows is None:
            continue
        means, log_vars = in_batches(encode, rows, batch)
        save(member, part + "means", means)
        save(member, part + "log_vars", log_vars)
        save(folder, part + "images", rows)
        if classes is not None:
            save(folder, part + "labels", np.asarray(classes, np.uint8))
        if decode is not None:
            noise = np.random.default_rng(seed).standard_normal(means.shape)
            codes = (means + np.exp(0.5 * log_vars) * noise).astype(np.float32)
            save(member, part + "decoded", in_batches(decode, codes, batch))
    if losses is not None:
        save(member, "losses", losses)
