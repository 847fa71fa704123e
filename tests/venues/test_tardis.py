"""Tardis: what it brings of each exchange, against the simulator's truth and the venues' own."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from simulator.plan import Plan
from simulator.simulate import simulate
from transforms.normalise import Normalised, Partition, normalise, read_instruments
from transforms.payload import BadPayload, Payload
from transforms.schemas.column import SourceKind
from transforms.venue import Venue, discover
from transforms.venues.tardis import CARRIER, EXCHANGES, GROUPS

VENUES = discover()
FIRST, LAST = date(2025, 2, 19), date(2025, 2, 20)
PLAN = Plan(
    FIRST,
    LAST,
    symbols=3,
    scenario="long-squeeze",
    kline_kinds=(),
    venues=("binance", "bybit", "okx", "tardis"),
)
CARRIED = ("binance", "bybit", "okx")
DAY = date(2025, 3, 1)
MIDNIGHT = 1740787200_000000  # 2025-03-01T00:00Z in µs
MINUTE = 60_000_000
TICKER = (
    "exchange,symbol,timestamp,local_timestamp,funding_timestamp,funding_rate,"
    "predicted_funding_rate,open_interest,last_price,index_price,mark_price"
)
LIQUIDATIONS = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount"


def payload(venue: Venue, path: str, content: bytes) -> Payload:
    found = venue.feed_for(SourceKind.ARCHIVE, path)
    assert found is not None, path
    assert found[0].carrier == "tardis"
    fetched = datetime(2026, 9, 1, tzinfo=UTC)
    return Payload(f"raw/{path}", path, content, SourceKind.ARCHIVE, found[1], fetched)


def written(venue: Venue, path: str, header: str, lines: Iterable[str]) -> Payload:
    text = "\n".join([header, *lines, ""])
    return payload(venue, path, gzip.compress(text.encode(), mtime=0))


def part(result: Normalised, dataset: str, day: date = DAY) -> Partition:
    [found] = [p for p in result.partitions if (p.dataset, p.date) == (dataset, day)]
    return found


def counts(partition: Partition) -> tuple[int, ...]:
    columns = pl.col("rows_read", "rows_kept", "rows_duplicate", "rows_quarantined")
    return partition.accounting.select(columns.sum()).row(0)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("carried")
    simulate(PLAN, out)
    return out


def found(root: Path, venue: Venue, folder: str, source: SourceKind) -> list[Payload]:
    files = []
    for file in sorted(path for path in (root / folder).rglob("*") if path.is_file()):
        path = file.relative_to(root / folder).as_posix()
        match = venue.feed_for(source, path)
        if match is not None:
            fetched = datetime.fromtimestamp(file.stat().st_mtime, UTC)
            key = f"raw/{source}/{path}"
            files.append(Payload(key, path, file.read_bytes(), source, match[1], fetched))
    return files


def carried(root: Path, venue: Venue) -> list[Payload]:
    files = found(root, venue.brought_by("tardis"), "archive/tardis", SourceKind.ARCHIVE)
    assert files
    return files


def answers(root: Path, venue: Venue) -> pl.DataFrame | None:
    """OKX's contracts are of sizes that only its answers tell."""
    own = found(root, venue, f"dumps/{venue.name}", SourceKind.DUMP)
    told = [file for file in own if "instruments" in file.path]
    return read_instruments(venue, told) if told else None


def both_days(root: Path, venue: Venue, files: list[Payload], dataset: str) -> pl.DataFrame:
    result = normalise(venue, files, FIRST, LAST, answers(root, venue))
    parts = [p for p in result.partitions if p.dataset == dataset]
    assert parts
    assert sum(p.quarantined.height for p in parts) == 0
    assert sum(p.conflicts.height for p in parts) == 0
    return pl.concat([p.rows for p in parts])


def truth(root: Path, venue: str, kind: str) -> pl.DataFrame:
    files = sorted((root / "truth" / venue).glob(f"{kind}*.parquet"))
    assert files
    return pl.concat(pl.read_parquet(file) for file in files)


# ---- Against the simulator's truth --------------------------------------------------------------


