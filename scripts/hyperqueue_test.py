#!/usr/bin/env python3
"""Trains a sweep as tasks of a HyperQueue cluster of this machine alone: two tasks side by side, both stopped in the middle as a
scheduler stops them. The run must have the bits of a local one.

The wheel of HyperQueue has a cluster, but no program `hq`. So the script that `klsweep submit --engine hyperqueue` prints is
run with an `hq` that only notes what it is called with, and the tasks that it asks for are handed to the wheel's LocalCluster.

Needs PyPI's hyperqueue. Usage: scripts/hyperqueue_test.py KLSWEEP
"""

import argparse
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

# The wheel would show its progress.
os.environ["TQDM_DISABLE"] = "1"
from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig
from hyperqueue.ffi.protocol import ResourceRequest

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
COEFFICIENTS = [0, 0.1, 0.5, 1, 2, 20]
# So many that both tasks are in training for seconds.
EPOCHS = 150
TASKS = 2
CPUS = 1
NOTE = "#!/bin/sh\nprintf '%s\\0' \"$@\" > called\n"


def asked_for(klsweep, folder, environment):
    """What the script of the job asks `hq` for."""
    script = subprocess.run(
        [klsweep, "submit", "--engine", "hyperqueue", "--tasks", str(TASKS), "--cpus", str(CPUS), "../sweep.toml"],
        cwd=folder, check=True, stdout=subprocess.PIPE, text=True,
    ).stdout
    subprocess.run(["bash", "-c", script], cwd=folder, env=environment, check=True)
    words = (folder / "called").read_text().split("\0")[:-1]
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["submit"])
    parser.add_argument("--name", required=True)
    parser.add_argument("--array", type=lambda text: [int(end) for end in text.split("-")], required=True)
    parser.add_argument("--cpus", type=int, required=True)
    parser.add_argument("--crash-limit", type=int, required=True)
    split = words.index("--")
    return parser.parse_args(words[:split]), words[split + 1:]


def job_of(called, program, folder, environment):
    job = Job(default_workdir=folder, default_env=environment, name=called.name, max_fails=None)
    first, last = called.array
    for task in range(first, last + 1):
        files = {stream: str(folder / f"{task}.{stream}") for stream in ("stdout", "stderr")}
        request = ResourceRequest(cpus=called.cpus)
        made = job.program(program, resources=request, crash_limit=called.crash_limit, **files)
        assert made.task_id == task, "the wheel numbers tasks from 0 on, as the script does"
    return job


def running(klsweep, folder):
    """The numbers of the processes that train a member, by that of their task."""
    if not (folder / "runs/smoke/config.toml").exists():
        return {}
    command = [klsweep, "status", "runs/smoke", "--json"]
    status = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE)
    owners = [member["owner"] for member in json.loads(status.stdout)["members"] if member["state"] == "running"]
    return {owner["job"]: owner["process"] for owner in owners}


def bits(folder):
    run = folder / "runs/smoke"
    files = [path for ending in ("*.csv", "*.safetensors") for path in run.rglob(ending)]
    return {str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def train_on_cluster(klsweep, folder, environment):
    called, program = asked_for(klsweep, folder, environment)
    with LocalCluster(server_dir=str(folder / "hq"), worker_config=WorkerConfig(cores=TASKS * CPUS)) as cluster:
        client = cluster.client()
        submitted = client.submit(job_of(called, program, folder, environment))
        began, found = time.monotonic(), {}
        while len(found) < TASKS:
            assert time.monotonic() - began < 120, f"the tasks do not begin: {found}"
            time.sleep(0.1)
            found = running(klsweep, folder)
        assert all(job.startswith("HyperQueue job ") for job in found), found
        for process in found.values():
            os.kill(process, signal.SIGTERM)
        client.wait_for_jobs([submitted])


def main():
    klsweep = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        local, shared, programs = (work / name for name in ("local", "shared", "bin"))
        for folder in (local, shared, programs):
            folder.mkdir()
        (programs / "klsweep").symlink_to(klsweep)
        (programs / "hq").write_text(NOTE)
        (programs / "hq").chmod(0o755)
        environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
        (work / "sweep.toml").write_text(
            f'name = "smoke"\nkl_coefficients = {COEFFICIENTS}\nepochs = {EPOCHS}\n[data]\ndir = "{REPOSITORY}/data/mnist"\n'
            "train_images = 500\ntest_images = 200\n"
        )
        subprocess.run([klsweep, "--config", "../sweep.toml", "--quiet", "--no-report"], cwd=local, check=True)
        train_on_cluster(klsweep, shared, environment)

        said = "".join((shared / f"{task}.stderr").read_text() for task in range(TASKS))
        assert said.count("stopped and saved") == TASKS, said
        record = json.loads((shared / "runs/smoke/run.json").read_text())
        assert record["status"] == "finished", record["status"]
        assert (shared / "runs/smoke/report.html").stat().st_size > 0
        subprocess.run([klsweep, "verify", "runs/smoke"], cwd=shared, check=True)
        expected, found = bits(local), bits(shared)
        assert found.keys() == expected.keys(), found.keys() ^ expected.keys()
        differing = [name for name in expected if found[name] != expected[name]]
        assert not differing, differing
    print(f"{TASKS} tasks of HyperQueue, each stopped once, have the bits of a local run")


if __name__ == "__main__":
    main()
