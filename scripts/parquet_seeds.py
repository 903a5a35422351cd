"""Writes the first seeds of the fuzz target `parquet`, fuzz/seeds/parquet.

    python3 -m venv env && env/bin/pip install pyarrow==26.0.1 && env/bin/python scripts/parquet_seeds.py
"""

from pathlib import Path

import pyarrow
from pyarrow import parquet

OUT = Path(__file__).resolve().parent.parent / "fuzz/seeds/parquet"
NUMBERS = pyarrow.table({"a": [1, 2, 3, 4], "b": [0.5, None, 2.5, 3.5], "kind": ["x", "y", "x", "y"]})
KINDS = [pyarrow.int8(), pyarrow.uint16(), pyarrow.int64(), pyarrow.float32(), pyarrow.float64()]
WIDTHS = pyarrow.table({str(kind): pyarrow.array([0, 1, 1, None] * 3, kind) for kind in KINDS} | {"bool": [True, None, False] * 4})
OTHERS = pyarrow.table({
    "list": [[1, 2], [], None],
    "struct": [{"x": 1}, {"x": None}, None],
    "bytes": [b"1", b"\xff", b""],
    "date": pyarrow.array([0, 1, 2], pyarrow.date32()),
    "decimal": pyarrow.array([1, 2, 3], pyarrow.decimal128(5, 2)),
})


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    write = lambda name, table, **options: parquet.write_table(table, OUT / f"{name}.parquet", **options)
    # Small: the schema of Arrow would be most of each file.
    plain = {"store_schema": False}
    for compression in ("none", "snappy", "gzip", "zstd", "lz4"):
        write(compression, NUMBERS, compression=compression, **plain)
    write("second_version", WIDTHS, data_page_version="2.0", version="2.6", **plain)
    write("others", OTHERS, **plain)
    write("groups", NUMBERS, row_group_size=2, use_dictionary=False, **plain)
    write("split", WIDTHS, use_dictionary=False, use_byte_stream_split=["float", "double"], **plain)
    write("deltas", NUMBERS, use_dictionary=False, column_encoding={"a": "DELTA_BINARY_PACKED", "kind": "DELTA_BYTE_ARRAY"}, **plain)


if __name__ == "__main__":
    main()
