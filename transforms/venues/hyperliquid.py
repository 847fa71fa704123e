"""Hyperliquid: linear perpetuals in coins, of the exchange itself and of builders (HIP-3).

Docs     hyperliquid.gitbook.io/hyperliquid-docs (historical data; info endpoint; websocket)
Time     UTC. asset_ctxs: ISO 8601, one row per coin and minute, a few off the minute. API and
         fills: milliseconds. A websocket's `activeAssetCtx` has no time: its arrival counts.
Stamps   fundingHistory: the end of the hour that is paid, up to 0.3 s late. asset_ctxs: a
         snapshot, taken for the minute it lies in.
Rates    fraction per hour. `funding` in asset_ctxs is a running estimate and is not read: what
         was settled is in fundingHistory.
OI       single-sided, base units of the coin; `mark_px`, `markPx` of the same moment.
Prices   the mark of each minute's snapshot, as a bar of a minute whose open, high, low and close
         are that one price: what happened between two snapshots is not known.
Sides    fills: `side` is the order's, A sells and B buys. Both parties' fills carry
         `liquidation`; the one of `liquidatedUser` counts, so A closed a long. Those who are
         deleveraged against it (`Auto-Deleveraging`) are not liquidated. The price is that of
         the fill, the amount base units of the coin.
Sizes    kPEPE, kBONK … are a thousand coins. A builder's coin is `dex:COIN`, in file names
         `dex_COIN`. `@107` and `PURR/USDC` are spot.
Gaps     two buckets, both paid by who asks: `hyperliquid-archive` (asset_ctxs, from 2023-05-20;
         a month late; 2026-07-08 is missing, many minutes before 2025 and the ends of some days)
         and `hl-mainnet-node-data` (node_fills 2025-05-25 14:00 … 2025-07-27 08:00, then
         node_fills_by_block). Configure them as two sources. Asset_ctxs has no builders' coins.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial

import polars as pl

from transforms.answer_paths import NAMED, SUFFIX, file_time, milliseconds, spans
from transforms.answers import RefusedError, read_json, rows_in, stamps_in
from transforms.endpoints import Parser, answers_at, asked, dumped
from transforms.fills import NOTHING_FILLED, accumulated
from transforms.native import Unit
from transforms.passing import together
from transforms.payload import BadPayload, Facts, Parsed, Payload
from transforms.records import (
    Fault,
    Records,
    assemble,
    epoch,
    exact_rate,
    iso_utc,
    number,
    sift,
    text,
    within_path_days,
    word,
)
from transforms.schemas.column import (
    Completeness,
    ContractKind,
    Margin,
    PriceSource,
    Side,
    SourceKind,
)
from transforms.settlements import settlements
from transforms.tabular import PART_BYTES, Layout, csv_texts, read_csv_in_parts
from transforms.venue import Feed, Instrument, RateLimit, Regime, Request, Venue, Window

NAME = "hyperliquid"

DAY = timedelta(days=1)
SIDES = {"A": Side.LONG.value, "B": Side.SHORT.value}  # order side → position closed
FUNDING_PAGE = 500  # rows
FUNDING_WINDOW = timedelta(days=20)  # 480 hours
FIRST_CONTEXTS = date(2023, 5, 20)
FIRST_FILLS, BY_BLOCK_FROM = date(2025, 5, 25), date(2025, 7, 27)

# ---- Symbols ------------------------------------------------------------------------------------

_COIN = re.compile(
    r"(?:(?P<dex>[a-z][a-z0-9]*):)?(?P<thousand>k(?=[A-Z]))?(?P<coin>\d*[A-Z][A-Z0-9]*)"
)
# Builders choose the dollar their perpetuals are settled in; of most it is not documented.
_PAID_IN_USDC = (None, "xyz")


def instrument(symbol: str) -> Instrument | None:
    """What a symbol stands for, from its spelling; None if it is no perpetual."""
    found = _COIN.fullmatch(symbol)
    if found is None:
        return None
    dollar = "USDC" if found["dex"] in _PAID_IN_USDC else "USD"
    return Instrument(
        symbol=symbol,
        base_asset=found["coin"],
        quote_asset=dollar,
        settle_asset=dollar,
        margin_type=Margin.LINEAR,
        contract_kind=ContractKind.PERPETUAL,
        base_multiplier=1000.0 if found["thousand"] else 1.0,
    )


def _symbol_of(name: str) -> str | None:
    """`xyz_TSLA` is how files write `xyz:TSLA`."""
    symbol = name.replace("_", ":", 1)
    return symbol if instrument(symbol) is not None else None


# ---- Bulk files ---------------------------------------------------------------------------------

_CONTEXTS = Layout.of(
    """time coin funding open_interest prev_day_px day_ntl_vlm premium oracle_px mark_px mid_px
    impact_bid_px impact_ask_px""",
    words="time coin",
    required="time coin open_interest mark_px",
)


def parse_contexts(payloads: Sequence[Payload], *, size: int = PART_BYTES) -> Parsed:
    """Of several snapshots within a minute the one nearest to its start comes first.

    A day is some 40 MB of text; files are read in parts of `size` bytes of it.
    """
    parts = (
        _contexts(records.with_facts([payload]))
        for payload in payloads
        for records in read_csv_in_parts(NAME, payload, _CONTEXTS, size=size)
    )
    texts = csv_texts(NAME, payloads, _CONTEXTS)
    return together(parts, ("open_interest", "prices"), texts)


def _contexts(records: Records) -> Parsed:
    wanted = ["coin", "time", "open_interest", "mark_px"]
    frame = records.frame.with_columns(pl.col(wanted).replace("null", None))
    records = replace(records, frame=frame)
    origin = {"symbol": text("coin"), "at": iso_utc("time")}
    checks = [within_path_days("at")]
    samples = sift(
        records,
        "open_interest",
        origin
        | {
            "amount": number("open_interest", optional=True, minimum=0),
            "price": number("mark_px", optional=True, minimum=0),
        },
        at="at",
        checks=checks,
    )
    marks = sift(
        records, "prices", origin | {"mark": number("mark_px", minimum=0)}, at="at", checks=checks
    )
    minute = pl.col("at").dt.truncate("1m")
    late = (pl.col("at") - minute).dt.total_milliseconds()
    return assemble(
        records,
        [
            samples.derive(
                sampled_at=minute,
                sampled_at_original=pl.col("at"),
                rank=late,
                sample_interval_minutes=pl.lit(1),
                unit=pl.lit(Unit.COIN.value),
                sides=pl.lit(1),
            ),
            marks.derive(
                opened_at=minute,
                rank=late,
                interval_minutes=pl.lit(1),
                price_source=pl.lit(PriceSource.MARK.value),
                price_open=pl.col("mark"),
                price_high=pl.col("mark"),
                price_low=pl.col("mark"),
                price_close=pl.col("mark"),
            ),
        ],
    )


def _fills_of_liquidated(message: object) -> Sequence[object] | None:
    """Of a block (`{"events": [[user, fill], …]}`), or of one `[user, fill]`: the fills by which
    users were liquidated. A fill of which that cannot be told is kept, to be set aside."""
    if isinstance(message, dict) and isinstance(message.get("events"), list):
        events = message["events"]
    elif isinstance(message, list):
        events = [message]
    else:
        return None
    found: list[object] = []
    for event in events:
        match event:
            case [str() as user, dict() as fill]:
                liquidation = fill.get("liquidation")
                whom = liquidation.get("liquidatedUser") if isinstance(liquidation, dict) else None
                if liquidation is not None and (whom is None or str(whom).lower() == user.lower()):
                    found.append(fill)
            case _:
                found.append(event)
    return found


_NO_PRICE = Fault(
    pl.col("filled_at").is_null() & pl.col("mark").is_null(), pl.lit("neither px nor markPx")
)


def parse_fills(payloads: Sequence[Payload]) -> Parsed:
    """An hour of all fills, of which those are read in whose line a liquidation occurs."""
    fields = ("coin", "px", "sz", "side", "time", "oid", "tid")
    columns: dict[str, tuple[str, ...]] = {name: (name,) for name in fields}
    columns |= {name: ("liquidation", name) for name in ("liquidatedUser", "markPx")}
    records = read_json(
        NAME, payloads, columns, _fills_of_liquidated, lines_with=b'"liquidation"'
    ).with_facts(payloads)
    fills = sift(
        records,
        "liquidations",
        {
            "symbol": text("coin"),
            "liquidated_at": epoch("time"),
            "side": word("side", SIDES),
            "filled_at": number("px", optional=True, minimum=0),
            "mark": number("markPx", optional=True, minimum=0),
            "amount": number("sz", minimum=0),
            "user": text("liquidatedUser"),
            "oid": text("oid"),
            "tid": text("tid"),
        },
        at="liquidated_at",
        checks=[within_path_days("liquidated_at"), NOTHING_FILLED, _NO_PRICE],
    ).derive(
        unit=pl.lit(Unit.COIN.value),
        price=pl.coalesce("filled_at", "mark"),
        price_kind=pl.when(pl.col("filled_at").is_not_null())
        .then(pl.lit("average"))
        .otherwise(pl.lit("mark")),
    )
    return assemble(records, [accumulated(fills, ["symbol", "side", "user", "oid"], "tid")])


# ---- Answers and messages -----------------------------------------------------------------------


def _funding_rows(answer: object) -> Sequence[object] | None:
    _raise_error(answer)
    # An array of arrays is several answers.
    if isinstance(answer, list) and not any(isinstance(row, list) for row in answer):
        return answer
    return [answer] if isinstance(answer, dict) and "fundingRate" in answer else None


def _raise_error(answer: object) -> None:
    """Websockets say `{"channel": "error", "data": …}`; the API's errors are plain text."""
    if isinstance(answer, dict) and (answer.get("channel") == "error" or "error" in answer):
        raise RefusedError(str(answer.get("data", answer.get("error"))))


