#!/usr/bin/env bash
# Fuzzes everything that reads files of strangers, each target for so many seconds, from the seeds in fuzz/seeds, within 1 GiB of
# memory, and prints the edges that libFuzzer counts. Needs a nightly tool chain and cargo-fuzz. Results: docs/reliability.md.
# With --keep, what reached new edges becomes the minimised corpus in fuzz/seeds.
# Usage: scripts/fuzz.sh [--keep] [SECONDS, 600] [TARGET ...]
set -euo pipefail
cd "$(dirname "$0")/.."
keep=false
if [ "${1:-}" = --keep ]; then keep=true && shift; fi
seconds=${1:-600}
if [ "$#" -gt 0 ]; then shift; fi
targets=("$@")
if [ "$#" = 0 ]; then mapfile -t targets < <(cd fuzz/fuzz_targets && printf '%s\n' *.rs | sed 's/\.rs$//'); fi
export CARGO_TARGET_DIR="${KLSWEEP_FUZZ_TARGET_DIR:-${TMPDIR:-/tmp}/klsweep-fuzz}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo +nightly fuzz build
for target in "${targets[@]}"; do
    program="$CARGO_TARGET_DIR/x86_64-unknown-linux-gnu/release/$target"
    mkdir -p "$work/$target" "fuzz/seeds/$target" "fuzz/artifacts/$target"
    # A file of more than a page is longer, not richer.
    "$program" -max_total_time="$seconds" -rss_limit_mb=1024 -malloc_limit_mb=512 -timeout=20 -max_len=8192 -print_final_stats=1 \
        -artifact_prefix="fuzz/artifacts/$target/" "$work/$target" "fuzz/seeds/$target" >"$work/log" 2>&1 ||
        { tail -n 60 "$work/log" >&2; exit 1; }
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log")
    edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$work/log" | tail -n 1)
    memory=$(sed -n 's/^stat::peak_rss_mb: *//p' "$work/log")
    echo "| $target | $seconds | $runs | $edges | $memory |"
    if "$keep"; then
        mkdir "$work/least"
        "$program" -merge=1 -rss_limit_mb=1024 "$work/least" "fuzz/seeds/$target" "$work/$target" >/dev/null 2>&1
        rm -rf "fuzz/seeds/$target"
        mv "$work/least" "fuzz/seeds/$target"
    fi
done