@pytest.mark.parametrize("name", CARRIED)
def test_liquidations_are_those_published_side_by_side(root: Path, name: str) -> None:
    rows = both_days(root, VENUES[name], carried(root, VENUES[name]), "liquidations")
    # What arrived after the last midnight is in the file of a day that was not simulated.
    end = datetime(2025, 2, 20, 23, 59, tzinfo=UTC)
    rows = rows.filter(pl.col("liquidated_at") < end)
    true = truth(root, name, "liquidations").filter(
        pl.col("published"), pl.col("at") < end, pl.col("symbol").is_in(rows["symbol"].implode())
    )
    assert rows.height == true.height > 300
    if name == "binance":  # the order's limit price, not what was paid
        true = true.with_columns(amount_usd=pl.col("quantity") * pl.col("limit_price"))
    for side in ("long", "short"):
        told = rows.filter(side=side).select(pl.col("amount_coin", "amount_usd").sum()).row(0)
        held = true.filter(position=side).select(pl.col("amount_coin", "amount_usd").sum()).row(0)
        assert told == pytest.approx(held, rel=1e-9)
    broken = rows.filter(pl.col("liquidated_at").dt.date() == LAST)
    usd = dict(broken.group_by("side").agg(pl.col("amount_usd").sum()).iter_rows())
    assert usd["long"] > 5 * usd["short"]


@pytest.mark.parametrize("name", CARRIED)
def test_open_interest_is_that_of_one_side_every_five_minutes(root: Path, name: str) -> None:
    rows = both_days(root, VENUES[name], carried(root, VENUES[name]), "open_interest")
    true = truth(root, name, "samples")
    joined = rows.join(true, on=["symbol", "sampled_at"], suffix="_true")
    # All samples but those of midnight between the days: they arrived after it.
    symbols = rows["symbol"].n_unique()
    assert joined.height == rows.height == symbols * 2 * 287
    known = joined.drop_nulls("open_interest_coin")
    assert joined.height - known.height == symbols * 2 * 2  # before the first polls of a day
    for amount in ("open_interest_coin", "open_interest_usd"):
        ratio = known[amount] / known[f"{amount}_true"]
        assert (ratio - 1).abs().max() < 1e-9  # type: ignore[operator]


@pytest.mark.parametrize("name", CARRIED)
def test_what_was_settled_is_the_last_rate_before(root: Path, name: str) -> None:
    rows = both_days(root, VENUES[name], carried(root, VENUES[name]), "funding_rates")
    true = truth(root, name, "settlements").filter(
        pl.col("symbol").is_in(rows["symbol"].implode()),
        pl.col("settled_at").dt.date().is_between(FIRST, LAST),
    )
    joined = rows.join(true, on=["symbol", "settled_at"], suffix="_true")
    assert joined.height == rows.height == true.height > 0
    assert (joined["funding_rate"] == joined["funding_rate_true"]).all()


def test_the_venues_own_rows_win_and_differences_are_reported(root: Path) -> None:
    venue = VENUES["bybit"]
    own = found(root, venue.brought_by(None), "dumps/bybit", SourceKind.DUMP)
    brought = carried(root, venue)
    alone = normalise(venue, own, FIRST, LAST, None)
    both = normalise(venue, [*own, *brought], FIRST, LAST, None)
    for dataset in ("liquidations", "funding_rates"):
        for day in (FIRST, LAST):
            kept, expected = part(both, dataset, day), part(alone, dataset, day)
            keys = {file.raw_key for file in own}
            mine = kept.rows.filter(pl.col("raw_key").is_in(list(keys)))
            assert mine.equals(expected.rows)
            assert counts(kept)[2] > counts(expected)[2]  # the carrier's are repeats
    # Now the carrier tells one long more than Bybit did.
    [file] = [f for f in brought if f.path.endswith("liquidations/2025/02/20/BTCUSDT.csv.gz")]
    more = b"bybit,BTCUSDT,1740052800000000,1740052800000000,,sell,36000,7\n"
    wrong = replace(file, content=gzip.compress(gzip.decompress(file.content) + more, mtime=0))
    files = [*own, *(wrong if f is file else f for f in brought)]
    day = part(normalise(venue, files, FIRST, LAST, None), "liquidations", LAST)
    assert day.rows.equals(part(both, "liquidations", LAST).rows)
    news = set(day.conflicts.rows()) - set(part(both, "liquidations", LAST).conflicts.rows())
    [conflict] = [
        row
        for row in pl.DataFrame(list(news), schema=day.conflicts.schema, orient="row").to_dicts()
        if row["column_name"] == "amount_native, longs of the day"
    ]
    assert conflict["symbol"] == "BTCUSDT"
    assert float(conflict["other_value"]) - float(conflict["kept_value"]) == pytest.approx(7)


