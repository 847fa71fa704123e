"""Numbers as a person reads them: with a unit, groups of three apart by a thin space, and a word
where there is none. Nothing is rounded to zero that is not."""

from __future__ import annotations

from datetime import date, datetime

NO_DATA = "no data"
THIN = "\u202f"  # narrow no-break space
MINUS = "\u2212"

_SIZES = ((1e9, "bn"), (1e6, "M"), (1e3, "k"), (1.0, ""))


def scale_of(largest: float) -> tuple[float, str]:
    """What to divide by so that the largest of several amounts has one to three digits."""
    for size, name in _SIZES:
        if abs(largest) >= size:
            return size, name
    return 1.0, ""


def decimals(value: float, places: int, *, sign: bool = False) -> str:
    """A number with `places` decimals, or with as many more as it takes not to be zero."""
    text = f"{abs(value):,.{places}f}"
    while value and not text.strip("0.,") and places < 12:
        places += 1
        text = f"{abs(value):,.{places}f}"
    before = MINUS if value < 0 else "+" if sign and value > 0 else ""
    return before + text.replace(",", THIN)


def usd(value: float | None, *, sign: bool = False) -> str:
    """Dollars in the unit that leaves one to three digits: 9.49 bn USD."""
    if value is None:
        return NO_DATA
    size, name = scale_of(value)
    unit = f"{name}{THIN}USD" if name else "USD"
    scaled = value / size
    places = 2 if abs(scaled) < 100 else 1
    return f"{decimals(scaled, 0 if value == 0 else places, sign=sign)}{THIN}{unit}"


def price(value: float | None) -> str:
    """Dollars per coin, with five digits or so: the coins of a desk span nine orders."""
    if value is None:
        return NO_DATA
    bounds = (1e4, 1e3, 1e2, 1.0, 1e-2)
    places = next(
        (n for n, bound in zip((0, 1, 2, 4, 6), bounds, strict=True) if abs(value) >= bound), 8
    )
    return f"{decimals(value, places)}{THIN}USD"


def percent(value: float | None, places: int = 1, *, sign: bool = False) -> str:
    """A fraction as percent."""
    if value is None:
        return NO_DATA
    return f"{decimals(100 * value, places, sign=sign)}{THIN}%"


def basis_points(value: float | None, *, sign: bool = True) -> str:
    """A rate in basis points (1 bp = 0.0001)."""
    if value is None:
        return NO_DATA
    return f"{decimals(1e4 * value, 2, sign=sign)}{THIN}bp"


def ratio(value: float | None, places: int = 3) -> str:
    return NO_DATA if value is None else decimals(value, places)


def count(value: int | None) -> str:
    return NO_DATA if value is None else f"{value:,}".replace(",", THIN)


def rank(value: float | None) -> str:
    """A percentile as its place of a hundred."""
    return NO_DATA if value is None else f"{decimals(100 * value, 0)} of 100"


def day(value: date | None) -> str:
    """17 January 2021."""
    return NO_DATA if value is None else f"{value.day} {value:%B %Y}"


def moment(value: datetime | None) -> str:
    """2021-01-17 12:34 UTC."""
    return NO_DATA if value is None else f"{value:%Y-%m-%d %H:%M} UTC"
