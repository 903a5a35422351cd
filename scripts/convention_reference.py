"""Writes crates/report/src/convention_reference.csv: what coefficient each library's own loss has here.

    pip install torch pythae scvi-tools keras
    KERAS_BACKEND=torch python scripts/convention_reference.py

A loss is `A * D + B * KL` up to a constant, with the distortion D and the KL as klsweep sums them. Its gradient in the output
of the decoder is A times that of D, its gradient in the mean of the posterior B times that of the KL: the coefficient here is
B / A. Where the library can be installed its own loss is called; AntixK's PyTorch-VAE, the latent diffusion of CompVis and
Keras's example are no packages, so their lines are copied from the file named beside them.
"""

import os
import pathlib
import types

os.environ.setdefault("KERAS_BACKEND", "torch")
import keras
import torch
import torch.nn.functional as F
from pythae.models import BetaVAE

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
BATCH = 5


def kl_of(mean, log_var):
    return -0.5 * (1 + log_var - mean**2 - log_var.exp()).flatten(1).sum(1)


DISTORTIONS = {
    "bernoulli": lambda x, output: F.binary_cross_entropy(output, x, reduction="none").flatten(1).sum(1).mean(),
    "gaussian": lambda x, output: 0.5 * ((x - output) ** 2).flatten(1).sum(1).mean(),
    "laplace": lambda x, output: (x - output).abs().flatten(1).sum(1).mean(),
}


def ratio(found, reference):
    """By how much a gradient is longer than another one in the same direction."""
    scale = (found * reference).sum() / (reference**2).sum()
    assert torch.allclose(found, scale * reference, rtol=1e-4, atol=1e-12), "the gradients differ in more than a factor"
    return scale.item()


def coefficient(loss, distortion, x, output, mean, log_var):
    of_loss = torch.autograd.grad(loss(x, output, mean, log_var), (output, mean))
    (of_distortion,) = torch.autograd.grad(distortion(x, output), output)
    (of_kl,) = torch.autograd.grad(kl_of(mean, log_var).mean(), mean)
    return ratio(of_loss[1], of_kl) / ratio(of_loss[0], of_distortion)


def pythae(kind, beta):
    model = types.SimpleNamespace(model_config=types.SimpleNamespace(reconstruction_loss=kind), beta=beta)
    return lambda x, output, mean, log_var: BetaVAE.loss_function(model, output, x, mean, log_var, None)[0]


def pytorch_vae(kld_weight):
    """AntixK/PyTorch-VAE, models/vanilla_vae.py, loss_function."""

    def loss(x, output, mu, log_var):
        recons_loss = F.mse_loss(output, x)
        kld_loss = torch.mean(-0.5 * torch.sum(1 + log_var - mu**2 - log_var.exp(), dim=1), dim=0)
        return recons_loss + kld_weight * kld_loss

    return loss


def keras_example(weight):
    """keras.io/examples/generative/vae, train_step; channels come last there."""

    def loss(data, reconstruction, z_mean, z_log_var):
        data, reconstruction = (images.permute(0, 2, 3, 1) for images in (data, reconstruction))
        reconstruction_loss = keras.ops.mean(
            keras.ops.sum(keras.losses.binary_crossentropy(data, reconstruction), axis=(1, 2)),
        )
        kl_loss = -0.5 * (1 + z_log_var - keras.ops.square(z_mean) - keras.ops.exp(z_log_var))
        kl_loss = keras.ops.mean(keras.ops.sum(kl_loss, axis=1))
        return reconstruction_loss + weight * kl_loss

    return loss


def latent_diffusion(kl_weight):
    """CompVis/latent-diffusion, ldm/modules/losses/contperceptual.py, with logvar = 0 as initialised and the perceptual and
    adversarial terms left out."""

    def loss(inputs, reconstructions, mean, log_var):
        rec_loss = torch.abs(inputs.contiguous() - reconstructions.contiguous())
        nll_loss = torch.sum(rec_loss) / rec_loss.shape[0]
        kl_loss = kl_of(mean, log_var)
        kl_loss = torch.sum(kl_loss) / kl_loss.shape[0]
        return nll_loss + kl_weight * kl_loss

    return loss


def written_out(distortion, of_distortion, of_kl):
    """A loss as its formula has it."""
    return lambda x, output, mean, log_var: of_distortion * DISTORTIONS[distortion](x, output) + of_kl * kl_of(
        mean, log_var
    ).mean()


