"""Files of an archive are held to the venue's own checksum, SHA-256 or MD5, and to a size."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

import transforms.venue
from flows import reporting
from flows.run import Days, Run
from flows.settings import Settings, SourceSettings
from flows.stages.ingest.from_archive import ChecksumMismatch, ingest_archive, stated_digest
from flows.storage.object_store import open_store
from tests.venues.cases import pack
from transforms.schemas.evidence import ChecksumVerdict

NAME = "BTCUSDTM-fundingRates-2023-12-11.zip"
PATH = f"data/futures/daily/fundingRates/BTCUSDTM/{NAME}"
TEXT = b"symbol,time,fundingRate\nXBTUSDTM,1702267200000,0.000347\n"
CONTENT = pack(NAME, TEXT)
DAY = date(2023, 12, 11)


def digest(algorithm: str, content: bytes = CONTENT) -> str:
    return hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
@pytest.mark.parametrize("form", ["{}  {}\n", "{} *{}\n", "{}\t{}"])
def test_the_length_of_a_digest_says_its_kind(algorithm: str, form: str) -> None:
    stated = stated_digest(form.format(digest(algorithm), NAME).encode(), PATH)
    assert stated == (algorithm, digest(algorithm))
    upper = form.format(digest(algorithm).upper(), NAME).encode()
    assert stated_digest(upper, PATH) == stated


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"<html>404</html>",
        f"{digest('md5')}".encode(),
        f"{digest('md5')[:-1]}  {NAME}".encode(),
        f"{digest('sha1')}  {NAME}".encode(),
        f"{'z' * 32}  {NAME}".encode(),
        f"{digest('md5')}  another.zip".encode(),
        f"{digest('md5')}  {NAME} more".encode(),
        b"\xff\xfe" * 16 + f"  {NAME}".encode(),
    ],
)
def test_what_is_no_checksum_line(line: bytes) -> None:
    with pytest.raises(ChecksumMismatch, match="not a SHA-256 or MD5 line"):
        stated_digest(line, PATH)


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    file = tmp_path / "bucket" / PATH
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    return tmp_path / "bucket"


def ingested(bucket: Path) -> tuple[list[str], list[str]]:
    source = SourceSettings(venue="kucoin", archive=f"file:{bucket}")
    settings = Settings(lake=f"file:{bucket.parent / 'lake'}", sources=[source])
    run = Run.begin(settings, "ingest", lambda: datetime(2023, 12, 12, 6, tzinfo=UTC))
    archive = open_store(f"file:{bucket}")
    outcome = ingest_archive(run, source, archive, Days(DAY, DAY), reporting.current())
    return [r.venue_checksum for r in outcome.fetched], [p.text for p in outcome.problems]


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_a_file_that_is_what_the_venue_says_matches(bucket: Path, algorithm: str) -> None:
    (bucket / f"{PATH}.CHECKSUM").write_text(f"{digest(algorithm)}  {NAME}\n")
    assert ingested(bucket) == ([ChecksumVerdict.MATCH], [])


@pytest.mark.parametrize(("algorithm", "spoken"), [("sha256", "SHA-256"), ("md5", "MD5")])
def test_a_file_that_is_not_is_set_aside(bucket: Path, algorithm: str, spoken: str) -> None:
    (bucket / f"{PATH}.CHECKSUM").write_text(f"{digest(algorithm, b'other')}  {NAME}\n")
    fetched, [problem] = ingested(bucket)
    assert fetched == []
    assert f"{spoken} is {digest(algorithm)[:12]}" in problem
    assert digest(algorithm, b"other")[:12] in problem
    assert list((bucket.parent / "lake" / "rejected").rglob(f"{NAME}@*"))


def test_a_file_larger_than_its_feed_reads_is_set_aside(
    bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transforms.venue, "INFLATED_LIMIT", len(TEXT) - 1)
    fetched, [problem] = ingested(bucket)
    assert fetched == []
    assert f"inflates to {len(TEXT)} bytes, more than {len(TEXT) - 1}" in problem
    assert list((bucket.parent / "lake" / "rejected").rglob(f"{NAME}@*"))


def test_without_a_checksum_the_verdict_says_so(bucket: Path) -> None:
    assert ingested(bucket) == ([ChecksumVerdict.ABSENT], [])
