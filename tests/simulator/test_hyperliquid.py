"""Hyperliquid's files and answers: LZ4 frames, both legs of a fill, running and settled funding."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulator.plan import Plan, Summary
from simulator.serve import Server
from simulator.simulate import simulate
from tests.simulator.reading import (
    answers,
    liquidations,
    lz4,
    ms,
    samples,
    settlements,
    summed,
    true_totals,
)

ARCHIVE = "archive/hyperliquid"


@pytest.fixture
def http(exchanges_server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=exchanges_server.url) as client:
        yield client


def fills(root: Path, day: str = "*") -> Iterator[tuple[str, dict[str, Any]]]:
    """(user, fill) of the node's files until July 2025."""
    for file in sorted((root / ARCHIVE / "node_fills/hourly").glob(f"{day}/*.lz4")):
        for line in lz4(file).splitlines():
            user, fill = json.loads(line)
            # Files are by hour.
            stamp = datetime.fromtimestamp(fill["time"] / 1000, UTC)
            assert (f"{stamp:%Y%m%d}", str(stamp.hour)) == (file.parent.name, file.stem)
            yield user, fill


def own_legs(root: Path, day: str = "*") -> list[dict[str, Any]]:
    """Fills of those who were liquidated."""
    return [
        fill
        for user, fill in fills(root, day)
        if fill.get("liquidation", {}).get("liquidatedUser") == user
    ]


def test_contexts_are_the_golden_columns(everywhere: tuple[Path, Summary]) -> None:
    root, _ = everywhere
    header, *rows = lz4(root / ARCHIVE / "asset_ctxs/20250220.csv.lz4").decode().splitlines()
    assert header == (
        "time,coin,funding,open_interest,prev_day_px,day_ntl_vlm,premium,oracle_px,mark_px,"
        "mid_px,impact_bid_px,impact_ask_px"
    )
    cells = [row.split(",") for row in rows]
    assert {len(cell) for cell in cells} == {12}
    assert {"BTC", "kPEPE", "kSHIB"} <= {cell[1] for cell in cells}
    (noon,) = (c for c in cells if c[:2] == ["2025-02-20T12:00:00Z", "kSHIB"])
    true = samples(root, "hyperliquid", "kSHIB", datetime(2025, 2, 20, 12, tzinfo=UTC))
    # In thousands of coins, one-sided.
    assert float(noon[3]) * 1000 == pytest.approx(true["open_interest_coin"])
    assert float(noon[3]) * float(noon[8]) == pytest.approx(true["open_interest_usd"], rel=1e-6)
    assert float(noon[8]) == pytest.approx(true["mark_price"])


def test_both_legs_bear_the_liquidation(everywhere: tuple[Path, Summary]) -> None:
    pairs: dict[int, list[tuple[str, dict[str, Any]]]] = {}
    for user, fill in fills(everywhere[0], "20250220"):
        pairs.setdefault(fill["tid"], []).append((user, fill))
    forced = ordinary = 0
    for legs in pairs.values():
        (one, a), (other, b) = legs
        assert one != other
        assert {a["side"], b["side"]} == {"A", "B"}
        assert (a["px"], a["sz"]) == (b["px"], b["sz"])
        assert a.get("liquidation") == b.get("liquidation")
        forced += "liquidation" in a
        ordinary += "liquidation" not in a
        if "liquidation" in a:
            assert [one, other].count(a["liquidation"]["liquidatedUser"]) == 1
            assert a["liquidation"]["method"] in {"market", "backstop"}
    assert forced > 500
    # A fill of each coin every hour.
    assert ordinary == 24 * 8


def test_sizes_are_coins(everywhere: tuple[Path, Summary]) -> None:
    root, _ = everywhere
    found = summed(
        (
            fill["coin"],
            {"A": "long", "B": "short"}[fill["side"]],
            float(fill["sz"]) * (1000 if fill["coin"].startswith("k") else 1),
            float(fill["sz"]) * float(fill["px"]),
        )
        for fill in own_legs(root)
    )
    expected = true_totals(liquidations(root, "hyperliquid"))
    assert found.keys() == expected.keys()
    for key, amount in expected.items():
        assert found[key] == pytest.approx(amount, rel=1e-9)


def test_longs_sell_in_the_fall(everywhere: tuple[Path, Summary]) -> None:
    fall = [
        fill
        for fill in own_legs(everywhere[0], "20250220")
        if ms(2025, 2, 20, 3) < fill["time"] < ms(2025, 2, 20, 10)
    ]
    sold, bought = (
        sum(float(x["sz"]) * float(x["px"]) for x in fill_of)
        for fill_of in ([x for x in fall if x["side"] == side] for side in "AB")
    )
    assert sold > 20 * bought


