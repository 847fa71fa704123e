"""How complete each venue's liquidation feed is, and since when."""

from __future__ import annotations

import polars as pl

from transforms.schemas.evidence import LiquidationRegimes
from transforms.venue import Venue


def regime_table(venue: Venue) -> pl.DataFrame:
    """The venue's rows of the published `liquidation_regimes`, sorted by `valid_from`."""
    rows = [
        (venue.name, r.valid_from, r.valid_to, r.completeness.value, r.source)
        for r in venue.regimes
    ]
    frame = pl.DataFrame(rows, schema=LiquidationRegimes.create_empty().schema, orient="row")
    return LiquidationRegimes.validate(frame).sort("valid_from")
