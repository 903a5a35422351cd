#!/usr/bin/env bash
# Trains a sweep as the job array that `klsweep submit` writes, on a Slurm cluster of this machine alone: two tasks side by
# side, both taken away in the middle and requeued. The merged run must have the bits of a local one. Needs Debian's packages
# slurmctld slurmd slurm-client munge, and root. Usage: scripts/slurm_test.sh KLSWEEP
set -euo pipefail
cd "$(dirname "$0")/.."
klsweep=$(realpath "$1") repository=$PWD
work=$(mktemp -d)
stop() {
    "$repository/scripts/slurm_local.sh" stop "$work/slurm" || true
    rm -rf "$work"
}
trap stop EXIT
mkdir "$work/bin" "$work/local" "$work/shared"
ln -s "$klsweep" "$work/bin/klsweep"
export PATH="$work/bin:$PATH"

sed 's/^kl_coefficients.*/kl_coefficients = [0.0, 0.1, 0.5, 1.0, 2.0, 20.0]/; s/^epochs.*/epochs = 150/' configs/smoke.toml \
    >"$work/sweep.toml"
echo "dir = \"$repository/data/mnist\"" >>"$work/sweep.toml"
(cd "$work/local" && klsweep --config ../sweep.toml --quiet --no-report)

"$repository/scripts/slurm_local.sh" start "$work/slurm"
export SLURM_CONF="$work/slurm/slurm.conf"
cd "$work/shared"
klsweep submit --engine slurm --tasks 2 --cpus 1 --memory 1 ../sweep.toml >job.sh
job=$(sbatch --parsable job.sh)

running() { squeue --noheader --array --states=running --job "$job" | wc -l; }
wait_until() {
    for _ in $(seq 600); do
        if "$@"; then return; fi
        sleep 0.2
    done
    echo "it took too long: $*" >&2
    squeue --array >&2
    tail -n 20 ./*.log "$work"/slurm/log/* >&2
    exit 1
}
both_run() { [ "$(running)" = 2 ] && [ "$(find runs -name history.csv | wc -l)" -ge 2 ]; }
over() { [ "$(squeue --noheader --job "$job" 2>/dev/null | wc -l)" = 0 ]; }

wait_until both_run
klsweep status runs/smoke | tee status.txt
[ "$(grep -c 'Slurm job' status.txt)" = 2 ]
scontrol requeue "${job}_0"
scontrol requeue "${job}_1"
wait_until over

tail -n 3 ./*.log
grep -q '"status": "finished"' runs/smoke/run.json
test -s runs/smoke/report.html
[ "$(find runs/smoke/processes -name process.json | wc -l)" -ge 4 ]
klsweep verify runs/smoke
# The same files with the same bits.
list() { (cd "$1/runs/smoke" && find . -name '*.csv' -o -name '*.safetensors' | sort | xargs sha256sum); }
diff <(list "$work/local") <(list "$work/shared")
echo "two tasks of Slurm, each requeued, have the bits of a local run"
