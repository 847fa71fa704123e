"""OKX's files and answers: two trees of UTC+8 days, forecasts beside rates, contracts, paging."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import polars as pl
import pytest

from simulator.plan import Plan, Summary
from simulator.serve import Server
from simulator.simulate import simulate
from tests.simulator.reading import (
    answers,
    lines,
    liquidations,
    ms,
    samples,
    settlements,
    summed,
    true_totals,
    unzipped,
)

TREE = "archive/okx/cdn/okex/traderecords"
NEW = f"{TREE}/swaprates/daily/20250220/allswap-fundingrates-2025-02-20.zip"
OLD = f"{TREE}/swaprate/monthly/202502/allswaprate-swaprate-2025-02-20.zip"
# Coins (linear) or US dollars (inverse) per contract, from the exchange's own instrument list.
CT_VAL = {"BTC-USDT": 0.01, "ETH-USDT": 0.1, "SHIB-USDT": 1e6, "XRP-USDT": 100.0, "SOL-USDT": 1.0}


@pytest.fixture
def http(exchanges_server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{exchanges_server.url}/api/v5") as client:
        yield client


def test_the_new_tree_is_crlf_and_cuts_days_at_sixteen_utc(
    everywhere: tuple[Path, Summary],
) -> None:
    root, _ = everywhere
    text = unzipped(root / NEW).removeprefix(b"\xef\xbb\xbf").decode()
    assert text.count("\r\n") == text.count("\n")
    header, *rows = text.split("\r\n")[:-1]
    assert header == "instrument_name,funding_rate,funding_time"
    cells = [row.split(",") for row in rows]
    stamps = [int(cell[2]) for cell in cells]
    # Beijing's 20th: from the 19th 16:00 to the 20th 16:00 UTC.
    assert ms(2025, 2, 19, 16) == min(stamps)
    assert max(stamps) < ms(2025, 2, 20, 16)
    truth = settlements(root, "okx", "BTC-USDT-SWAP").filter(
        pl.col("stamp_ms").is_between(ms(2025, 2, 19, 16), ms(2025, 2, 20, 16), "left")
    )
    own = [(int(c[2]), float(c[1])) for c in cells if c[0] == "BTC-USDT-SWAP"]
    assert [hour for hour, _ in own] == [ms(2025, 2, 19, 16), ms(2025, 2, 20), ms(2025, 2, 20, 8)]
    assert [rate for _, rate in own] == [float(x) for x in truth["funding_rate"]]


def test_the_old_tree_is_gbk_and_speaks_of_the_next_period(
    everywhere: tuple[Path, Summary],
) -> None:
    root, _ = everywhere
    content = unzipped(root / OLD)
    with pytest.raises(UnicodeDecodeError):
        content.decode()
    header, *rows = content.decode("gbk").splitlines()
    assert header == (
        "instrument_name/交易币对名,contract_type/合约类型,funding_rate/预测下一周期费率,"
        "real_funding_rate/本周期真实费率,funding_time/下一周期时间戳"
    )
    own = [row.split(",") for row in rows if row.startswith("BTC-USDT-SWAP,")]
    assert len(own) == 3
    truth = {
        stamp: float(rate)
        for stamp, rate in settlements(root, "okx", "BTC-USDT-SWAP")
        .select("stamp_ms", "funding_rate")
        .iter_rows()
    }
    for _, _, predicted, real, stamp in own:
        # What was realised belongs to eight hours before the stamp.
        assert float(real) == truth[int(stamp) - 8 * 3_600_000]
        assert float(predicted) != float(real)


def test_trees_have_their_years(tmp_path: Path) -> None:
    def trees(day: date) -> set[str]:
        plan = Plan(day, day, symbols=1, kline_kinds=(), venues=("okx",))
        simulate(plan, tmp_path / str(day))
        found = (tmp_path / str(day)).rglob("*.zip")
        return {path.relative_to(tmp_path / str(day) / TREE).parts[0] for path in found}

    assert trees(date(2021, 1, 17)) == set()
    assert trees(date(2021, 10, 1)) == {"swaprate"}
    assert trees(date(2022, 1, 17)) == {"swaprate", "swaprates"}
    assert trees(date(2025, 10, 10)) == {"swaprates"}


def test_a_month_over_is_in_one_file(tmp_path: Path) -> None:
    plan = Plan(
        date(2024, 3, 29),
        date(2024, 3, 31),
        symbols=1,
        kline_kinds=(),
        venues=("okx",),
        funding_months_before=1,
    )
    simulate(plan, tmp_path)
    folder = tmp_path / TREE / "swaprates/monthly/202403"
    rows = unzipped(folder / "BTC-USDT-SWAP-fundingrates-2024-03.zip").decode().splitlines()[1:]
    stamps = [int(row.split(",")[2]) for row in rows]
    # 31 days of three, from the end of February's last day on.
    assert (len(stamps), min(stamps)) == (93, ms(2024, 2, 29, 16))
    assert max(stamps) == ms(2024, 3, 31, 8)


def events(dumps: Path) -> Iterator[tuple[str, str, float, float, int]]:
    """(instId, position by the order's side, contracts, price, ms); repeats left out."""
    seen: set[tuple[str, ...]] = set()
    for day in ("2025-02-19", "2025-02-20"):
        for message in lines(dumps / f"ws-liquidation-orders/{day}.jsonl"):
            assert message["arg"] == {"channel": "liquidation-orders", "instType": "SWAP"}
            for data in message["data"]:
                for row in data["details"]:
                    position = {"sell": "long", "buy": "short"}[row["side"]]
                    assert row["posSide"] in {position, "net"}
                    key = (data["instId"], row["side"], row["sz"], row["bkPx"], row["ts"])
                    if key not in seen:
                        seen.add(key)
                        size, price = float(row["sz"]), float(row["bkPx"])
                        yield data["instId"], position, size, price, int(row["ts"])


def test_sizes_are_contracts(everywhere: tuple[Path, Summary]) -> None:
    root, _ = everywhere

    def amounts() -> Iterator[tuple[str, str, float, float]]:
        for symbol, position, size, price, _ in events(root / "dumps/okx"):
            family = symbol.removesuffix("-SWAP")
            if family in {"BTC-USD", "ETH-USD"}:
                usd = size * (100 if family == "BTC-USD" else 10)
                yield symbol, position, usd / price, usd
            elif family in CT_VAL:
                coins = size * CT_VAL[family]
                yield symbol, position, coins, coins * price

    found, expected = summed(amounts()), true_totals(liquidations(root, "okx"))
    assert {"BTC-USDT-SWAP", "BTC-USD-SWAP", "SHIB-USDT-SWAP"} <= {symbol for symbol, _ in found}
    for key, amount in found.items():
        assert amount == pytest.approx(expected[key], rel=1e-9)


def test_instruments_say_how_much_a_contract_is(http: httpx.Client) -> None:
    rows = http.get("/public/instruments", params={"instType": "SWAP"}).json()["data"]
    found = {row["instFamily"]: row for row in rows}
    for family, size in CT_VAL.items():
        assert float(found[family]["ctVal"]) == size
        assert (found[family]["ctType"], found[family]["ctMult"]) == ("linear", "1")
        assert found[family]["ctValCcy"] == family.partition("-")[0]
    assert (found["BTC-USD"]["ctType"], found["BTC-USD"]["ctVal"]) == ("inverse", "100")
    assert found["BTC-USD"]["settleCcy"] == "BTC"


def test_longs_sell_in_the_fall(everywhere: tuple[Path, Summary]) -> None:
    fall = [
        (position, size * price)
        for symbol, position, size, price, at in events(everywhere[0] / "dumps/okx")
        if symbol == "BTC-USDT-SWAP" and ms(2025, 2, 20, 3) < at < ms(2025, 2, 20, 10)
    ]
    longs, shorts = (sum(x for side, x in fall if side == want) for want in ("long", "short"))
    assert longs > 20 * shorts


def test_one_a_second_and_contract(everywhere: tuple[Path, Summary]) -> None:
    found = [(symbol, at // 1000) for symbol, _, _, _, at in events(everywhere[0] / "dumps/okx")]
    assert len(found) == len(set(found)) > 500


def test_open_interest_has_three_units(everywhere: tuple[Path, Summary]) -> None:
    root, _ = everywhere
    polled = [
        row
        for row in lines(root / "dumps/okx/public-open-interest/2025-02-20.jsonl")
        if 0 <= int(row["ts"]) - ms(2025, 2, 20, 12) < 1000
    ]
    by_name = {row["instId"]: row for row in polled}
    linear, inverse = by_name["SHIB-USDT-SWAP"], by_name["ETH-USD-SWAP"]
    # A million SHIB a contract; ten dollars a contract.
    assert float(linear["oiCcy"]) == pytest.approx(1e6 * float(linear["oi"]), rel=1e-12)
    assert float(inverse["oiUsd"]) == 10 * float(inverse["oi"])
    noon = datetime(2025, 2, 20, 12, tzinfo=UTC)
    mark = samples(root, "okx", "ETH-USD-SWAP", noon)["mark_price"]
    assert float(inverse["oiCcy"]) == pytest.approx(float(inverse["oiUsd"]) / mark, rel=1e-9)


def test_funding_pages_by_after(http: httpx.Client, everywhere: tuple[Path, Summary]) -> None:
    truth = settlements(everywhere[0], "okx", "PEPE-USDT-SWAP")
    rows, query = list[dict[str, str]](), {"instId": "PEPE-USDT-SWAP", "limit": "50"}
    while page := http.get("/public/funding-rate-history", params=query).json()["data"]:
        rows += page
        query["after"] = page[-1]["fundingTime"]
    # Every four hours for twenty days.
    assert [int(row["fundingTime"]) for row in rows] == truth["stamp_ms"].to_list()[::-1]
    assert len(rows) == 120
    realised = [float(row["realizedRate"]) for row in rows]
    assert realised == [float(x) for x in truth["funding_rate"].to_list()[::-1]]
    assert all(row["fundingRate"] != row["realizedRate"] for row in rows)
    newer = http.get(
        "/public/funding-rate-history",
        params={"instId": "PEPE-USDT-SWAP", "before": rows[2]["fundingTime"]},
    ).json()["data"]
    assert newer == rows[:2]


def test_answers_agree_with_dumps(http: httpx.Client, everywhere: tuple[Path, Summary]) -> None:
    root, _ = everywhere
    name = "rubik-stat-contracts-long-short-account-ratio-contract/1H/BTC-USDT-SWAP.json"
    path = "/rubik/stat/contracts/long-short-account-ratio-contract"
    told = http.get(path, params={"instId": "BTC-USDT-SWAP", "period": "1H"}).json()
    assert told == answers(root / "dumps/okx" / name)[0]
    assert len(told["data"]) == 48
    (last,) = http.get(
        "/public/open-interest", params={"instType": "SWAP", "instId": "BTC-USDT-SWAP"}
    ).json()["data"]
    history = http.get(
        "/rubik/stat/contracts/open-interest-history",
        params={"instId": "BTC-USDT-SWAP", "period": "5m"},
    ).json()["data"]
    assert len(history) == 100
    assert history[0] == [last["ts"], last["oi"], last["oiCcy"], last["oiUsd"]]


@pytest.mark.parametrize("symbol", ["BTC-USDT-SWAP", "BTC-USD-SWAP"])
def test_candles_have_contracts_coins_and_dollars(
    http: httpx.Client, everywhere: tuple[Path, Summary], symbol: str
) -> None:
    """Hours between two moments, both excluded; a contract is 0.01 BTC or 100 dollars."""
    window = {"before": ms(2025, 2, 20, 11), "after": ms(2025, 2, 20, 13)}
    query = {"instId": symbol, "bar": "1H"} | window
    (row,) = http.get("/market/history-candles", params=query).json()["data"]
    noon = pl.read_parquet(everywhere[0] / "truth/okx/samples-2025-02-20.parquet").filter(
        pl.col("symbol") == symbol, pl.col("sampled_at").dt.hour() == 12
    )
    coins = noon["volume_coin"].sum()
    dollars = (noon["volume_coin"] * noon["last_price"]).sum()
    contracts = coins / 0.01 if symbol == "BTC-USDT-SWAP" else dollars / 100
    assert int(row[0]) == ms(2025, 2, 20, 12)
    assert [float(text) for text in row[5:8]] == pytest.approx(
        [contracts, coins, dollars], rel=1e-9
    )
    assert row[8] == "1"
    (mark,) = http.get("/market/history-mark-price-candles", params=query).json()["data"]
    prices = noon["mark_price"].to_list()
    assert [float(text) for text in mark[1:5]] == pytest.approx(
        [prices[0], max(prices), min(prices), prices[-1]], rel=1e-9
    )
    assert mark[5:] == ["1"]


def test_candles_page_by_after(http: httpx.Client) -> None:
    query = {"instId": "BTC-USDT-SWAP", "bar": "15m", "limit": "100"}
    stamps = list[int]()
    while page := http.get("/market/history-mark-price-candles", params=query).json()["data"]:
        stamps += [int(row[0]) for row in page]
        query["after"] = page[-1][0]
    # Two days of 96, newest first, none twice.
    assert len(stamps) == len(set(stamps)) == 192
    assert stamps == sorted(stamps, reverse=True)


def test_windows_of_statistics_exclude_their_ends(http: httpx.Client) -> None:
    window = {"begin": ms(2025, 2, 20, 10), "end": ms(2025, 2, 20, 13)}
    query = {"instId": "BTC-USDT-SWAP", "period": "1H"} | window
    for name in (
        "open-interest-history",
        "long-short-account-ratio-contract",
        "long-short-account-ratio-contract-top-trader",
        "long-short-position-ratio-contract-top-trader",
    ):
        rows = http.get(f"/rubik/stat/contracts/{name}", params=query).json()["data"]
        assert [int(row[0]) for row in rows] == [ms(2025, 2, 20, 12), ms(2025, 2, 20, 11)], name


def test_top_traders_have_ratios_of_their_own(
    http: httpx.Client, everywhere: tuple[Path, Summary]
) -> None:
    noon = datetime(2025, 2, 20, 12, tzinfo=UTC)
    truth = samples(everywhere[0], "okx", "BTC-USDT-SWAP", noon)
    window = {"begin": ms(2025, 2, 20, 11), "end": ms(2025, 2, 20, 13)}
    for name, column in (
        ("long-short-account-ratio-contract-top-trader", "top_accounts_ratio"),
        ("long-short-position-ratio-contract-top-trader", "top_positions_ratio"),
    ):
        query = {"instId": "BTC-USDT-SWAP", "period": "1H"} | window
        ((_, ratio),) = http.get(f"/rubik/stat/contracts/{name}", params=query).json()["data"]
        assert float(ratio) == pytest.approx(truth[column], abs=5e-5)


def test_there_are_no_futures(http: httpx.Client) -> None:
    answer = http.get("/public/instruments", params={"instType": "FUTURES"}).json()
    assert answer == {"code": "0", "data": [], "msg": ""}


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("/public/funding-rate-history", {"instId": "NOPE"}, "51001"),
        ("/public/funding-rate-history", {"instId": "BTC-USDT-SWAP", "limit": "401"}, "51000"),
        ("/public/open-interest", {"instType": "SPOT"}, "51000"),
        ("/public/open-interest", {"instType": "SWAP", "instId": "BTC-USD"}, "51001"),
        ("/public/instruments", {}, "51000"),
        (
            "/rubik/stat/contracts/open-interest-history",
            {"instId": "BTC-USDT-SWAP", "period": "1D"},
            "51000",
        ),
        ("/market/history-candles", {"instId": "BTC-USDT-SWAP", "bar": "7m"}, "51000"),
        ("/market/history-candles", {"instId": "NOPE", "bar": "1H"}, "51001"),
        (
            "/market/history-mark-price-candles",
            {"instId": "BTC-USDT-SWAP", "bar": "1H", "limit": "101"},
            "51000",
        ),
    ],
)
def test_refusals_have_a_code(
    http: httpx.Client, path: str, query: dict[str, str], code: str
) -> None:
    answer = http.get(path, params=query).json()
    assert answer["code"] == code
    assert answer["data"] == []


def test_the_archive_is_a_plain_website(
    exchanges_server: Server, everywhere: tuple[Path, Summary]
) -> None:
    content = (everywhere[0] / NEW).read_bytes()
    with httpx.Client(base_url=exchanges_server.url) as client:
        for prefix in ("", "/okx"):
            path = NEW.removeprefix("archive/okx")
            assert client.get(f"{prefix}{path}").content == content
        assert client.get(f"{path}x").status_code == 404
