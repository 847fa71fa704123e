"""Feeds of endpoints: what we ask ourselves, and the same answers in somebody else's dump.

An answer is read alike whoever asked for it. Where both have a fact, ours wins: it was asked in
whole pages, and is dated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from transforms.answer_paths import answer_facts
from transforms.payload import Facts, Parsed, Payload
from transforms.schemas.column import ContractKind, SourceKind
from transforms.venue import Feed, Instrument, Pager, Request, Window

Parser = Callable[[Sequence[Payload]], Parsed]
PathFacts = Callable[[str], Facts | None]
Asker = Callable[[Window], Iterable[Request]]

_AHEAD = 10  # of precedence, our answers before a dump's


def answers_at(pattern: str | re.Pattern[str], symbol_of: Callable[[str], str | None]) -> PathFacts:
    """Reads paths as `answer_facts` does."""
    return partial(answer_facts, re.compile(pattern), symbol_of)


def dumped(
    name: str, datasets: tuple[str, ...], facts: PathFacts, parse: Parser, precedence: int = 20
) -> Feed:
    """`dump-{name}`: answers or recordings of somebody else, of whatever days there are."""
    return Feed(
        name=f"dump-{name}",
        datasets=datasets,
        source=SourceKind.DUMP,
        precedence=precedence,
        facts=facts,
        parse=parse,
        expects_every_day=False,
    )


def asked(
    dump: Feed, requests: Asker | None, next_page: Pager | None = None, *, every_day: bool = True
) -> Feed:
    """`api-{name}`: the endpoint of a `dumped` feed as we ask it; read, not asked, without
    `requests`. every_day: a day without an answer is a gap."""
    return replace(
        dump,
        name=f"api-{dump.name.removeprefix('dump-')}",
        source=SourceKind.API,
        precedence=dump.precedence - _AHEAD,
        requests=requests,
        next_page=next_page,
        expects_every_day=every_day,
    )


def perpetuals(
    instrument: Callable[[str], Instrument | None], window: Window
) -> Iterator[Instrument]:
    """Those of the window's symbols that can be perpetuals of the venue."""
    for symbol in window.symbols:
        known = instrument(symbol)
        if known is not None and known.contract_kind is ContractKind.PERPETUAL:
            yield known
