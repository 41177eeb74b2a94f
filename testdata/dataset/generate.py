"""Makes the files that crates/dataset/tests/files.rs and crates/cli/tests/evaluate.rs read: the same 200 rows in every format.

    pip install pyarrow==22.0.0 && python testdata/dataset/generate.py

The text formats are written by the tests themselves; only Parquet needs another program to write it.
"""

import datetime
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

COLOURS = ["red", "green", "blue"]


def row(at):
    """Whole arithmetic only, so that every program makes the same rows."""
    x = (at * 37 % 101) / 4.0
    return {
        "at": datetime.datetime(2024, 1, 1) + datetime.timedelta(minutes=at),
        "x": None if at % 10 == 3 else x,
        "n": at * 7 % 13,
        "colour": None if at % 20 == 7 else COLOURS[at % 3],
        "ok": at % 5 == 0,
        "y": 3.0 * x + at % 3,
        "class": "high" if x > 12 else "low",
    }


rows = [row(at) for at in range(200)]
schema = pa.schema(
    [
        ("at", pa.timestamp("ns")),
        ("x", pa.float64()),
        ("n", pa.int32()),
        ("colour", pa.dictionary(pa.int32(), pa.string())),
        ("ok", pa.bool_()),
        ("y", pa.float32()),
        ("class", pa.string()),
        ("list", pa.list_(pa.int64())),
    ]
)
table = pa.Table.from_pylist([{**each, "list": [1, 2]} for each in rows], schema=schema)
here = pathlib.Path(__file__).parent
pq.write_table(table, here / "rows.parquet", compression="zstd", row_group_size=64)
