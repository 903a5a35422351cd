#!/usr/bin/env python3
"""TFRecords of events, for the test in crates/train/src/tensorboard.rs: python scripts/tensorboard_record.py

Needs the package tensorboard, whose own messages and writer make them.
"""

import io

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

scalars = Summary(value=[Summary.Value(tag="test/kl", simple_value=5.5), Summary.Value(tag="b", simple_value=-1.0)])
for event in [
    Event(wall_time=1.5, file_version="brain.Event:2"),
    Event(wall_time=1.5, step=3, session_log=SessionLog(status=SessionLog.START)),
    Event(wall_time=1.5, step=300, summary=scalars),
]:
    file = io.BytesIO()
    RecordWriter(file).write(event.SerializeToString())
    print(file.getvalue().hex())
