"""What happens to the market: price, crowding, open interest and liquidations over time.

All times are hours from 00:00 UTC of the break day. `long-squeeze` follows 8–17 January 2021:
liquidations of about a billion dollars on each of two days the week before, funding that climbs
to 0.07 % per 8 hours against a usual 0.01 %, a run from 35,500 to almost 38,000 over night, then a
fall below 34,000 in which about half a billion is liquidated within a day, nearly all of it longs,
although open interest does not fall and as many accounts are long as short. Until the second of
the billions open interest had been higher, also against what exchanges hold on chain: their
reserves grow slowly up to the break, as nothing of the rise was bought to be kept.
`deleveraging` is the same until the fall, in which a third of all positions is closed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.noise import Floats
from simulator.plan import Scenario

Knots = tuple[tuple[float, float], ...]

REFERENCE_PRICE = 36_000.0
"""BTC in US dollars where a scenario says nothing else."""

CALM_LIQUIDATIONS_USD = 30e6
"""Of the whole market, on a usual day."""


@dataclass(frozen=True, slots=True)
class Course:
    """How a scenario runs; between knots values are joined by straight lines, beyond them kept.

    btc_price: US dollars. crowding: premium that longs pay, as the rate per 8 hours it settles at.
    open_interest: factor on coins. reserve: factor on the coins that exchanges hold on chain.
    liquidations_usd and long_share: by day from the break day,
    for the whole market; other days are calm. roughness: factor on the usual noise of prices.
    """

    btc_price: Knots
    crowding: Knots
    open_interest: Knots
    reserve: Knots
    liquidations_usd: dict[int, float]
    long_share: dict[int, float]
    roughness: float


_BTC_2021_01: Knots = (
    (-216, 39_400),
    (-192, 40_600),
    (-168, 40_200),
    (-164, 41_300),
    (-156, 35_300),
    (-144, 38_200),
    (-140, 37_800),
    (-128, 30_600),
    (-120, 35_400),
    (-96, 34_000),
    (-72, 37_300),
    (-48, 39_100),
    (-38, 36_200),
    (-24, 36_700),
    (-4, 35_500),
    (2.5, 37_900),
    (6, 36_600),
    (10, 33_800),
    (12, 34_300),
    (24, 35_800),
)

_CROWDING: Knots = (
    (-217, 0.0001),
    (-200, 0.00035),
    (-168, 0.0004),
    (-150, 0.0001),
    (-72, 0.0001),
    (-60, 0.0002),
    (-32, 0.0004),
    (-16, 0.0007),
    (2, 0.0007),
    (8, 0.0006),
    (12, 0.0001),
)

# Ever more coins until the break: nobody buys on chain what is bought with leverage.
_RESERVE: Knots = ((-720, 0.991), (0, 1.0), (24, 1.0), (96, 0.998))

_SQUEEZE = Course(
    btc_price=_BTC_2021_01,
    crowding=_CROWDING,
    open_interest=(
        (-240, 1.0),
        (-192, 1.13),
        (-168, 1.18),
        (-144, 1.14),
        (-120, 0.88),
        (-24, 1.0),
        (0, 1.02),
        (24, 1.09),
    ),
    reserve=_RESERVE,
    liquidations_usd={
        -9: 300e6,
        -8: 250e6,
        -7: 1_000e6,
        -6: 1_050e6,
        -5: 400e6,
        -4: 250e6,
        -3: 220e6,
        -2: 350e6,
        -1: 120e6,
        0: 500e6,
    },
    long_share={
        -9: 0.55,
        -8: 0.6,
        -7: 0.8,
        -6: 0.85,
        -5: 0.6,
        -4: 0.35,
        -3: 0.35,
        -2: 0.75,
        -1: 0.45,
        0: 0.9,
    },
    roughness=0.15,
)

_COURSES: dict[Scenario, Course] = {
    "calm": Course(
        btc_price=((0, REFERENCE_PRICE),),
        crowding=((0, 0.0001),),
        open_interest=((0, 1.0),),
        reserve=((0, 1.0),),
        liquidations_usd={},
        long_share={},
        roughness=1.0,
    ),
    "long-squeeze": _SQUEEZE,
    "deleveraging": Course(
        btc_price=_BTC_2021_01,
        crowding=_CROWDING,
        open_interest=(
            *_SQUEEZE.open_interest[:-1],
            (6, 1.02),
            (14, 0.72),
            (24, 0.68),
        ),
        reserve=_RESERVE,
        liquidations_usd=_SQUEEZE.liquidations_usd,
        long_share=_SQUEEZE.long_share,
        roughness=0.15,
    ),
}


def course(scenario: Scenario) -> Course:
    """The course of a scenario."""
    return _COURSES[scenario]


def along(knots: Knots, hours: Floats) -> Floats:
    """The value of a line through `knots` at `hours`."""
    out: Floats = np.interp(hours, [k[0] for k in knots], [k[1] for k in knots])
    return out
