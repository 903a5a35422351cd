#!/usr/bin/env bash
# A Slurm cluster of one node on this machine, without systemd or cgroups, for tests. Needs Debian's
# packages slurmctld slurmd slurm-client munge. Usage: scripts/slurm_local.sh start DIR, or stop DIR; then export
# SLURM_CONF=DIR/slurm.conf. A job that is requeued waits until its credential has expired: five seconds here, not two minutes.
set -euo pipefail
action=$1 dir=$2
if [ "$action" = stop ]; then
  for name in slurmd slurmctld munged; do [ ! -f "$dir/$name.pid" ] || kill "$(cat "$dir/$name.pid")" || true; done
  exit 0
fi
mkdir -p "$dir"/{spool,state,log}
host=$(hostname -s)
cat >"$dir/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/munge.sock,cred_expire=5
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/log/slurmctld
SlurmdLogFile=$dir/log/slurmd
SlurmctldPort=16817
SlurmdPort=16818
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=1000
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$(($(free -m | awk '/Mem:/{print $2}') - 2000)) State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
dd if=/dev/urandom of="$dir/munge.key" bs=1 count=1024 2>/dev/null && chmod 400 "$dir/munge.key"
munged --key-file="$dir/munge.key" --socket="$dir/munge.sock" --pid-file="$dir/munged.pid" --log-file="$dir/log/munged" --seed-file="$dir/seed" --force
export SLURM_CONF="$dir/slurm.conf"
slurmctld -i
slurmd