# ---- Groups, days and lines ---------------------------------------------------------------------


def test_a_group_and_its_single_files_come_out_once() -> None:
    venue = VENUES["bybit"]
    orders = [
        f"bybit,BTCUSDT,{MIDNIGHT + 5},{MIDNIGHT + 9},,sell,80000,1",
        f"bybit,ETHUSDT,{MIDNIGHT + 6},{MIDNIGHT + 9},,buy,2000,3",
    ]
    ticks = [
        f"bybit,{symbol},{MIDNIGHT + n},{MIDNIGHT + n},{MIDNIGHT + 8 * 60 * MINUTE},0.0001,,"
        f"{n + 2},80000,80000,80000"
        for n in (1, 2)
        for symbol in ("BTCUSDT", "ETHUSDT")
    ]
    day = "2025/03/01"

    def files(*names: str) -> list[Payload]:
        return [
            written(
                venue,
                f"v1/bybit/{kind}/{day}/{name}.csv.gz",
                header,
                [line for line in lines if name in GROUPS or f",{name}," in line],
            )
            for kind, header, lines in (
                ("liquidations", LIQUIDATIONS, orders),
                ("derivative_ticker", TICKER, ticks),
            )
            for name in names
        ]

    group, single = files("PERPETUALS"), files("BTCUSDT", "ETHUSDT")
    once = normalise(venue, group, DAY, DAY, None)
    twice = normalise(venue, [*single, *group], DAY, DAY, None)
    for dataset in ("liquidations", "open_interest"):
        assert counts(part(once, dataset)) == (2, 2, 0, 0)
        assert counts(part(twice, dataset)) == (4, 2, 2, 0)
        assert part(twice, dataset).conflicts.is_empty()
        rows = [part(result, dataset).rows.drop("raw_key", "raw_row") for result in (once, twice)]
        assert rows[0].equals(rows[1])


def test_a_spilled_line_is_of_its_own_day_and_no_conflict_with_the_file_of_that_day() -> None:
    venue = VENUES["bybit"]
    before = MIDNIGHT - 1_000_000

    def tick(at: int, amount: int) -> str:
        return f"bybit,BTCUSDT,{at},{at},,,,{amount},80000,80000,80000"

    files = [
        written(
            venue,
            f"v1/bybit/derivative_ticker/{day}/BTCUSDT.csv.gz",
            TICKER,
            [tick(at, amount)],
        )
        # The state at midnight, as the file of the day that ends then has it, and as the next.
        for day, at, amount in (
            ("2025/02/28", before, 10),
            ("2025/03/01", before + 500_000, 12),
        )
    ]
    orders = written(
        venue,
        "v1/bybit/liquidations/2025/03/01/BTCUSDT.csv.gz",
        LIQUIDATIONS,
        [f"bybit,BTCUSDT,{before},{MIDNIGHT + 5},,sell,80000,1"],
    )
    result = normalise(venue, [*files, orders], date(2025, 2, 28), DAY, None)
    # Both sides of ten coins.
    [sample] = part(result, "open_interest").rows.to_dicts()
    assert (sample["open_interest_native"], sample["open_interest_coin"]) == (10.0, 5.0)
    assert part(result, "open_interest").conflicts.is_empty()
    superseded = result.notes.filter(name="lines_superseded").sort("raw_key")["value"]
    assert superseded.to_list() == ["0", "1"]
    assert part(result, "liquidations", date(2025, 2, 28)).rows["side"].to_list() == ["long"]
    # The file's own day had a feed and no liquidation: covered, and empty.
    assert part(result, "liquidations").rows.is_empty()


