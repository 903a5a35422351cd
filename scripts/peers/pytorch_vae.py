"""The classic configuration in PyTorch, eager, the coefficients one after another; or another network on other images."""

import argparse

import numpy as np
import torch
from torch.nn import functional

from mnist import ADAM, BATCH, HIDDEN, LATENT, Clock, glorot_layers, images_of, report, training_images


def linear(weight, bias):
    layer = torch.nn.Linear(*weight.shape)
    layer.weight.data = torch.from_numpy(weight.T.copy())
    layer.bias.data = torch.from_numpy(bias)
    return layer


ACTIVATIONS = {"relu": torch.nn.ReLU, "gelu": torch.nn.GELU}


def hidden_layers(layers, args):
    parts = []
    for layer in layers:
        parts.append(layer)
        if args.norm == "layer":
            parts.append(torch.nn.LayerNorm(layer.out_features))
        parts.append(ACTIVATIONS[args.activation]())
    return torch.nn.Sequential(*parts)


class Vae(torch.nn.Module):
    def __init__(self, args):
        super().__init__()
        layers = [linear(*layer) for layer in glorot_layers(np.random.default_rng(0), args.hidden, args.latent)]
        hidden = (len(layers) - 3) // 2
        self.encoder = hidden_layers(layers[:hidden], args)
        self.mean, self.log_var = layers[hidden : hidden + 2]
        self.decoder = torch.nn.Sequential(hidden_layers(layers[hidden + 2 : -1], args), layers[-1])

    def forward(self, images):
        features = self.encoder(images)
        mean, log_var = self.mean(features), self.log_var(features)
        codes = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
        return self.decoder(codes), mean, log_var


class ConvolutionalVae(Vae):
    """Convolutions of 4 x 4 with stride 2, a dense layer of the first hidden width, and the mirror back."""

    def __init__(self, args):
        torch.nn.Module.__init__(self)
        colours, whole = args.image
        channels, side = [colours, *args.convolutions], whole >> len(args.convolutions)
        width, flat = args.hidden[0], channels[-1] * side * side
        pairs = list(zip(channels, channels[1:]))
        down = [torch.nn.Conv2d(few, many, 4, 2, 1) for few, many in pairs]
        up = [torch.nn.ConvTranspose2d(many, few, 4, 2, 1) for few, many in reversed(pairs)]
        rectified = lambda layers: [part for layer in layers for part in (layer, torch.nn.ReLU())]
        self.encoder = torch.nn.Sequential(
            torch.nn.Unflatten(1, (colours, whole, whole)), *rectified(down), torch.nn.Flatten(), *rectified([torch.nn.Linear(flat, width)])
        )
        self.mean, self.log_var = torch.nn.Linear(width, args.latent), torch.nn.Linear(width, args.latent)
        dense = rectified([torch.nn.Linear(args.latent, width), torch.nn.Linear(width, flat)])
        unflatten = torch.nn.Unflatten(1, (channels[-1], side, side))
        self.decoder = torch.nn.Sequential(*dense, unflatten, *rectified(up)[:-1], torch.nn.Flatten())
        for layer in self.modules():
            if isinstance(layer, (torch.nn.Linear, torch.nn.Conv2d, torch.nn.ConvTranspose2d)):
                torch.nn.init.xavier_uniform_(layer.weight)
                torch.nn.init.zeros_(layer.bias)


def bernoulli(logits, batch):
    return functional.binary_cross_entropy_with_logits(logits, batch, reduction="sum")


def gaussian(means, batch):
    """Of the variance that is best for the batch: sigma-VAE (Rybkin et al. 2021)."""
    variance = functional.mse_loss(means, batch)
    return 0.5 * batch.numel() * (torch.log(2 * torch.pi * variance) + 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--coefficients", type=float, nargs="+", default=[1.0])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--fused", action="store_true", help="the fused Adam: its fair form")
    parser.add_argument("--best", action="store_true", help="flush denormals to zero besides")
    parser.add_argument("--hidden", type=int, nargs="+", default=HIDDEN, help="widths of the encoder's hidden layers")
    parser.add_argument("--latent", type=int, default=LATENT)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--convolutions", type=int, nargs="*", default=[], help="channels of the encoder's convolutions")
    parser.add_argument("--activation", choices=ACTIVATIONS, default="relu")
    parser.add_argument("--norm", choices=["none", "layer"], default="none")
    parser.add_argument("--array", help="square images of an .npz file, with convolutions and Gaussian pixels, instead of MNIST")
    parser.add_argument("--images", type=int, help="train on so many of the images")
    parser.add_argument("--device", default="cpu", help="cuda: a graphics card")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    if args.best:
        torch.set_flush_denormal(True)
    torch.manual_seed(0)
    images = images_of(args.array) if args.array else training_images().reshape(-1, 1, 28, 28)
    args.image = images.shape[1:3]
    images = torch.from_numpy(images[: args.images]).flatten(1).to(args.device)
    nll = gaussian if args.array else bernoulli
    clocks, objectives = [], []
    for coefficient in args.coefficients:
        vae = (ConvolutionalVae if args.convolutions else Vae)(args).to(args.device)
        adam = torch.optim.Adam(
            vae.parameters(),
            lr=ADAM["learning_rate"],
            betas=(ADAM["beta_1"], ADAM["beta_2"]),
            eps=ADAM["epsilon"],
            fused=args.fused or args.best,
        )
        for _ in range(args.epochs):
            clock = Clock()
            total = torch.zeros((), device=args.device)
            for positions in torch.randperm(len(images), device=args.device).split(args.batch):
                batch = images[positions]
                logits, mean, log_var = vae(batch)
                reconstruction = nll(logits, batch)
                kl = 0.5 * (mean.square() + log_var.exp() - log_var - 1).sum()
                objective = (reconstruction + coefficient * kl) / len(batch)
                adam.zero_grad()
                objective.backward()
                adam.step()
                total += objective.detach() * len(batch)
            objective = float(total) / len(images)
            clocks.append(clock.read())
        objectives.append(objective)
    report(clocks, objectives)


main()
