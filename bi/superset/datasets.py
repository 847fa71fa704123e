"""The datasets: published tables, and two queries, with the metrics that charts use.

A metric is SQL over a group of rows: NULL where nothing is known, never 0.
"""

from __future__ import annotations

from bi.superset.dataset import Dataset, Metric, described
from transforms.schemas.column import Completeness

_WORDS = ", ".join(f"'{word.value}'" for word in Completeness)
WEAKEST = f"[{_WORDS}][max(list_position([{_WORDS}], completeness))]"
"""The weakest completeness of a group: the words stand from best to weakest."""

_LIQUIDATED = (
    Metric("long_usd", "Longs", "SUM(long_usd)", "Long positions liquidated [USD]", usd=True),
    Metric("short_usd", "Shorts", "SUM(short_usd)", "Short positions liquidated [USD]", usd=True),
    Metric(
        "total_usd",
        "Liquidated",
        # As market_daily adds: an amount without a price takes its own side out, not the other.
        # The column total_usd is NULL then, and its sum would be less than those of the sides.
        "CASE WHEN COUNT(long_usd) + COUNT(short_usd) > 0"
        " THEN COALESCE(SUM(long_usd), 0) + COALESCE(SUM(short_usd), 0) END",
        "Positions liquidated, what is known of either side [USD]; a lower bound where the feeds "
        "are throttled or partial, or an amount has no price",
        usd=True,
    ),
    Metric(
        "long_share",
        "Share of longs",
        # NULL if all of a side is unknown: the total would be the other side alone.
        "SUM(long_usd) / NULLIF(SUM(long_usd) + SUM(short_usd), 0)",
        "Long positions among those liquidated, by value [fraction]. NULL: nothing was liquidated, "
        "or nothing is known of a side",
        ".1%",
    ),
    Metric(
        "orders",
        "Orders",
        "SUM(long_count + short_count)",
        "Orders that closed positions [count]",
        ",d",
    ),
)

LIQUIDATIONS = Dataset(
    "liquidations_daily",
    "date",
    (
        *_LIQUIDATED,
        Metric(
            "largest_usd",
            "Largest order",
            "MAX(largest_usd)",
            "The largest single one [USD]",
            usd=True,
        ),
        Metric("days", "Days", "COUNT(DISTINCT date)", "UTC days with a feed [count]", ",d"),
        Metric(
            "completeness",
            "Completeness",
            WEAKEST,
            "The weakest of the group: complete, throttled, partial, unknown",
            None,
        ),
        Metric(
            "unpriced_rows",
            "Instrument-days not priced",
            "COUNT(*) FILTER (WHERE total_usd IS NULL)",
            "Instruments and days of which an amount has no price: of the side it is of nothing is "
            "in the sums, which are lower bounds",
            ",d",
        ),
    ),
)

LIQUIDATIONS_HOURLY = Dataset("liquidations_hourly", "hour", _LIQUIDATED)

OPEN_INTEREST = Dataset(
    "open_interest_daily",
    "date",
    (
        Metric(
            "open_interest_usd",
            "Open interest",
            "SUM(open_interest_usd_close)",
            "One-sided, at the day's end, perpetual and dated [USD]. Not over several days",
            usd=True,
        ),
        Metric(
            "open_interest_change",
            "Change, like for like",
            # As market_total_daily.open_interest_change_pct, for any choice of venues and assets.
            "SUM(open_interest_change_pct * (open_interest_usd_close - open_interest_change_usd))"
            " / NULLIF(SUM(open_interest_usd_close - open_interest_change_usd)"
            " FILTER (WHERE open_interest_change_pct IS NOT NULL), 0)",
            "Change since the previous day over instruments that were there on both, at the "
            "previous day's prices [fraction]: neither a price move nor a venue's arrival is one",
            "+.2%",
        ),
    ),
)

