"""Fixture cases of venues: hand-made payloads with the rows they must give.

`tests/fixtures/venues/{venue}/{topic}/{kind}[-what].json`, kind being normal, empty, malformed or
quirk. Those of a carrier lie below its own name, and are read by its feeds of whatever venue their
paths are of. A case holds

    why        what it shows, with the arithmetic behind its numbers
    payloads   each with `lines` of text and `paths`: spellings, or feeds, that must all give the
               same rows (payloads of one case have equally many); optional `newline`, `encoding`,
               `wrap` (false: a path ending in .zip gets the bare text), `fetched_at`
    rows       per dataset the expected rows, only the columns that matter; all rows are listed
    rejected   [dataset, payload number, record, words of the reason]
    notes      {name: value}
    bad        words of the BadPayload that the case must raise instead
    each       words to put in place of others, throughout the case: one case for each
"""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from transforms.payload import Payload
from transforms.venue import Feed, discover

ROOT = Path(__file__).parents[1] / "fixtures" / "venues"
KINDS = ("normal", "empty", "malformed", "quirk")
FETCHED_AT = "2026-09-01T06:00:00Z"


@dataclass(frozen=True)
class Case:
    """One fixture at one spelling of its paths, as one feed reads it."""

    name: str
    whose: str
    kind: str
    feed: Feed
    payloads: tuple[Payload, ...]
    texts: tuple[bytes, ...]  # content before it was packed
    expected: dict[str, Any]


def pack(path: str, text: bytes, *, member: str | None = None) -> bytes:
    """What a venue would serve at `path`; the same bytes for the same text."""
    name = PurePosixPath(path)
    if name.suffix == ".gz":
        return gzip.compress(text, mtime=0)
    if name.suffix == ".lz4":
        sink = pa.BufferOutputStream()
        with pa.output_stream(sink, compression="lz4") as stream:
            stream.write(text)
        return bytes(sink.getvalue())
    if name.suffix != ".zip":
        return text
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(member or f"{name.stem}.csv"), text)
    return buffer.getvalue()


def fixtures() -> list[Path]:
    return sorted(ROOT.glob("*/*/*.json"))


def all_cases() -> list[Case]:
    return [case for path in fixtures() for case in _cases(path)]


def _cases(path: Path) -> Iterator[Case]:
    written = json.loads(path.read_text(encoding="utf-8"))
    each = written.pop("each", [{}])
    assert each, f"{path}: each of none"
    readers = read_by(path.parent.parent.name)
    for words in each:
        yield from _spellings(path, readers, json.loads(_put(json.dumps(written), words)), words)


def _put(text: str, words: dict[str, Any]) -> str:
    """JSON with words in place of others; a string that is just one of them becomes its value."""
    for word, value in words.items():
        text = text.replace(json.dumps(word), json.dumps(value)).replace(word, str(value))
    return text


def _spellings(
    path: Path, readers: list[Feed], expected: dict[str, Any], words: dict[str, Any]
) -> Iterator[Case]:
    whose = path.parent.parent.name
    given = expected["payloads"]
    for spelling in range(len(given[0]["paths"])):
        for feed in _feeds(whose, readers, [p["paths"][spelling] for p in given]):
            texts = [_text(p) for p in given]
            payloads = [
                _payload(feed, p, p["paths"][spelling], text)
                for p, text in zip(given, texts, strict=True)
            ]
            yield Case(
                name=f"{path.parent.name}/{path.stem}[{spelling}]-{feed.name}"
                + "".join(f"-{word}" for word in list(words.values())[:1]),
                whose=whose,
                kind=path.stem.partition("-")[0],
                feed=feed,
                payloads=tuple(payloads),
                texts=tuple(texts),
                expected=expected,
            )


def read_by(name: str) -> list[Feed]:
    """The feeds that the fixtures in the folder `name` are for: a venue's own, or a carrier's."""
    venues = discover()
    carried = [f for venue in venues.values() for f in venue.feeds if f.carrier == name]
    return carried or list(venues[name].brought_by(None).feeds)


def _feeds(whose: str, readers: list[Feed], paths: list[str]) -> list[Feed]:
    feeds = [feed for feed in readers if all(feed.facts(path) is not None for path in paths)]
    assert feeds, f"no one feed of {whose} reads {paths}"
    return feeds


def _text(payload: dict[str, Any]) -> bytes:
    newline = payload.get("newline", "\n")
    text = "".join(line + newline for line in payload["lines"])
    return text.encode(payload.get("encoding", "utf-8"))


def _payload(feed: Feed, given: dict[str, Any], path: str, text: bytes) -> Payload:
    facts = feed.facts(path)
    assert facts is not None
    content = pack(path, text) if given.get("wrap", True) else text
    fetched_at = datetime.fromisoformat(given.get("fetched_at", FETCHED_AT))
    return Payload(f"raw/{path}", path, content, feed.source, facts, fetched_at)


def plain(value: object) -> object:
    """A cell as fixtures write it."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return str(value.normalize()) if value else "0"
    return value
