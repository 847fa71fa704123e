"""The parts of the score, the score, what a squeeze needs, and what a deleveraging is.

Twenty days of which today is the highest have a rank of 0.975, which counts as 0.95.
"""

from __future__ import annotations

import math
from typing import Any

from tests.market.given import Golden, Record
from tests.market.golden_signals import CHANGE, COIN, TOTAL, WORD, F, series, signals

LEVERAGE, SHARE = "leverage_ratio", "liquidations_to_open_interest"
ACCOUNTS = "long_short_account_ratio"


def _last(usual: Any, today: Any, days: int = 20) -> list[Any]:
    return [usual] * (days - 1) + [today]


# 1.2 bp above the typical rate; each of these on its own is in _PARTS.
_FUNDING = {F: _last(0.0001, 0.00022)}
_STEADY_COINS = {COIN: [100.0] * 20, CHANGE: [0.0] * 20}
_COINS = {COIN: [100.0] * 20, CHANGE: _last(0.0, 0.05)}
_LEVERAGE = {LEVERAGE: _last(0.2, 0.206)}
_SHARE = {SHARE: _last(0.001, 0.015), TOTAL: _last(5.0, 5.0), WORD: ["complete"] * 20}
_ACCOUNTS = {ACCOUNTS: _last(1.0, 1.5**0.9)}

_PARTS = [
    signals("funding above", series(**_FUNDING), {"score_funding": 0.38}),
    signals(
        "funding below",
        # Typical 1 bp, today −1 bp: for shorts the rank is 1 − 0.025, the excess 2 bp of 3.
        series(**{F: _last(0.0001, -0.0001)}),
        {"funding_percentile_90d": 0.025, "crowded_side": "short", "score_funding": 1.9 / 3},
    ),
    signals("funding far above", series(**{F: _last(0.0001, 0.01)}), {"score_funding": 0.95}),
    signals("funding as usual", series(**{F: _last(0.0001, 0.0001)}), {"score_funding": 0.0}),
    signals(
        "funding above the typical, but less than of late",
        # Typical of the year 1 bp, of late 5 bp, today 2 bp: above, at the lowest rank.
        series(**{F: [0.0001] * 200 + [0.0005] * 89 + [0.0002]}),
        {"funding_percentile_90d": 0.5 / 90, "funding_typical_8h": 0.0001, "score_funding": 0.0},
    ),
    signals(
        "leverage",
        series(**_LEVERAGE),
        # 0.206 ÷ 0.2 − 1 = 3 % of 10 %
        {"score_leverage": 0.285},
    ),
    signals("leverage far above", series(**{LEVERAGE: _last(0.2, 0.4)}), {"score_leverage": 0.95}),
    signals("leverage below", series(**{LEVERAGE: _last(0.2, 0.1)}), {"score_leverage": 0.0}),
    signals(
        "thirteen days of leverage",
        series(**{LEVERAGE: _last(0.2, 0.4, 13)}),
        {"score_leverage": None},
    ),
    signals(
        "leverage of the last ninety days",
        # Of ninety days 45 are at 1 and 44 at 1.1, so the median is 1.05, and today's 1.1025 is 5 %
        # more; with a day before them it were 1. The rank is 89.5 ÷ 90.
        series(**{LEVERAGE: [1.0] * 46 + [1.1] * 44 + [1.1025]}),
        {"score_leverage": 89 / 90 / 2},
    ),
    signals(
        "liquidations",
        series(**_SHARE),
        # (0.015 − 0.001) ÷ 0.02 = 0.7
        {"score_liquidations": 0.665, "liquidations_percentile_90d": 0.5},
    ),
    signals(
        "liquidations of the same completeness only",
        series(
            **{
                SHARE: [0.5] * 20 + _last(0.001, 0.015) + [None],
                WORD: ["complete"] * 20 + ["throttled"] * 20 + ["complete"],
            }
        )
        | {(0, "BTC"): {SHARE: 0.015, WORD: "throttled"}},
        # 19 below, two equal, of 21: 20 ÷ 21, which counts as 19 ÷ 21.
        {"score_liquidations": 0.7 * 19 / 21},
    ),
    signals(
        "thirteen days of liquidations of the same completeness",
        series(**{SHARE: [0.001] * 33, WORD: ["complete"] * 20 + ["throttled"] * 13}),
        {"score_liquidations": None},
    ),
    signals(
        "liquidations far above",
        series(**{SHARE: _last(0.0, 0.5), WORD: ["unknown"] * 20}),
        {"score_liquidations": 0.95},
    ),
    signals(
        "accounts on the side of the longs",
        series(**(_FUNDING | {ACCOUNTS: _last(1.0, 1.2)})),
        {"score_long_short": 0.95 * math.log(1.2) / math.log(1.5)},
    ),
    signals(
        "accounts against the longs",
        series(**(_FUNDING | {ACCOUNTS: _last(1.0, 0.8)})),
        {"score_long_short": 0.0},
    ),
    signals(
        "accounts on the side of the shorts",
        # Funding below the typical: what counts is how few longs there are, half of the usual.
        series(**{F: _last(0.0001, 0.00005), ACCOUNTS: _last(2.0, 1.6)}),
        {"crowded_side": "none", "score_long_short": 0.95 * math.log(1.25) / math.log(1.5)},
    ),
    signals(
        "accounts against the shorts",
        series(**{F: _last(0.0001, 0.00005), ACCOUNTS: _last(1.0, 1.2)}),
        {"score_long_short": 0.0},
    ),
    signals(
        "accounts far above",
        series(**(_FUNDING | {ACCOUNTS: _last(1.0, 3.0)})),
        {"score_long_short": 0.95},
    ),
    signals(
        "thirteen days of accounts",
        series(**(_FUNDING | {ACCOUNTS: _last(1.0, 3.0, 13)})),
        {"score_long_short": None},
    ),
]

