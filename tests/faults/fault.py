"""What a fault of the catalogue is: where, how it is made, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """What a run does about a fault."""

    REFUSED = "refused"
    BLOCKED = "blocked"
    TAKEN_OUT = "taken out"
    QUARANTINED = "quarantined"
    WARNED = "warned"
    DEDUPLICATED = "deduplicated"
    HARMLESS = "harmless"
    KNOWN_GAP = "known gap"


MEANING = {
    Outcome.REFUSED: "the run ends with exit code 4 and names the file; readers keep what they had",
    Outcome.BLOCKED: "the gate ends the run with exit code 3; readers keep what they had",
    Outcome.TAKEN_OUT: "the venue-day is published as missing, with the reason; the rest as it is",
    Outcome.QUARANTINED: "the rows are set aside with a reason and counted; from a share on a "
    "warning is published beside the numbers they are missing from",
    Outcome.WARNED: "published, with a warning that names the venue-day",
    Outcome.DEDUPLICATED: "the numbers are those of sound files; what stood twice is counted",
    Outcome.HARMLESS: "the numbers are those of sound files",
    Outcome.KNOWN_GAP: "a wrong number is published, and nothing says so: to be closed",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, and what must come of it.

    where: venue and file, in words. make: writes it into a simulated exchange (`Folder`), a lake
        (its `Path`) or what comes over the wire (`Wire`).
    says: for `refused` texts in the message, for `quarantined` a text in the reason of the rows,
        then rules; otherwise the rules (`table.rule`) that must fail.
    touches: which published numbers may be others or absent: shell patterns of
        `table/venue/symbol`. All others must be those of sound files.
    days_back: how many days before the night's the first day lies that it touches.
    why: in words, what finds it or why nothing does.
    """

    name: str
    where: str
    what: str
    make: Callable[[Any], None]
    outcome: Outcome
    says: tuple[str, ...] = ()
    touches: tuple[str, ...] = ()
    days_back: int = 0
    why: str = ""