def parse_funding(payloads: Sequence[Payload]) -> Parsed:
    columns = {name: (name,) for name in ("coin", "fundingRate", "time")}
    records = read_json(NAME, payloads, columns, _funding_rows).with_facts(payloads)
    symbol = pl.coalesce("coin", "path_symbol")
    records = replace(records, frame=records.frame.with_columns(symbol=symbol))
    settled = settlements(records, epoch("time"), exact_rate("fundingRate"))
    return assemble(records, [settled.derive(interval_hours_declared=pl.lit(1.0))])


def _universe(answer: object) -> Sequence[object] | None:
    """Coins with their contexts, from metaAndAssetCtxs: `[{"universe": [coin, …]}, [ctx, …]]`."""
    _raise_error(answer)
    match answer:
        case [{"universe": list() as coins}, list() as contexts]:
            if len(coins) != len(contexts):  # whose is whose cannot be told
                raise RefusedError(f"{len(coins)} coins, but {len(contexts)} contexts")
            return [
                {"coin": coin["name"], "ctx": context}
                if isinstance(coin, dict) and "name" in coin
                else coin
                for coin, context in zip(coins, contexts, strict=True)
            ]
    return None


def _context_message(message: object) -> Sequence[object] | None:
    _raise_error(message)
    match message:
        case {"channel": "activeAssetCtx", "data": {"ctx": dict()} as said}:
            return [said]
        case {"channel": "subscriptionResponse" | "pong"}:
            return []
    return None