_SCORES = [
    signals(
        "all parts",
        series(**(_FUNDING | _COINS | _LEVERAGE | _SHARE | _ACCOUNTS)),
        {
            "score_funding": 0.38,
            "score_open_interest": 0.475,
            "score_leverage": 0.285,
            "score_liquidations": 0.665,
            "score_long_short": 0.855,
            "deleveraged": False,
            # 40 × 0.38 + 20 × 0.475 + 15 × 0.285 + 15 × 0.665 + 10 × 0.855
            # = 15.2 + 9.5 + 4.275 + 9.975 + 8.55 of 100
            "overheated_score": 47.5,
            # Crowded by 1.2 bp, and between 35 and 60.
            "crowded_side": "long",
            "squeeze_risk": "building",
        },
    ),
    signals(
        "funding and open interest",
        series(**(_FUNDING | _COINS)),
        {
            "score_leverage": None,
            "score_liquidations": None,
            "score_long_short": None,
            # (15.2 + 9.5) of 60, measured against 75
            "overheated_score": 2_470 / 75,
        },
    ),
    signals(
        "without leverage",
        series(**(_FUNDING | _COINS | _SHARE | _ACCOUNTS)),
        # 47.5 − 4.275 of 85
        {"overheated_score": 4_322.5 / 85},
    ),
    signals(
        "without liquidations",
        series(**(_FUNDING | _COINS | _LEVERAGE | _ACCOUNTS)),
        # 47.5 − 9.975 of 85
        {"overheated_score": 3_752.5 / 85},
    ),
    signals(
        "without accounts",
        series(**(_FUNDING | _COINS | _LEVERAGE | _SHARE)),
        # 47.5 − 8.55 of 90
        {"overheated_score": 3_895 / 90},
    ),
    signals(
        "without open interest",
        series(**(_FUNDING | _LEVERAGE | _SHARE | _ACCOUNTS)),
        {"crowded_side": "long", "overheated_score": None, "squeeze_risk": None},
    ),
    signals(
        "without funding",
        series(**(_COINS | _LEVERAGE | _SHARE | _ACCOUNTS)),
        {"overheated_score": None, "squeeze_risk": None},
    ),
    signals(
        "nothing stretched",
        series(**({F: [0.0001] * 20} | _STEADY_COINS)),
        {"overheated_score": 0.0, "crowded_side": "none", "squeeze_risk": "none"},
    ),
]


