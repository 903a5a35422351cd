#!/usr/bin/env python3
"""The 97.5 % quantiles of Student's t for the report's comparisons: python scripts/t_quantiles.py

They stand in crates/train/src/report/comparison.rs.
"""

from scipy.stats import t

print(", ".join(f"{t.ppf(0.975, degrees):.3f}" for degrees in range(1, 21)))
