"""Tardis.dev: a carrier of Binance (USDⓈ-M), Bybit and OKX swaps; perpetuals only.

    archive/tardis/v1/{exchange}/{derivative_ticker|liquidations}/{yyyy}/{mm}/{dd}/{SYMBOL}.csv.gz

Exchange is `binance-futures`, `bybit` or `okex-swap`. The liquidations of binance-futures come in
one group file a day, `PERPETUALS`; all else by symbol.
- Files are split and ordered by `local_timestamp`, the moment of arrival; `timestamp`, the
  exchange's, may lie in the day before. Both are µs. What arrives after the plan's end is in none.
- A liquidation's `side` is that of the order at every exchange: `sell` closes a long (Bybit's is
  inverted already). Its price is what the exchange's message has: for Binance the limit price.
- Open interest is native: Bybit's counts both sides, OKX's contracts. Before its first poll of a
  day it is empty.
- `funding_rate` runs; what is settled is the last one before `funding_timestamp` moves on.

| name | what | seen in |
|---|---|---|
| late-arrival | rows that arrived up to three seconds later | liquidations |
| spill-over | rows with a time of the exchange in the day before the file's | bybit 2025-03-01 |
| empty-file | no byte in the gz: nothing was liquidated | small symbols |
"""

from __future__ import annotations

from simulator.exchange import Exchange
from simulator.exchanges.tardis.files import CARRIED, carry

EXCHANGE = Exchange(
    name="tardis",
    carry=carry,
    carries=tuple(CARRIED),
    roots=("/v1/",),
    quirks=("late-arrival", "spill-over", "empty-file"),
)
