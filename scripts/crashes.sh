#!/usr/bin/env bash
# The long form of the tests against crashes and faults, of which `cargo test` runs a few: 200 kills of each kind, and every
# call of each kind refused once. Needs strace and faketime, and root for small disks and read-only folders. Results:
# docs/reliability.md. KLSWEEP_FAULT_CALLS="mkdir flock" refuses calls of those kinds alone.
set -euo pipefail
cd "$(dirname "$0")/.."
export CI=1 KLSWEEP_KILLS=${KLSWEEP_KILLS:-200} KLSWEEP_FAULTS=${KLSWEEP_FAULTS:-1000}
cargo test -p train --test program -- --include-ignored --nocapture kills faults
