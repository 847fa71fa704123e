"""A lake that was milled several times over changing raw files and code."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows import run as run_module
from flows.stages import market
from flows.stages.aggregate import plan as aggregate_plan
from flows.stages.normalise import piece, plan
from simulator.simulate import simulate
from tests.flows.conftest import CALM, FIRST, LAST, Lake, _quiet_logs
from tests.flows.driver import Done
from tests.flows.test_order_of_arrival import Arriving
from tests.flows.test_raw_faults import rezip
from transforms.normalise import Partition

__all__ = ["_quiet_logs"]

MIDDLE = FIRST + (LAST - FIRST) // 2
LATE, REPLACED, FIXED = "ETHUSDT", "BTCUSDT", "ETHUSDT"


@dataclass(frozen=True)
class Milled:
    """The lake, the exchange whose files arrived in it, and what each run gave, in order."""

    lake: Lake
    whole: Path
    late: str
    replaced: str
    runs: dict[str, Done]

    def pointer(self, run: str) -> tuple[str, datetime, Path]:
        """Id, time and build of a run."""
        pointer = self.runs[run].pointer
        assert pointer is not None
        return pointer.run_id, pointer.published_at, self.lake.root / pointer.build

    def restated(self, run: str, where: str = "true") -> list[tuple[Any, ...]]:
        columns = (
            "table_name, date, venue, symbol, key_detail, kind, column_name, old_value, new_value, "
            "difference, cause"
        )
        return self.lake.sql(
            f"SELECT {columns} FROM restatements WHERE run_id = ? AND {where} ORDER BY item",  # noqa: S608 - ours
            self.pointer(run)[0],
        )


@pytest.fixture(scope="session")
def milled(tmp_path_factory: pytest.TempPathFactory) -> Milled:
    """Five runs: the first; a late file; a file the venue replaced; other code; nothing new."""
    root = tmp_path_factory.mktemp("history")
    whole = root / "whole"
    simulate(CALM, whole)
    arriving = Arriving(whole, root / "exchange")
    lake = Lake(root / "lake", arriving.folder)
    assert arriving.arrive("*.*")
    late = lake.archived(LATE, "metrics", f"{FIRST}")
    checksum = late.with_name(f"{late.name}.CHECKSUM")
    late.unlink()
    checksum.unlink()
    runs = {"first": lake.mill()}

    assert arriving.arrive(late.name, checksum.name) == 2
    runs["late"] = lake.mill()

    replaced = lake.archived(REPLACED, "fundingRate", "2021-01")
    rezip(replaced, first_settlement_of_middle_up)
    runs["replaced"] = lake.mill()

    with pytest.MonkeyPatch.context() as patch:
        _fix_parser(patch)
        runs["fixed"] = lake.mill()
        runs["unchanged"] = lake.mill()
    run_module.code_version.cache_clear()
    return Milled(lake, whole, late.name, replaced.name, runs)


@pytest.fixture
def own(milled: Milled, tmp_path: Path) -> Lake:
    """A copy of the lake and of its exchange, to go on with."""
    return Lake(
        Path(shutil.copytree(milled.lake.root, tmp_path / "lake", symlinks=True)),
        Path(shutil.copytree(milled.lake.exchange, tmp_path / "exchange")),
    )


def first_settlement_of_middle_up(text: str) -> str:
    lines = text.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("16119648"))  # 30th 00:00
    stamp, hours, rate = lines[at].split(",")
    lines[at] = f"{stamp},{hours},{float(rate) + 0.0001:.8f}"
    return "\n".join(lines) + "\n"


def _fix_parser(patch: pytest.MonkeyPatch) -> None:
    """Other code: the taker ratio of one symbol is twice what the parser made of it so far."""
    parse = piece.normalised_datasets
    ratio = pl.col("taker_buy_sell_ratio")
    fixed = pl.when(pl.col("symbol") == FIXED).then(ratio * 2).otherwise(ratio)

    def normalise_better(*arguments: Any) -> Iterator[list[Partition]]:
        for partitions in parse(*arguments):
            yield [
                replace(p, rows=p.rows.with_columns(fixed.alias("taker_buy_sell_ratio")))
                if p.dataset == "positioning"
                else p
                for p in partitions
            ]

    patch.setattr(piece, "normalised_datasets", normalise_better)
    for module in (run_module, plan, aggregate_plan, market):
        patch.setattr(module, "transforms_digest", lambda: "0123456789ab")
    run_module.code_version.cache_clear()