def parse_snapshots(
    rows_of: Callable[[object], Sequence[object] | None],
    datasets: tuple[str, ...],
    payloads: Sequence[Payload],
) -> Parsed:
    """The present state of coins, which has no time of its own: that of arrival, or of the file."""
    columns = {"coin": ("coin",), "oi": ("ctx", "openInterest"), "mark": ("ctx", "markPx")}
    records = read_json(NAME, payloads, columns, rows_of).with_facts(payloads)
    of_file = {payload.raw_key: _file_time(payload) for payload in payloads}
    # A recording's lines each have their own time; without it nothing can be said.
    lines = {p.raw_key for p in payloads if ".jsonl" in p.path}
    nanoseconds = {k: f"{milliseconds(at)}000000" for k, at in of_file.items() if k not in lines}
    at = pl.coalesce(
        "arrival_ns",
        pl.col("raw_key").replace_strict(nanoseconds, default=None, return_dtype=pl.String),
    )
    records = replace(records, frame=records.frame.with_columns(arrival_ns=at))
    found = []
    if "instruments" in datasets:
        listed = sift(
            records,
            "instruments",
            {"symbol": text("coin"), "observed_at": epoch("arrival_ns")},
            at="observed_at",
        )
        facts = pl.DataFrame(
            [
                (s, i.base_asset, i.quote_asset, i.settle_asset)
                for s in listed.rows["symbol"].unique().to_list()
                if (i := instrument(s)) is not None
            ],
            schema=dict.fromkeys(
                ("symbol", "base_asset", "quote_asset", "settle_asset"), pl.String
            ),
            orient="row",
        )
        rows = listed.rows.join(facts, on="symbol", how="left", maintain_order="left")
        found.append(
            replace(listed, rows=rows).derive(
                margin_type=pl.lit(Margin.LINEAR.value),
                contract_kind=pl.lit(ContractKind.PERPETUAL.value),
                contract_size=pl.lit(1.0),
            )
        )
    samples = sift(
        records,
        "open_interest",
        {
            "symbol": text("coin"),
            "sampled_at": epoch("arrival_ns"),
            "amount": number("oi", optional=True, minimum=0),
            "price": number("mark", optional=True, minimum=0),
        },
        at="sampled_at",
    )
    found.append(
        samples.derive(
            sampled_at_original=pl.col("sampled_at"),
            unit=pl.lit(Unit.COIN.value),
            sides=pl.lit(1),
        )
    )
    return assemble(records, found)


