"""What the archive does not have yet comes from the API; a mirror over HTTP is as good as a folder.

The month is not over, so its funding is only at the API.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import duckdb

from flows.storage.warehouse import table_hashes
from simulator.plan import Plan
from simulator.serve import serve
from simulator.simulate import simulate
from tests.flows.conftest import lake_settings
from tests.flows.driver import build_days
from tests.flows.test_order_of_arrival import facts

FIRST, LAST = date(2021, 1, 12), date(2021, 1, 13)


def test_nights_over_the_api_publish_what_a_backfill_does(tmp_path: Path) -> None:
    exchange = tmp_path / "exchange"
    simulate(Plan(FIRST, LAST, symbols=2), exchange)
    builds = []
    with serve(exchange) as server:
        for name, spans, archive in (
            ("nights", [(FIRST, FIRST), (LAST, LAST)], f"file:{exchange}/archive/binance"),
            ("backfill", [(FIRST, LAST)], server.url),
        ):
            settings = lake_settings(tmp_path / name, exchange)
            (source,) = settings.sources
            asked = source.model_copy(update={"archive": archive, "api": server.url})
            builds.append(build_days(settings.model_copy(update={"sources": [asked]}), spans))
    nights, backfill = (facts(table_hashes(build)) for build in builds)
    # A window of two days is another answer than two windows of one, so another raw file.
    assert nights.pop("raw_files") != backfill.pop("raw_files")
    assert nights == backfill
    with duckdb.connect(str(builds[0]), read_only=True) as connection:
        days = connection.execute(
            "SELECT date, count(*), min(settlement_count) FROM funding_daily GROUP BY date "
            "ORDER BY date"
        ).fetchall()
        answers = connection.execute(
            "SELECT DISTINCT venue_checksum FROM raw_files WHERE contains(key, '/api/')"
        ).fetchall()
    assert [day for day, _, _ in days] == [FIRST, FIRST + timedelta(days=1)]
    assert all(symbols >= 2 and count >= 3 for _, symbols, count in days)
    assert answers == [("absent",)]
