"""The published daily tables of an exchange or of an aggregator, in the order of computation."""

from __future__ import annotations

from transforms.daily.funding_daily import FUNDING_DAILY
from transforms.daily.liquidations_daily import LIQUIDATIONS_DAILY
from transforms.daily.liquidations_hourly import LIQUIDATIONS_HOURLY
from transforms.daily.open_interest_daily import OPEN_INTEREST_DAILY
from transforms.daily.positioning_daily import POSITIONING_DAILY
from transforms.daily.prices_daily import PRICES_DAILY
from transforms.daily.reference_daily import REFERENCE_DAILY
from transforms.daily.reserves_daily import RESERVES_DAILY
from transforms.daily.table import DailyTable
from transforms.schemas.normalised import UNLISTED
from transforms.venue import Venue

DAILY: tuple[DailyTable, ...] = (
    FUNDING_DAILY,
    OPEN_INTEREST_DAILY,
    LIQUIDATIONS_DAILY,
    LIQUIDATIONS_HOURLY,
    POSITIONING_DAILY,
    PRICES_DAILY,
)

REFERENCES: tuple[DailyTable, ...] = (REFERENCE_DAILY, RESERVES_DAILY)


def tables_of(venue: Venue) -> tuple[DailyTable, ...]:
    """What is computed of a venue. An aggregator owes no funding, and an exchange no references:
    who has nothing but references is an aggregator."""
    datasets = {dataset for feed in venue.feeds for dataset in feed.datasets}
    return REFERENCES if datasets and datasets <= UNLISTED else DAILY