def _file_time(payload: Payload) -> datetime:
    asked_at = payload.facts.labels.get("at")
    if asked_at is None:
        return file_time(payload)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(asked_at))


# ---- Questions to the API -----------------------------------------------------------------------


def _ask_funding(window: Window) -> Iterator[Request]:
    for symbol in window.symbols:
        if instrument(symbol) is not None:
            for start, end in spans(window, FUNDING_WINDOW):
                yield _funding_page(symbol, start, end)


def _funding_page(symbol: str, start: int, end: int) -> Request:
    return Request(
        "api",
        "/info",
        {"type": "fundingHistory", "coin": symbol, "startTime": start, "endTime": end},
        f"fundingHistory/{symbol.replace(':', '_')}/{start}-{end}.json",
        "info",
        weight=20 + FUNDING_PAGE // 20,  # and one for each 20 rows of the answer
        method="POST",
    )


def _next_funding(request: Request, content: bytes) -> Request | None:
    """The page after a full one. Raises BadPayload where its end cannot be told."""
    rows = rows_in(NAME, request.path, content, _funding_rows)
    if len(rows) < FUNDING_PAGE:
        return None
    start, end = int(request.params["startTime"]), int(request.params["endTime"])
    last = max(stamps_in(NAME, request.path, rows, ("time",)))
    if last < start:
        raise BadPayload(NAME, request.path, "settlements from before the time asked for")
    return None if last >= end else _funding_page(str(request.params["coin"]), last + 1, end)


def _ask_snapshot(window: Window) -> Iterator[Request]:
    path = f"metaAndAssetCtxs/at-{milliseconds(window.now)}.json"
    yield Request("api", "/info", {"type": "metaAndAssetCtxs"}, path, "info", 20, "POST")


# ---- Paths --------------------------------------------------------------------------------------

_FUNDING_PATH = re.compile(rf"(?:info-)?fundingHistory/{NAMED}")
_SNAPSHOT_PATH = re.compile(
    rf"(?:(?:info-)?metaAndAssetCtxs/|instruments)[^/]*?"
    rf"(?:(?<=at-)(?P<at>\d{{13}})|(?<=[/-])(?P<dated>20\d\d(?:-\d\d-\d\d)?))?{SUFFIX}"
)
_MESSAGE_PATH = re.compile(rf"ws-activeAssetCtx/.+{SUFFIX}")
_CONTEXTS_PATH = re.compile(r"asset_ctxs/(?P<day>\d{8})\.csv(?:\.lz4|\.gz|\.zst)?")
_FILLS_PATH = re.compile(
    r"node_fills(?:_by_block)?/hourly/(?P<day>\d{8})/(?P<hour>\d{1,2})(?:\.jsonl?)?(?:\.lz4|\.gz|\.zst)?"
)


