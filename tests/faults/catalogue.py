"""The catalogue of faults: all of them, in the sets in which nights share a simulated exchange.

Run as a module it writes the catalogue as a page:
`python -m tests.faults.catalogue docs/faults.md`.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from tests.faults import (
    on_binance_funding,
    on_binance_liquidations,
    on_binance_metrics,
    on_binance_prices,
    on_bybit,
    on_others,
    on_the_lake,
    on_the_wire,
    on_whole_files,
)
from tests.faults.fault import MEANING, Fault, Outcome

SETS: dict[str, tuple[Fault, ...]] = {
    "Whole files, archives and checksums": on_whole_files.FAULTS,
    "Funding at the largest venue (Binance)": on_binance_funding.FAULTS,
    "Open interest and positioning at the largest venue": on_binance_metrics.FAULTS,
    "Prices and volumes at the largest venue": on_binance_prices.FAULTS,
    "Liquidations and instruments at the largest venue": on_binance_liquidations.FAULTS,
    "A smaller venue (Bybit), from dumps of its API": on_bybit.FAULTS,
    "OKX, Deribit, and reserves": on_others.OKX_AND_DERIBIT,
    "BitMEX, Hyperliquid, and a carrier (Tardis)": on_others.BITMEX_AND_OTHERS,
    "On the wire: an API that misbehaves": on_the_wire.FAULTS,
    "In the lake: damage between two nights": on_the_lake.FAULTS,
}

FAULTS: tuple[Fault, ...] = tuple(fault for faults in SETS.values() for fault in faults)

_HEAD = """\
# What goes wrong, and what happens then

Each fault below is written into simulated exports, answers or a lake, a night is run over it, and
what the night publishes is held, row by row, against the same night without the fault: numbers
that the fault does not touch must be the same to the last bit, and those it touches must be
the same, absent, or accompanied by the warning named here (`tests/faults`). This page is written
from the catalogue (`python -m tests.faults.catalogue docs/faults.md`).

| outcome | means | faults |
|---|---|---|
"""

_COLUMNS = "| where | fault | what happens | said by |\n|---|---|---|---|\n"

_PROSE = """
A venue-day of the largest venue that is unfit by its own data blocks, since without it totals say
little of the market; the same fault at a smaller venue takes the venue-day out and publishes the
rest. So one kind of fault may stand here under two outcomes.
"""


def page() -> str:
    """The catalogue in Markdown."""
    counts = Counter(fault.outcome for fault in FAULTS)
    parts = [_HEAD, *(f"| {o} | {MEANING[o]} | {counts[o]} |\n" for o in Outcome), _PROSE]
    for title, faults in SETS.items():
        parts.append(f"\n## {title}\n\n{_COLUMNS}")
        parts += [
            f"| {_cell(f.where)} | {_cell(f.what)} | {f.outcome} | {_said(f)} |\n" for f in faults
        ]
    gaps = [fault for fault in FAULTS if fault.outcome is Outcome.KNOWN_GAP]
    share = f"{len(gaps) or 'None'} of these {len(FAULTS)} faults is published without a word"
    parts.append(f"\n## Known gaps\n\n{share}{':' if gaps else '.'}\n" + "\n" * bool(gaps))
    parts += [f"- **{f.where}**: {f.what}. {f.why}\n" for f in gaps]
    return "".join(parts)


def _said(fault: Fault) -> str:
    said = ", ".join(f"`{_cell(each)}`" for each in fault.says)
    return " ".join(part for part in (said, _cell(fault.why)) if part) or "—"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
