#!/usr/bin/env bash
# Trains small networks of every kind, exports them, and holds the files to klsweep's own numbers with export_check.py; and reads
# the tables of a run with pandas.
#
#     scripts/export_check.sh KLSWEEP PYTHON
#
# PYTHON needs numpy, onnxruntime, onnx and pandas; with torch and safetensors model.py is run too.
set -euo pipefail
klsweep=$(realpath "$1") python=$(realpath -s "$2") repository=$(realpath "$(dirname "$0")/..")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

check() {
    local name=$1
    shift
    printf '\n%s\n' "$name: $*"
    local overrides=()
    for override in "$@"; do overrides+=(--set "$override"); done
    "$klsweep" --config "$repository/configs/smoke.toml" --quiet --no-report --set "name='$name'" --set 'kl_coefficients=[1.0]' "${overrides[@]}"
    "$klsweep" export "runs/$name" --c 1 --to "$name"
    "$klsweep" sample "runs/$name" --c 1 --count 30 --seed 1 --output "$name/images.npy" --quiet
    "$klsweep" encode "runs/$name" --c 1 "$name/images.npy" --log-vars --output "$name/encoded.npy" --quiet
    "$klsweep" encode "runs/$name" --c 1 "$name/images.npy" --output "$name/codes.npy" --quiet
    "$klsweep" decode "runs/$name" --c 1 "$name/codes.npy" --output "$name/decoded.npy" --quiet
    "$python" "$repository/scripts/export_check.py" "$name" "$name"/{codes,decoded,images,encoded}.npy
}

check dense
check deep 'model.encoder_hidden=[32,16]' 'model.decoder_hidden=[]' 'model.latent=3'
for activation in gelu silu tanh elu; do check "$activation" "model.activation='$activation'"; done
check layer_norm "model.norm='layer'"
check batch_norm "model.norm='batch'" "model.likelihood='gaussian'"
check continuous "model.likelihood='continuous_bernoulli'"
check levels "model.likelihood='discretised_logistic'"
convolutions='model.convolutions=[{filters=4,kernel=4,stride=2},{filters=6,kernel=3,stride=2}]'
check transposed "$convolutions" 'model.residual_blocks=1' "model.norm='batch'"
check resized "$convolutions" "model.upsampling='resize'" "model.norm='layer'" "model.activation='silu'"

"$python" - runs/dense <<'PYTHON'
import sys

import pandas

table = pandas.read_csv(sys.argv[1] + "/summary.csv")
assert table.select_dtypes("number").shape[1] == table.shape[1], table.dtypes
lines = pandas.read_json(sys.argv[1] + "/results.jsonl", lines=True)
assert (lines["schema"] == 2).all() and abs(lines["kl"] - table["kl"]).max() < 1e-12
print(f"\npandas: {table.shape[0]} row of {table.shape[1]} numbers, and {len(lines)} line of JSON")
PYTHON
