"""What an ingest fetched and what it could not have."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from fnmatch import fnmatchcase

from flows.failures import InputUnavailable
from flows.storage.object_store import ObjectStore
from flows.storage.raw_shelf import Held, RawRecord
from transforms.payload import Facts
from transforms.schemas.column import SourceKind


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be had. transient: asking again later may help."""

    text: str
    transient: bool


@dataclass
class Outcome:
    """Counts and problems of one source.

    fetched: files that are new or were replaced; unchanged: files held already; ignored: paths no
    feed reads; problems: what could not be had or came damaged, one sentence each.
    """

    fetched: list[RawRecord] = field(default_factory=list)
    unchanged: int = 0
    ignored: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        self.fetched += other.fetched
        self.unchanged += other.unchanged
        self.ignored += other.ignored
        self.problems += other.problems

    def keep(self, records: list[RawRecord], held: Mapping[str, Held]) -> None:
        """Tell what is news from files that were touched at their source but hold the same."""
        news = [r for r in records if r.path not in held or held[r.path].key != r.key]
        self.fetched += news
        self.unchanged += len(records) - len(news)

    def require_whole(self) -> None:
        """Raise InputUnavailable if anything is wanting; what did arrive is kept."""
        if self.problems:
            texts = sorted(problem.text for problem in self.problems)
            shown = "\n".join(f"  {text}" for text in texts[:20])
            more = len(self.problems) - 20
            raise InputUnavailable(
                f"{len(self.problems)} raw file(s) could not be had; nothing was published:\n"
                + shown
                + (f"\n  and {more} more" if more > 0 else ""),
                transient=any(problem.transient for problem in self.problems),
            )


def wanted(symbol: str | None, patterns: list[str]) -> bool:
    """Whether a symbol is configured; files about many symbols always are."""
    return symbol is None or any(fnmatchcase(symbol, pattern) for pattern in patterns)


def set_aside(store: ObjectStore, venue: str, source: SourceKind, path: str, content: bytes) -> str:
    """Keep bytes that may not be used, for whoever has to find out why; returns their key."""
    sha256 = hashlib.sha256(content).hexdigest()
    key = f"rejected/{venue}/{source.value}/{path}@{sha256[:12]}"
    store.put(key, content)
    return key


def with_days(facts: Facts, span: tuple[date, date] | None) -> Facts:
    """Many a path does not say which days it holds: then its rows do (`transforms.survey`)."""
    if facts.first_date is not None or span is None:
        return facts
    return replace(facts, first_date=span[0], last_date=span[1])
