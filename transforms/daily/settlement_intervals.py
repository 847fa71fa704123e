"""What interval a settlement pays for, and which settlements are missing around it.

An interval is the distance to the settlement before (published intervals disagree with it: a
venue that goes from 8 h to 1 h may label the first hourly settlement with either). A settlement
is missing where that distance has room for another one:

- where the venue declares an interval, at least twice the declared one;
- else where it is longer than the distances around it on both sides (on each side the smaller of
  the next two, so that two gaps in a row do not vouch for each other) and at least twice the
  smaller of them. Longer than one side only is a change of interval (8 h → 1 h, 1 h → 3 h → 4 h);
  less than twice is a late settlement (HTX 2021-04-07 18:00 instead of 16:00: 10 h and 6 h).

Then the interval is the prevailing one (declared, else the smaller distance around), and the
missing ones were due at multiples of it after the settlement before.

Where one side is not known (the newest settlement, the second ever) a distance of up to 8 h may
be a change of interval as well as a gap: it counts as observed, and how many were due is not
known. No venue that is still there settles less often than every 8 h (BitMEX did, once a day,
until 2016-06-04).

Every judgement uses settlements at most `LOOKBACK_DAYS` before and `LOOKAHEAD_DAYS` after the day
it is about, so that it does not depend on how a range of days is cut.
"""

from __future__ import annotations

import polars as pl

LOOKBACK_DAYS = 33
LOOKAHEAD_DAYS = 3

_DAY = 24 * 60
_LONGEST = 8 * 60
_REACH = LOOKBACK_DAYS * _DAY
_LISTING = ("symbol", "listing")


def _before(column: str, steps: int = 1) -> pl.Expr:
    return pl.col(column).shift(steps).over(_LISTING)


def _after(column: str, steps: int = 1) -> pl.Expr:
    return pl.col(column).shift(-steps).over(_LISTING)


def _due_by(start: pl.Expr, interval: pl.Expr, end: pl.Expr) -> pl.Expr:
    """How many multiples of `interval` after `start` fall before `end`."""
    return ((end - 1 - start) // interval).clip(lower_bound=0)


def _with_distances(settlements: pl.DataFrame) -> pl.DataFrame:
    """Adds distances in minutes: `step` to the settlement before, `left` and `right` around it."""
    declared = pl.col("interval_hours_declared")
    minute = pl.col("settled_at").dt.timestamp("us") // 60_000_000
    return (
        settlements.sort(*_LISTING, "settled_at")
        .with_columns(
            minute=minute,
            day=minute // _DAY,
            declared=pl.when(declared > 0).then((declared * 60).round().cast(pl.Int64)),
        )
        .with_columns(
            step=pl.col("minute") - _before("minute"),
            # The next settlement tells what was due on this day only if it is near enough.
            joined=(pl.col("day") - _before("day") <= LOOKAHEAD_DAYS).fill_null(value=False),
        )
        .with_columns(step=pl.when(pl.col("step") <= _REACH).then(pl.col("step")))
        .with_columns(
            last_day_seen=LOOKAHEAD_DAYS
            + pl.when(pl.col("joined")).then(_before("day")).otherwise(pl.col("day"))
        )
        .with_columns(
            left=pl.min_horizontal(
                pl.when(_before("minute", n + 1) >= pl.col("minute") - _REACH).then(
                    _before("step", n)
                )
                for n in (1, 2)
            ),
            right=pl.min_horizontal(
                pl.when(_after("day", n) <= pl.col("last_day_seen")).then(_after("step", n))
                for n in (1, 2)
            ),
            next_step=pl.when(_after("day") <= pl.col("day") + LOOKAHEAD_DAYS).then(_after("step")),
        )
    )


def _with_gaps(settlements: pl.DataFrame) -> pl.DataFrame:
    """Adds `prevailing` (minutes), whether the step is a `gap`, and whether that is `unsure`."""
    step, declared = pl.col("step"), pl.col("declared")
    left, right = pl.col("left"), pl.col("right")
    both_sides = left.is_not_null() & right.is_not_null()
    return (
        settlements.with_columns(
            prevailing=pl.coalesce(declared, pl.min_horizontal(left, right)),
            stands_out=declared.is_not_null() | (step > pl.max_horizontal(left, right)),
        )
        .with_columns(
            roomy=(pl.col("stands_out") & (step >= 2 * pl.col("prevailing"))).fill_null(value=False)
        )
        .with_columns(
            unsure=pl.col("roomy") & declared.is_null() & ~both_sides & (step <= _LONGEST)
        )
        .with_columns(gap=pl.col("roomy") & ~pl.col("unsure"))
    )


def with_intervals(settlements: pl.DataFrame) -> pl.DataFrame:
    """Adds what each settlement pays for and what is missing on its day.

    Takes `symbol`, `listing`, `settled_at` (whole minutes) and `interval_hours_declared`; gives
    them sorted by symbol, listing and time, with
    `interval_minutes` (NULL: no settlement before, none declared, none soon after) and
    `missing` settlements due on the day of this one, before or after it (NULL: not known).
    Each missing settlement is counted once, and only if it was due on a day with a settlement.
    """
    minute, day, step = pl.col("minute"), pl.col("day"), pl.col("step")
    start = minute - step
    room = step // pl.col("prevailing") - 1
    due_on_day_before = pl.min_horizontal(
        room, _due_by(start, pl.col("prevailing"), (start // _DAY + 1) * _DAY)
    )
    due_on_own_day = room - pl.min_horizontal(
        room, _due_by(start, pl.col("prevailing"), day * _DAY)
    )
    same_day = start // _DAY == day

    def counted(due: pl.Expr) -> pl.Expr:
        """`due` where the step is a gap, NULL where it may be one, else 0."""
        return (
            pl.when(pl.col("gap"))
            .then(due)
            .when(pl.col("unsure") & (due > 0))
            .then(None)
            .otherwise(0)
        )

    frame = _with_gaps(_with_distances(settlements)).with_columns(
        interval_minutes=pl.when(pl.col("gap"))
        .then(pl.col("prevailing"))
        .otherwise(pl.coalesce(step, pl.col("declared"), pl.col("next_step"))),
        missing_before=counted(pl.when(same_day).then(0).otherwise(due_on_own_day)),
        missing_on_day_before=counted(due_on_day_before),
    )
    midnight = (day + 1) * _DAY
    to_come = pl.coalesce(pl.col("declared"), pl.col("interval_minutes"))
    open_ended = (
        pl.when(_due_by(minute, to_come, midnight) == 0)
        .then(0)
        .when(pl.col("declared").is_not_null() | (midnight - minute > _LONGEST))
        .then(_due_by(minute, to_come, midnight))
    )
    return frame.with_columns(
        missing=pl.col("missing_before")
        + pl.when(_after("joined").fill_null(value=False))
        .then(_after("missing_on_day_before"))
        .otherwise(open_ended)
    )
