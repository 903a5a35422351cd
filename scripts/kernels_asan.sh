#!/usr/bin/env bash
# The tests of `kernels`, where all of klsweep's `unsafe` is, under AddressSanitizer with each set of kernels that this
# processor has. Needs a nightly tool chain. Results: docs/reliability.md.
set -euo pipefail
cd "$(dirname "$0")/../crates/kernels"
for set in portable avx2 avx512 avx512-packed; do
    case "$set" in
    avx2) grep -qw avx2 /proc/cpuinfo || continue ;;
    avx512*) grep -qw avx512dq /proc/cpuinfo || continue ;;
    esac
    echo "=== $set"
    KLSWEEP_KERNELS=$set RUSTFLAGS=-Zsanitizer=address CARGO_TARGET_DIR="${TMPDIR:-/tmp}/klsweep-asan" \
        cargo +nightly test --target x86_64-unknown-linux-gnu --lib --tests
done
