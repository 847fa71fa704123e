"""What holds for every exchange: discovery, shares, determinism, quirks, routes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import httpx
import polars as pl
import pytest

from simulator.exchange import discover
from simulator.faults import Faults
from simulator.plan import Plan, Summary
from simulator.serve import serve
from simulator.simulate import simulate

KNOWN = discover()
OTHERS = sorted(KNOWN.keys() - {"binance"})
SMALL = Plan(
    date(2025, 2, 19),
    date(2025, 2, 20),
    symbols=3,
    scenario="long-squeeze",
    kline_kinds=(),
    venues=tuple(OTHERS),
)


def tree(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_these_exchanges_are_found() -> None:
    expected = {
        *("binance", "bitmex", "bybit", "deribit", "hyperliquid", "okx"),
        *("tardis", "cryptoquant"),
    }
    assert KNOWN.keys() >= expected
    shares = {name: x.share for name, x in KNOWN.items() if x.share}
    assert sum(shares.values()) == pytest.approx(1)
    assert max(shares, key=lambda name: shares[name]) == "binance"
    assert all(KNOWN[name].carry is not None for name in expected - shares.keys())
    assert all(x.write is not None for x in KNOWN.values() if x.share)


def test_the_same_plan_gives_the_same_bytes_everywhere(tmp_path: Path) -> None:
    for name in ("a", "b"):
        simulate(SMALL, tmp_path / name)
    a, b = tree(tmp_path / "a"), tree(tmp_path / "b")
    assert {path.split("/")[1] for path in a if path.startswith("dumps/")} >= {
        name for name in OTHERS if KNOWN[name].share
    }
    assert a == b


def test_files_of_a_day_do_not_depend_on_the_days_around(tmp_path: Path) -> None:
    # Hyperliquid's archives and recordings are by day; dumps grow with the plan.
    short = replace(SMALL, break_day=SMALL.last)
    simulate(short, tmp_path / "a")
    wide = replace(short, first=short.first - timedelta(days=1), last=short.last)
    simulate(wide, tmp_path / "b")
    a, b = tree(tmp_path / "a"), tree(tmp_path / "b")
    daily = {
        path for path in a if any(text in path for text in ("2025-02-20", "20250220", "2025/02/20"))
    }
    assert len(daily) > 60
    assert {path: a[path] for path in daily} == {path: b[path] for path in daily}


def test_an_unknown_venue_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="venues must be some of"):
        simulate(replace(SMALL, venues=("binance", "nyse")), tmp_path)
    with pytest.raises(ValueError, match="must not be empty"):
        replace(SMALL, venues=())


def test_what_is_liquidated_is_shared_by_size(everywhere: tuple[Path, Summary]) -> None:
    root, _ = everywhere
    total = {
        file.parent.name: pl.read_parquet(file)["amount_usd"].sum()
        for file in root.glob("truth/*/liquidations-2025-02-20.parquet")
    }
    whole = sum(total.values())
    # Half a billion on the break day, of which each has its share. A fiftieth of Deribit's comes
    # on top, the other side of orders that were forced on both.
    assert whole == pytest.approx(500e6, rel=0.05)
    for name, usd in total.items():
        assert usd / whole == pytest.approx(KNOWN[name].share, rel=0.06), name


QUIRK_PLANS: dict[str, tuple[Plan, ...]] = {
    "bybit": (replace(SMALL, symbols=12, funding_months_before=3),),
    "okx": (
        replace(SMALL, symbols=12, first=date(2021, 11, 1), last=date(2021, 11, 8)),
        replace(
            SMALL,
            symbols=12,
            first=date(2025, 3, 30),
            last=date(2025, 4, 2),
            funding_months_before=2,
        ),
    ),
    "bitmex": (replace(SMALL, symbols=12, funding_months_before=7),),
    "deribit": (replace(SMALL, symbols=12, funding_months_before=2),),
    "hyperliquid": (replace(SMALL, symbols=12, funding_months_before=1),),
    "tardis": (replace(SMALL, scenario="calm", symbols=24),),
}


def test_only_the_aggregator_has_no_faults() -> None:
    assert {name for name, x in KNOWN.items() if not x.quirks} == {"cryptoquant"}


@pytest.mark.parametrize("name", sorted(QUIRK_PLANS))
def test_every_quirk_occurs_somewhere(tmp_path: Path, name: str) -> None:
    seen: set[str] = set()
    for number, plan in enumerate(QUIRK_PLANS[name]):
        seen |= (
            simulate(replace(plan, venues=(name,)), tmp_path / str(number)).quirk_counts().keys()
        )
    assert seen == set(KNOWN[name].quirks) != set()


def test_all_faulty_exchanges_are_among_these() -> None:
    # Binance's are in test_simulate.
    assert QUIRK_PLANS.keys() | {"binance", "cryptoquant"} == KNOWN.keys()


def test_without_quirks_there_are_none(tmp_path: Path) -> None:
    plan = replace(SMALL, quirks=False, scenario="long-squeeze", funding_months_before=3)
    # Empty files are no fault: nothing was liquidated.
    assert simulate(plan, tmp_path).quirk_counts().keys() <= {"empty-file"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/fapi/v1/exchangeInfo"),
        ("GET", "/v5/market/instruments-info"),
        ("GET", "/api/v5/public/instruments?instType=SWAP"),
        ("GET", "/api/v1/instrument/active"),
        ("GET", "/api/v2/public/get_instruments"),
        ("POST", "/info"),
    ],
)
def test_every_api_fails_when_it_should(
    everywhere: tuple[Path, Summary], method: str, path: str
) -> None:
    faults = Faults(every=1, statuses=(503,), at_most=1)
    body = {"json": {"type": "meta"}} if method == "POST" else {}
    with serve(everywhere[0], faults=faults) as running, httpx.Client() as client:
        first, second = (client.request(method, running.url + path, **body) for _ in range(2))
    assert (first.status_code, second.status_code) == (503, 200)
    assert first.headers["Retry-After"] == "1"
    first.json()  # the body is of the API's own kind
    # Only Binance counts weights.
    assert ("X-MBX-USED-WEIGHT-1m" in second.headers) is path.startswith("/fapi")


def test_no_two_exchanges_answer_at_the_same_path() -> None:
    prefixes = [(name, prefix) for name, x in KNOWN.items() for prefix in (*x.routes, *x.roots)] + [
        (name, f"/{bucket}/") for name, x in KNOWN.items() for bucket in (name, *x.buckets)
    ]
    assert len(prefixes) > 15
    for name, prefix in prefixes:
        for other, another in prefixes:
            assert name == other or not prefix.startswith(another), (prefix, another)
