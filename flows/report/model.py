"""The report as data: what `report.json` holds.

Fractions are never percent, `_usd` is US dollars, times are UTC. None is *not known*, 0 is known to
be zero. `SCHEMA` changes its number when a field is renamed, removed or redefined; fields may be
added under the same one. docs/report.schema.json is made of these classes.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

SCHEMA: Literal["perpmill-report/1"] = "perpmill-report/1"


def _utc(moment: datetime) -> datetime:
    """Builds hold UTC without a zone."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


Moment = Annotated[datetime, AfterValidator(_utc)]


class Row(BaseModel):
    """A row of a query: its columns and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Figure(Row):
    """A headline number. change_kind: `relative`, a fraction of the day before, or `difference`, in
    the figure's own unit. completeness: None where there is no value."""

    position: int
    figure: str
    base_asset: str | None
    unit: str
    value: float | None
    before_value: float | None
    change: float | None
    change_kind: Literal["relative", "difference"]
    completeness: str | None
    coverage: float | None
    venues_missing: str | None
    venues_partial: str | None
    at: Moment | None
    source: str | None


class Hour(Row):
    """Positions liquidated in the hour that begins at `hour`."""

    hour: Moment
    long_usd: float | None
    short_usd: float | None
    long_count: int | None
    short_count: int | None
    unpriced_row_count: int


class VenueLiquidations(Row):
    """A venue's liquidations of the day. A venue without a feed has no row."""

    venue: str
    long_usd: float | None
    short_usd: float | None
    total_usd: float | None
    long_share_fraction: float | None
    long_count: int
    short_count: int
    largest_usd: float | None
    instrument_count: int
    completeness: str


class AssetLiquidations(Row):
    """An asset's liquidations of the day at all venues."""

    base_asset: str
    long_usd: float | None
    short_usd: float | None
    total_usd: float | None
    long_share_fraction: float | None
    to_open_interest_fraction: float | None
    completeness: str | None


class FundingCell(Row):
    """An asset's funding per 8 h at a venue (`all`: over the venues) against its own 90 days."""

    base_asset: str
    venue: str
    funding_rate_8h: float | None
    typical_8h: float | None
    percentile_90d: float | None
    history_days: int
    missing_settlement_count: int


class FundingDay(Row):
    """Funding per 8 h of the asset with the most open interest, at a venue on a day."""

    date: date
    venue: str
    funding_rate_8h: float | None
    weighted_by: str | None
    funding_typical_8h: float | None
    against_typical_8h: float | None


class InterestDay(Row):
    """Open interest of all venues and closing price of the asset with the most of it."""

    date: date
    open_interest_usd: float | None
    open_interest_coin: float | None
    price_close: float | None
    open_interest_coverage: float | None


class InterestAndPrice(Row):
    """How price and open interest of an asset moved on the day, and what that is called."""

    base_asset: str
    price_return_fraction: float | None
    open_interest_change_fraction: float | None
    quadrant: str | None
    open_interest_usd: float | None
    open_interest_change_usd: float | None
    funding_rate_8h_oi_weighted: float | None
    open_interest_coverage: float | None


class CrowdedAsset(Row):
    """An asset one side of which pays unusually much."""

    base_asset: str
    crowded_side: Literal["long", "short"]
    funding_rate_8h_oi_weighted: float | None
    funding_typical_8h: float | None
    against_typical_8h: float | None
    funding_percentile_90d: float | None
    funding_rate_annualised_oi_weighted: float | None
    open_interest_usd: float | None
    long_short_account_ratio: float | None
    funding_history_days: int
    open_interest_coverage: float | None


class Squeeze(Row):
    """How stretched an asset's positions are; score 0 to 100, its parts 0 to 1."""

    base_asset: str
    squeeze_risk: str | None
    overheated_score: float | None
    crowded_side: str | None
    deleveraged: bool | None
    score_funding: float | None
    score_open_interest: float | None
    score_leverage: float | None
    score_liquidations: float | None
    score_long_short: float | None
    funding_rate_8h_oi_weighted: float | None
    funding_typical_8h: float | None
    open_interest_usd: float | None
    completeness: str | None
    open_interest_coverage: float | None


class Changed(Row):
    """An asset beside itself the day before."""

    base_asset: str
    price_return_fraction: float | None
    open_interest_change_fraction: float | None
    open_interest_usd: float | None
    before_funding_rate_8h: float | None
    funding_rate_8h: float | None
    before_liquidations_usd: float | None
    liquidations_usd: float | None
    liquidations_change_usd: float | None
    long_short_change_fraction: float | None
    before_crowded_side: str | None
    crowded_side: str | None
    before_squeeze_risk: str | None
    squeeze_risk: str | None
    completeness: str | None
    open_interest_coverage: float | None


class Coverage(Row):
    """What was due of a venue's dataset, and what was there."""

    venue: str
    dataset: str
    status: Literal["ok", "partial", "missing", "unsupported"]
    expected_instrument_count: int | None
    present_instrument_count: int
    row_count: int
    excluded_because: str | None


class Verdict(Row):
    """What the gate said of a run that this page rests on."""

    run_id: str
    verdict: str
    command: str
    first_date: date
    last_date: date
    finished_at: Moment
    code_version: str
    expectation_count: int
    held_count: int
    made_this_build: bool
    published_the_day: bool
    since_run: str | None


class Finding(Row):
    """An expectation that did not hold."""

    run_id: str
    severity: Literal["critical", "warning"]
    table_name: str
    expectation: str
    date: date | None
    venue: str | None
    observed: str | None
    threshold: str | None
    detail: str | None


class Restatement(Row):
    """What a run changed of what had been published."""

    run_id: str
    table_name: str
    date: date
    venue: str | None
    kind: str
    column_name: str | None
    value_count: int
    largest_relative_change: float | None
    example_symbol: str | None
    example_old_value: str | None
    example_new_value: str | None
    cause: str


class Asked(Row):
    """A query that was asked, and the values it was given. `cookbook`: whether
    `perpmill sql @name` asks it too."""

    name: str
    cookbook: bool
    parameters: dict[str, str | None]


class Report(Row):
    """All of it. `asset`: the one with the most open interest, which the series are of; None where
    no asset has a row. Lists of assets are whole; the page shows the first of them."""

    report_schema: Literal["perpmill-report/1"]
    date: date
    run_id: str
    asset: str | None
    headline: list[Figure]
    liquidations_by_hour: list[Hour]
    liquidations_by_venue: list[VenueLiquidations]
    liquidations_by_asset: list[AssetLiquidations]
    funding_against_history: list[FundingCell]
    funding_by_venue: list[FundingDay]
    open_interest_history: list[InterestDay]
    open_interest_and_price: list[InterestAndPrice]
    crowded_assets: list[CrowdedAsset]
    squeeze_table: list[Squeeze]
    changed_since_yesterday: list[Changed]
    coverage: list[Coverage]
    verdict: list[Verdict]
    findings: list[Finding]
    restatements_since: list[Restatement]
    asked: list[Asked]
