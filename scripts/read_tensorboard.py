#!/usr/bin/env python3
"""What TensorBoard reads from a folder of event files, as JSON: python scripts/read_tensorboard.py runs/sweep/tensorboard

For each run, for each tag, the list of [step, value]. Needs the package tensorboard, nothing else.
"""

import json
import sys

from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

multiplexer = EventMultiplexer().AddRunsFromDirectory(sys.argv[1]).Reload()
runs = {
    run: {tag: [[event.step, event.value] for event in multiplexer.Scalars(run, tag)] for tag in tags["scalars"]}
    for run, tags in multiplexer.Runs().items()
}
json.dump(runs, sys.stdout)