FUNDING = Dataset(
    "funding_and_weight",
    "date",
    (
        Metric(
            "funding_bp",
            "Funding, bp per 8 h",
            "1e4 * SUM(funding_rate_8h * weight_usd) / NULLIF(SUM(weight_usd), 0)",
            "Weighted by mean open interest [basis points per 8 h]. NULL: no perpetual has both",
            ",.2f",
        ),
        Metric(
            "funding_or_mean_bp",
            "Funding, bp per 8 h",
            "1e4 * COALESCE(SUM(funding_rate_8h * weight_usd) / NULLIF(SUM(weight_usd), 0),"
            " AVG(funding_rate_8h))",
            "Weighted by mean open interest; the plain mean where none is known, as at a venue "
            "that does not publish any [basis points per 8 h]",
            ",.2f",
        ),
        Metric(
            "funding_annualised",
            "Funding a year",
            "1095 * SUM(funding_rate_8h * weight_usd) / NULLIF(SUM(weight_usd), 0)",
            "The same for a year, simple [fraction]",
            ".1%",
        ),
        Metric(
            "missing_settlements",
            "Settlements missing",
            "SUM(expected_settlement_count - settlement_count)",
            "Settlements that were due and are not there [count]",
            ",d",
        ),
    ),
    # Which open interest weighs is the rule of the macro funding_heatmap and of market_daily.
    sql="""\
SELECT f.date, f.venue, f.symbol, f.base_asset, f.margin_type, f.funding_rate_8h,
  f.settlement_count, f.expected_settlement_count,
  CASE WHEN f.funding_rate_8h IS NOT NULL AND o.open_interest_usd_mean > 0
    AND coalesce(o.sample_count >= 0.01 * o.expected_sample_count, true)
    THEN o.open_interest_usd_mean END AS weight_usd
FROM main.funding_daily AS f LEFT JOIN main.open_interest_daily AS o
  ON o.date = f.date AND o.venue = f.venue AND o.symbol = f.symbol
WHERE f.contract_kind = 'perpetual'
""",
    meaning="Funding of perpetuals beside the open interest that weighs it",
    columns={
        "date": ("DATE", "UTC day"),
        "venue": ("VARCHAR", "Exchange"),
        "symbol": ("VARCHAR", "Instrument name as the venue writes it"),
        "base_asset": ("VARCHAR", "Canonical base asset"),
        "margin_type": ("VARCHAR", "What profit and loss is computed in"),
        "funding_rate_8h": ("DOUBLE", "The day's rate [fraction per 8 h]. NULL: hours not known"),
        "settlement_count": ("BIGINT", "Settlements paid on this day [count]"),
        "expected_settlement_count": ("BIGINT", "Settlements due [count]. NULL: not known"),
        "weight_usd": (
            "DOUBLE",
            "Mean open interest, where it may weigh the rate [USD]. NULL: no rate, or no weight",
        ),
    },
)

MARKET = Dataset(
    "market_daily",
    "date",
    (
        # Of one asset: coins of two do not add up. Not arg_max: it skips NULL, and with it the
        # asset, so that coins and price would be of two.
        Metric(
            "open_interest_coin",
            "Open interest, coin",
            "arg_max_null(open_interest_coin, open_interest_usd)",
            "Of the asset with the most open interest in USD, at the day's end [coin]",
        ),
        Metric(
            "price",
            "Price",
            "arg_max_null(price_close, open_interest_usd)",
            "Of the same asset, last close of its reference instrument [USD per coin]",
            usd=True,
        ),
        Metric(
            "open_interest_usd",
            "Open interest",
            "SUM(open_interest_usd)",
            "Of all venues, at the day's end [USD]. Over several days a rank of assets, no amount",
            usd=True,
        ),
    ),
)

MARKET_TOTAL = Dataset(
    "market_total_daily",
    "date",
    (
        Metric(
            "max_24h_usd",
            "Largest 24 h",
            "MAX(liquidations_max_24h_usd)",
            "Largest total of all venues and assets over a rolling 24 hours [USD]",
            usd=True,
        ),
        Metric(
            "coverage",
            "Coverage of open interest",
            "MIN(open_interest_coverage)",
            "How much of the open interest the venues present stand for [fraction]",
            ".1%",
        ),
    ),
)


def _as_of_last_day(column: str, label: str, meaning: str, form: str | None = None) -> Metric:
    # Not arg_max: that skips NULL, and would show the last known value as today's. The last row of
    # a group is that of the range's last day, since the dataset has one of every asset on each day.
    said = f"{meaning}, on the last day of the range"
    return Metric(f"last_{column}", label, f"last({column} ORDER BY date)", said, form)


_PART = "Part of the score, 0 to 1"
_RANK = "of the day among the last 90 [fraction]"

_SIGNALS = described("signals_daily")
_OF_ROW = ", ".join(f"s.{name}" for name in _SIGNALS if name not in {"date", "base_asset"})

