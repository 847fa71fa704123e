"""Perpmill's published tables in Python: a read-only DuckDB connection, or Polars frames.

>>> import perpmill
>>> perpmill.tables()
>>> perpmill.read("market_daily", start="2021-01-08", assets=["BTC", "ETH"])
>>> perpmill.query("@funding_extremes", day="2021-01-16", n=5)
>>> perpmill.connect().sql("SUMMARIZE funding_daily")

All read the build that is published when they are called, from the lake of `perpmill.toml` here,
of `config=…`, or of `lake=…`; `as_of=…` and `run=…` choose an earlier one. docs/python.md has more.
"""

from __future__ import annotations

from perpmill.builds import connect
from perpmill.errors import (
    ConfigError,
    NoSuchBuild,
    NoSuchColumn,
    NoSuchTable,
    NothingPublished,
    QueryError,
)
from perpmill.frames import columns, query, read, tables

__all__ = [
    "ConfigError",
    "NoSuchBuild",
    "NoSuchColumn",
    "NoSuchTable",
    "NothingPublished",
    "QueryError",
    "columns",
    "connect",
    "query",
    "read",
    "tables",
]