def test_every_line_is_accounted_for(root: Path) -> None:
    seen = 0
    for name in CARRIED:
        for file in carried(root, VENUES[name]):
            if "derivative_ticker" not in file.path:
                continue
            [feed] = [f for f in VENUES[name].feeds if f.facts(file.path) is not None]
            parsed = feed.parse([file])
            lines = gzip.decompress(file.content).count(b"\n") - 1
            notes = dict(parsed.notes.select("name", "value").iter_rows())
            rejected = parsed.rejected.filter(dataset="open_interest").height
            kept = parsed.rows["open_interest"].height
            assert int(notes["lines"]) == lines
            assert kept + int(notes["lines_superseded"]) + rejected == lines
            seen += lines
    assert seen > 5000


# ---- One position, whatever it is margined in ---------------------------------------------------


@pytest.mark.parametrize(
    ("exchange", "symbol", "amount", "both_sides", "price"),
    [
        # 2 coins at 50,000 = 100,000 dollars, as each exchange would count them.
        ("binance-futures", "BTCUSDT", 2, 2, 50_000),
        ("binance-delivery", "BTCUSD_PERP", 1000, 1000, 50_000),  # of 100 dollars
        ("bybit", "BTCUSDT", 2, 4, 50_000),
        ("bybit", "BTCUSD", 100_000, 200_000, 50_000),
        ("okex-swap", "BTC-USDT-SWAP", 200, 200, 50_000),  # of 0.01 coins
        ("okex-swap", "BTC-USD-SWAP", 1000, 1000, 50_000),  # of 100 dollars
        ("bitmex", "XBTUSD", 100_000, 100_000, 50_000),
        ("bitmex", "XBTUSDT", 2_000_000, 2_000_000, 50_000),  # of a millionth
        ("deribit", "BTC-PERPETUAL", 100_000, 100_000, 50_000),
        ("deribit", "BTC_USDC-PERPETUAL", 2, 2, 50_000),
        ("cryptofacilities", "PF_XBTUSD", 2, 2, 50_000),
        ("cryptofacilities", "PI_XBTUSD", 100_000, 100_000, 50_000),
        ("huobi-dm-swap", "BTC-USD", 1000, 2000, 50_000),  # of 100 dollars
        ("bitget-futures", "BTCUSDT", 100_000, 2, 50_000),  # told in quote, held in coins
        ("dydx-v4", "BTC-USD", 2, 2, 50_000),
        ("aster", "BTCUSDT", 2, 2, 50_000),
        # 2 coins are 0.002 thousands of them, each at 50,000,000.
        ("binance-futures", "1000PEPEUSDT", 0.002, 0.002, 50_000_000),
        ("bybit", "SHIB1000USDT", 0.002, 0.004, 50_000_000),
    ],
)
def test_one_position_is_as_many_coins_and_dollars_everywhere(
    exchange: str, symbol: str, amount: float, both_sides: float, price: int
) -> None:
    venue = VENUES[EXCHANGES[exchange].venue]
    at = MIDNIGHT + MINUTE
    files = [
        written(
            venue,
            f"v1/{exchange}/liquidations/2025/03/01/{symbol}.csv.gz",
            LIQUIDATIONS,
            [f"{exchange},{symbol},{at},{at},x,sell,{price},{amount}"],
        ),
        written(
            venue,
            f"v1/{exchange}/derivative_ticker/2025/03/01/{symbol}.csv.gz",
            TICKER,
            [f"{exchange},{symbol},{at},{at},,,,{both_sides},{price},{price},{price}"],
        ),
    ]
    result = normalise(venue, files, DAY, DAY, None)
    [order] = part(result, "liquidations").rows.to_dicts()
    assert order["side"] == "long"
    assert (order["amount_coin"], order["amount_usd"]) == pytest.approx((2, 100_000))
    [held] = part(result, "open_interest").rows.to_dicts()
    coin_and_usd = held["open_interest_coin"], held["open_interest_usd"]
    assert coin_and_usd == pytest.approx((2, 100_000))


def test_where_a_position_was_entered_is_no_price_of_its_liquidation() -> None:
    venue = VENUES["bitfinex"]
    line = f"bitfinex-derivatives,BTCF0:USTF0,{MIDNIGHT},{MIDNIGHT},7,buy,20000,2"
    path = "v1/bitfinex-derivatives/liquidations/2025/03/01/BTCF0-USTF0.csv.gz"
    result = normalise(venue, [written(venue, path, LIQUIDATIONS, [line])], DAY, DAY, None)
    [order] = part(result, "liquidations").rows.to_dicts()
    assert (order["symbol"], order["side"]) == ("tBTCF0:USTF0", "short")
    assert (order["amount_coin"], order["amount_usd"], order["price"]) == (2.0, None, None)


