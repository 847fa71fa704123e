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
)
