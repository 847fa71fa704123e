"""OKX: both trees of bulk funding, v5 answers and liquidation recordings.

    archive/okx/cdn/okex/traderecords/swaprates/daily/{YYYYMMDD}/allswap-fundingrates-{date}.zip
    archive/okx/cdn/okex/traderecords/swaprates/monthly/{YYYYMM}/{instId}-fundingrates-{YYYY-MM}.zip
    archive/okx/cdn/okex/traderecords/swaprate/monthly/{YYYYMM}/allswaprate-swaprate-{date}.zip
    dumps/okx/public-funding-rate-history/{instId}.json
    dumps/okx/public-open-interest/{date}.jsonl            a row of an answer per line
    dumps/okx/rubik-stat-contracts-long-short-account-ratio-contract/1H/{instId}.json
    dumps/okx/ws-liquidation-orders/{date}.jsonl
    dumps/okx/instruments.json

- Days of the archive are UTC+8: file D covers [D-1 16:00 Z, D 16:00 Z). The new tree (swaprates,
  daily from 2022-01-17, monthly from 2022-03) is UTF-8 with CRLF; the old one (swaprate,
  2021-10..2025-09) is GBK, its `funding_rate` a forecast and its `funding_time` that of the *next*
  settlement; `real_funding_rate` was settled one interval before it.
- `fundingRate` of the API is the forecast, `realizedRate` what was settled.
- Amounts are contracts of `ctVal` coins (linear) or US dollars (inverse). No multiplier names.
- `side` of a liquidation is that of the order: `sell` closes a long. One per second and contract.

Quirks beside those of `simulator.faulty`:

| name | what | seen in |
|---|---|---|
| archive-bom | a byte order mark in a daily file of the new tree | CDN files |
| archive-gap | no daily file of the new tree on twelve days of April 2025 | CDN |
| archive-headerless | a file of the old tree of 2021 without header | CDN files |
| recording-snapshot | a message repeats the last events of a contract: a reconnect | stream |
| position-net | `posSide` is `net`, so that only `side` tells | net mode |
"""

from __future__ import annotations

from simulator.exchange import Exchange
from simulator.exchanges.okx.files import write
from simulator.exchanges.okx.listings import SHARE, listings
from simulator.exchanges.okx.rest import OkxApi
from simulator.faulty import PAGE_QUIRKS, RECORDING_QUIRKS

EXCHANGE = Exchange(
    name="okx",
    share=SHARE,
    listings=listings,
    write=write,
    throttled=lambda _day: True,
    answer=OkxApi,
    routes=("/api/v5/",),
    roots=("/cdn/",),
    quirks=(
        *RECORDING_QUIRKS,
        *PAGE_QUIRKS,
        "funding-missing",
        "archive-bom",
        "archive-gap",
        "archive-headerless",
        "recording-snapshot",
        "position-net",
    ),
)
