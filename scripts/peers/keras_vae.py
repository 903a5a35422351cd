"""The classic configuration as a Keras model, trained by `model.fit` on TensorFlow."""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
import tensorflow as tf

from mnist import ADAM, BATCH, Clock, glorot_layers, report, training_images


class Vae(keras.Model):
    def __init__(self, coefficient):
        super().__init__()
        layers = glorot_layers(np.random.default_rng(0))
        activations = ["relu", None, None, "relu", None]
        self.parts = []
        for (weight, bias), activation in zip(layers, activations):
            layer = keras.layers.Dense(weight.shape[1], activation)
            layer.build((None, weight.shape[0]))
            layer.set_weights([weight, bias])
            self.parts.append(layer)
        self.coefficient = coefficient
        self.objective = keras.metrics.Mean("objective")

    @property
    def metrics(self):
        return [self.objective]

    def train_step(self, batch):
        encoder, mean_head, log_var_head, decoder, logits_layer = self.parts
        with tf.GradientTape() as tape:
            features = encoder(batch)
            mean, log_var = mean_head(features), log_var_head(features)
            codes = mean + tf.exp(0.5 * log_var) * tf.random.normal(tf.shape(mean))
            logits = logits_layer(decoder(codes))
            crossed = tf.nn.sigmoid_cross_entropy_with_logits(labels=batch, logits=logits)
            kl = 0.5 * tf.reduce_sum(mean**2 + tf.exp(log_var) - log_var - 1, axis=1)
            objective = tf.reduce_mean(tf.reduce_sum(crossed, axis=1) + self.coefficient * kl)
        gradients = tape.gradient(objective, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        self.objective.update_state(objective, sample_weight=tf.shape(batch)[0])
        return {"objective": self.objective.result()}


class Times(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.clocks, self.objectives = [], []

    def on_epoch_begin(self, epoch, logs=None):
        self.clock = Clock()

    def on_epoch_end(self, epoch, logs=None):
        self.clocks.append(self.clock.read())
        self.objectives.append(float(logs["objective"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--coefficients", type=float, nargs=1, default=[1.0])
    parser.add_argument("--epochs", type=int, default=3)
    args = parser.parse_args()

    vae = Vae(args.coefficients[0])
    vae.compile(optimizer=keras.optimizers.Adam(**ADAM))
    times = Times()
    # The first epoch traces the graph and is not counted.
    vae.fit(training_images(), batch_size=BATCH, epochs=args.epochs + 1, verbose=0, callbacks=[times])
    report(times.clocks[1:], [times.objectives[args.epochs - 1]])


main()
