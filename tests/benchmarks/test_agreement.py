"""A time counts only for the same numbers; each way in which numbers can differ is caught."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from benchmarks.agreement import Disagreement, agree

DAY = date(2023, 4, 1)
INTEREST = pl.DataFrame(
    {
        "date": [DAY, DAY],
        "symbol": ["BTCUSDT", "ETHUSDT"],
        "sample_count": [288, 287],
        "open_interest_coin_close": [10.0, 20.0],
        "open_interest_coin_mean": [11.0, 21.0],
        "open_interest_usd_close": [280_000.0, None],
    }
)
FUNDING = pl.DataFrame(
    {
        "date": [DAY],
        "symbol": ["BTCUSDT"],
        "settlement_count": [3],
        "funding_rate_sum": [0.0003],
    }
)


def written(folder: Path, interest: pl.DataFrame, funding: pl.DataFrame = FUNDING) -> Path:
    folder.mkdir()
    interest.write_parquet(folder / "open_interest_daily.parquet")
    funding.write_parquet(folder / "funding_daily.parquet")
    return folder


def test_same_rows_in_another_order_and_other_types_agree(tmp_path: Path) -> None:
    theirs = INTEREST.reverse().with_columns(
        pl.col("sample_count").cast(pl.UInt32), pl.col("symbol").cast(pl.Categorical)
    )
    # 2 symbol-days of open interest and 1 of funding.
    assert agree(written(tmp_path / "a", INTEREST), written(tmp_path / "b", theirs)) == 3


def test_a_double_added_in_another_order_agrees(tmp_path: Path) -> None:
    theirs = INTEREST.with_columns(pl.col("open_interest_coin_mean") * (1 + 1e-15))
    assert agree(written(tmp_path / "a", INTEREST), written(tmp_path / "b", theirs)) == 3


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        (
            INTEREST.with_columns(pl.col("open_interest_coin_close") * 1.000001),
            "open_interest_daily.open_interest_coin_close: 2 symbol-days differ",
        ),
        (
            INTEREST.with_columns(pl.col("sample_count") - 1),
            "open_interest_daily.sample_count: 2 symbol-days differ",
        ),
        (
            INTEREST.with_columns(pl.col("open_interest_usd_close").fill_null(0)),
            "open_interest_daily.open_interest_usd_close: 1 symbol-days differ",
        ),
        (
            INTEREST.with_columns(pl.lit(None, pl.Float64).alias("open_interest_coin_mean")),
            "open_interest_daily.open_interest_coin_mean: 2 symbol-days differ",
        ),
        (INTEREST.head(1), "1 symbol-days are missing in theirs"),
        (pl.concat([INTEREST, INTEREST.with_columns(symbol=pl.lit("X")).head(1)]), "in ours"),
        (pl.concat([INTEREST, INTEREST.head(1)]), "theirs has a symbol-day twice"),
    ],
    ids=["value", "count", "zero for NULL", "NULL for a value", "one less", "one more", "twice"],
)
def test_a_difference_is_caught(tmp_path: Path, theirs: pl.DataFrame, said: str) -> None:
    with pytest.raises(Disagreement, match=said):
        agree(written(tmp_path / "a", INTEREST), written(tmp_path / "b", theirs))


def test_a_difference_in_the_second_table_is_caught(tmp_path: Path) -> None:
    theirs = FUNDING.with_columns(pl.col("funding_rate_sum") + 1e-8)
    with pytest.raises(Disagreement, match=r"funding_daily\.funding_rate_sum"):
        agree(written(tmp_path / "a", INTEREST), written(tmp_path / "b", INTEREST, theirs))


def test_nothing_to_compare_is_no_agreement(tmp_path: Path) -> None:
    nothing = INTEREST.clear()
    with pytest.raises(Disagreement, match="no rows"):
        agree(written(tmp_path / "a", nothing), written(tmp_path / "b", nothing))
