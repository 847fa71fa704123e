"""Binance: the archive data.binance.vision, forceOrder recordings, exchangeInfo, the REST API.

    archive/binance/data/futures/{um|cm}/…      the bucket
    dumps/binance/ws-forceOrder/{date}.jsonl    recordings
    dumps/binance/instruments-um.json           exchangeInfo of USDⓈ-M; instruments.json of COIN-M

A month's fundingRate file is there once the plan covers its last day; until then its settlements
are only in the truth, from which the REST API serves them.
"""

from __future__ import annotations

from datetime import date

from simulator.exchange import Exchange
from simulator.exchanges.binance.files import write
from simulator.exchanges.binance.listings import listings
from simulator.exchanges.binance.quirks import KNOWN
from simulator.exchanges.binance.rest import BinanceApi

THROTTLED_FROM = date(2021, 4, 27)
"""From this day on at most one order per symbol and second is published (the last)."""

EXCHANGE = Exchange(
    name="binance",
    share=0.40,
    listings=listings,
    write=write,
    throttled=lambda day: day >= THROTTLED_FROM,
    answer=BinanceApi,
    routes=("/fapi/", "/dapi/", "/futures/data/"),
    weight_header="X-MBX-USED-WEIGHT-1m",
    buckets={"data.binance.vision": "binance"},
    roots=("/data/",),
    quirks=KNOWN,
)
