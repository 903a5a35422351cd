"""Puts the results of a finished sweep into the README and keeps its summary beside the documentation.

    cargo run -p train -- --config configs/sweep_seeds.toml
    python scripts/readme_results.py runs/sweep_seeds

With several seeds, each number has half the interval of 95 % of its mean over them. The test `readme` of the package `train`
holds the README, the kept summary and the expected ranges together.
"""

import csv
import json
import pathlib
import re
import shutil
import statistics
import sys

BEGIN, END = r"(<!-- results: [^\n]*-->\n)", r"(<!-- end of results -->)"


# The 97.5 % quantiles of Student's t, by the number of seeds.
QUANTILES = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}
TERMS = ("reconstruction", "kl", "objective", "elbo_loss")


def cell(values):
    mean = sum(values) / len(values)
    if len(values) == 1:
        return f"{mean:.2f}"
    half = QUANTILES[len(values)] * statistics.stdev(values) / len(values) ** 0.5
    return f"{mean:.2f} ± {half:.2f}"


def table(rows):
    lines = [
        "| c | reconstruction | KL | objective | ELBO loss |",
        "|---|---|---|---|---|",
    ]
    for c in dict.fromkeys(float(row["c"]) for row in rows):
        of_c = [row for row in rows if float(row["c"]) == c]
        columns = [cell([float(row[name]) for row in of_c]) for name in TERMS]
        lines.append(f"| {c:g} | {' | '.join(columns)} |")
    return "\n".join(lines)


def caption(rows, run):
    seeds = len({row["seed"] for row in rows})
    begin = f"What `configs/{run.name}.toml` gives on MNIST's test images after {rows[0]['epochs']} epochs, in nats per image"
    floor = json.loads((run / "run.json").read_text()).get("distortion_floor")
    entropy = f"{floor:.1f} nats of every reconstruction are the entropy of the grey pixels." if floor else ""
    if seeds == 1:
        return f"{begin}. One seed: retraining with another rounding moves the ELBO by about 0.1 nat, another seed by more. {entropy}\n"
    return f"{begin}: means over {seeds} seeds\nand half their intervals of 95 %. {entropy}\n"


def main(run):
    root = pathlib.Path(__file__).parent.parent
    kept = root / "docs" / "sweep_summary.csv"
    kept.parent.mkdir(exist_ok=True)
    shutil.copyfile(pathlib.Path(run) / "summary.csv", kept)
    with kept.open() as file:
        rows = list(csv.DictReader(file))
    text = f"{caption(rows, pathlib.Path(run))}\n{table(rows)}\n"
    readme = root / "README.md"
    replaced = re.sub(BEGIN + ".*?" + END, lambda match: match[1] + text + match[2], readme.read_text(), flags=re.DOTALL)
    readme.write_text(replaced)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
