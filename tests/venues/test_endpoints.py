"""An endpoint as we ask it and as somebody else's dump of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

from transforms.answer_paths import NAMED
from transforms.endpoints import answers_at, asked, dumped, perpetuals
from transforms.payload import Facts, Parsed, Payload
from transforms.schemas.column import ContractKind, Margin, SourceKind
from transforms.venue import Instrument, Request, Window

WINDOW = Window(
    date(2026, 9, 1), date(2026, 9, 1), ["A", "AX", "?"], datetime(2026, 9, 2, tzinfo=UTC)
)


def _parse(_: Sequence[Payload]) -> Parsed:
    raise NotImplementedError


def _next(_request: Request, _content: bytes) -> Request | None:
    return None


def _known(symbol: str) -> Instrument | None:
    kind = ContractKind.DATED if symbol.endswith("X") else ContractKind.PERPETUAL
    return None if symbol == "?" else Instrument(symbol, "A", "USD", "A", Margin.INVERSE, kind)


def test_ours_is_read_like_theirs_and_wins() -> None:
    facts = answers_at(rf"rates/{NAMED}", lambda name: name.upper())
    theirs = dumped("rates", ("funding_rates",), facts, _parse)
    ours = asked(theirs, lambda _: [], _next)
    assert (theirs.name, theirs.source, theirs.requests) == ("dump-rates", SourceKind.DUMP, None)
    assert not theirs.expects_every_day
    assert (ours.name, ours.source, ours.next_page) == ("api-rates", SourceKind.API, _next)
    assert ours.expects_every_day
    assert ours.precedence < theirs.precedence
    same = {"name", "source", "precedence", "requests", "next_page", "expects_every_day"}
    assert replace(ours, **{name: getattr(theirs, name) for name in same}) == theirs
    assert theirs.facts("rates/a.json") == Facts("A")
    assert theirs.facts("other/a.json") is None


def test_names_of_dumps_within_names_stay() -> None:
    theirs = dumped("of-dump-x", ("prices",), lambda _: None, _parse, 30)
    ours = asked(theirs, None, every_day=False)
    assert (ours.name, ours.precedence, ours.expects_every_day) == ("api-of-dump-x", 20, False)


def test_perpetuals_of_a_window() -> None:
    assert [known.symbol for known in perpetuals(_known, WINDOW)] == ["A"]
