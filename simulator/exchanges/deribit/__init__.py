"""Deribit: dumps of its JSON-RPC answers; liquidations are flags on trades.

    dumps/deribit/public-get_funding_rate_history/{instrument}.json            pages of 744 hours
    dumps/deribit/public-get_book_summary_by_currency/{currency}/{date}.jsonl  an hourly poll a line
    dumps/deribit/public-get_last_trades_by_instrument_and_time/{instrument}-{date}.json
    dumps/deribit/instruments-{currency}.json

- Funding accrues all the time: hourly rows with `interest_1h`; `interest_8h` is the sum of the
  last eight hours.
- Amounts and open interest are US dollars for inverse contracts (BTC-PERPETUAL, BTC-26MAR21), base
  coins for those in USDC (SOL_USDC-PERPETUAL).
- `liquidation` is whose order was forced: T the taker's (the liquidated side is `direction`), M
  the maker's (the opposite side), MT both: a long and a short at once. Other trades have none.

Quirks beside those of `simulator.faulty`:

| name | what | seen in |
|---|---|---|
| summary-option | a poll also has an option, whose open interest is in coins | kind not asked for |
"""

from __future__ import annotations

from simulator.exchange import Exchange
from simulator.exchanges.deribit.files import write
from simulator.exchanges.deribit.listings import SHARE, listings
from simulator.exchanges.deribit.rest import DeribitApi
from simulator.exchanges.deribit.rows import both_sides
from simulator.faulty import PAGE_QUIRKS

EXCHANGE = Exchange(
    name="deribit",
    share=SHARE,
    listings=listings,
    write=write,
    eventful=both_sides,
    answer=DeribitApi,
    routes=("/api/v2/public/",),
    quirks=(*PAGE_QUIRKS, "funding-missing", "summary-option"),
)
