"""Reference values of the model crate from PyTorch, in 64-bit floats.

    pip install torch==2.15.0
    python scripts/reference_model.py > crates/model/tests/reference_model.json

Three parts: the Bernoulli reconstruction with its gradient at ordinary and extreme logits, every likelihood with its
gradients by PyTorch's own distributions, and two training steps of a small variational autoencoder from given weights,
images and noise, with every gradient and every updated weight.
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


def logistic_log_prob(levels, location, log_scale):
    """Of 256 levels from 0 to 1, by differences of the distribution function; PyTorch has no such distribution."""
    logistic = torch.distributions.TransformedDistribution(
        torch.distributions.Uniform(torch.zeros(()), torch.ones(())),
        [torch.distributions.SigmoidTransform().inv, torch.distributions.AffineTransform(location, log_scale.exp())],
    )
    below = torch.where(levels == 0, torch.zeros(()), logistic.cdf(levels - 0.5 / 255))
    upper = torch.where(levels == 1, torch.ones(()), logistic.cdf(levels + 0.5 / 255))
    return (upper - below).log()


LIKELIHOODS = {  # by the name in a configuration: log-density of the values, given the outputs and the scales
    "bernoulli": lambda x, output, _: torch.distributions.Bernoulli(logits=output).log_prob(x.round()),
    "continuous_bernoulli": lambda x, output, _: torch.distributions.ContinuousBernoulli(logits=output).log_prob(x),
    "gaussian": lambda x, output, log_variance: torch.distributions.Normal(output, (log_variance / 2).exp()).log_prob(x),
    "discretised_logistic": logistic_log_prob,
}


def likelihood_references():
    references = {}
    for name, log_prob in LIKELIHOODS.items():
        values = torch.randint(0, 256, (BATCH, PIXELS)) / 255.0
        values[0, :3], values[1, :3] = 0.0, 1.0
        values = single(values.round() if name == "bernoulli" else values)
        scaled = name in ("gaussian", "discretised_logistic")
        spread = 0.5 if scaled else 4.0
        outputs = single(torch.randn(BATCH, PIXELS) * spread).requires_grad_()
        log_scales = single(torch.randn(PIXELS) * 0.5 - 1.0).requires_grad_()
        losses = -log_prob(values, outputs, log_scales).sum(1)
        upstream = single(torch.rand(BATCH))
        (losses * upstream).sum().backward()
        references[name] = {
            "outputs": outputs.tolist(),
            "values": values.tolist(),
            "log_scales": log_scales.tolist() if scaled else [],
            "upstream": upstream.tolist(),
            "nll": losses.tolist(),
            "of_outputs": outputs.grad.tolist(),
            "of_log_scales": log_scales.grad.tolist() if scaled else [],
        }
    return references


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


# In this order, so that what is added draws no numbers of what was there.
reference = {"reconstruction": reconstruction_reference(), "training": training_reference()}
print(json.dumps(reference | {"likelihoods": likelihood_references()}))
