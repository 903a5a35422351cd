"""Trains one variational autoencoder across a list of KL coefficients, and says which one to keep.

    result = klsweep.sweep(images, labels, c=[0.1, 1, 10])
    result.recommendation["generate"]["c"], result.summary["kl"], result.report()

`audit` gives the same of networks that were trained elsewhere, `load` of a run that is there, and `klsweep.metrics` has the numbers about
distributions that all of it rests on.
"""

from ._result import Result, load
from ._sweep import sweep
from ._audit import audit
from . import metrics

__all__ = ["Result", "audit", "load", "metrics", "sweep"]
