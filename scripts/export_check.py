"""Checks what `klsweep export` wrote: PyTorch and ONNX give the numbers of klsweep itself.

    python scripts/export_check.py EXPORT CODES.npy DECODED.npy IMAGES.npy ENCODED.npy

EXPORT: the folder. DECODED: what `klsweep decode RUN --c C CODES.npy` gave, ENCODED: `klsweep encode --log-vars` of IMAGES, of a
network of bytes from 0 to 1. It needs onnxruntime; PyTorch and safetensors where they are installed, and NumPy for its twin. `onnx` checks the
files where it is installed.
"""

import importlib.util
import json
import re
import sys
from pathlib import Path

import numpy as np

# Sums of hundreds of 32-bit products in another order.
TOLERANCE = 1e-5


def compare(what, found, expected):
    error = np.abs(found - expected).max() / max(1.0, np.abs(expected).max())
    print(f"{what}: {error:.1e} of {TOLERANCE:.0e}")
    if not error < TOLERANCE:
        sys.exit(f"{what} differs")


def safetensors(path):
    """The arrays of a file, without the package."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    part = lambda entry: np.frombuffer(data[8 + length :], "<f4", offset=entry["data_offsets"][0], count=int(np.prod(entry["shape"])))
    return {name: part(entry).reshape(entry["shape"]) for name, entry in header.items()}


def twin(weights, codes):
    """The decoder's outputs by NumPy alone."""
    places = sorted(int(name.split(".")[1]) for name in weights if name.startswith("decoder.") and name.endswith("weight"))
    values = codes
    for place in places:
        values = values @ weights[f"decoder.{place}.weight"].T + weights[f"decoder.{place}.bias"]
        if place != places[-1]:
            values = np.maximum(values, 0)
    return values


def main():
    folder = Path(sys.argv[1])
    codes, decoded, images, encoded = (np.load(path) for path in sys.argv[2:6])
    # Beyond black and white, where means of Gaussian pixels may lie, a network of bytes saw nothing, and `klsweep encode` shows it nothing.
    decoded, images = decoded.reshape(len(decoded), -1), images.reshape(len(images), -1).clip(0, 1)
    latent = codes.shape[1]
    import onnxruntime

    sessions = {part: onnxruntime.InferenceSession(folder / f"{part}.onnx") for part in ("encoder", "decoder")}
    # The batch has any size.
    for rows in (1, len(codes)):
        outputs, means = sessions["decoder"].run(["outputs", "means"], {"codes": codes[:rows]})
        compare(f"decoder.onnx, {rows} codes", means, decoded[:rows])
    mean, log_var = sessions["encoder"].run(["mean", "log_var"], {"images": images})
    compare("encoder.onnx, means", mean, encoded[:, :latent])
    compare("encoder.onnx, log-variances", log_var, encoded[:, latent:])
    decoder = next(line for line in (folder / "model.py").read_text().splitlines() if "self.decoder =" in line)
    # The twin knows dense layers and relu.
    if set(re.findall(r"nn\.(\w+)", decoder)) <= {"Sequential", "Linear", "ReLU"}:
        compare("model.safetensors by NumPy, outputs", twin(safetensors(folder / "model.safetensors"), codes), outputs)
    if importlib.util.find_spec("onnx"):
        import onnx

        for part in sessions:
            onnx.checker.check_model(onnx.load(folder / f"{part}.onnx"), full_check=True)
        print("onnx.checker: both files are sound")
    if importlib.util.find_spec("torch"):
        import torch

        spec = importlib.util.spec_from_file_location("model", folder / "model.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        vae = module.load()
        with torch.no_grad():
            compare("model.py, decode", vae.decode(torch.from_numpy(codes)).numpy(), decoded)
            mean, log_var = vae.encode(torch.from_numpy(images))
            compare("model.py, means", mean.numpy(), encoded[:, :latent])
            compare("model.py, log-variances", log_var.numpy(), encoded[:, latent:])


if __name__ == "__main__":
    main()