SIGNALS = Dataset(
    "signals_every_day",
    "date",
    (
        Metric("last_day", "Day", "MAX(date)", "Last day of the range", None),
        _as_of_last_day("overheated_score", "Score", "Overheated, 0 to 100", ".0f"),
        _as_of_last_day("squeeze_risk", "Squeeze", "Risk of one: none, building or high"),
        _as_of_last_day("crowded_side", "Crowded", "Who pays more than is usual"),
        _as_of_last_day("deleveraged", "Flushed", "Whether open interest was flushed out"),
        _as_of_last_day("score_funding", "Funding", _PART, ".2f"),
        _as_of_last_day("score_open_interest", "OI", f"Open interest: {_PART}", ".2f"),
        _as_of_last_day("score_leverage", "Leverage", _PART, ".2f"),
        _as_of_last_day("score_liquidations", "Liq.", f"Liquidations: {_PART}", ".2f"),
        _as_of_last_day("score_long_short", "L/S", f"Long/short ratio: {_PART}", ".2f"),
        _as_of_last_day("funding_percentile_90d", "Rank: funding", f"Rank {_RANK}", ".0%"),
        _as_of_last_day("open_interest_percentile_90d", "Rank: OI", f"Rank in coin {_RANK}", ".0%"),
        _as_of_last_day(
            "liquidations_percentile_90d",
            "Rank: liq.",
            f"Rank among days of the same completeness {_RANK}",
            ".0%",
        ),
        Metric(
            "typical_bp",
            "Usual bp",
            "1e4 * last(funding_typical_8h ORDER BY date)",
            "What funding usually is, on the last day of the range [basis points per 8 h]",
            ",.2f",
        ),
    ),
    sql=f"""\
SELECT d.date, a.base_asset, {_OF_ROW}, s.date AS known_date
FROM (SELECT DISTINCT date FROM main.signals_daily) AS d
CROSS JOIN (SELECT DISTINCT base_asset FROM main.signals_daily) AS a
LEFT JOIN main.signals_daily AS s ON s.date = d.date AND s.base_asset = a.base_asset
""",  # noqa: S608 - columns of our schema
    meaning="signals_daily with a row for every asset on each of its days: one that has ended, or "
    "not begun, has nothing known there, rather than what it was when last seen",
    columns=_SIGNALS
    | {"known_date": ("DATE", "The day, where the asset has signals. NULL: it has none")},
)
ON_LAST_DAY = "MAX(known_date) = MAX(date)"
"""Of a group of SIGNALS, an asset: it has a row on the last day of the range."""

COVERAGE = Dataset(
    "coverage_daily",
    "date",
    (
        Metric(
            "there",
            "There",
            "MIN(CASE status WHEN 'ok' THEN 1 WHEN 'partial' THEN 0.5 WHEN 'missing' THEN 0 END)",
            "1 all that was due, 0.5 a part of it, 0 nothing. NULL: the venue does not publish it",
            ".1f",
        ),
        Metric(
            "instruments_missing",
            "Instruments missing",
            "SUM(instruments_expected - instruments_present)",
            "Expected and not there [count]. NULL: not known what to expect",
            ",d",
        ),
    ),
    computed={
        "feed": ("VARCHAR", "venue || ' ' || dataset", "Exchange and normalised dataset"),
    },
)

VERDICTS = Dataset(
    "runs_and_verdicts",
    "finished_at",
    sql="""\
SELECT r.run_id, r.finished_at, r.command, r.first_date, r.last_date, r.verdict,
  count(e.run_id) AS expectations, count(*) FILTER (WHERE NOT e.success) AS did_not_hold
FROM main.runs AS r LEFT JOIN main.expectation_results AS e ON e.run_id = r.run_id
GROUP BY ALL
""",
    meaning="Every run that made a build which was published, and what the gate said of it",
    columns={
        "run_id": ("VARCHAR", "Run"),
        "finished_at": ("TIMESTAMP", "Verdict reached [UTC]"),
        "command": ("VARCHAR", "Command that ran"),
        "first_date": ("DATE", "First UTC day asked for"),
        "last_date": ("DATE", "Last UTC day asked for"),
        "verdict": ("VARCHAR", "What the gate said: passed, warned"),
        "expectations": ("BIGINT", "Expectations that were checked [count]"),
        "did_not_hold": ("BIGINT", "Of these, those that did not hold [count]"),
    },
)
EXPECTATIONS = Dataset(
    "expectation_results",
    None,
    (
        Metric("checked", "Expectations", "COUNT(*)", "Expectations of the gate [count]", ",d"),
        Metric(
            "failed",
            "Did not hold",
            "COUNT(*) FILTER (WHERE NOT success)",
            "Expectations that did not hold [count]",
            ",d",
        ),
    ),
)
RESTATEMENTS = Dataset("restatements", "date")

DATASETS = (
    LIQUIDATIONS,
    LIQUIDATIONS_HOURLY,
    OPEN_INTEREST,
    FUNDING,
    MARKET,
    MARKET_TOTAL,
    SIGNALS,
    COVERAGE,
    VERDICTS,
    EXPECTATIONS,
    RESTATEMENTS,
)
