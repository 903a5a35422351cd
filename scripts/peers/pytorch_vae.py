"""The classic configuration in PyTorch, eager, the coefficients one after another."""

import argparse

import numpy as np
import torch
from torch.nn import functional

from mnist import ADAM, BATCH, Clock, glorot_layers, report, training_images


def linear(weight, bias):
    layer = torch.nn.Linear(*weight.shape)
    layer.weight.data = torch.from_numpy(weight.T.copy())
    layer.bias.data = torch.from_numpy(bias)
    return layer


class Vae(torch.nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.encoder, self.mean, self.log_var, self.decoder, self.logits = (linear(*layer) for layer in layers)

    def forward(self, images):
        features = functional.relu(self.encoder(images))
        mean, log_var = self.mean(features), self.log_var(features)
        codes = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
        return self.logits(functional.relu(self.decoder(codes))), mean, log_var


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--coefficients", type=float, nargs="+", default=[1.0])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--best", action="store_true", help="flush denormals to zero, and the fused Adam")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    if args.best:
        torch.set_flush_denormal(True)
    torch.manual_seed(0)
    images = torch.from_numpy(training_images())
    clocks, objectives = [], []
    for coefficient in args.coefficients:
        vae = Vae(glorot_layers(np.random.default_rng(0)))
        adam = torch.optim.Adam(
            vae.parameters(),
            lr=ADAM["learning_rate"],
            betas=(ADAM["beta_1"], ADAM["beta_2"]),
            eps=ADAM["epsilon"],
            fused=args.best or None,
        )
        for _ in range(args.epochs):
            clock = Clock()
            total = torch.zeros(())
            for positions in torch.randperm(len(images)).split(BATCH):
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
