#!/usr/bin/env python3
"""The TFRecord of an event, for the test in crates/train/src/tensorboard.rs: python scripts/tensorboard_record.py

Needs the package tensorboard, whose own writer makes it.
"""

import io

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.summary.writer.record_writer import RecordWriter

file = io.BytesIO()
RecordWriter(file).write(Event(wall_time=1.5, step=3).SerializeToString())
print(", ".join(f"0x{byte:02x}" for byte in file.getvalue()))