@pytest.mark.parametrize(
    ("exchange", "rate"), [("deribit", None), ("cryptofacilities", None), ("bybit", "0.0002")]
)
def test_rates_are_taken_only_where_they_are_what_is_settled(
    exchange: str, rate: str | None
) -> None:
    symbol = {"deribit": "BTC-PERPETUAL", "cryptofacilities": "PF_XBTUSD"}.get(exchange, "BTCUSDT")
    venue = VENUES[EXCHANGES[exchange].venue]
    due = MIDNIGHT + 480 * MINUTE
    lines = [
        f"{exchange},{symbol},{due + n},{due + n},{next_due},0.0002,,1,50000,50000,50000"
        for n, next_due in ((-1, due), (1, 2 * due - MIDNIGHT))
    ]
    path = f"v1/{exchange}/derivative_ticker/2025/03/01/{symbol}.csv.gz"
    result = normalise(venue, [written(venue, path, TICKER, lines)], DAY, DAY, None)
    rows = [p.rows for p in result.partitions if p.dataset == "funding_rates"]
    rates = [r for frame in rows for r in frame["funding_rate"]]
    assert rates == ([] if rate is None else [Decimal(rate)])


# ---- Paths and questions ------------------------------------------------------------------------


def test_each_exchange_is_brought_to_a_venue_with_rules() -> None:
    assert CARRIER.brings == {name: exchange.venue for name, exchange in EXCHANGES.items()}
    assert set(CARRIER.brings.values()) <= VENUES.keys()
    for name in set(CARRIER.brings.values()):
        assert any(feed.carrier == "tardis" for feed in VENUES[name].feeds)
    aster = VENUES["aster"].instrument("1000PEPEUSDT")
    assert aster is not None
    assert (aster.base_asset, aster.base_multiplier) == ("PEPE", 1000.0)
    assert CARRIER.instrument("nowhere", "BTCUSDT") is None
    assert CARRIER.feeds_for("nowhere") == ()


@pytest.mark.parametrize(
    "path",
    [
        "v1/bybit/trades/2025/03/01/BTCUSDT.csv.gz",
        "v1/kraken/liquidations/2025/03/01/BTCUSDT.csv.gz",
        "v1/okex-swap/liquidations/2025/03/01/BTC-USDT-SWAP.csv.gz",  # not of Bybit
        "v1/bybit/liquidations/2025/13/01/BTCUSDT.csv.gz",
        "v1/bybit/liquidations/2025/03/01/BTCUSDT.csv",
        "v1/bybit/liquidations/2025/03/01/more/BTCUSDT.csv.gz",
    ],
)
def test_other_paths_are_nobodys(path: str) -> None:
    assert VENUES["bybit"].brought_by("tardis").feed_for(SourceKind.ARCHIVE, path) is None


def test_names_in_capitals_become_the_venues_own() -> None:
    for path, symbol in (
        ("v1/hyperliquid/derivative_ticker/2025/03/01/KPEPE.csv.gz", "kPEPE"),
        ("v1/hyperliquid/derivative_ticker/2025/03/01/KAITO.csv.gz", "KAITO"),
        ("v1/hyperliquid/derivative_ticker/2025/03/01/XYZ-TSLA.csv.gz", "xyz:TSLA"),
        ("v1/bitfinex-derivatives/liquidations/2025/03/01/BTCF0-USTF0.csv.gz", "tBTCF0:USTF0"),
        ("v1/bitfinex-derivatives/liquidations/2025/03/01/BTCF0%3AUSTF0.csv.gz", "tBTCF0:USTF0"),
        ("v1/cryptofacilities/liquidations/2025/03/01/PF_XBTUSD.csv.gz", "PF_XBTUSD"),
        ("v1/okex-swap/liquidations/2025/03/01/BTC-USDT-SWAP.csv.gz", "BTC-USDT-SWAP"),
        ("v1/okex-swap/liquidations/2025/03/01/PERPETUALS.csv.gz", None),
    ):
        venue = VENUES[EXCHANGES[path.split("/")[1]].venue]
        match = venue.feed_for(SourceKind.ARCHIVE, path)
        assert match is not None
        assert (match[1].symbol, match[1].first_date, match[1].last_date) == (symbol, DAY, DAY)
        if symbol is not None:
            assert venue.instrument(symbol) is not None


