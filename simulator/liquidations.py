"""Who is liquidated on a day: how much, which side, when, and at what price.

The market's total of the day (`simulator.scenarios`) is shared out by `liquidation_weight`, split
into longs and shorts, and spread over the day by how far the price moved against each side in the
hour before. Sizes are log-normal around a mean that grows with the total.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from simulator.market import DAY, DayPath, Market, day_minutes, digits, rounded
from simulator.noise import Floats, Ints, keys, normals, uniforms, words
from simulator.scenarios import CALM_LIQUIDATIONS_USD

EVENTS: dict[str, pl.DataType] = {
    "product": pl.String(),
    "symbol": pl.String(),
    "at": pl.Datetime("ms", "UTC"),
    "position": pl.String(),  # long or short: which side was liquidated
    "average_price": pl.Float64(),
    "limit_price": pl.Float64(),
    "quantity": pl.Float64(),  # native units (`Listing.contract_size`)
    "last_quantity": pl.Float64(),  # of the last fill
    "amount_coin": pl.Float64(),  # canonical coins
    "amount_usd": pl.Float64(),
    "published": pl.Boolean(),  # False where the venue's throttle dropped it
}

_MEAN_USD = 15_000.0
_EVENTS_OF_A_LARGE_TOTAL = 4_000.0


def _targets(market: Market, path: DayPath) -> tuple[Floats, Floats]:
    """US dollars to be liquidated per listing, and the share of them that is long."""
    course, seed = market.course, market.plan.seed
    number = day_minutes(path.day)
    offset = (number - market.break_minutes) // DAY
    scripted = offset in course.liquidations_usd
    place = np.array([number], dtype=np.int64)
    mood = float(normals(keys(seed, "liquidations", ["market"]), place)[0])
    total = course.liquidations_usd.get(offset, CALM_LIQUIDATIONS_USD * float(np.exp(0.3 * mood)))
    total *= market.share
    weight = np.array([listing.liquidation_weight for listing in path.listings])
    own = normals(keys(seed, "liquidations", [x.noise_name for x in path.listings]), place)
    weight = weight * np.exp((0.1 if scripted else 0.5) * own)
    # Normalised by the weights without noise on calm days, so that totals differ from day to day.
    usd = total * weight / (weight.sum() if scripted else sum_of_weights(path))
    change = np.log(path.index[:, -1] / path.index[:, path.start])
    share = np.clip(0.5 - 8.0 * change, 0.1, 0.9)
    if offset in course.long_share:
        share = np.full(len(usd), course.long_share[offset])
    return usd, share


def sum_of_weights(path: DayPath) -> float:
    """Of the listings of a day."""
    return float(sum(listing.liquidation_weight for listing in path.listings))


def _counts_and_totals(usd: Floats, chance: Floats) -> tuple[Ints, Floats]:
    mean = _MEAN_USD + usd / _EVENTS_OF_A_LARGE_TOTAL
    expected = usd / mean
    count = np.floor(expected + chance).astype(np.int64)
    # A handful of events cannot add up to any total: then the count alone decides.
    total = np.where(expected < 3.0, count * mean, usd)
    return count, total


def liquidate(market: Market, path: DayPath, *, throttled: bool) -> pl.DataFrame:
    """Every liquidation of a day, by symbol and time. Needs a path on a grid of 5 minutes.

    throttled: the exchange publishes at most one order per symbol and second (the last).
    """
    listings, start = path.listings, path.start
    day_start = day_minutes(path.day)
    place = np.array([day_start], dtype=np.int64)
    names = [listing.noise_name for listing in listings]
    usd, share = _targets(market, path)
    hour_ago = LEAD_SLOTS
    log = np.log(path.index)
    moved = log[:, start + 1 :] - log[:, start + 1 - hour_ago : -hour_ago]

    parts: list[dict[str, Ints | Floats]] = []
    for number, (side, sign) in enumerate((("long", -1.0), ("short", 1.0))):
        key = keys(market.plan.seed, f"liquidated-{side}", names)
        side_usd = usd * (share if side == "long" else 1.0 - share)
        count, total = _counts_and_totals(side_usd, uniforms(key, place))
        pressure = np.clip(200.0 * sign * moved, 0.0, None) ** 1.5 + 0.02
        cumulated = np.cumsum(pressure, axis=1)
        cumulated /= cumulated[:, -1:]
        row = np.repeat(np.arange(len(listings)), count)
        if not len(row):
            continue
        nth = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
        event_key = words(key[row], np.full(len(row), day_start, np.int64))
        at, slot = _times(row, uniforms(event_key, 4 * nth), cumulated)
        size = np.exp(1.1 * normals(event_key, 4 * nth + 1))
        size_sum = np.bincount(row, weights=size, minlength=len(listings))
        price_scale = digits(listings, price=True)[row, 0]
        within = at / 300_000.0 - slot
        last = path.last[row, start + slot] * (1.0 - within) + path.last[row, start + slot + 1] * (
            within
        )
        average = rounded(
            last * (1.0 + sign * 0.0004 * uniforms(event_key, 4 * nth + 2)), price_scale
        )
        limit = average * (1.0 + sign * (0.004 + 0.008 * uniforms(event_key, 4 * nth + 3)))
        parts.append(
            {
                "row": row,
                "side": np.full(len(row), number),
                "at": day_start * 60_000 + at,
                "average": average,
                "limit": rounded(limit, price_scale),
                "usd": total[row] * size / size_sum[row],
                "fill": uniforms(event_key, 4 * nth + 5),
                # The price of the settlement coin at the last sample: what a reader can know.
                "settle": path.settle[row, start + slot],
            }
        )
    if not parts:
        return pl.DataFrame(schema=EVENTS)
    events = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    return _frame(path, events, throttled=throttled)


LEAD_SLOTS = 12
"""Five-minute slots in the hour that decides who is under water."""


def _times(row: Ints, u: Floats, cumulated: Floats) -> tuple[Ints, Ints]:
    """Milliseconds after 00:00 and five-minute slot, spread by the cumulated pressure."""
    slots = cumulated.shape[1]
    flat = (cumulated + np.arange(len(cumulated))[:, None]).ravel()
    slot = np.clip(np.searchsorted(flat, row + u, side="right") - row * slots, 0, slots - 1)
    before = np.where(slot > 0, cumulated[row, np.maximum(slot - 1, 0)], 0.0)
    share = np.clip((u - before) / (cumulated[row, slot] - before), 0.0, 0.999999)
    at = (slot * 300_000 + np.floor(share * 300_000)).astype(np.int64)
    return at, slot.astype(np.int64)


def _frame(path: DayPath, events: dict[str, Ints | Floats], *, throttled: bool) -> pl.DataFrame:
    listings = path.listings
    row = events["row"].astype(np.int64)
    inverse = np.array([x.inverse for x in listings])[row]
    face = np.array([float(x.contract_size) for x in listings])[row]
    multiplier = np.array([float(x.multiplier) for x in listings])[row]
    scale = digits(listings, price=False)[row, 0]
    average = events["average"]
    base = face * events["settle"]
    wanted = np.where(inverse, events["usd"] / face, events["usd"] / (average * base))
    quantity = np.maximum(rounded(wanted, scale), 1.0 / scale)
    usd = np.where(inverse, quantity * face, quantity * average * base)
    # Two thirds of the orders fill at once; the rest in several goes, the last one smaller.
    last = np.where(events["fill"] < 0.66, quantity, rounded(quantity * events["fill"], scale))
    third = np.array([x.last_day == path.day for x in listings])[row]
    frame = pl.DataFrame(
        {
            "product": np.array([x.product for x in listings], dtype=object)[row].tolist(),
            "symbol": np.array([x.symbol for x in listings], dtype=object)[row].tolist(),
            "at": events["at"].astype(np.int64),
            "position": np.array(["long", "short"])[events["side"].astype(np.int64)].tolist(),
            "average_price": average,
            "limit_price": events["limit"],
            "quantity": quantity,
            "last_quantity": np.maximum(last, 1.0 / scale),
            "amount_coin": np.where(inverse, usd / average, quantity * base) * multiplier,
            "amount_usd": usd,
            "ends_early": third,
        }
    )
    end_ms = (day_minutes(path.day) + 8 * 60) * 60_000
    frame = frame.filter(~pl.col("ends_early") | (pl.col("at") < end_ms)).drop("ends_early")
    frame = frame.sort("product", "symbol", "at", "position", "quantity", "limit_price")
    published: pl.Expr = pl.lit(value=True)
    if throttled:
        second = pl.col("at") // 1000
        published = (second != second.shift(-1).over("symbol")).fill_null(value=True)
    return frame.with_columns(published=published).select(
        pl.col(name).cast(kind) for name, kind in EVENTS.items()
    )
