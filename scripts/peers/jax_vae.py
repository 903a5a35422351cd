"""The classic configuration in JAX: an epoch is one jitted scan, all coefficients at once by vmap."""

import argparse
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from mnist import ADAM, BATCH, LATENT, Clock, glorot_layers, report, training_images


def objective(layers, batch, noise, coefficient):
    encoder, mean_head, log_var_head, decoder, logits_layer = layers
    apply = lambda layer, features: features @ layer[0] + layer[1]
    features = jax.nn.relu(apply(encoder, batch))
    mean, log_var = apply(mean_head, features), apply(log_var_head, features)
    codes = mean + jnp.exp(0.5 * log_var) * noise
    logits = apply(logits_layer, jax.nn.relu(apply(decoder, codes)))
    reconstruction = (jax.nn.softplus(logits) - batch * logits).sum()
    kl = 0.5 * (mean**2 + jnp.exp(log_var) - log_var - 1).sum()
    return (reconstruction + coefficient * kl) / len(batch)


def step(state, batch, noise, coefficient):
    layers, first, second, updates = state
    value, gradient = jax.value_and_grad(objective)(layers, batch, noise, coefficient)
    updates += 1
    b1, b2 = ADAM["beta_1"], ADAM["beta_2"]
    first = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, first, gradient)
    second = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, second, gradient)
    step_size = ADAM["learning_rate"] / (1 - b1**updates)
    scale = 1 / jnp.sqrt(1 - b2**updates)
    update = lambda w, m, v: w - step_size * m / (jnp.sqrt(v) * scale + ADAM["epsilon"])
    return (jax.tree.map(update, layers, first, second), first, second, updates), value


@partial(jax.jit, donate_argnums=0)
def epoch(state, images, order, key, coefficients):
    def scanned(carry, positions):
        state, key = carry
        key, subkey = jax.random.split(key)
        noise = jax.random.normal(subkey, (len(positions), LATENT))
        state, values = jax.vmap(step, (0, None, None, 0))(state, images[positions], noise, coefficients)
        return (state, key), values * len(positions)

    whole = len(order) // BATCH * BATCH
    carry, sums = jax.lax.scan(scanned, (state, key), order[:whole].reshape(-1, BATCH))
    (state, _), last = scanned(carry, order[whole:])
    return state, (sums.sum(0) + last) / len(order)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--coefficients", type=float, nargs="+", default=[1.0])
    parser.add_argument("--epochs", type=int, default=3)
    args = parser.parse_args()

    images = jnp.asarray(training_images())
    coefficients = jnp.asarray(args.coefficients)
    members = len(args.coefficients)
    layers = jax.tree.map(
        lambda w: jnp.broadcast_to(w, (members, *w.shape)), glorot_layers(np.random.default_rng(0))
    )
    zeros = lambda: jax.tree.map(jnp.zeros_like, layers)
    state = (layers, zeros(), zeros(), jnp.zeros(members))
    rng = np.random.default_rng(0)
    clocks = []
    # The first epoch compiles and is not counted.
    for number in range(args.epochs + 1):
        order = jnp.asarray(rng.permutation(len(images)))
        clock = Clock()
        state, objectives = epoch(state, images, order, jax.random.key(number), coefficients)
        objectives.block_until_ready()
        # Reported for one coefficient, as by the other peers.
        clocks.append(clock.read(members))
        if number == args.epochs - 1:
            reported = [float(value) for value in objectives]
    report(clocks[1:], reported)


main()