@pytest.mark.parametrize(
    ("venue", "symbol", "files"),
    [
        ("binance", "BTCUSDT", ["binance-futures/#/2025/03/01/BTCUSDT"]),
        ("binance", "BTCUSD_PERP", ["binance-delivery/#/2025/03/01/BTCUSD_PERP"]),
        ("okx", "BTC-USD-250328", ["okex-futures/#/2025/03/01/BTC-USD-250328"]),
        ("htx", "BTC-USDT", ["huobi-dm-linear-swap/#/2025/03/01/BTC-USDT"]),
        ("htx", "BTC_CQ", ["huobi-dm/#/2025/03/01/BTC_CQ"]),
        ("hyperliquid", "kPEPE", ["hyperliquid/#/2025/03/01/KPEPE"]),
        ("bitfinex", "tBTCF0:USTF0", ["bitfinex-derivatives/#/2025/03/01/BTCF0-USTF0"]),
        ("dydx", "BTC-USD", ["dydx/#/2025/03/01/BTC-USD", "dydx-v4/#/2025/03/01/BTC-USD"]),
    ],
)
def test_tickers_are_asked_for_by_symbol(venue: str, symbol: str, files: list[str]) -> None:
    [feed] = [f for f in VENUES[venue].feeds if f.name == "tardis-derivative_ticker"]
    assert feed.candidates is not None
    assert feed.candidates(None, DAY, DAY) == ()
    asked = feed.candidates(symbol, DAY, DAY)
    assert asked == [f"v1/{f.replace('#', 'derivative_ticker')}.csv.gz" for f in files]
    for path in asked:
        facts = feed.facts(path)
        assert facts is not None
        assert facts.symbol == symbol


def test_liquidations_are_asked_for_as_groups_and_listed_by_day() -> None:
    [feed] = [f for f in VENUES["bybit"].feeds if f.name == "tardis-liquidations"]
    assert feed.candidates is not None
    assert feed.prefixes is not None
    assert feed.candidates("BTCUSDT", DAY, DAY) == ()
    root = "v1/bybit/liquidations"
    last = date(2025, 3, 2)
    assert feed.candidates(None, DAY, last) == [
        f"{root}/2025/03/{day}/{group}.csv.gz" for day in ("01", "02") for group in GROUPS
    ]
    assert feed.prefixes("", DAY, last) == [f"{root}/2025/03/01/", f"{root}/2025/03/02/"]
    assert all(feed.facts(path) is not None for path in feed.candidates(None, DAY, last))


def test_a_file_cut_short_is_no_day_without_events() -> None:
    venue = VENUES["bybit"]
    path = "v1/bybit/liquidations/2025/03/01/BTCUSDT.csv.gz"
    line = f"bybit,BTCUSDT,{MIDNIGHT},{MIDNIGHT},,sell,80000,1"
    whole = written(venue, path, LIQUIDATIONS, [line])
    for content in (whole.content[:-9], b"", LIQUIDATIONS.encode()):
        with pytest.raises(BadPayload, match="bybit: v1/bybit/liquidations"):
            normalise(venue, [replace(whole, content=content)], DAY, DAY, None)
    quiet = normalise(venue, [replace(whole, content=gzip.compress(b""))], DAY, DAY, None)
    assert counts(part(quiet, "liquidations")) == (0, 0, 0, 0)


def test_a_symbol_nobody_knows_is_quarantined() -> None:
    venue = VENUES["bybit"]
    path = "v1/bybit/liquidations/2025/03/01/PERPETUALS.csv.gz"
    line = f"bybit,WHAT?,{MIDNIGHT},{MIDNIGHT},,sell,80000,1"
    day = part(
        normalise(venue, [written(venue, path, LIQUIDATIONS, [line])], DAY, DAY, None),
        "liquidations",
    )
    assert day.rows.is_empty()
    assert day.quarantined["reason"].to_list() == ["unknown symbol WHAT?"]
