"""Rows as the bytes of a Parquet file: the same rows give the same bytes.

Columns of text, whole numbers and times repeat themselves, and are written as dictionaries; floats
do not, and their bytes are split by place, which compresses better and is quicker than looking
for repeats in vain. Any reader sees plain text, whether it came as text or as an Enum.
"""

from __future__ import annotations

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from transforms.coded import places

_ROWS_IN_A_GROUP = 250_000
_PLAIN = pl.CompatLevel.oldest()


def parquet_bytes(rows: pl.DataFrame) -> bytes:
    """One row group size, one codec, no time stamps.

    An Enum gives the bytes that its text does while its dictionary stays below a megabyte. Raises
    TypeError for a type that would not be read back as it is.
    """
    for name, dtype in rows.schema.items():
        if dtype in (pl.Duration, pl.Time, pl.Categorical):
            raise TypeError(f"{name}: {dtype} is not kept in Parquet files here")
    columns = [_arrow(rows[name]) for name in rows.columns]
    split = [name for name, dtype in rows.schema.items() if dtype.is_float()]
    sink = pa.BufferOutputStream()
    pq.write_table(
        pa.table(columns, names=rows.columns),
        sink,
        compression="zstd",
        row_group_size=_ROWS_IN_A_GROUP,
        use_dictionary=[name for name in rows.columns if name not in split],
        use_byte_stream_split=split,
        store_schema=False,
    )
    return bytes(sink.getvalue())


def _arrow(column: pl.Series) -> pa.Array:
    """Values of an Enum stand in its dictionary as the writer puts text there: as they first occur,
    and none that does not."""
    if not isinstance(column.dtype, pl.Enum):
        return column.to_arrow(compat_level=_PLAIN)
    used = column.drop_nulls().unique(maintain_order=True)
    return pa.DictionaryArray.from_arrays(
        places(column, used).to_arrow(), used.cast(pl.String).to_arrow(compat_level=_PLAIN)
    )
