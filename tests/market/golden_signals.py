"""Ranks, typical values, the open interest index, and who is crowded.

Twenty days of which today is the highest: 19 below and half of itself, a rank of 19.5 ÷ 20 =
0.975, which counts as 2 × 0.975 − 1 = 0.95 in a part of the score.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.market.given import Golden, Key, MarketDays, Record

F = "funding_rate_8h_oi_weighted"
COIN, CHANGE = "open_interest_coin", "open_interest_change_pct"
TOTAL, WORD = "liquidations_total_usd", "liquidations_completeness"


def series(asset: str = "BTC", **columns: Sequence[object]) -> dict[tuple[int, str], Record]:
    """Days up to today of one asset; shorter columns are NULL on the days before theirs."""
    length = max(len(values) for values in columns.values())
    found: dict[tuple[int, str], Record] = {
        (n, asset): dict.fromkeys(columns) for n in range(1 - length, 1)
    }
    for name, values in columns.items():
        for n, value in enumerate(reversed(values)):
            found[-n, asset][name] = value
    return found


def signals(
    name: str,
    days: dict[tuple[int, str], Record],
    expected: Record | dict[Key, Record | None],
    first: int = 0,
) -> Golden:
    """Expected of BTC today, unless it says of whom and when."""
    keyed = expected if all(isinstance(key, tuple) for key in expected) else {(0, "BTC"): expected}
    return Golden(name, "signals_daily", MarketDays(days), keyed, first)


def without(days: dict[tuple[int, str], Record], *offsets: int) -> dict[tuple[int, str], Record]:
    """These days have no row."""
    return {key: row for key, row in days.items() if key[0] not in offsets}


def _rates(*basis_points: float | None) -> dict[tuple[int, str], Record]:
    return series(**{F: [None if bp is None else bp / 10_000 for bp in basis_points]})


# What leaves the ranks' window, and what leaves the typical rate's.
_LONG = _rates(9, 9, *[2] * 274, -5, *[1] * 88, 1)

_RANKS = [
    # 14 equal days: none below, half of 14.
    signals(
        "fourteen equal days",
        _rates(*[1] * 14),
        {
            "funding_history_days": 14,
            "funding_percentile_90d": 0.5,
            "funding_typical_8h": 0.0001,
            "crowded_side": "none",
        },
    ),
    signals(
        "thirteen days",
        _rates(*[1] * 13),
        {
            "funding_history_days": 13,
            "funding_percentile_90d": None,
            "funding_typical_8h": None,
            "crowded_side": None,
            "score_funding": None,
            "overheated_score": None,
            "squeeze_risk": None,
        },
    ),
    signals(
        "thirteen days and gaps",
        _rates(1, None, *[1] * 12, None, None),
        {"funding_history_days": 13, "funding_percentile_90d": None},
    ),
    signals(
        "fourteen days and gaps",
        without(_rates(1, None, *[1] * 12, None, 2), -3),
        # One day is gone again.
        {"funding_history_days": 13, "funding_percentile_90d": None},
    ),
    signals(
        "today is not known",
        _rates(*[1] * 30, None),
        {
            "funding_history_days": 30,
            "funding_percentile_90d": None,
            "funding_typical_8h": None,
            "crowded_side": None,
            "score_funding": None,
        },
    ),
    signals(
        "ties",
        # Twice 5: 5 days below, two equal, 7 above; 1 2 3 4 4 | 5 5 | 6 6 7 8 8 8 9.
        _rates(8, 1, 9, 5, 4, 2, 6, 8, 7, 4, 6, 8, 3, 5),
        {
            "funding_percentile_90d": 6 / 14,
            # Between the seventh and the eighth: 5 and 6.
            "funding_typical_8h": 0.00055,
        },
    ),
    signals(
        "an odd number of days",
        _rates(8, 1, 9, 5, 4, 2, 6, 8, 7, 4, 6, 8, 3, 9, 5),
        # 1 2 3 4 4 5 5 | 6 | 6 7 8 8 8 9 9
        {"funding_percentile_90d": 6 / 15, "funding_typical_8h": 0.0006},
    ),
    signals(
        "windows",
        _LONG,
        {
            # Days −364 … 0: once 9, 274 times 2, once −5, 89 times 1: the 183rd is a 2.
            # Days −89 … 0: once −5, 89 times 1: (1 + 89 ÷ 2) ÷ 90.
            (0, "BTC"): {
                "funding_history_days": 90,
                "funding_percentile_90d": 45.5 / 90,
                "funding_typical_8h": 0.0002,
            },
            # The day before, −90 is within: a 2, above.
            (-1, "BTC"): {
                "funding_history_days": 90,
                "funding_percentile_90d": 45 / 90,
            },
        },
        first=-1,
    ),
    signals(
        "the ninetieth day",
        _rates(-5, *[1] * 89),
        # −5 is day −89: (1 + 44.5) ÷ 90.
        {"funding_percentile_90d": 45.5 / 90},
    ),
    signals(
        "the day before the ninetieth",
        _rates(-5, *[1] * 90),
        {"funding_percentile_90d": 0.5},
    ),
    signals(
        "the 365th day",
        # Days −364 … 0: 182 times 1, 2, 182 times 3, of which 2 is in the middle. Days −365 … −1:
        # 183 times 1, 2, 181 times 3.
        _rates(1, *[1] * 182, 2, *[3] * 182),
        {(-1, "BTC"): {"funding_typical_8h": 0.0001}, (0, "BTC"): {"funding_typical_8h": 0.0002}},
        first=-1,
    ),
    signals(
        "a typical rate without a rank",
        # 13 of the last 90 days, 40 of the last 365.
        without(_rates(*[1] * 27, *[None] * 90, *[3] * 13), *range(-100, -13)),
        {
            "funding_history_days": 13,
            "funding_percentile_90d": None,
            "funding_typical_8h": 0.0001,
            "crowded_side": None,
            "score_funding": None,
        },
    ),
    signals(
        "assets do not mix",
        series("BTC", **{F: [0.0001] * 14}) | series("ETH", **{F: [0.01] * 13}),
        {
            (0, "BTC"): {"funding_history_days": 14, "funding_percentile_90d": 0.5},
            (0, "ETH"): {"funding_history_days": 13, "funding_percentile_90d": None},
        },
    ),
    signals(
        "a row of signals for each of the market",
        without(_rates(*[1] * 16), -1) | {(-1, "ETH"): {}},
        {
            (-2, "BTC"): {"funding_history_days": 14},
            (-1, "BTC"): None,
            (0, "BTC"): {"funding_history_days": 15},
            (-1, "ETH"): {
                "funding_history_days": 0,
                "open_interest_history_days": 0,
                "liquidations_history_days": 0,
                "open_interest_percentile_90d": None,
                "liquidations_percentile_90d": None,
                "deleveraged": None,
            },
            (0, "ETH"): None,
            (-3, "BTC"): None,
        },
        first=-2,
    ),
]

_STEADY = [0.0] * 19


def _index(coins: Sequence[object], changes: Sequence[object]) -> dict[tuple[int, str], Record]:
    return series(**{COIN: coins, CHANGE: changes})


_INDEX = [
    signals(
        "open interest rises",
        _index([100.0] * 19 + [106.0], [*_STEADY, 0.06]),
        {
            "open_interest_history_days": 20,
            "open_interest_percentile_90d": 0.975,
            # 0.95 × (1.06 ÷ 1 − 1) ÷ 0.10
            "score_open_interest": 0.57,
        },
    ),
    signals(
        "a venue arrives",
        # Coins double when it does, the instruments of both days shrink by 1 %.
        _index([100.0] * 10 + [200.0] * 10, [0.0] * 10 + [-0.01] + [0.0] * 9),
        # Ten days at 1, ten at 0.99: 5 ÷ 20.
        {"open_interest_percentile_90d": 0.25, "score_open_interest": 0.0},
    ),
    signals(
        "a venue leaves",
        _index([200.0] * 10 + [100.0] * 9 + [104.0], [*_STEADY, 0.04]),
        # 0.95 × 0.04 ÷ 0.10; in coins it would be the middle of three.
        {"open_interest_percentile_90d": 0.975, "score_open_interest": 0.38},
    ),
    signals(
        "over a gap",
        # No row on days −2 and −1: since day −3 coins rose by 5 %, whatever today's change says.
        without(
            _index([100.0] * 17 + [0.0, 0.0, 105.0], [0.0] * 19 + [0.5]),
            -1,
            -2,
        ),
        {
            "open_interest_history_days": 18,
            "open_interest_percentile_90d": 17.5 / 18,
            # (2 × 17.5 ÷ 18 − 1) × 0.05 ÷ 0.10 = 17 ÷ 18 ÷ 2
            "score_open_interest": 17 / 36,
        },
    ),
    signals(
        "over days that are not known",
        # Neither NULL nor 0 coins are a known day; today's change is against a day before them.
        _index([100.0] * 17 + [None, 0.0, 103.0], [0.0] * 17 + [0.3, 0.3, 0.3]),
        {
            "open_interest_history_days": 18,
            "open_interest_percentile_90d": 17.5 / 18,
            # 17 ÷ 18 × 0.03 ÷ 0.10
            "score_open_interest": 17 / 60,
        },
    ),
    signals(
        "a change that is not known",
        # Yesterday is there, but no instrument is there on both days: coins against coins.
        _index([100.0] * 19 + [102.0], [*_STEADY, None]),
        # 0.95 × 0.02 ÷ 0.10
        {"open_interest_percentile_90d": 0.975, "score_open_interest": 0.19},
    ),
    signals(
        "changes compound",
        # 1 … 1, 1.1, 1.1 × 0.95 = 1.045, whatever the coins.
        _index([1.0, 5.0] * 10, [0.0] * 18 + [0.1, -0.05]),
        # 18 below, one above: 18.5 ÷ 20 = 0.925; 0.85 × 0.045 ÷ 0.10.
        {"open_interest_percentile_90d": 0.925, "score_open_interest": 0.3825},
    ),
    signals(
        "the index begins in the window",
        # Day −90 is out of it, and so is what happened until day −89.
        _index([1.0] + [100.0] * 88 + [102.0, 102.0], [0.0, -0.9] + [0.0] * 87 + [0.02, 0.0]),
        {
            "open_interest_history_days": 90,
            # 88 at 1, two at 1.02: (88 + 1) ÷ 90.
            "open_interest_percentile_90d": 89 / 90,
            # (178 ÷ 90 − 1) × 0.02 ÷ 0.10
            "score_open_interest": 88 / 450,
        },
    ),
    signals(
        "thirteen days of open interest",
        _index([*[None] * 5, *[1.0] * 13], [0.0] * 18),
        {
            "open_interest_history_days": 13,
            "open_interest_percentile_90d": None,
            "score_open_interest": None,
        },
    ),
    signals(
        "no open interest today",
        _index([1.0] * 20 + [0.0], [0.0] * 21),
        {
            "open_interest_history_days": 20,
            "open_interest_percentile_90d": None,
            "score_open_interest": None,
        },
    ),
]

_LIKE_WITH_LIKE = series(
    **{
        # Large days of another feed in between.
        TOTAL: [900.0, 10.0] * 5 + [5.0] * 9 + [10.0],
        WORD: ["complete", "throttled"] * 5 + ["throttled"] * 10,
    }
)

_RANKED_LIQUIDATIONS = [
    signals(
        "liquidations of the same completeness",
        _LIKE_WITH_LIKE,
        # Of 15 days 9 below and 6 equal.
        {"liquidations_history_days": 15, "liquidations_percentile_90d": 12 / 15},
    ),
    signals(
        "fewer than fourteen of the same completeness",
        series(**{TOTAL: [1.0] * 33, WORD: ["complete"] * 20 + ["partial"] * 13}),
        {"liquidations_history_days": 13, "liquidations_percentile_90d": None},
    ),
    signals(
        "a day of another completeness",
        series(**{TOTAL: [1.0] * 31, WORD: ["complete"] * 30 + ["partial"]}),
        {"liquidations_history_days": 1, "liquidations_percentile_90d": None},
    ),
    signals(
        "unknown totals do not count",
        series(**{TOTAL: [None] * 10 + [0.0] * 14, WORD: ["unknown"] * 24}),
        {"liquidations_history_days": 14, "liquidations_percentile_90d": 0.5},
    ),
    signals(
        "today's liquidations are not known",
        series(**{TOTAL: [1.0] * 30 + [None], WORD: ["partial"] * 31}),
        {"liquidations_history_days": 0, "liquidations_percentile_90d": None},
    ),
    signals(
        "no feed today",
        series(**{TOTAL: [1.0] * 30 + [None], WORD: ["complete"] * 30 + [None]}),
        {"liquidations_history_days": 0, "liquidations_percentile_90d": None},
    ),
    signals(
        "ninety days of liquidations",
        series(**{TOTAL: [0.0, 0.0, *[2.0] * 88, 1.0], WORD: ["complete"] * 91}),
        # Day −89 is the second 0.
        {"liquidations_history_days": 90, "liquidations_percentile_90d": 1.5 / 90},
    ),
]

_CROWDED = [
    # Typical is 1 bp throughout; 2 bp are 1 bp above it. 15 below, 2 equal: 16 ÷ 20 = 0.8.
    signals(
        "crowded long, just",
        _rates(*[1] * 15, 2, 5, 5, 5, 2),
        {"funding_percentile_90d": 0.8, "funding_typical_8h": 0.0001, "crowded_side": "long"},
    ),
    signals(
        "rank too low for long",
        _rates(*[1] * 15, 5, 5, 5, 5, 2),
        {"funding_percentile_90d": 0.775, "crowded_side": "none"},
    ),
    signals(
        "rate too low for long",
        _rates(*[1] * 19, 1.99),
        {"funding_percentile_90d": 0.975, "crowded_side": "none"},
    ),
    # 0 bp are 1 bp below. 3 below, 2 equal: 4 ÷ 20 = 0.2.
    signals(
        "crowded short, just",
        _rates(*[1] * 15, 0, -5, -5, -5, 0),
        {"funding_percentile_90d": 0.2, "funding_typical_8h": 0.0001, "crowded_side": "short"},
    ),
    signals(
        "rank too high for short",
        _rates(*[1] * 15, -5, -5, -5, -5, 0),
        {"funding_percentile_90d": 0.225, "crowded_side": "none"},
    ),
    signals(
        "rate too high for short",
        _rates(*[1] * 19, 0.01),
        {"funding_percentile_90d": 0.025, "crowded_side": "none"},
    ),
]

CASES = [*_RANKS, *_INDEX, *_RANKED_LIQUIDATIONS, *_CROWDED]
