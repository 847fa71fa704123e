"""The lines around which a schedule moved on, out of very many that come in parts.

Exchanges repeat until when a rate runs (`due`) in line after line. What was settled is in the
last line before that moves on, and whether a line is the last is told by the one after it, in
order of time. Of a stretch of lines that are due at the same time, the first and the last say all
there is to say, so the others are let go.

Lines come nearly in order: one that is late may belong between lines that were let go. Where it
is due with them that changes nothing; else the symbol is torn, and has to be read once more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import polars as pl

from transforms.passing import detached

RECENT = 1 << 18  # lines; 500 symbols told of ten times a second come to so many in a minute
ORDER = ("symbol", "told_at", "raw_row")


@dataclass(slots=True)
class AroundMoves:
    """Lines with `symbol`, `told_at`, `raw_row`, `due` (none NULL) and whatever else they have.

    late: how much earlier than the latest one of its symbol a line may be without tearing it: all
        lines within it are kept, unless there are more than `RECENT` of all symbols.
    torn: symbols of which `lines` says nothing.
    """

    late: timedelta
    torn: set[str] = field(default_factory=set)
    _kept: pl.DataFrame | None = None

    def add(self, lines: pl.DataFrame) -> None:
        """The next part of the file."""
        # Hollow: lines due at the same time were let go between this one and the next. So they
        # were behind a line that comes late and stands after a hollow one.
        parts = [lines.with_columns(hollow=pl.lit(None, pl.Boolean))]
        if self._kept is not None:
            parts.insert(0, self._kept)
        both = pl.concat(parts).sort(*ORDER)
        behind = pl.col("hollow").forward_fill().over("symbol").fill_null(value=False)
        both = both.with_columns(behind.alias("hollow"))
        self._kept = self._thinned(both, self.late)
        if self._kept.height > RECENT:
            self._kept = self._thinned(self._kept, timedelta())

    def _thinned(self, rows: pl.DataFrame, late: timedelta) -> pl.DataFrame:
        before, after = pl.col("due").shift(1), pl.col("due").shift(-1)
        inner = (before == pl.col("due")) & (after == pl.col("due"))
        settled = pl.col("told_at").shift(-1) <= pl.col("told_at").last() - late
        marked = rows.with_columns(
            (pl.col("hollow") & (after != pl.col("due"))).over("symbol").alias("tears"),
            (inner & settled).fill_null(value=False).over("symbol").alias("let_go"),
        )
        self.torn |= set(marked.filter("tears")["symbol"])
        torn = pl.Series(sorted(self.torn), dtype=pl.String).implode()
        return detached(
            marked.with_columns(
                pl.col("hollow") | pl.col("let_go").shift(-1, fill_value=False).over("symbol")
            )
            .filter(~pl.col("let_go"), ~pl.col("symbol").is_in(torn))
            .drop("tears", "let_go")
        )

    @property
    def lines(self) -> pl.DataFrame:
        """Those that say when each symbol that is not torn moved on. There must be a part."""
        if self._kept is None:
            raise ValueError("no part was added")
        return self._kept.drop("hollow")