def test_from_late_july_2025_on_fills_come_in_blocks(tmp_path: Path) -> None:
    plan = Plan(
        date(2025, 7, 26),
        date(2025, 7, 27),
        symbols=1,
        scenario="long-squeeze",
        kline_kinds=(),
        venues=("hyperliquid",),
    )
    simulate(plan, tmp_path)
    before = sorted((tmp_path / ARCHIVE / "node_fills/hourly").iterdir())
    after = sorted((tmp_path / ARCHIVE / "node_fills_by_block/hourly").iterdir())
    assert [x.name for x in before] == ["20250726"]
    assert [x.name for x in after] == ["20250727"]
    block = json.loads(lz4(after[0] / "5.lz4").splitlines()[0])
    assert list(block) == ["local_time", "block_time", "block_number", "events"]
    # 2025-07-27T08:50:10.273720819: nanoseconds, no zone.
    assert len(block["block_time"]) == 29
    for user, fill in block["events"]:
        assert user.startswith("0x")
        assert fill["coin"] == "BTC"


def test_settled_funding_differs_from_the_running_estimate(
    everywhere: tuple[Path, Summary],
) -> None:
    root, _ = everywhere
    rows = answers(root / "dumps/hyperliquid/fundingHistory/BTC.json")
    truth = settlements(root, "hyperliquid", "BTC")
    # Twenty days of twenty-four, in order; some stamped up to 261 ms late.
    assert [row["time"] for row in rows] == truth["stamp_ms"].to_list()
    assert len(rows) == 480
    late = [row["time"] % 3_600_000 for row in rows]
    assert 47 < max(late) <= 261
    assert [float(row["fundingRate"]) for row in rows] == [float(x) for x in truth["funding_rate"]]
    estimates = {
        row.split(",")[0]: row.split(",")[2]
        for row in lz4(root / ARCHIVE / "asset_ctxs/20250220.csv.lz4").decode().splitlines()
        if row.split(",")[1] == "BTC"
    }
    settled = {row["time"] // 3_600_000: float(row["fundingRate"]) for row in rows}
    hours = [ms(2025, 2, 20, hour) // 3_600_000 for hour in range(1, 24)]
    same = [
        settled[hour] == float(estimates[f"2025-02-20T{hour % 24:02d}:00:00Z"]) for hour in hours
    ]
    assert not all(same)


def test_funding_history_pages_forward(http: httpx.Client, tmp_path: Path) -> None:
    rows, start = list[dict[str, Any]](), ms(2025, 2, 1)
    query = {"type": "fundingHistory", "coin": "ETH", "endTime": ms(2025, 2, 21)}
    while page := http.post("/info", json=query | {"startTime": start}).json():
        rows += page
        start = page[-1]["time"] + 1
    assert len(rows) == len({row["time"] for row in rows}) == 480
    assert set(rows[0]) == {"coin", "fundingRate", "premium", "time"}


def test_contexts_answer_for_the_present(http: httpx.Client) -> None:
    meta, contexts = http.post("/hyperliquid/info", json={"type": "metaAndAssetCtxs"}).json()
    names = [coin["name"] for coin in meta["universe"]]
    assert len(names) == len(contexts) == 8
    assert "kSHIB" in names
    assert {"funding", "openInterest", "markPx", "oraclePx"} <= contexts[0].keys()
    assert http.post("/info", json={"type": "meta"}).json() == meta


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"type": "nothing"},
        {"type": "fundingHistory", "coin": "BTC"},
        {"type": "fundingHistory", "coin": "NOPE", "startTime": 1},
        {"type": "fundingHistory", "coin": "BTC", "startTime": "soon"},
        [],
    ],
)
def test_what_cannot_be_read_is_refused(http: httpx.Client, body: Any) -> None:
    assert http.post("/info", json=body).status_code == 422


def test_only_posts_are_answered(http: httpx.Client) -> None:
    assert http.get("/info").status_code == 405
    assert http.post("/info", content=b"{").status_code == 422
    assert http.post("/hyperliquid-archive/asset_ctxs/20250220.csv.lz4").status_code == 405


def test_both_buckets_list_and_give(http: httpx.Client, everywhere: tuple[Path, Summary]) -> None:
    key = "asset_ctxs/20250220.csv.lz4"
    content = (everywhere[0] / ARCHIVE / key).read_bytes()
    assert http.get(f"/hyperliquid-archive/{key}").content == content
    listing = http.get("/hl-mainnet-node-data", params={"prefix": "node_fills/"}).text
    assert listing.count("<Key>node_fills/hourly/") == 48
    assert "<Name>hl-mainnet-node-data</Name>" in listing
