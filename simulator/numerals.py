"""Numbers and answers as text."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any


def trimmed(value: float, places: int) -> str:
    """At most so many decimals, without the zeros at their end: `0.1`, `12`."""
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def plain(value: Decimal) -> str:
    """The shortest text without an exponent: `0.0001`, `0`."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def compact(value: Any) -> bytes:
    """JSON without blanks."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