def scvi_tools(kl_weight, genes, latent):
    """The coefficient in the loss of scvi-tools' own module, by the gradients of its loss in reconstruction and KL."""
    from scvi import REGISTRY_KEYS
    from scvi.module import VAE
    from scvi.module._constants import MODULE_KEYS
    from torch.distributions import Normal
    from scvi.distributions import ZeroInflatedNegativeBinomial

    module = VAE(n_input=genes, n_latent=latent)
    counts = torch.poisson(torch.full((BATCH, genes), 3.0))
    mu = torch.rand(BATCH, genes).add(0.5).requires_grad_()
    mean, scale = torch.randn(BATCH, latent, requires_grad=True), torch.rand(BATCH, latent) + 0.5
    px = ZeroInflatedNegativeBinomial(mu=mu, theta=torch.full((genes,), 2.0), zi_logits=torch.zeros(BATCH, genes))
    qz, pz = Normal(mean, scale), Normal(torch.zeros_like(mean), torch.ones_like(scale))
    found = module.loss(
        {REGISTRY_KEYS.X_KEY: counts},
        {MODULE_KEYS.QZ_KEY: qz, MODULE_KEYS.QL_KEY: None, MODULE_KEYS.Z_KEY: mean},
        {MODULE_KEYS.PX_KEY: px, MODULE_KEYS.PL_KEY: None, MODULE_KEYS.PZ_KEY: pz},
        kl_weight=kl_weight,
    )
    of_loss = torch.autograd.grad(found.loss, (mu, mean))
    (of_distortion,) = torch.autograd.grad(-px.log_prob(counts).sum(-1).mean(), mu)
    (of_kl,) = torch.autograd.grad(kl_of(mean, 2 * scale.log()).mean(), mean)
    return ratio(of_loss[1], of_kl) / ratio(of_loss[0], of_distortion)


def rows():
    for channels, side, latent in [(1, 28, 2), (3, 64, 128)]:
        pixels = channels * side * side
        x = torch.rand(BATCH, channels, side, side)
        output = torch.rand_like(x).mul(0.9).add(0.05).requires_grad_()
        mean, log_var = torch.randn(BATCH, latent, requires_grad=True), torch.randn(BATCH, latent)
        sigma = 1.3
        losses = [
            ("klsweep", 2.0, "bernoulli", written_out("bernoulli", 1, 2.0)),
            ("beta-norm", 0.01, "bernoulli", written_out("bernoulli", 1, 0.01 * pixels / latent)),
            ("bce-sum", 2.0, "bernoulli", lambda x, output, *q: F.binary_cross_entropy(output, x, reduction="sum") / BATCH + 2 * kl_of(*q).mean()),
            ("bce-mean", 0.001, "bernoulli", lambda x, output, *q: F.binary_cross_entropy(output, x) + 0.001 * kl_of(*q).mean()),
            ("mse-mean", 0.001, "gaussian", lambda x, output, *q: F.mse_loss(output, x) + 0.001 * kl_of(*q).mean()),
            ("mse-sum", 4.0, "gaussian", lambda x, output, *q: F.mse_loss(output, x, reduction="sum") / BATCH + 4 * kl_of(*q).mean()),
            (
                "sigma",
                sigma,
                "gaussian",
                lambda x, output, *q: -torch.distributions.Normal(output, sigma).log_prob(x).sum() / BATCH + kl_of(*q).mean(),
            ),
            ("pytorch-vae", 0.00025, "gaussian", pytorch_vae(0.00025)),
            ("keras", 1.0, "bernoulli", keras_example(1.0)),
            ("pythae-mse", 4.0, "gaussian", pythae("mse", 4.0)),
            ("pythae-bce", 4.0, "bernoulli", pythae("bce", 4.0)),
            ("latent-diffusion", 1e-6, "laplace", latent_diffusion(1e-6)),
        ]
        for name, value, distortion, loss in losses:
            yield name, channels, pixels, latent, value, coefficient(loss, DISTORTIONS[distortion], x, output, mean, log_var)
    torch.set_default_dtype(torch.float32)
    yield "scvi-tools", 1, 50, 10, 0.5, scvi_tools(0.5, genes=50, latent=10)


def main():
    path = pathlib.Path(__file__).parent.parent / "crates/report/src/convention_reference.csv"
    lines = ["name,channels,pixels,latent,value,c"]
    lines += [",".join(str(cell) for cell in row) for row in rows()]
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
