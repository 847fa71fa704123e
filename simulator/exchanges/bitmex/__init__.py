"""BitMEX: dumps of its REST tables and recordings of its liquidation table.

    dumps/bitmex/funding/{SYMBOL}.json           rows, oldest first
    dumps/bitmex/instrument/{date}.jsonl         an hourly poll per line, each an array of rows
    dumps/bitmex/ws-liquidation/{date}.jsonl     `{"arrival_ns", "message"}` per line
    dumps/bitmex/instruments.json                instrument/active

- Funding is settled at 04, 12 and 20 UTC; some rates have the digits of a binary number
  (`0.0006900000000000001`), in dumps and answers alike.
- XBTUSD is inverse (1 US dollar), ETHUSD and XRPUSD are quanto (`multiplier` satoshis per point),
  those in USDT linear (1 ÷ `underlyingToPositionMultiplier` coins). `openValue` is in satoshis or
  millionths of a USDT.
- The liquidation table has no times: a row counts when it arrives. `insert` opens an order,
  `update` lowers its `leavesQty`, `delete` closes it. The side is the order's: `Sell` closes a
  long.

Quirks beside those of `simulator.faulty`:

| name | what | seen in |
|---|---|---|
| liquidation-updates | `leavesQty` falls in several steps | stream |
"""

from __future__ import annotations

from simulator.exchange import Exchange
from simulator.exchanges.bitmex.files import write
from simulator.exchanges.bitmex.listings import SHARE, listings
from simulator.exchanges.bitmex.rest import BitmexApi
from simulator.faulty import RECORDING_QUIRKS

EXCHANGE = Exchange(
    name="bitmex",
    share=SHARE,
    listings=listings,
    write=write,
    answer=BitmexApi,
    routes=("/api/v1/",),
    quirks=(
        *RECORDING_QUIRKS,
        "page-overlap",
        "funding-missing",
        "liquidation-updates",
    ),
)
