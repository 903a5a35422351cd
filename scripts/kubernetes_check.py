#!/usr/bin/env python3
"""Checks the job that `klsweep submit --engine kubernetes` prints against the schemas of Kubernetes.

Needs PyPI's kubernetes-validate, which brings them for every version. Usage: scripts/kubernetes_check.py KLSWEEP
"""

import copy
import pathlib
import subprocess
import sys
import tempfile

import kubernetes_validate
import yaml
from kubernetes_validate.utils import all_versions

# The first that has retries for each index, backoffLimitPerIndex, unless it is told otherwise.
OLDEST = (1, 29)
# Quotes, spaces and what YAML would take for something else, all of which have to arrive as they are.
CONFIG = """it's: a "sweep" \\ #1, é.toml"""
IMAGE = "registry.example.org:5000/klsweep@sha256:0123"


def job_of(klsweep, folder):
    """The job of a sweep of three members, as Kubernetes would read it."""
    config = pathlib.Path(folder) / CONFIG
    config.write_text('name = "My_Sweep of a name that is longer than any label may be, by far"\nkl_coefficients = [0, 1, 2]\n')
    command = [klsweep, "submit", "--engine", "kubernetes", "--image", IMAGE, "--volume", "work", CONFIG]
    return yaml.safe_load(subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE).stdout)


def check_what_no_schema_says(job):
    """What the server demands of an indexed job beside the schema, and what we promise."""
    pod = job["spec"]["template"]["spec"]
    assert pod["restartPolicy"] == "Never", "a podFailurePolicy and backoffLimitPerIndex need it"
    assert job["spec"]["completionMode"] == "Indexed" and job["spec"]["completions"] == 3
    # The names of pods have the job's and an index of up to five digits in them, and are labels.
    name = job["metadata"]["name"]
    assert len(name) <= 57 and name.replace("-", "").isalnum() and name == name.lower() and name[-1] != "-", name
    [container] = pod["containers"]
    assert container["image"] == IMAGE and CONFIG in container["command"], container
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    rules = [rule for rule in job["spec"]["podFailurePolicy"]["rules"] if "onExitCodes" in rule]
    actions = {code: rule["action"] for rule in rules for code in rule["onExitCodes"]["values"]}
    assert actions == {2: "FailIndex", 3: "FailIndex", 75: "Ignore"}, actions


def refused(job, version, change):
    """Whether a job is refused after a change for the worse: else the schemas would tell nothing."""
    worse = copy.deepcopy(job)
    change(worse["spec"])
    try:
        kubernetes_validate.validate(worse, version, strict=True)
    except kubernetes_validate.ValidationError:
        return True
    return False


def main():
    klsweep = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        job = job_of(klsweep, folder)
    check_what_no_schema_says(job)
    versions = [v for v in dict.fromkeys(all_versions()) if tuple(map(int, v.split(".")[:2])) >= OLDEST]
    assert versions, "kubernetes-validate has no schemas"
    for version in versions:
        kubernetes_validate.validate(job, version, strict=True)
        for change in [
            lambda spec: spec.update(completions="three"),
            lambda spec: spec.update(backOffLimitPerIndex=spec.pop("backoffLimitPerIndex")),
            lambda spec: spec["podFailurePolicy"]["rules"][0].pop("action"),
            lambda spec: spec["template"]["spec"]["containers"][0].update(command="klsweep"),
        ]:
            assert refused(job, version, change), f"the schema of {version} refuses nothing"
    print(f"the job for Kubernetes is one by the schemas of {versions[0]} to {versions[-1]}")


if __name__ == "__main__":
    main()