def _squeeze(today: float, usual: float = 0.0001, *, opened: float = 0.0) -> Record:
    """Funding and open interest alone, against 75: 100 × 40 × 0.95 × excess ÷ 3 bp ÷ 75 = 16.89
    points for each bp, and 100 × 20 × 0.95 ÷ 75 = 25.33 for half as much again opened."""
    return {F: _last(usual, today), COIN: [100.0] * 20, CHANGE: _last(0.0, opened)}


_SQUEEZES = [
    signals(
        "just high",
        # 2.06 bp above: 60.1
        series(**_squeeze(0.000306, opened=0.5)),
        {"overheated_score": (38 * 2.06 / 3 + 19) / 0.75, "squeeze_risk": "high"},
    ),
    signals(
        "not quite high",
        # 2.05 bp above: 59.96
        series(**_squeeze(0.000305, opened=0.5)),
        {"overheated_score": (38 * 2.05 / 3 + 19) / 0.75, "squeeze_risk": "building"},
    ),
    signals(
        "funding alone is never high",
        series(**_squeeze(0.01)),
        {"score_funding": 0.95, "overheated_score": 38 / 0.75, "squeeze_risk": "building"},
    ),
    signals(
        "just building",
        # 2.08 bp above: 35.1
        series(**_squeeze(0.000308)),
        {"overheated_score": 38 * 2.08 / 3 / 0.75, "squeeze_risk": "building"},
    ),
    signals(
        "not quite building",
        # 2.07 bp above: 34.96
        series(**_squeeze(0.000307)),
        {
            "crowded_side": "long",
            "overheated_score": 38 * 2.07 / 3 / 0.75,
            "squeeze_risk": "none",
        },
    ),
    # Both thresholds to the last digit, which takes ranks in sixteenths and a leverage as usual:
    # (40 × 7 ÷ 8 + 20 ÷ 2 + 0) of 75, (40 × 5 ÷ 8 + 20 ÷ 16 + 0) of 75.
    signals(
        "sixty is high",
        series(
            **{
                F: [0.0001] * 14 + [0.0006] * 2,  # 15 ÷ 16
                CHANGE: [0.0] * 11 + [1.0, 0.0, 0.0, -0.25, 0.0],  # 12 ÷ 16
                COIN: [1.0] * 16,
                LEVERAGE: [0.5] * 16,
            }
        ),
        {
            "score_funding": 0.875,
            "score_open_interest": 0.5,
            "score_leverage": 0.0,
            "overheated_score": 60.0,
            "squeeze_risk": "high",
        },
    ),
    signals(
        "35 is building",
        series(
            **{
                F: [0.0001] * 12 + [0.0009] * 2 + [0.0006] * 2,  # 13 ÷ 16
                CHANGE: [0.0] * 8 + [1.0] + [0.0] * 6 + [-0.25],  # 8.5 ÷ 16
                COIN: [1.0] * 16,
                LEVERAGE: [0.5] * 16,
            }
        ),
        {
            "score_funding": 0.625,
            "score_open_interest": 0.0625,
            "overheated_score": 35.0,
            "squeeze_risk": "building",
        },
    ),
    signals(
        "of shorts",
        series(**_squeeze(-0.00025, opened=0.5)),
        # 3.5 bp below: more than 3 count as 3.
        {"crowded_side": "short", "overheated_score": 57 / 0.75, "squeeze_risk": "high"},
    ),
    signals(
        "stretched, but nobody is crowded",
        # Funding is 0.9 bp above, all else as far as it goes: 40 × 0.95 × 0.3 + 60 × 0.95.
        series(
            **(
                {F: _last(0.0001, 0.00019), COIN: [100.0] * 20, CHANGE: _last(0.0, 0.5)}
                | {LEVERAGE: _last(0.2, 0.4), ACCOUNTS: _last(1.0, 3.0)}
                | {SHARE: _last(0.0, 0.5), TOTAL: [5.0] * 20, WORD: ["complete"] * 20}
            )
        ),
        {"crowded_side": "none", "overheated_score": 68.4, "squeeze_risk": "none"},
    ),
]


