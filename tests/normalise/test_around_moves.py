"""Lines around moves of a schedule: in how many parts they come makes no difference."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from transforms.around_moves import ORDER, AroundMoves

DAY = datetime(2024, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
# Minutes after midnight the line was told at, hour it is due at, rate.
TOLD = [(470, 8, 1), (478, 8, 2), (480.2, 8, 3), (480.3, 8, 4), (485, 8, 5)]
LATE = [(479, 8, 6), (480.25, 16, 7)]


def _lines(rows: list[tuple[float, int, int]], first: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "symbol": ["BTCUSDT"] * len(rows),
            "told_at": [DAY + at * MINUTE for at, _, _ in rows],
            "raw_row": range(first, first + len(rows)),
            "due": [DAY + due * timedelta(hours=1) for _, due, _ in rows],
            "rate": [rate for _, _, rate in rows],
        }
    )


def _moves(rows: pl.DataFrame) -> list[int]:
    """Rates of the lines behind which another hour was due, in the order of time."""
    moved = pl.col("due") != pl.col("due").shift(-1)
    return rows.sort(*ORDER).filter(moved)["rate"].to_list()


@pytest.mark.parametrize("parts", [[5, 1, 1], [5, 2], [3, 4], [1, 1, 1, 1, 1, 2]])
def test_late_lines_between_lines_let_go_tear_or_change_nothing(parts: list[int]) -> None:
    everything = _lines([*TOLD, *LATE], 1)
    whole = _moves(everything)
    assert whole == [3, 7]
    around, begun = AroundMoves(MINUTE), 0
    for size in parts:
        around.add(everything.slice(begun, size))
        begun += size
    assert around.torn == {"BTCUSDT"} or _moves(around.lines) == whole
