"""Tardis.dev: tickers and liquidations of many exchanges, as it recorded them.

Docs     docs.tardis.dev (CSV datasets, normalised data types); which field of an exchange's
         message becomes what: the mappers of github.com/tardis-dev/tardis-node
Files    `v1/{exchange}/{type}/{yyyy}/{mm}/{dd}/{SYMBOL}.csv.gz` by UTC day of arrival
         (`local_timestamp`); SYMBOL in capitals, `/` and `:` as `-`. `PERPETUALS` and `FUTURES`
         have the rows of all their symbols once more: what is in both comes out once.
Time     µs, UTC. `timestamp`, the exchange's own, decides the day; it may lie in the day before
         or after the file's. Where the exchange gives none it is the arrival (BitMEX, dYdX).
Cells    an empty one is not known. A file of no bytes (inside) is a day without events.
Sides    of the order, at every exchange: `sell` closed a long, `buy` a short. Those of Bybit and
         Bitget were turned already.
Prices   of liquidations as in `EXCHANGES`: mostly not what was paid.
OI       native, see `EXCHANGES`; Bybit and HTX count both sides. A line is written whenever
         anything changes and repeats what did not, so of each five minutes (`EVERY`, the grid of
         the venues' own series) the last line stands, at the mark price in it. It is stamped with
         the end of the five minutes, which belong to the file of their own day: a line that
         arrived on another one gives way like those that a later one follows. The notes `lines`
         and `lines_superseded` say how many there were, so that
         lines = samples + superseded + rejected.
Funding  `funding_rate` runs until `funding_timestamp`. The last one before that moves on is what
         was settled then, if the move is seen in one file and the rate was told within `STALE` of
         the settlement; else it is set aside. Midnight's is seen where a line of before it
         arrived after it. Nothing is taken where the column says something else or has no stamp:
         Kraken (money until 2022-09-29, and which hour's rate it is, is documented nowhere),
         Bitfinex (no settled series to hold it against), Deribit, Gate, Hyperliquid, dYdX v4.
Gaps     no bars: a line repeats last values, so that a low may be older than its minute. Phemex
         and KuCoin: neither liquidations nor a stamp of funding, and whether open interest counts
         contracts or coins, one side or two, is documented nowhere. Inverse futures of HTX are
         called by their place in the calendar (BTC_CQ) and not by contract: set aside, like BitMEX
         contracts of which no rule knows the size. Groups are asked for of liquidations only: the
         tickers of a large exchange are some 300 MB a day. Those that are there are read, in
         parts, whatever their size.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from urllib.parse import unquote

import polars as pl

from transforms.around_moves import ORDER, AroundMoves
from transforms.coded import in_words
from transforms.fills import NOTHING_FILLED, accumulated
from transforms.native import Unit
from transforms.passing import detached, together
from transforms.payload import (
    NOTES_SCHEMA,
    REJECTED_SCHEMA,
    Facts,
    Parsed,
    Payload,
)
from transforms.records import (
    RAW_TEXT_LIMIT,
    Fault,
    Reading,
    Records,
    Sifted,
    assemble,
    epoch,
    exact_rate,
    number,
    of_path_symbol,
    sift,
    text,
    within_path_days,
    word,
)
from transforms.schemas.column import Margin, Side, SourceKind
from transforms.tabular import PART_BYTES, Layout, csv_texts, read_csv, read_csv_in_parts
from transforms.venue import Carrier, Feed, Instrument
from transforms.venues import binance, bitmex

NAME = "tardis"

EVERY = timedelta(minutes=5)
STALE = timedelta(minutes=10)
"""Lines come by the second: a rate told longer before its settlement had time to move on."""
JITTER = timedelta(minutes=1)
"""How much before the settlement its stamp may move on; earlier, the schedule was changed."""
LATE = timedelta(minutes=1)
"""By how much lines may be out of order, at no cost; of symbols with later ones that contradict
their neighbours, a file is read twice and all lines are held."""

SIDES = {"sell": Side.LONG.value, "buy": Side.SHORT.value}
GROUPS = ("PERPETUALS", "FUTURES")
TICKER, LIQUIDATIONS = "derivative_ticker", "liquidations"

_COIN, _CONTRACTS, _USD = Unit.COIN, Unit.CONTRACTS, Unit.USD
_PERPETUAL_OF_DOLLARS = r"USD(?:[FGHJKMNQUVXZ]\d\d)?$"


@dataclass(frozen=True, slots=True)
class Exchange:
    """What the columns of one exchange mean.

    unit: of open interest. sides: how many of a contract it counts.
    price: kind of a liquidation's price; empty: it is not one at which anything was liquidated;
        None: there are no liquidations. amount: what these count in, if in something else.
    inverse: symbols whose amounts are US dollars of face value instead.
    settles: `funding_rate` before `funding_timestamp` is what is settled then.
    fills: liquidations are fills, each with an id, not orders.
    symbols: which of the venue's symbols are here.
    spelled: how the venue spells what stands in capitals, as (pattern, replacement).
    dashes: the character that dashes in file names stand for.
    sized: whether the size of a symbol's contract is known by rule; None: of all, or of none.
    """

    venue: str
    unit: Unit
    price: str | None = None
    amount: Unit | None = None
    inverse: str | None = None
    sides: int = 1
    settles: bool = False
    fills: bool = False
    symbols: str = ""
    spelled: tuple[str, str] | None = None
    dashes: str = "-"
    sized: Callable[[str], bool] | None = None


def _sized_at_bitmex(symbol: str) -> bool:
    """Whether its rule's size is the contract's, rather than one that stands for none."""
    known = bitmex.instrument(symbol)
    if known is None or known.margin_type is Margin.INVERSE or known.quote_asset == "BTC":
        return True
    coin = "XBT" if known.base_asset == "BTC" else known.base_asset
    quanto = known.margin_type is Margin.QUANTO
    return coin in (bitmex.SATOSHIS_OF_QUANTO if quanto else bitmex.COINS_OF_LINEAR)


_HTX = Exchange("htx", _CONTRACTS, "bankruptcy", sides=2)
_ASTER = Exchange("aster", _COIN, "limit", settles=True)

# Thousands at Hyperliquid begin with a small k, markets of builders with a small name.
_THOUSANDS = r"^K(PEPE|SHIB|BONK|FLOKI|LUNC|DOGS|NEIRO)$"

EXCHANGES: dict[str, Exchange] = {
    "binance-futures": Exchange("binance", _COIN, "limit", settles=True, symbols=r"^(?!.*USD_)"),
    "binance-delivery": Exchange("binance", _CONTRACTS, "limit", settles=True, symbols=r"USD_"),
    "bybit": Exchange(
        "bybit", _COIN, "bankruptcy", inverse=_PERPETUAL_OF_DOLLARS, sides=2, settles=True
    ),
    "okex-swap": Exchange("okx", _CONTRACTS, "bankruptcy", settles=True, symbols=r"-SWAP$"),
    "okex-futures": Exchange("okx", _CONTRACTS, "bankruptcy", symbols=r"-\d{6}$"),
    "bitmex": Exchange("bitmex", _CONTRACTS, "order", settles=True, sized=_sized_at_bitmex),
    "deribit": Exchange("deribit", _COIN, "average", inverse=r"^[A-Z0-9]+-", fills=True),
    "cryptofacilities": Exchange("kraken", _COIN, "average", inverse=r"^[PF]I_", fills=True),
    "huobi-dm": replace(_HTX, symbols=r"^[A-Z0-9_]+$"),
    "huobi-dm-swap": replace(_HTX, settles=True, symbols=r"-USD$"),
    "huobi-dm-linear-swap": replace(_HTX, settles=True, symbols=r"-USDT"),
    # Liquidations are triggers, at the price at which the position was entered.
    "bitfinex-derivatives": Exchange(
        "bitfinex", _COIN, "", spelled=(r"^(\w+:)", "t$1"), dashes=":"
    ),
    "gate-io-futures": Exchange("gate", _CONTRACTS, "order"),
    # What its messages call amount is quote value (83.1 × 0.1649 = 13.70319).
    "bitget-futures": Exchange("bitget", _COIN, "order", amount=_USD, settles=True),
    "hyperliquid": Exchange("hyperliquid", _COIN, spelled=(_THOUSANDS, "k$1"), dashes=":"),
    "dydx": Exchange("dydx", _COIN, settles=True),
    "dydx-v4": Exchange("dydx", _COIN, "average", fills=True),
    "aster": _ASTER,
    "aster-futures": _ASTER,
}

_TICKER_CSV = Layout.of(
    "exchange symbol timestamp local_timestamp funding_timestamp funding_rate "
    "predicted_funding_rate open_interest last_price index_price mark_price",
    words="exchange symbol",
    required="exchange symbol timestamp funding_timestamp funding_rate open_interest mark_price",
)
_LIQUIDATIONS_CSV = Layout.of(
    "exchange symbol timestamp local_timestamp id side price amount",
    words="exchange symbol id side",
    required="exchange symbol timestamp side price amount",
)

# ---- Paths and symbols --------------------------------------------------------------------------

_PATH = re.compile(
    r"v1/(?P<exchange>[a-z0-9-]+)/(?P<type>[a-z_]+)/(?P<day>\d{4}/\d\d/\d\d)/(?P<name>[^/]+)\.csv\.gz"
)


def _spelled(exchange: Exchange, symbol: str) -> str:
    if exchange.spelled is not None:
        pattern, replacement = exchange.spelled
        symbol = re.sub(pattern, replacement.replace("$1", r"\1"), symbol)
    return _of_builder(symbol) if exchange.venue == "hyperliquid" else symbol


def _of_builder(symbol: str) -> str:
    dex, colon, coin = symbol.rpartition(":")
    return f"{dex.lower()}{colon}{coin}"


def _facts(venue: str, kind: str, path: str) -> Facts | None:
    found = _PATH.fullmatch(path)
    if found is None or found["type"] != kind:
        return None
    exchange = EXCHANGES.get(found["exchange"])
    if exchange is None or exchange.venue != venue:
        return None
    try:
        day = date.fromisoformat(found["day"].replace("/", "-"))
    except ValueError:
        return None
    name = unquote(found["name"])
    symbol = None if name in GROUPS else _spelled(exchange, name.replace("-", exchange.dashes))
    return Facts(symbol, day, day, {"exchange": found["exchange"]})


def _days(first: date, last: date) -> list[str]:
    return [f"{first + timedelta(days=n):%Y/%m/%d}" for n in range((last - first).days + 1)]


def _prefixes(ids: Sequence[str], kind: str, _: str, first: date, last: date) -> Sequence[str]:
    return [f"v1/{name}/{kind}/{day}/" for name in ids for day in _days(first, last)]


def _singles(ids: Sequence[str], symbol: str | None, first: date, last: date) -> Sequence[str]:
    """Tickers are asked for by symbol: their groups are as large as all of them together."""
    if symbol is None:
        return ()
    names = [name for name in ids if re.search(EXCHANGES[name].symbols, symbol)]
    return [
        f"{folder}{_file_name(EXCHANGES[name], symbol)}.csv.gz"
        for name in names
        for folder in _prefixes([name], TICKER, "", first, last)
    ]


def _file_name(exchange: Exchange, symbol: str) -> str:
    name = symbol.removeprefix("t") if exchange.venue == "bitfinex" else symbol
    return name.upper().replace("/", "-").replace(":", "-")


def _groups(ids: Sequence[str], symbol: str | None, first: date, last: date) -> Sequence[str]:
    """Liquidations are few, and asked for as groups, which need no list of symbols."""
    if symbol is not None:
        return ()
    folders = _prefixes(ids, LIQUIDATIONS, "", first, last)
    return [f"{folder}{group}.csv.gz" for folder in folders for group in GROUPS]


# ---- What is common to both types ---------------------------------------------------------------


def _identity(exchange: Exchange) -> dict[str, Reading]:
    symbol = text("symbol")
    value = symbol.value
    if exchange.spelled is not None:
        value = value.str.replace(*exchange.spelled)
    if exchange.venue == "hyperliquid":
        dex = value.str.extract(r"^(.*:)").str.to_lowercase().fill_null("")
        value = dex + value.str.extract(r"([^:]*)$")
    return {"symbol": replace(symbol, value=value), "exchange": text("exchange")}


def _checks(exchange: Exchange, records: Records, moment: str) -> list[Fault]:
    other = Fault(
        pl.col("exchange") != pl.col("path_exchange"),
        pl.format("exchange {} in a file of {}", "exchange", "path_exchange"),
    )
    found = [other, of_path_symbol(), within_path_days(moment)]
    if exchange.sized is not None:
        symbols = records.frame["symbol"].drop_nulls().unique().sort()
        unsized = [symbol for symbol in symbols if not exchange.sized(symbol)]
        words = pl.format("size of a {} contract is not known", "symbol")
        found.append(Fault(pl.col("symbol").is_in(unsized), words))
    return found


def _unit(exchange: Exchange, unit: Unit) -> pl.Expr:
    counted = pl.lit(unit.value)
    if exchange.inverse is None:
        return counted
    inverse = pl.col("symbol").str.contains(exchange.inverse)
    return pl.when(inverse).then(pl.lit(_USD.value)).otherwise(counted)


# ---- Liquidations -------------------------------------------------------------------------------


def parse_liquidations(venue: str, payloads: Sequence[Payload]) -> Parsed:
    of: dict[str, list[Payload]] = {}
    for payload in payloads:
        of.setdefault(payload.facts.labels["exchange"], []).append(payload)
    parts = [_liquidations(venue, EXCHANGES[name], files) for name, files in sorted(of.items())]
    texts = csv_texts(venue, payloads, _LIQUIDATIONS_CSV)
    return together(parts, [LIQUIDATIONS], texts)


def _liquidations(venue: str, exchange: Exchange, payloads: Sequence[Payload]) -> Parsed:
    records = read_csv(venue, payloads, _LIQUIDATIONS_CSV).with_facts(payloads, "exchange")
    found = sift(
        records,
        LIQUIDATIONS,
        _identity(exchange)
        | {
            "liquidated_at": epoch("timestamp"),
            "side": word("side", SIDES),
            "price": number("price", optional=True, minimum=0),
            "amount": number("amount", minimum=0),
            "id": text("id", optional=True),
        },
        at="liquidated_at",
        checks=[*_checks(exchange, records, "liquidated_at"), NOTHING_FILLED],
    ).derive(
        unit=_unit(exchange, exchange.amount or exchange.unit),
        price=pl.when(pl.lit(exchange.price != "")).then("price"),
    )
    found = found.derive(
        price_kind=pl.when(pl.col("price").is_not_null()).then(pl.lit(exchange.price))
    )
    if exchange.fills:
        fill = pl.coalesce("id", pl.format("{}×{}", "price", "amount"))
        found = found.derive(at=pl.col("liquidated_at"), fill=fill)
        found = accumulated(found, ["symbol", "side", "at"], "fill")
    return assemble(records, [found])


# ---- Tickers ------------------------------------------------------------------------------------


def parse_tickers(
    venue: str, datasets: Sequence[str], payloads: Sequence[Payload], *, size: int = PART_BYTES
) -> Parsed:
    """Files of any size, part by part, of which only what may still count is kept.

    size: bytes of text in a part; it makes no difference to what comes out.
    """
    parts = [_ticker(venue, datasets, payload, size) for payload in payloads]
    return together(parts, datasets, csv_texts(venue, payloads, _TICKER_CSV))


def _ticker(venue: str, datasets: Sequence[str], payload: Payload, size: int) -> Parsed:
    exchange = EXCHANGES[payload.facts.labels["exchange"]]
    lines = 0
    last: list[pl.DataFrame] = []
    rejected: list[pl.DataFrame] = []
    moves = AroundMoves(LATE)
    for records in _in_parts(venue, payload, size):
        lines += records.read[payload.raw_key]
        samples = _samples(exchange, records)
        last = [_last(pl.concat([*last, samples.rows]))]
        rejected.append(samples.rejected)
        if "funding_rates" in datasets:
            rates = _rates(exchange, records)
            moves.add(rates.rows)
            rejected.append(rates.rejected)
    found = [_counted(exchange, last[0], pl.concat(rejected))]
    if "funding_rates" in datasets:
        told = [moves.lines]
        if moves.torn:
            torn = pl.col("symbol").is_in(sorted(moves.torn))
            again = (_rates(exchange, records) for records in _in_parts(venue, payload, size))
            told += [detached(rates.rows.filter(torn)) for rates in again]
        found.append(_settlements(venue, payload, pl.concat(told), pl.concat(rejected)))
    kept = [part.rows.height + part.rejected.height for part in found]
    notes = pl.DataFrame(
        [
            (payload.raw_key, "lines", str(lines)),
            (payload.raw_key, "lines_superseded", str(lines - kept[0])),
        ],
        schema=NOTES_SCHEMA,
        orient="row",
    )
    texts = csv_texts(venue, [payload], _TICKER_CSV)
    parsed = [
        # A record is what the lines come to; how many lines there were, the notes say.
        assemble(Records(pl.DataFrame(), {payload.raw_key: count}, (), texts), [part])
        for part, count in zip(found, kept, strict=True)
    ]
    return Parsed(
        {name: rows for part in parsed for name, rows in part.rows.items()},
        pl.concat([part.read for part in parsed]),
        pl.concat([part.rejected for part in parsed]),
        notes,
    )


def _in_parts(venue: str, payload: Payload, size: int) -> Iterator[Records]:
    parts = read_csv_in_parts(venue, payload, _TICKER_CSV, size=size)
    return (records.with_facts([payload], "exchange") for records in parts)


def _samples(exchange: Exchange, records: Records) -> Sifted:
    """The last line of each five minutes of the file's own day that tells open interest, or, if
    none does, the last one; of a part of the file."""
    lines = sift(
        records,
        "open_interest",
        _identity(exchange)
        | {
            "sampled_at_original": epoch("timestamp"),
            "amount": number("open_interest", optional=True, minimum=0),
            "price": number("mark_price", optional=True),
        },
        at="sampled_at_original",
        checks=_checks(exchange, records, "sampled_at_original"),
    )
    moment = pl.col("sampled_at_original") - timedelta(microseconds=1)
    day = pl.col("path_first_date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    ended = lines.derive(
        sampled_at=moment.dt.truncate(f"{EVERY.seconds}s") + EVERY,
        told=pl.col("amount").is_not_null(),
    ).rows.filter((pl.col("sampled_at") > day) & (pl.col("sampled_at") <= day + timedelta(days=1)))
    return replace(lines, rows=detached(_last(ended.drop("exchange", "^path_.*$"))))


def _last(lines: pl.DataFrame) -> pl.DataFrame:
    """Of lines or of the last ones of several parts: those that stand."""
    return lines.sort("symbol", "sampled_at", "told", "sampled_at_original", "raw_row").unique(
        ["symbol", "sampled_at"], keep="last", maintain_order=True
    )


def _counted(exchange: Exchange, last: pl.DataFrame, rejected: pl.DataFrame) -> Sifted:
    rows = last.with_columns(
        pl.lit(EVERY.seconds // 60).alias("sample_interval_minutes"),
        _unit(exchange, exchange.unit).alias("unit"),
        pl.lit(exchange.sides).alias("sides"),
    )
    return Sifted("open_interest", rows, rejected.filter(dataset="open_interest"))


def _rates(exchange: Exchange, records: Records) -> Sifted:
    """The lines of a part that tell a rate, and until when it runs."""
    rate = exact_rate("funding_rate")
    lines = sift(
        records,
        "funding_rates",
        _identity(exchange)
        | {
            "told_at": epoch("timestamp"),
            "due": epoch("funding_timestamp", optional=True),
            # Before the first message about it the rate is empty.
            "funding_rate": replace(rate, faults=rate.faults[1:]),
        },
        at="told_at",
        checks=_checks(exchange, records, "told_at"),
    )
    told = lines.rows.filter(
        pl.lit(exchange.settles),
        pl.col("due").is_not_null() & pl.col("funding_rate").is_not_null(),
    )
    return replace(lines, rows=told.drop("exchange", "^path_.*$"))


def _settlements(
    venue: str, payload: Payload, lines: pl.DataFrame, rejected: pl.DataFrame
) -> Sifted:
    """The last lines before `funding_timestamp` moved on."""
    told = lines.sort(*ORDER).with_columns(
        pl.col("due", "told_at").shift(-1).over("symbol").name.prefix("next_")
    )
    settled = (
        told.filter(
            pl.col("next_due") > pl.col("due"), pl.col("next_told_at") >= pl.col("due") - JITTER
        )
        .unique(["symbol", "due"], keep="last", maintain_order=True)
        .with_columns(
            pl.col("due").dt.round("1m").alias("settled_at"),
            pl.col("due").alias("settled_at_original"),
            (pl.col("due") - pl.col("told_at"))
            .dt.total_microseconds()
            .clip(lower_bound=0)
            .alias("rank"),
        )
    )
    stale = pl.col("due") - pl.col("told_at") > STALE
    return Sifted(
        "funding_rates",
        settled.filter(~stale),
        pl.concat(
            [
                rejected.filter(dataset="funding_rates"),
                _stale(venue, payload, settled.filter(stale)),
            ]
        ),
    )


def _stale(venue: str, payload: Payload, rows: pl.DataFrame) -> pl.DataFrame:
    # In the order of the file, which is read once more for them.
    rows = rows.sort("raw_row")
    text_of = csv_texts(venue, [payload], _TICKER_CSV)
    texts = [text_of(payload.raw_key, number)[:RAW_TEXT_LIMIT] for number in rows["raw_row"]]
    minutes = (pl.col("due") - pl.col("told_at")).dt.total_minutes()
    return (
        in_words(rows)
        .with_columns(
            dataset=pl.lit("funding_rates"),
            at=pl.col("due"),
            reason=pl.format(
                "funding_rate was last told {} minutes before its settlement", minutes
            ),
            raw_text=pl.Series(texts, dtype=pl.String),
        )
        .select(*REJECTED_SCHEMA)
    )


# ---- Exchanges that have no file of their own ---------------------------------------------------


def instrument(venue: str, symbol: str) -> Instrument | None:
    """What a symbol of an exchange without a file of its own stands for: that is Aster, which
    copied Binance, names of contracts included."""
    return binance.instrument(symbol) if venue == _ASTER.venue else None


# ---- The carrier --------------------------------------------------------------------------------


def _feeds(venue: str) -> Iterator[Feed]:
    ids = [name for name, exchange in EXCHANGES.items() if exchange.venue == venue]
    settles = any(EXCHANGES[name].settles for name in ids)
    datasets = ("open_interest", "funding_rates") if settles else ("open_interest",)
    yield Feed(
        name=f"{NAME}-{TICKER}",
        datasets=datasets,
        source=SourceKind.ARCHIVE,
        precedence=0,
        facts=partial(_facts, venue, TICKER),
        parse=partial(parse_tickers, venue, datasets),
        prefixes=partial(_prefixes, ids, TICKER),
        candidates=partial(_singles, ids),
        carrier=NAME,
        in_passing=True,
    )
    told = [name for name in ids if EXCHANGES[name].price is not None]
    if told:
        yield Feed(
            name=f"{NAME}-{LIQUIDATIONS}",
            datasets=(LIQUIDATIONS,),
            source=SourceKind.ARCHIVE,
            precedence=0,
            facts=partial(_facts, venue, LIQUIDATIONS),
            parse=partial(parse_liquidations, venue),
            prefixes=partial(_prefixes, told, LIQUIDATIONS),
            candidates=partial(_groups, told),
            carrier=NAME,
        )


_BRINGS = {name: exchange.venue for name, exchange in EXCHANGES.items()}
_FEEDS = {venue: tuple(_feeds(venue)) for venue in _BRINGS.values()}


def feeds_for(venue: str) -> tuple[Feed, ...]:
    return _FEEDS.get(venue, ())


CARRIER = Carrier(
    name=NAME,
    brings=_BRINGS,
    feeds_for=feeds_for,
    instrument=instrument,
)