def _fall(
    today: float | None,
    *,
    moves: list[float | None] | None = None,
    liquidated: float | None = 500.0,
    before: tuple[float, ...] = (100.0,) * 20,
) -> Record:
    """Open interest that moves by 1 to 3 % a day, in the middle by 2 %, so that 4 % are twice the
    usual; and then today."""
    usual: list[float | None] = [0.01, -0.02, 0.03, -0.01, 0.02, -0.03, 0.02] * 2
    changes = [*(usual if moves is None else moves), today]
    return {
        COIN: [100.0] * len(changes),
        CHANGE: changes,
        TOTAL: [*before, liquidated],
        WORD: ["complete"] * (len(before) + 1),
    }


_FALLS = [
    signals("fell", series(**_fall(-0.05)), {"deleveraged": True}),
    signals("fell by twice the usual", series(**_fall(-0.04)), {"deleveraged": False}),
    signals("fell by more than twice the usual", series(**_fall(-0.0401)), {"deleveraged": True}),
    signals("rose", series(**_fall(0.05)), {"deleveraged": False}),
    signals(
        # 17 below, 1 equal besides today, of 20: 18 ÷ 20 = 0.9.
        "liquidations just in the top decile",
        series(**_fall(-0.05, liquidated=5.0, before=(*[1.0] * 17, 5.0, 9.0))),
        {"liquidations_percentile_90d": 0.9, "deleveraged": True},
    ),
    signals(
        # 17 below and today alone: 17.5 ÷ 20.
        "liquidations not quite in the top decile",
        series(**_fall(-0.05, liquidated=5.0, before=(*[1.0] * 17, 9.0, 9.0))),
        {"liquidations_percentile_90d": 0.875, "deleveraged": False},
    ),
    signals(
        "fourteen moves before, some without a row",
        series(**_fall(-0.05, moves=[0.02, None, None, *[0.02] * 13])),
        {"deleveraged": True},
    ),
    signals(
        # Today's own move is not among the usual ones.
        "thirteen moves before",
        series(**_fall(-0.05, moves=[0.02] * 13)),
        {"deleveraged": None},
    ),
    signals(
        "the change is not known",
        series(**_fall(None)),
        {"liquidations_percentile_90d": 20.5 / 21, "deleveraged": None},
    ),
    signals(
        "the rank is not known",
        series(**_fall(0.05, before=(100.0,) * 12)),
        {"liquidations_percentile_90d": None, "deleveraged": None},
    ),
    signals(
        "today's liquidations are not known, whatever open interest does",
        series(**_fall(0.05, liquidated=None)),
        {"deleveraged": None},
    ),
    signals(
        # 45 moves of 2 % in the ninety days before, and one of day −90 of 4 %: the 45th and 46th
        # of 90 are 2 % and 4 %, so the usual is 3 %; without day −90 it would be 2 %.
        "the ninetieth move before",
        series(**_fall(-0.05, moves=[0.04] * 45 + [0.02] * 45)),
        {"deleveraged": False},
    ),
    signals(
        # Day −91 is out: 44 of 4 % and 46 of 2 %, the usual is 2 %.
        "the move before the ninetieth",
        series(**_fall(-0.05, moves=[0.04] * 45 + [0.02] * 46)),
        {"deleveraged": True},
    ),
    signals(
        "what was stretched is gone",
        series(
            **(
                {F: _last(0.0001, 0.0005)}
                | _fall(-0.05, moves=[0.0] * 18 + [0.5], before=(100.0,) * 19)
                | {LEVERAGE: _last(0.2, 0.4), SHARE: _last(0.001, 0.5)}
                | {ACCOUNTS: _last(1.0, 1.5)}
            )
        ),
        {
            "deleveraged": True,
            "score_funding": 0.95,
            # 1 … 1, 1.5, 1.425: it would be 0.85.
            "open_interest_percentile_90d": 18.5 / 20,
            "score_open_interest": 0.0,
            "score_leverage": 0.0,
            "score_liquidations": 0.0,
            "score_long_short": 0.95,
            # 40 × 0.95 + 10 × 0.95
            "overheated_score": 47.5,
            "crowded_side": "long",
            "squeeze_risk": "none",
        },
    ),
    signals(
        "what is not known is not known to be gone",
        series(
            **(
                {F: _last(0.0001, 0.0005)}
                | _fall(-0.05, moves=[0.0] * 18 + [0.5], before=(100.0,) * 19)
                | {LEVERAGE: [0.2] * 13}
            )
        ),
        {
            "deleveraged": True,
            "score_open_interest": 0.0,
            "score_leverage": None,
            "score_liquidations": None,
            "score_long_short": None,
            # 40 × 0.95 of 60, measured against 75
            "overheated_score": 3_800 / 75,
            "squeeze_risk": "none",
        },
    ),
    signals(
        "not known to be gone",
        # The same, but for the rank of the liquidations, of which there are 14 days less.
        series(
            **(
                {F: _last(0.0001, 0.0005)}
                | _fall(-0.05, moves=[0.0] * 18 + [0.5], before=())
                | {LEVERAGE: _last(0.2, 0.4), ACCOUNTS: _last(1.0, 1.5)}
            )
        ),
        {
            "deleveraged": None,
            "score_open_interest": 0.85,
            "score_leverage": 0.95,
            "score_liquidations": None,
            # (40 × 0.95 + 20 × 0.85 + 15 × 0.95 + 10 × 0.95) of 85
            "overheated_score": 7_875 / 85,
            "squeeze_risk": "high",
        },
    ),
]

