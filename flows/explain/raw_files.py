"""The raw files behind normalised rows, and whether the lake still has their very bytes."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Any

import polars as pl

from flows.explain.inputs import Lake
from flows.explain.published import Build
from flows.storage import packs
from flows.storage.raw_bytes import Kept, RawDamaged, RawGone, contents

HASHED_BYTES = 256 << 20
"""As many bytes are read to be hashed; files beyond are looked for, and their size compared."""


class Bytes(StrEnum):
    """What a look at a raw file in the lake found."""

    SAME = "same bytes"
    ALTERED = "altered"
    GONE = "gone"
    SIZE_ONLY = "same size, not hashed"


_COUNTS = ("rows_read", "rows_kept", "rows_duplicate", "rows_quarantined")


def keys_of(rows: pl.DataFrame, accounting: pl.DataFrame, symbol: str) -> list[str]:
    """Files that rows of a day came from, and those about the symbol alone or, where no row
    names one, about many: they covered the day even if nothing of them was kept."""
    named = rows["raw_key"].unique().to_list()
    own = accounting.filter(pl.col("symbol") == symbol)["raw_key"].to_list()
    many = [] if named else accounting.filter(pl.col("symbol").is_null())["raw_key"].to_list()
    return sorted({*named, *own, *many})


def raw_files(
    build: Build,
    lake: Lake,
    dataset: str,
    day: date,
    keys: list[str],
    rows: pl.DataFrame,
    accounting: pl.DataFrame,
) -> list[dict[str, Any]]:
    """Per file what `raw_files` of the build says of it, which it `replaces`, its `records` behind
    the rows, its counts `of_the_day` (all its instruments together), and `found`: what the lake
    has under its key."""
    said = build.frame(
        "SELECT * FROM raw_files WHERE dataset = ? AND list_contains(?::VARCHAR[], key) "
        "ORDER BY key",
        [dataset, keys],
    )
    replaced = build.rows(
        "SELECT key, superseded_by FROM raw_files WHERE dataset = ? "
        "AND list_contains(?::VARCHAR[], superseded_by) ORDER BY key",
        [dataset, keys],
    )
    of_day = {
        each["raw_key"]: {name: each[name] for name in _COUNTS}
        for each in accounting.filter(pl.col("date") == day).iter_rows(named=True)
    }
    places = _places(lake, said["key"].to_list())
    found = []
    room = HASHED_BYTES
    for file in said.iter_rows(named=True):
        key, size = file["key"], file["bytes"]
        kept = Kept(key, file["sha256"], size, places.get(key))
        state = looked_at(lake, kept, hashing=size <= room)
        room -= size
        mine = rows.filter(pl.col("raw_key") == key)["raw_row"]
        found.append(
            file
            | {
                "replaces": [r["key"] for r in replaced if r["superseded_by"] == key],
                "records": mine.sort().to_list(),
                "of_the_day": of_day.get(key),
                "found": state,
            }
        )
    unknown = sorted(set(keys) - set(said["key"]))
    found += [{"key": key, "found": None} for key in unknown]  # taken in after the build
    return found


def _places(lake: Lake, keys: list[str]) -> dict[str, packs.Place | None]:
    placed = packs.placed(lake.ledger, pl.DataFrame({"key": keys}, schema={"key": pl.String}))
    return {key: packs.place(pack, at) for key, pack, at in placed.unique().iter_rows()}


def looked_at(lake: Lake, file: Kept, *, hashing: bool) -> Bytes:
    """Whether the lake has the bytes that were taken in."""
    if not hashing:
        held = lake.store.head(file.key if file.place is None else file.place.pack)
        if held is None:
            return Bytes.GONE
        same = held.size == file.size if file.place is None else held.size >= file.end
        return Bytes.SIZE_ONLY if same else Bytes.ALTERED
    try:
        contents(lake.store, [file])
    except RawGone:
        return Bytes.GONE
    except RawDamaged:
        return Bytes.ALTERED
    return Bytes.SAME
