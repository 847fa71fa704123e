"""The crowded side, deleveraging and the score, step by step."""

from __future__ import annotations

from math import log
from typing import Any

from flows.explain.part import Part
from flows.explain.question import Question, command
from flows.explain.signal_windows import CHANGE, RATE, Window
from transforms.market.score import (
    BUILDING,
    CROWDED_BY,
    CROWDED_RANKS,
    FUNDING,
    HIGH,
    LEAST_WEIGHT,
    LEVERAGE,
    LIQUIDATIONS,
    LONG_SHORT,
    NORMAL_MOVE,
    OPEN_INTEREST,
    PARTS,
    TOP_DECILE,
)
from transforms.market.score import Part as ScorePart


def crowd(windows: dict[str, Window], today: dict[str, Any], row: dict[str, Any]) -> Part:
    rate, typical, rank = today[RATE], row["funding_typical_8h"], windows["funding"].rank
    side: str | None = None
    notes = []
    if rate is not None and typical is not None and rank is not None:
        beyond = rate - typical
        side = "none"
        if beyond >= CROWDED_BY and rank >= CROWDED_RANKS[1]:
            side = "long"
        elif beyond <= -CROWDED_BY and rank <= CROWDED_RANKS[0]:
            side = "short"
        notes.append(
            f"funding beyond the typical: {rate!r} − {typical!r} = {beyond!r}, rank {rank!r}"
        )
    notes.append(
        f"longs from +{CROWDED_BY} and rank {CROWDED_RANKS[1]} on, shorts from −{CROWDED_BY} and "
        f"rank {CROWDED_RANKS[0]} down"
    )
    return Part("The crowded side", ("crowded_side",), [], {"crowded_side": side}, tuple(notes))


def deleveraging(windows: dict[str, Window], today: dict[str, Any], row: dict[str, Any]) -> Part:
    change, usual = today[CHANGE], windows["moves"].median
    place = row["liquidations_percentile_90d"]
    found: bool | None = None
    notes = [
        f"open interest has to fall by more than {NORMAL_MOVE} × the normal move",
        f"and the liquidations' rank has to be {TOP_DECILE} or above",
    ]
    if change is not None and usual is not None:
        limit = -NORMAL_MOVE * usual
        notes.append(f"change {change!r}, limit {limit!r}, liquidations' rank {place!r}")
        if place is not None:
            found = change < limit and place >= TOP_DECILE
    return Part("Deleveraging", ("deleveraged",), [], {"deleveraged": found}, tuple(notes))


def _sized(
    windows: dict[str, Window], today: dict[str, Any], row: dict[str, Any]
) -> dict[str, tuple[float | None, float | None]]:
    """Per part of the score its rank, as seen from the side that pays, and its excess."""
    rate, typical = today[RATE], row["funding_typical_8h"]
    beyond = None if rate is None or typical is None else rate - typical
    shorts_pay = beyond is not None and beyond < 0

    def sided(rank: float | None) -> float | None:
        return 1 - rank if shorts_pay and rank is not None else rank

    def against(window: Window, now: float | None) -> float | None:
        usual = window.median
        return None if now is None or not usual else now / usual - 1

    interest, share = windows["interest"], windows["liquidated_share"]
    liquidated, accounts = today[share.source], today["long_short_account_ratio"]
    usual_share, usual_accounts = share.median, windows["accounts"].median
    lean = log(accounts / usual_accounts) if accounts and usual_accounts else None
    known = liquidated is not None and usual_share is not None
    return {
        FUNDING.name: (sided(windows["funding"].rank), None if beyond is None else abs(beyond)),
        OPEN_INTEREST.name: (
            interest.rank,
            against(interest, interest.values[-1] if interest.today else None),
        ),
        LEVERAGE.name: (
            windows["leverage"].rank,
            against(windows["leverage"], today["leverage_ratio"]),
        ),
        LIQUIDATIONS.name: (share.rank, liquidated - usual_share if known else None),
        LONG_SHORT.name: (
            None if beyond is None else sided(windows["accounts"].rank),
            -lean if shorts_pay and lean is not None else lean,
        ),
    }


def _value(
    part: ScorePart, rank: float | None, excess: float | None, *, over: bool
) -> float | None:
    if rank is None or excess is None:
        return None
    if over and part.ends_by_deleveraging:
        return 0.0
    return max(0.0, 2 * rank - 1) * min(1.0, max(0.0, excess / part.scale))


def score(
    asked: Question, windows: dict[str, Window], today: dict[str, Any], row: dict[str, Any]
) -> Part:
    sized = _sized(windows, today, row)
    over = row["deleveraged"] is True
    rows: list[dict[str, Any]] = []
    for part in PARTS:
        rank, excess = sized[part.name]
        value = _value(part, rank, excess, over=over)
        rows.append(
            {
                "part": part.name,
                "rank": rank,
                "excess": excess,
                "whole_at_excess": part.scale,
                "value": value,
                "weight": part.weight,
                "points": None if value is None else value * part.weight,
                "explain": command(asked.table, *asked.key.values(), column=part.name),
            }
        )
    known = [each for each in rows if each["value"] is not None]
    weights = sum(each["weight"] for each in known)
    points = sum(each["points"] for each in known)
    basis = {FUNDING.name, OPEN_INTEREST.name} <= {each["part"] for each in known}
    points_of_100 = 100 * points / max(weights, LEAST_WEIGHT) if basis else None
    risk: str | None = None
    if points_of_100 is not None:
        nobody = row["crowded_side"] == "none"
        risk = (
            "high" if points_of_100 >= HIGH else "building" if points_of_100 >= BUILDING else "none"
        )
        risk = "none" if nobody or over else risk
    notes = [
        "value = max(0, 2 × rank − 1) × min(1, excess / whole_at_excess)",
        "funding and accounts are ranked from the side that pays",
        f"100 × {points!r} / max({LEAST_WEIGHT}, {weights})",
        f"risk: high from {HIGH}, building from {BUILDING}; none without a crowd, or deleveraged",
    ]
    if over:
        gone = ", ".join(part.name for part in PARTS if part.ends_by_deleveraging)
        notes.insert(1, f"deleveraged: what {gone} measure is gone, so they are 0")
    gives: dict[str, Any] = {str(each["part"]): each["value"] for each in rows}
    gives |= {"overheated_score": points_of_100, "squeeze_risk": risk}
    return Part("The score: parts × weights", tuple(gives), rows, gives, tuple(notes))
