"""Bybit: v5 answers and liquidation recordings; it publishes no bulk files of its own.

    dumps/bybit/v5-market-funding-history/{category}/{SYMBOL}.json
    dumps/bybit/v5-market-open-interest/{category}/1h/{SYMBOL}.json
    dumps/bybit/v5-market-account-ratio/{category}/1h/{SYMBOL}.json
    dumps/bybit/v5-market-mark-price-kline/{category}/60/{SYMBOL}.json
    dumps/bybit/ws-liquidation/{date}.jsonl        until 2025-02-19, ws-allLiquidation from then on
    dumps/bybit/instruments-{category}.json

Category is `linear` or `inverse`. Rows are newest first, all numbers are text, stamps are ms.
- Open interest counts *both* sides: base coins (linear), US dollars (inverse); from 2026-06-11 on
  `singleOpenInterest` stands beside it, exactly half.
- The side of a liquidation is that of the *position*: `Buy` is a long.
- The old topic dropped all but one liquidation per second and symbol from September 2021 on.
- 1000PEPEUSDT, but SHIB1000USDT. Sizes are base coins (linear) or US dollars (inverse).

Quirks are those of `simulator.faulty`. A file of several pages is an array of answers.
"""

from __future__ import annotations

from simulator.exchange import Exchange
from simulator.exchanges.bybit.files import write
from simulator.exchanges.bybit.listings import SHARE, listings, throttled
from simulator.exchanges.bybit.rest import BybitApi
from simulator.faulty import PAGE_QUIRKS, RECORDING_QUIRKS

EXCHANGE = Exchange(
    name="bybit",
    share=SHARE,
    listings=listings,
    write=write,
    throttled=throttled,
    answer=BybitApi,
    routes=("/v5/market/",),
    quirks=(*RECORDING_QUIRKS, *PAGE_QUIRKS, "funding-missing"),
)
