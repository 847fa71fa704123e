"""An archive reads alike over HTTP, over S3 and from a folder; a listing is whole or an error."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_plus
from xml.sax.saxutils import escape

import boto3
import pytest

from flows.storage.archive import Archive, HttpArchive, open_archive
from flows.storage.http import HttpClient, Patience
from flows.storage.object_store import ObjectNotFound, S3Options, StoreUnavailable
from tests.s3_server import empty_server
from tests.sources.loopback import Asked, Clock, Reply, Server

METRICS = "data/futures/um/daily/metrics"
KEYS = sorted(
    [
        f"{METRICS}/{symbol}/{symbol}-metrics-2026-02-{day:02d}.zip{suffix}"
        for symbol in ("BTCUSDT", "BTCUSDT_240628", "1000PEPEUSDT", "龙虾USDT")
        for day in (1, 2, 3)
        for suffix in ("", ".CHECKSUM")
    ]
    + [
        "data/a b/c+d&e.csv",
        "data/odd/100%25.zip",
        "data/odd/xyz:MU?#.json",
        "top.txt",
    ]
)
"""Byte order: UTF-8 sorts as code points do."""


@pytest.fixture
def http(clock: Clock) -> Iterator[HttpClient]:
    with HttpClient(Patience(attempts=2), monotonic=clock.monotonic) as client:
        yield client


class Bucket:
    """Lists `keys` as S3 does, in the old protocol or the new, `page` keys or folders at a time."""

    def __init__(self, server: Server, *, version: int = 2, page: int = 5) -> None:
        self.address = f"{server.address}/bucket"
        self.version = version
        self.page = page
        self.questions: list[dict[str, str]] = []
        server.answer = self.reply

    def reply(self, asked: Asked) -> Reply:
        key = asked.path.removeprefix("/bucket").removeprefix("/")
        if key:
            return Reply(200, content(key)) if key in KEYS else Reply(404, b"<Error/>")
        self.questions.append(dict(asked.params))
        return Reply(200, self.listing(asked.params), {"Content-Type": "application/xml"})

    def listing(self, asked: dict[str, str]) -> bytes:
        prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter", "")
        names: dict[str, bool] = {}
        for key in KEYS:
            if key.startswith(prefix):
                rest = key[len(prefix) :]
                folded = delimiter and delimiter in rest
                names[prefix + rest.split(delimiter)[0] + delimiter if folded else key] = not folded
        after = asked.get("marker", "")
        if self.version == 2 and "continuation-token" in asked:
            after = asked["continuation-token"].removeprefix("opaque+/=")
        left = [name for name in names if name > after]
        shown, truncated = left[: self.page], len(left) > self.page
        encoded = asked.get("encoding-type") == "url"

        def text(name: str) -> str:
            return escape(quote_plus(name, safe="/") if encoded else name)

        parts = [f"<Prefix>{text(prefix)}</Prefix><IsTruncated>{str(truncated).lower()}"]
        parts.append("</IsTruncated>")
        if encoded:
            parts.append("<EncodingType>url</EncodingType>")
        if truncated and self.version == 2:
            token = escape("opaque+/=" + shown[-1])
            parts.append(f"<NextContinuationToken>{token}</NextContinuationToken>")
        elif truncated and delimiter:
            parts.append(f"<NextMarker>{text(shown[-1])}</NextMarker>")
        for name in shown:
            if names[name]:
                parts.append(
                    f"<Contents><Key>{text(name)}</Key><Size>{len(content(name))}</Size>"
                    "<LastModified>2026-02-03T04:05:06.000Z</LastModified>"
                    f'<ETag>"{hashlib.md5(content(name), usedforsecurity=False).hexdigest()}"'
                    "</ETag></Contents>"
                )
            else:
                parts.append(f"<CommonPrefixes><Prefix>{text(name)}</Prefix></CommonPrefixes>")
        return (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>bucket</Name>{''.join(parts)}</ListBucketResult>"
        ).encode()


def content(key: str) -> bytes:
    return f"bytes of {key}\r\n".encode()


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("page", [1, 5, 1000])
def test_all_pages_of_a_listing_are_read(
    http: HttpClient, server: Server, version: int, page: int
) -> None:
    bucket = Bucket(server, version=version, page=page)
    archive = open_archive(bucket.address, s3=None, http=http)
    assert [entry.key for entry in archive.entries("")] == KEYS
    # 24 metrics files and 4 others: as many questions as pages of them.
    assert len(bucket.questions) == {1: 28, 5: 6, 1000: 1}[page]
    below = [key for key in KEYS if key.startswith(f"{METRICS}/BTCUSDT")]
    assert [entry.key for entry in archive.entries(f"{METRICS}/BTCUSDT")] == below
    assert len(below) == 12
    assert list(archive.entries("data/none/")) == []


@pytest.mark.parametrize("version", [1, 2])
def test_folders_are_the_common_prefixes_not_the_echo(
    http: HttpClient, server: Server, version: int
) -> None:
    archive = open_archive(Bucket(server, version=version, page=2).address, s3=None, http=http)
    symbols = ["1000PEPEUSDT", "BTCUSDT", "BTCUSDT_240628", "龙虾USDT"]
    assert archive.folders(METRICS) == symbols
    assert archive.folders(f"{METRICS}/") == symbols
    assert archive.folders("") == ["data"]
    assert archive.folders(f"{METRICS}/BTCUSDT") == []


def test_an_entry_is_described(http: HttpClient, server: Server) -> None:
    (entry,) = open_archive(Bucket(server).address, s3=None, http=http).entries("top.txt")
    assert entry.size == 18  # "bytes of top.txt" is 16 characters, and CRLF
    assert entry.etag == hashlib.md5(content("top.txt"), usedforsecurity=False).hexdigest()
    assert entry.modified.isoformat() == "2026-02-03T04:05:06+00:00"


def test_files_of_any_name_are_fetched(http: HttpClient, server: Server) -> None:
    archive = open_archive(Bucket(server).address + "/", s3=None, http=http)
    for key in KEYS:
        assert archive.get(key) == content(key)
    assert archive.url("data/odd/100%25.zip").endswith("/bucket/data/odd/100%2525.zip")


def test_no_such_file_is_not_a_failure_and_a_failure_is_not_no_such_file(
    http: HttpClient, server: Server
) -> None:
    archive = open_archive(Bucket(server).address, s3=None, http=http)
    with pytest.raises(ObjectNotFound, match=r"data/none\.zip"):
        archive.get("data/none.zip")
    for status in (403, 451, 500):
        server.answer = lambda _, status=status: Reply(status)
        with pytest.raises(StoreUnavailable, match=f"HTTP {status}"):
            archive.get("data/none.zip")
        with pytest.raises(StoreUnavailable, match=f"HTTP {status}"):
            list(archive.entries(""))


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a//b", ""])
def test_paths_that_could_be_no_key(http: HttpClient, server: Server, path: str) -> None:
    with pytest.raises(ValueError, match="object key"):
        open_archive(server.address, s3=None, http=http).get(path)
    assert server.asked == []


def page(inner: str, root: str = "ListBucketResult") -> bytes:
    return f"<{root}>{inner}</{root}>".encode()


def key(name: str) -> str:
    return (
        f"<Contents><Key>{name}</Key><Size>1</Size><ETag>e</ETag>"
        "<LastModified>2026-01-01T00:00:00Z</LastModified></Contents>"
    )


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<!DOCTYPE html><html><body>files</body></html>", "document type"),
        (b"<html><head></head></html>", "<html>, not <ListBucketResult>"),
        (b"<html><br></html>", "no XML document"),
        (b"", "no XML document"),
        (b"[]", "no XML document"),
        (
            b'<!DOCTYPE x [<!ENTITY a "a"><!ENTITY b "&a;&a;">]><ListBucketResult/>',
            "document type",
        ),
        (
            (
                '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE x SYSTEM "file:///etc/passwd">'
                "<ListBucketResult/>"
            ).encode("utf-16"),
            "document type",
        ),
        (page(key("a").replace("<Size>1</Size>", "")), "an entry cannot be read"),
        (page(key("a").replace("00Z", "00")), "has no time zone"),
        (page(key("b") + key("a")), "byte order"),
        (page(key("a") + "<IsTruncated>true</IsTruncated>"), "byte order after 'a'"),
        (page("<IsTruncated>true</IsTruncated>"), "repeats its page"),
        (
            page("<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"),
            "repeats its page",
        ),
    ],
)
def test_what_is_no_listing_is_never_taken_for_an_empty_one(
    http: HttpClient, server: Server, body: bytes, reason: str
) -> None:
    server.on("/", Reply(200, body, {"Content-Type": "text/html; charset=utf-8"}))
    archive = open_archive(server.address, s3=None, http=http)
    with pytest.raises(StoreUnavailable, match=rf"does not list.*{reason}"):
        list(archive.entries(""))


def test_a_listing_of_something_else_is_refused(http: HttpClient, server: Server) -> None:
    server.on("/", Reply(200, page(key("data/spot/x.zip"))))
    with pytest.raises(StoreUnavailable, match="asked for 'data/futures/', it lists other keys"):
        list(open_archive(server.address, s3=None, http=http).entries("data/futures/"))


def test_a_missing_bucket_is_no_empty_one(http: HttpClient, server: Server) -> None:
    with pytest.raises(StoreUnavailable, match="there is no bucket"):
        open_archive(server.address, s3=None, http=http).check()
    server.on("/", Reply(200, page("")))
    open_archive(server.address, s3=None, http=http).check()


def test_keys_that_could_not_be_asked_for_are_passed_over_aloud(
    http: HttpClient, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.on("/", Reply(200, page(key("../up.zip") + key("data/") + key("data/a.zip"))))
    archive = open_archive(server.address, s3=None, http=http)
    assert [entry.key for entry in archive.entries("")] == ["data/a.zip"]
    assert "'../up.zip'" in caplog.text
    assert "'data/'" not in caplog.text  # a folder's own mark, which is no file


def test_files_and_listing_at_two_addresses(
    http: HttpClient, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Bucket(server)
    files = server.address.replace("127.0.0.1", "localhost")
    monkeypatch.setattr("flows.storage.archive.KNOWN_LISTINGS", {files: bucket.address})
    assert [entry.key for entry in HttpArchive(files, http).entries("")] == KEYS
    # An address below the known one is the same bucket, seen from a folder of it.
    within = HttpArchive(f"{files}/data/odd", http)
    assert [entry.key for entry in within.entries("")] == ["100%25.zip", "xyz:MU?#.json"]
    assert HttpArchive(f"{files}/data", http).folders("futures/um") == ["daily"]
    # A listing that is given goes before the known one.
    server.answer = None
    server.on("/listing", Reply(200, page(key("given.zip"))))
    given = open_archive(files, s3=None, http=http, listing=f"{server.address}/listing")
    assert [entry.key for entry in given.entries("")] == ["given.zip"]
    server.on("/listing", Reply(200, b"<html/>"))
    with pytest.raises(StoreUnavailable, match=rf"{files} does not list its files at .*/listing"):
        list(given.entries(""))


def test_binance_is_listed_at_its_bucket() -> None:
    archive = open_archive("https://data.binance.vision/", s3=None, http=HttpClient())
    assert isinstance(archive, HttpArchive)
    assert archive._bucket == "https://s3-ap-northeast-1.amazonaws.com/data.binance.vision"
    assert archive.url("data/x.zip") == "https://data.binance.vision/data/x.zip"


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ftp://venue.test/x", "none of"),
        ("data.binance.vision", "none of"),
        ("https://", "must be a host"),
        ("https://venue.test/x?list", "must be a host"),
        ("https://me:hunter2@venue.test/x", "must not hold credentials"),
    ],
)
def test_addresses_that_are_no_archive(address: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as raised:
        open_archive(address, s3=None, http=HttpClient())
    assert "hunter2" not in str(raised.value)


def test_public_buckets_are_read_anonymously(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[S3Options | None] = []
    monkeypatch.setattr("flows.storage.archive.open_store", lambda _, s3: opened.append(s3))
    open_archive("s3://data.binance.vision/data", s3=None)
    open_archive("s3://our-mirror", s3=None)
    open_archive("s3://data.binance.vision", s3=S3Options())
    open_archive("s3://data.binance.vision", s3=S3Options(endpoint_url="http://127.0.0.1:9"))
    assert opened == [
        S3Options(region="ap-northeast-1", anonymous=True),
        None,
        S3Options(region="ap-northeast-1"),
        S3Options(endpoint_url="http://127.0.0.1:9"),
    ]


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Archive]]:
    """The same files in a bucket (moto, over its socket) by HTTP and by S3, and in a folder."""
    keys = [key for key in KEYS if "?" not in key]
    keys += [f"many/{n}.zip" for n in range(10, 25)]
    folder = tmp_path_factory.mktemp("archive")
    with empty_server() as endpoint:
        client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        client.create_bucket(Bucket="venue", ACL="public-read")
        for name in keys:
            client.put_object(Bucket="venue", Key=name, Body=content(name))
            path = folder / Path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content(name))
        client.close()
        s3 = S3Options(endpoint_url=endpoint, region="us-east-1", anonymous=True)
        with HttpClient() as http:
            yield {
                "http": open_archive(f"{endpoint}/venue", s3=None, http=http),
                "s3": open_archive("s3://venue", s3=s3),
                "folder": open_archive(f"file:{folder}", s3=None),
            }


@pytest.mark.parametrize("prefix", ["", "data/", METRICS, f"{METRICS}/BTCUSDT", "many/", "none/"])
def test_http_s3_and_folder_list_alike(
    everywhere: dict[str, Archive], prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.storage.archive._PAGE_KEYS", 7)  # pages by moto's own doing
    http, s3, folder = (list(everywhere[kind].entries(prefix)) for kind in everywhere)
    assert http == s3
    assert [(e.key, e.size) for e in folder] == [(e.key, e.size) for e in http]
    assert len(http) == {"": 42, "many/": 15, "none/": 0}.get(prefix, len(http))
    assert http or prefix == "none/"


@pytest.mark.parametrize("prefix", ["", "data", "data/", METRICS, "many", "none"])
def test_http_s3_and_folder_have_the_same_folders(
    everywhere: dict[str, Archive], prefix: str
) -> None:
    found = [archive.folders(prefix) for archive in everywhere.values()]
    assert found[0] == found[1] == found[2]
    assert found[0] or prefix in {"many", "none"}


def test_http_s3_and_folder_give_the_same_bytes(everywhere: dict[str, Archive]) -> None:
    for archive in everywhere.values():
        for name in ("data/a b/c+d&e.csv", "data/odd/100%25.zip", "many/24.zip"):
            assert archive.get(name) == content(name)
        with pytest.raises(ObjectNotFound):
            archive.get("many/25.zip")
        archive.check()
