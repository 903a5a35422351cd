"""Reference values of the model crate from PyTorch, in 64-bit floats.

    pip install torch==2.15.0
    python scripts/reference_model.py > crates/model/tests/reference_model.json

Two parts: the Bernoulli reconstruction with its gradient at ordinary and extreme logits, and two training steps of a
small variational autoencoder from given weights, images and noise, with every gradient and every updated weight.
"""

import json

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.manual_seed(20261122)

BATCH, PIXELS, HIDDEN, LATENT = 5, 12, 7, 2
KL_COEFFICIENT = 0.7
LEARNING_RATE, BETAS, EPSILON = 1e-3, (0.9, 0.999), 1e-7


def single(tensor):
    """The tensor rounded to 32-bit floats, so that both sides start from the same numbers."""
    return tensor.to(torch.float32).to(torch.float64)


def reconstruction(logits, images):
    return F.binary_cross_entropy_with_logits(logits, images, reduction="sum") / len(images)


def reconstruction_reference():
    extreme = torch.tensor([-100.0, -20.0, -1.0, -1e-3, 0.0, 1e-3, 1.0, 20.0, 100.0])
    logits = extreme.repeat(3, 1).requires_grad_()
    images = single(torch.stack([torch.zeros(9), torch.ones(9), torch.rand(9)]))
    loss = reconstruction(logits, images)
    loss.backward()
    return {"logits": logits.tolist(), "images": images.tolist(), "loss": loss.item(), "gradient": logits.grad.tolist()}


def training_reference():
    shapes = {  # PyTorch's linear layers hold [outputs, inputs], Burn's [inputs, outputs]: the latter here
        "encoder.hidden.0": (PIXELS, HIDDEN),
        "encoder.mean": (HIDDEN, LATENT),
        "encoder.log_var": (HIDDEN, LATENT),
        "decoder.hidden.0": (LATENT, HIDDEN),
        "decoder.logits": (HIDDEN, PIXELS),
    }
    parameters = {}
    for name, (inputs, outputs) in shapes.items():
        parameters[f"{name}.weight"] = single(torch.randn(inputs, outputs) * 0.5).requires_grad_()
        parameters[f"{name}.bias"] = single(torch.randn(outputs) * 0.1).requires_grad_()
    optimizer = torch.optim.Adam(parameters.values(), lr=LEARNING_RATE, betas=BETAS, eps=EPSILON)

    def layer(name, values):
        return F.linear(values, parameters[f"{name}.weight"].T, parameters[f"{name}.bias"])

    def values():
        return {name: parameter.detach().tolist() for name, parameter in parameters.items()}

    reference = {"kl_coefficient": KL_COEFFICIENT, "initial": values(), "steps": []}
    for _ in range(2):  # the second step is the first in which the moments matter
        images = single(torch.rand(BATCH, PIXELS))
        noise = single(torch.randn(BATCH, LATENT))
        features = F.relu(layer("encoder.hidden.0", images))
        mean, log_var = layer("encoder.mean", features), layer("encoder.log_var", features)
        codes = mean + torch.exp(log_var / 2) * noise
        logits = layer("decoder.logits", F.relu(layer("decoder.hidden.0", codes)))
        distortion = reconstruction(logits, images)
        kl = -0.5 * (1 + log_var - mean**2 - log_var.exp()).sum() / BATCH
        objective = distortion + KL_COEFFICIENT * kl
        optimizer.zero_grad()
        objective.backward()
        gradients = {name: parameter.grad.tolist() for name, parameter in parameters.items()}
        optimizer.step()
        reference["steps"].append(
            {
                "images": images.tolist(),
                "noise": noise.tolist(),
                "reconstruction": distortion.item(),
                "kl": kl.item(),
                "objective": objective.item(),
                "gradients": gradients,
                "updated": values(),
            }
        )
    return reference


print(json.dumps({"reconstruction": reconstruction_reference(), "training": training_reference()}))