def _day_facts(pattern: re.Pattern[str], path: str) -> Facts | None:
    found = pattern.fullmatch(path)
    if found is None:
        return None
    try:
        midnight = datetime.strptime(found["day"], "%Y%m%d").replace(tzinfo=UTC)
        hour = found.groupdict().get("hour")
        # Fills are those of all coins: of an hour without a file nothing is known.
        start = None if hour is None else midnight.replace(hour=int(hour))
    except ValueError:
        return None
    return Facts(None, midnight.date(), midnight.date(), hour=start)


def _days(first: date, last: date) -> Iterator[date]:
    return (first + n * DAY for n in range((last - first).days + 1))


def _context_files(symbol: str | None, first: date, last: date) -> Sequence[str]:
    """The buckets may be read by name but, by most, not be listed."""
    if symbol is not None:
        return []
    days = _days(max(first, FIRST_CONTEXTS), last)
    return [f"asset_ctxs/{day:%Y%m%d}.csv.lz4" for day in days]


def _fill_files(symbol: str | None, first: date, last: date) -> Sequence[str]:
    if symbol is not None:
        return []
    return [
        f"{folder}/hourly/{day:%Y%m%d}/{hour}.lz4"
        for day in _days(max(first, FIRST_FILLS), last)
        for folder, published in (
            ("node_fills", day <= BY_BLOCK_FROM),
            ("node_fills_by_block", day >= BY_BLOCK_FROM),
        )
        if published
        for hour in range(24)
    ]


# ---- The venue ----------------------------------------------------------------------------------

_Days = Callable[[str | None, date, date], Sequence[str]]


def _bulk_feeds() -> Iterator[Feed]:
    """Files of the buckets, and the same in somebody's dump."""
    bulk: tuple[tuple[str, tuple[str, ...], re.Pattern[str], Parser, _Days], ...] = (
        ("contexts", ("open_interest", "prices"), _CONTEXTS_PATH, parse_contexts, _context_files),
        ("fills", ("liquidations",), _FILLS_PATH, parse_fills, _fill_files),
    )
    for name, datasets, pattern, parse, candidates in bulk:
        archive = Feed(
            name=f"archive-{name}",
            datasets=datasets,
            source=SourceKind.ARCHIVE,
            precedence=0,
            facts=partial(_day_facts, pattern),
            parse=parse,
            candidates=candidates,
            in_passing=True,
        )
        yield archive
        yield replace(
            archive,
            name=f"dump-{name}",
            source=SourceKind.DUMP,
            precedence=20,
            candidates=None,
            expects_every_day=False,
        )


def _answer_feeds() -> Iterator[Feed]:
    """Each endpoint twice: as we ask it, and as somebody else's dump of it."""
    funding = dumped(
        "fundingHistory", ("funding_rates",), answers_at(_FUNDING_PATH, _symbol_of), parse_funding
    )
    held = ("instruments", "open_interest")
    snapshot = dumped(
        "metaAndAssetCtxs",
        held,
        answers_at(_SNAPSHOT_PATH, _symbol_of),
        partial(parse_snapshots, _universe, held),
    )
    yield asked(funding, _ask_funding, _next_funding)
    yield asked(snapshot, _ask_snapshot, every_day=False)
    yield from (funding, snapshot)
    yield dumped(
        "activeAssetCtx",
        ("open_interest",),
        answers_at(_MESSAGE_PATH, _symbol_of),
        partial(parse_snapshots, _context_message, ("open_interest",)),
    )


VENUE = Venue(
    name=NAME,
    feeds=(*_bulk_feeds(), *_answer_feeds()),
    instrument=instrument,
    regimes=(
        Regime(
            FIRST_FILLS + DAY,  # whose files begin at 14:00
            None,
            Completeness.COMPLETE,
            "Hyperliquid docs, historical data: node_fills and node_fills_by_block hold each fill, "
            "with its liquidation",
        ),
    ),
    api_hosts={"api": "https://api.hyperliquid.xyz"},
    rate_limits={"info": RateLimit(1200, 60.0)},
    archive_published_after=timedelta(days=31),
)