_EDGES = [
    signals(
        "all that was open closed while another venue arrived",
        # The index of day −10 is taken from the levels, 50 ÷ 100, and stays there: 0.5 is as usual.
        series(
            **(
                _FUNDING
                | {COIN: [100.0] * 4 + [50.0] * 16, CHANGE: [0.0] * 4 + [-1.0] + [0.0] * 15}
            )
        ),
        # 0 below, 16 equal, of 20.
        {"open_interest_percentile_90d": 0.4, "score_open_interest": 0.0},
    ),
    signals(
        "no leverage at all",
        series(**(_FUNDING | _COINS | {LEVERAGE: [0.0] * 20})),
        # 15.2 + 9.5 + 0 of 75
        {"score_leverage": 0.0, "overheated_score": 2_470 / 75},
    ),
    signals(
        "a hair below the typical rate is not below it",
        # The accounts lean to the longs, who pay as usual but for the last digit.
        series(**{F: _last(0.0001, math.nextafter(0.0001, 0)), ACCOUNTS: _last(1.0, 1.2)}),
        {"score_long_short": 0.95 * math.log(1.2) / math.log(1.5)},
    ),
    signals(
        "crowded by just one basis point",
        # 0.0003 − 0.0002 is a hair less than 0.0001 in binary.
        series(**{F: _last(0.0002, 0.0003)}),
        {"crowded_side": "long"},
    ),
]

CASES: list[Golden] = [*_PARTS, *_SCORES, *_SQUEEZES, *_FALLS, *_EDGES]
