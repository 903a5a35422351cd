#!/usr/bin/env python3
"""The Normal fit in PyTorch: reference trajectories (crates/metrics/tests/reference/normal_fit.csv).

    python scripts/normal_fit_reference.py > crates/metrics/tests/reference/normal_fit.csv

Float64 on the CPU, autograd and torch.optim. Each case says everything that differs from the classic experiment.
"""

import torch

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

LR = {"sgd": 1.0, "adam": 0.05}


def ln_mixture(x, components):
    terms = [torch.log(torch.tensor(w)) - torch.log(torch.tensor(sd)) - 0.5 * ((x - m) / sd) ** 2 for w, m, sd in components]
    ln_p = torch.logsumexp(torch.stack(terms), 0)
    return ln_p - torch.logsumexp(ln_p, 0)


def run(case, objective, parameterization, optimizer, start, target):
    x = torch.linspace(-10, 10, 20001)
    ln_p = ln_mixture(x, target)
    p = ln_p.exp()
    mean = torch.tensor(start[0], requires_grad=True)
    spread = torch.tensor(start[1])
    spread = (spread.log() if parameterization == "log_variance" else spread).requires_grad_()
    make = {
        "sgd": lambda: torch.optim.SGD([mean, spread], lr=LR["sgd"]),
        # Burn's epsilon.
        "adam": lambda: torch.optim.Adam([mean, spread], lr=LR["adam"], betas=(0.9, 0.999), eps=1e-5),
    }
    opt = make[optimizer]()
    for step in range(101):
        variance = spread.exp() if parameterization == "log_variance" else spread
        ln_q = torch.log_softmax(-((x - mean) ** 2) / (2 * variance), 0)
        q = ln_q.exp()
        kl = (p * (ln_p - ln_q)).sum()
        if objective == "forward_kl":
            loss = kl
        elif objective == "reverse_kl":
            loss = (q * (ln_q - ln_p)).sum()
        else:
            ln_m = torch.logaddexp(ln_p, ln_q) - torch.log(torch.tensor(2.0))
            loss = 0.5 * ((p * (ln_p - ln_m)).sum() + (q * (ln_q - ln_m)).sum())
        if step % 10 == 0:
            print(f"{case},{step},{kl.item()!r},{loss.item()!r},{mean.item()!r},{variance.item()!r}")
        opt.zero_grad()
        loss.backward()
        opt.step()


NORMAL = [(1.0, 0.0, 2.0)]
MIXTURE = [(0.6, -3.0, 1.0), (0.4, 3.0, 0.7)]

print("case,step,kl,objective,mean,variance")
run("classic", "forward_kl", "variance", "sgd", (0.0, 1.0), NORMAL)
run("off_centre", "forward_kl", "variance", "sgd", (0.5, 2.0), NORMAL)
run("mixture_forward_adam", "forward_kl", "log_variance", "adam", (1.0, 1.0), MIXTURE)
run("mixture_reverse", "reverse_kl", "log_variance", "sgd", (1.0, 1.0), MIXTURE)
run("mixture_js", "jensen_shannon", "log_variance", "sgd", (1.0, 1.0), MIXTURE)
