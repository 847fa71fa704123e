"""Rows as the bytes of a Parquet file: the same rows give the same bytes.

Columns of text, whole numbers and times repeat themselves, and are written as dictionaries; floats
do not, and their bytes are split by place, which compresses better and is quicker than looking
for repeats in vain. Any reader sees plain text, whether it came as text or as an Enum.
"""

from __future__ import annotations

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from transforms.coded import coded, words

_ROWS_IN_A_GROUP = 250_000


def parquet_bytes(rows: pl.DataFrame) -> bytes:
    """One row group size, one codec, no time stamps; text is in order in its dictionary, which has
    no word that is not in the rows."""
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
    if column.dtype != pl.String and not isinstance(column.dtype, pl.Enum):
        return column.to_arrow()
    places = coded(column)
    used = (
        places.drop_nulls().unique().cast(pl.String).sort()
    )  # an Enum may have an order of its own
    rank = pl.repeat(None, len(words(places)), dtype=pl.UInt32, eager=True).scatter(
        used.cast(places.dtype).to_physical(), range(len(used))
    )
    return pa.DictionaryArray.from_arrays(
        rank.gather(places.to_physical()).to_arrow(),
        used.to_arrow(compat_level=pl.CompatLevel.oldest()),
    )
