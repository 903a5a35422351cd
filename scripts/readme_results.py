"""Puts the results of a finished sweep into the README and keeps its summary beside the documentation.

    cargo run -p train -- --config configs/sweep.toml
    python scripts/readme_results.py runs/sweep

The test `readme` of the package `train` holds the README, the kept summary and the expected ranges together.
"""

import csv
import pathlib
import re
import shutil
import sys

BEGIN, END = r"(<!-- results: [^\n]*-->\n)", r"(<!-- end of results -->)"


def table(rows):
    lines = [
        "| c | reconstruction | KL | objective | ELBO loss |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        columns = [f"{float(row[name]):.2f}" for name in ("reconstruction", "kl", "objective", "elbo_loss")]
        lines.append(f"| {float(row['c']):g} | {' | '.join(columns)} |")
    return "\n".join(lines)


def main(run):
    root = pathlib.Path(__file__).parent.parent
    kept = root / "docs" / "sweep_summary.csv"
    kept.parent.mkdir(exist_ok=True)
    shutil.copyfile(pathlib.Path(run) / "summary.csv", kept)
    with kept.open() as file:
        rows = list(csv.DictReader(file))
    text = (
        f"What `configs/sweep.toml` gives on MNIST's test images after {rows[0]['epochs']} epochs, in nats per image:\n\n"
        f"{table(rows)}\n"
    )
    readme = root / "README.md"
    replaced = re.sub(BEGIN + ".*?" + END, lambda match: match[1] + text + match[2], readme.read_text(), flags=re.DOTALL)
    readme.write_text(replaced)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
