"""What must hold for the list of instruments."""

# ruff: noqa: S608 - SQL put together from names of our own schemas; no reader's text gets in
from __future__ import annotations

from expectations.daily_rules import REFERENCED
from expectations.rule import no_rows
from transforms.schemas.daily import DAILY_TABLES
from transforms.schemas.evidence import Severity

# A union without ALL: hours of one day mention an instrument once.
_MENTIONED = " UNION ".join(
    f"SELECT date, venue, symbol, base_asset, quote_asset, margin_type, contract_kind, "
    f"'{table}' AS mentioned_in FROM {table} WHERE {{in_run}}"
    for table in DAILY_TABLES
)

# What an end leaves on its day is no more than a trace: the settlement and the sample of midnight,
# which close the day before, and prices nobody trades at. (`hour` of a liquidation is none of it.)
_GOES_ON = " UNION ALL ".join(
    f"SELECT date, venue, symbol, '{table}' AS goes_on_in FROM {table} WHERE {{in_run}} AND {sign}"
    for table, sign in {
        "funding_daily": "settlement_count > 1",
        "open_interest_daily": "sample_count > 1 AND open_interest_coin_high > 0",
        "positioning_daily": "sample_count > 1",
        "prices_daily": "volume_coin > 0",
        "liquidations_daily": "long_count + short_count > 0",
    }.items()
)

RULES = (
    no_rows(
        "not_empty",
        f"""
        SELECT 'no rows' AS finding FROM (SELECT count(*) AS n FROM batch) WHERE n = 0
        AND EXISTS (SELECT 1 FROM raw_files WHERE dataset NOT IN ({REFERENCED}))
        """,
        severity=Severity.CRITICAL,
        reason="every other rule holds on an empty table",
        threshold="at least one row, where a source provides more than references",
    ),
    no_rows(
        "all_mentioned_are_listed",
        f"""
        SELECT date, venue, symbol, mentioned_in FROM ({_MENTIONED}) AS m
        WHERE NOT EXISTS (SELECT 1 FROM batch AS i
          WHERE i.venue = m.venue AND i.symbol = m.symbol)
        ORDER BY date DESC, venue, symbol, mentioned_in
        """,
        severity=Severity.CRITICAL,
        reason="a number whose instrument is unknown cannot be converted or traced",
        threshold="every venue and symbol of the daily tables",
        days=True,
    ),
    no_rows(
        "identity_agrees",
        f"""
        SELECT date, venue, symbol, base_asset, quote_asset, margin_type, contract_kind,
          mentioned_in FROM ({_MENTIONED}) AS m
        WHERE EXISTS (SELECT 1 FROM batch AS i WHERE i.venue = m.venue AND i.symbol = m.symbol)
        AND NOT EXISTS (SELECT 1 FROM batch AS i
          WHERE i.venue = m.venue AND i.symbol = m.symbol AND i.base_asset = m.base_asset
          AND i.quote_asset = m.quote_asset AND i.margin_type = m.margin_type
          AND i.contract_kind = m.contract_kind)
        ORDER BY date DESC, venue, symbol, mentioned_in
        """,
        severity=Severity.WARNING,
        reason="the daily row and the list describe two different things under one symbol",
        threshold="asset, quote, margin and kind are those of one of the symbol's listings",
        days=True,
    ),
    no_rows(
        "ends_after_start",
        """
        SELECT venue, symbol, listing, valid_from, valid_to FROM batch
        WHERE valid_to <= valid_from ORDER BY venue, symbol, listing
        """,
        severity=Severity.WARNING,
        reason="no row of a day would belong to it",
        threshold="valid_from < valid_to",
    ),
    no_rows(
        "listings_do_not_overlap",
        """
        SELECT a.venue, a.symbol, a.listing, a.valid_to, b.listing AS next_listing,
          b.valid_from AS next_valid_from
        FROM batch AS a JOIN batch AS b
        ON b.venue = a.venue AND b.symbol = a.symbol AND b.listing = a.listing + 1
        WHERE a.valid_to IS NULL OR b.valid_from IS NULL OR a.valid_to > b.valid_from
        ORDER BY a.venue, a.symbol, a.listing
        """,
        severity=Severity.WARNING,
        reason="a ticker means one thing at a time",
        threshold="a listing of a reused ticker ends before the next one starts",
    ),
    no_rows(
        "nothing_after_its_end",
        f"""
        WITH ended AS (
          SELECT venue, symbol, max(valid_to) AS ended_at FROM batch
          GROUP BY ALL HAVING count(*) = count(valid_to)
        )
        SELECT g.date, g.venue, g.symbol, e.ended_at, string_agg(goes_on_in, ', '
          ORDER BY goes_on_in) AS goes_on_in
        FROM ({_GOES_ON}) AS g JOIN ended AS e USING (venue, symbol)
        WHERE e.ended_at <= g.date::TIMESTAMP
        GROUP BY ALL ORDER BY g.date DESC, g.venue, g.symbol
        """,
        severity=Severity.WARNING,
        reason="the list of instruments says it is over, yet its data goes on: the list is wrong, "
        "the ticker was used again, or the venue serves stale numbers",
        threshold="no settlements but that of midnight, no open interest, trades, ratios or "
        "liquidations on days after the end of a symbol's last listing",
        days=True,
    ),
)
