"""The published daily tables of one venue, in the order they are computed."""

from __future__ import annotations

from transforms.daily.funding_daily import FUNDING_DAILY
from transforms.daily.liquidations_daily import LIQUIDATIONS_DAILY
from transforms.daily.open_interest_daily import OPEN_INTEREST_DAILY
from transforms.daily.positioning_daily import POSITIONING_DAILY
from transforms.daily.prices_daily import PRICES_DAILY
from transforms.daily.table import DailyTable

DAILY: tuple[DailyTable, ...] = (
    FUNDING_DAILY,
    OPEN_INTEREST_DAILY,
    LIQUIDATIONS_DAILY,
    POSITIONING_DAILY,
    PRICES_DAILY,
)
