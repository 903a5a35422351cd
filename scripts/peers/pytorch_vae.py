"""The classic configuration in PyTorch, eager, the coefficients one after another."""

import argparse

import numpy as np
import torch
from torch.nn import functional

from mnist import ADAM, BATCH, HIDDEN, LATENT, Clock, glorot_layers, report, training_images


def linear(weight, bias):
    layer = torch.nn.Linear(*weight.shape)
    layer.weight.data = torch.from_numpy(weight.T.copy())
    layer.bias.data = torch.from_numpy(bias)
    return layer


def rectified(layers):
    return torch.nn.Sequential(*(part for layer in layers for part in (layer, torch.nn.ReLU())))


class Vae(torch.nn.Module):
    def __init__(self, layers):
        super().__init__()
        layers = [linear(*layer) for layer in layers]
        hidden = (len(layers) - 3) // 2
        self.encoder = rectified(layers[:hidden])
        self.mean, self.log_var = layers[hidden : hidden + 2]
        self.decoder = torch.nn.Sequential(rectified(layers[hidden + 2 : -1]), layers[-1])

    def forward(self, images):
        features = self.encoder(images)
        mean, log_var = self.mean(features), self.log_var(features)
        codes = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
        return self.decoder(codes), mean, log_var


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
    parser.add_argument("--images", type=int, help="train on so many of the images")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    if args.best:
        torch.set_flush_denormal(True)
    torch.manual_seed(0)
    images = torch.from_numpy(training_images()[: args.images])
    clocks, objectives = [], []
    for coefficient in args.coefficients:
        vae = Vae(glorot_layers(np.random.default_rng(0), args.hidden, args.latent))
        adam = torch.optim.Adam(
            vae.parameters(),
            lr=ADAM["learning_rate"],
            betas=(ADAM["beta_1"], ADAM["beta_2"]),
            eps=ADAM["epsilon"],
            fused=args.fused or args.best,
        )
        for _ in range(args.epochs):
            clock = Clock()
            total = torch.zeros(())
            for positions in torch.randperm(len(images)).split(args.batch):
                batch = images[positions]
                logits, mean, log_var = vae(batch)
                reconstruction = functional.binary_cross_entropy_with_logits(logits, batch, reduction="sum")
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
