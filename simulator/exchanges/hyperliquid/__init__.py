"""Hyperliquid: contexts of all coins by minute, settled funding, fills of the node.

    archive/hyperliquid/asset_ctxs/{YYYYMMDD}.csv.lz4              bucket hyperliquid-archive
    archive/hyperliquid/node_fills/hourly/{YYYYMMDD}/{H}.lz4       bucket hl-mainnet-node-data; from
    archive/hyperliquid/node_fills_by_block/hourly/{YYYYMMDD}/{H}.lz4   2025-07-27 on by block
    dumps/hyperliquid/fundingHistory/{coin}.json                   rows, oldest first

- All files are LZ4 frames. `funding` of a context is the running estimate of the hour; what is
  settled stands in fundingHistory, stamped a few ms after the hour.
- Open interest and sizes are base coins, one-sided; kPEPE and kSHIB are thousands.
- A fill of a liquidation bears `liquidation` on *both* legs; only that of `liquidatedUser` counts.
  `side` A sells (a long was liquidated), B buys.

Quirks:

| name | what | seen in |
|---|---|---|
| context-missing-minutes | minutes without any row | before 2025 |
| context-off-grid | a minute stamped some seconds late | BTC |
| context-unknown | `premium`, `mid_px` and impact prices empty or `null` | archive |
| page-overlap | the first rows of a page are the last of the one before | paged dumps |
| funding-missing | one settlement is not in the dump | dumps |
"""

from __future__ import annotations

from simulator.exchange import Exchange
from simulator.exchanges.hyperliquid.files import write
from simulator.exchanges.hyperliquid.listings import SHARE, listings
from simulator.exchanges.hyperliquid.rest import HyperliquidApi

EXCHANGE = Exchange(
    name="hyperliquid",
    share=SHARE,
    listings=listings,
    write=write,
    answer=HyperliquidApi,
    routes=("/info",),
    buckets={"hyperliquid-archive": "hyperliquid", "hl-mainnet-node-data": "hyperliquid"},
    quirks=(
        "context-missing-minutes",
        "context-off-grid",
        "context-unknown",
        "page-overlap",
        "funding-missing",
    ),
)
