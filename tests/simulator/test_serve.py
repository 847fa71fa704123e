"""The served bucket, archive and API, asked over real sockets as clients ask the real ones."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import boto3
import botocore.exceptions
import httpx
import polars as pl
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from simulator.bucket import Bucket
from simulator.faults import Faults
from simulator.plan import Summary
from simulator.serve import Server, serve

TRUTH = "truth/binance"
BUCKET = "data.binance.vision"
NS = "{http://s3.amazonaws.com/doc/2006-03-01/}"
METRICS = "data/futures/um/daily/metrics"
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def s3(server: Server) -> Iterator[Any]:
    client = _client(server.url)
    yield client
    client.close()


def _client(url: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        config=Config(
            signature_version=UNSIGNED, s3={"addressing_style": "path"}, retries={"max_attempts": 1}
        ),
    )


@pytest.fixture(scope="module")
def http(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url) as client:
        yield client


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def xml(content: bytes) -> ET.Element:
    return ET.fromstring(content)  # noqa: S314  # our own server wrote it


def ms(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp() * 1000)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize("version", ["list_objects", "list_objects_v2"])
def test_boto3_lists_through_pages_in_byte_order(tmp_path: Path, version: str) -> None:
    # `BTCUSDT_…` sorts after what lies in the folder `BTCUSDT`, and `.` before `/`.
    names = [f"data/BTCUSDT/{n:04d} &+é.zip" for n in range(1200)]
    names += [f"data/BTCUSDT.{n:04d}" for n in range(700)]
    names += [f"data/BTCUSDT_240628/{n:04d}.zip" for n in range(600)]
    for name in names:
        file = tmp_path / "archive/binance" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(name.encode())
    with serve(tmp_path) as running:
        client = _client(running.url)
        pages = list(client.get_paginator(version).paginate(Bucket=BUCKET, Prefix="data/B"))
        client.close()
    keys = [row["Key"] for page in pages for row in page["Contents"]]
    assert [len(page["Contents"]) for page in pages] == [1000, 1000, 500]
    assert keys == sorted(names, key=str.encode)
    row = pages[0]["Contents"][0]
    assert row["ETag"] == f'"{md5(row["Key"].encode())}"'
    assert row["Size"] == len(row["Key"].encode())


@pytest.mark.parametrize("version", ["list_objects", "list_objects_v2"])
def test_common_prefixes_are_paged_like_keys(s3: Any, version: str) -> None:
    pages = s3.get_paginator(version).paginate(
        Bucket=BUCKET, Prefix=f"{METRICS}/", Delimiter="/", PaginationConfig={"PageSize": 5}
    )
    found = [[row["Prefix"] for row in page["CommonPrefixes"]] for page in pages]
    assert [len(page) for page in found] == [5, 5, 2]
    flat = [prefix for page in found for prefix in page]
    assert flat == sorted(flat)
    assert f"{METRICS}/BTCUSDT_210326/" in flat


def test_boto3_gets_heads_and_misses(s3: Any, squeeze: tuple[Path, Summary]) -> None:
    key = f"{METRICS}/BTCUSDT/BTCUSDT-metrics-2021-01-17.zip"
    content = (squeeze[0] / "archive/binance" / key).read_bytes()
    answer = s3.get_object(Bucket=BUCKET, Key=key)
    assert answer["Body"].read() == content
    head = s3.head_object(Bucket=BUCKET, Key=key)
    assert head["ContentLength"] == len(content)
    assert head["ETag"] == f'"{md5(content)}"'
    # Published the next day at six.
    assert head["LastModified"] == datetime(2021, 1, 18, 6, tzinfo=UTC)
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=BUCKET, Key=key + "x")
    with pytest.raises(botocore.exceptions.ClientError, match="404"):
        s3.head_object(Bucket=BUCKET, Key=key + "x")


def test_the_archive_without_the_buckets_name(http: httpx.Client) -> None:
    key = f"{METRICS}/ETHUSDT/ETHUSDT-metrics-2021-01-17.zip"
    content = http.get(f"/{key}").content
    line = http.get(f"/{key}.CHECKSUM").text
    assert line == f"{hashlib.sha256(content).hexdigest()}  {key.rpartition('/')[2]}\n"
    assert http.get(f"/{key}", headers={"Range": "bytes=0-9"}).content == content
    missing = http.get(f"/{key}x")
    assert missing.status_code == 404
    assert xml(missing.content).findtext("Code") == "NoSuchKey"
    listing = xml(http.get("/", params={"prefix": "data/", "delimiter": "/"}).content)
    # The first Prefix echoes the request.
    assert listing.findtext(f"{NS}Prefix") == "data/"
    assert [x.text for x in listing.iterfind(f"{NS}CommonPrefixes/{NS}Prefix")] == ["data/futures/"]


def test_v1_marker_goes_on_after_a_key(http: httpx.Client) -> None:
    prefix = f"{METRICS}/BTCUSDT/"
    whole = xml(http.get("/", params={"prefix": prefix}).content)
    keys = [x.text or "" for x in whole.iterfind(f"{NS}Contents/{NS}Key")]
    assert len(keys) == 20
    rest = xml(http.get(f"/{BUCKET}", params={"prefix": prefix, "marker": keys[12]}).content)
    assert [x.text for x in rest.iterfind(f"{NS}Contents/{NS}Key")] == keys[13:]


@pytest.mark.parametrize(
    "query",
    [{"delimiter": "-"}, {"max-keys": "many"}, {"list-type": "2", "continuation-token": "é"}],
)
def test_listings_s3_would_refuse(http: httpx.Client, query: dict[str, str]) -> None:
    answer = http.get("/", params=query)
    assert answer.status_code == 400
    assert xml(answer.content).findtext("Code") == "InvalidArgument"


def test_nothing_outside_the_bucket_is_served(
    server: Server, squeeze: tuple[Path, Summary]
) -> None:
    bucket = Bucket(squeeze[0] / "archive/binance", BUCKET)
    for key in ("../../truth/plan.json", "data/../../../truth/plan.json", "/etc/passwd", "a\0b"):
        assert bucket.file(key) is None
    with httpx.Client() as client:
        assert client.get(f"{server.url}/%2e%2e/%2e%2e/truth/plan.json").status_code == 404


def test_funding_pages_to_the_end(http: httpx.Client, squeeze: tuple[Path, Summary]) -> None:
    truth = pl.read_parquet(squeeze[0] / TRUTH / "settlements.parquet").filter(symbol="LRCUSDT")
    start, rows = ms(2021, 1, 1), list[dict[str, Any]]()
    while True:
        page = http.get(
            "/fapi/v1/fundingRate",
            params={
                "symbol": "LRCUSDT",
                "startTime": start,
                "endTime": ms(2021, 2, 1),
                "limit": 100,
            },
        ).json()
        rows += page
        if len(page) < 100:
            break
        start = page[-1]["fundingTime"] + 1
    # Hourly from the first of the month to the end of the 17th: 17 × 24.
    assert len(rows) == truth.height == 408
    assert [row["fundingTime"] for row in rows] == truth["stamp_ms"].to_list()
    assert rows[0].keys() == {"symbol", "fundingTime", "fundingRate", "markPrice"}
    assert [row["fundingRate"] for row in rows] == [f"{x:.8f}" for x in truth["funding_rate"]]


def test_funding_without_a_start_is_the_newest(http: httpx.Client) -> None:
    rows = http.get("/fapi/v1/fundingRate", params={"symbol": "BTCUSDT", "limit": 2}).json()
    hours = [datetime.fromtimestamp(row["fundingTime"] / 1000, UTC).hour for row in rows]
    assert hours == [8, 16]
    inverse = http.get("/dapi/v1/fundingRate", params={"symbol": "BTCUSD_PERP"}).json()
    # 17 days × 3.
    assert len(inverse) == 51
    everyone = http.get("/fapi/v1/fundingRate", params={"limit": 1000}).json()
    assert {"BTCUSDT", "ETHUSDT"} < {row["symbol"] for row in everyone}


def test_weight_is_told(http: httpx.Client) -> None:
    answer = http.get("/fapi/v1/fundingRate", params={"symbol": "BTCUSDT"})
    assert int(answer.headers["X-MBX-USED-WEIGHT-1m"]) >= 1


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("/fapi/v1/fundingRate", {"symbol": "NOPE"}, -1121),
        ("/fapi/v1/fundingRate", {"symbol": "BTCUSD_PERP"}, -1121),
        ("/dapi/v1/fundingRate", {}, -1102),
        ("/fapi/v1/fundingRate", {"symbol": "BTCUSDT", "limit": 1001}, -1130),
        ("/fapi/v1/fundingRate", {"symbol": "BTCUSDT", "startTime": "soon"}, -1100),
        ("/futures/data/openInterestHist", {"symbol": "BTCUSDT"}, -1130),
        ("/futures/data/openInterestHist", {"symbol": "BTCUSDT", "period": "7m"}, -1130),
        (
            "/futures/data/openInterestHist",
            {"symbol": "BTCUSDT", "period": "5m", "limit": 501},
            -1130,
        ),
        ("/futures/data/openInterestHist", {"symbol": "NOPE", "period": "5m"}, -1121),
        ("/futures/data/openInterestHist", {"period": "5m"}, -1102),
        ("/futures/data/openInterestHist", {"pair": "BTCUSD", "period": "5m"}, -1130),
        ("/futures/data/takerlongshortRatio", {"period": "5m"}, -1102),
        (
            "/futures/data/openInterestHist",
            # The last day ends on 2021-01-18 00:00; thirty days are kept.
            {"symbol": "BTCUSDT", "period": "5m", "startTime": ms(2020, 12, 18)},
            -1130,
        ),
        (
            "/futures/data/openInterestHist",
            {"symbol": "BTCUSDT", "period": "5m", "startTime": ms(2021, 1, 9), "endTime": 1},
            -1130,
        ),
    ],
)
def test_refusals_are_binances(
    http: httpx.Client, path: str, query: dict[str, Any], code: int
) -> None:
    answer = http.get(path, params=query)
    assert answer.status_code == 400
    assert answer.json()["code"] == code
    assert answer.json()["msg"]


def test_unknown_paths_are_not_found(http: httpx.Client) -> None:
    assert http.get("/fapi/v1/nothing").status_code == 404


def test_open_interest_history_is_the_metrics(
    http: httpx.Client, squeeze: tuple[Path, Summary]
) -> None:
    query = {"symbol": "1000PEPEUSDT", "period": "4h", "startTime": ms(2021, 1, 17), "limit": 500}
    rows = http.get("/futures/data/openInterestHist", params=query).json()
    # 00:00 (the last sample of the day before) to 24:00.
    assert [row["timestamp"] for row in rows] == [
        ms(2021, 1, 17) + n * DAY_MS // 6 for n in range(7)
    ]
    truth = pl.read_parquet(squeeze[0] / TRUTH / "samples-2021-01-17.parquet").filter(
        symbol="1000PEPEUSDT"
    )
    assert float(rows[-1]["sumOpenInterest"]) == truth[-1]["open_interest_native"].item()
    assert truth[-1]["open_interest_coin"].item() == 1000 * float(rows[-1]["sumOpenInterest"])
    newest = http.get(
        "/futures/data/openInterestHist", params={"symbol": "BTCUSDT", "period": "5m"}
    ).json()
    assert (len(newest), newest[-1]["timestamp"]) == (30, ms(2021, 1, 18))


@pytest.mark.parametrize(
    "name",
    ["topLongShortAccountRatio", "topLongShortPositionRatio", "globalLongShortAccountRatio"],
)
def test_coin_margined_ratios_are_asked_by_pair(http: httpx.Client, name: str) -> None:
    query = {"period": "1h", "limit": 1}
    (by_pair,) = http.get(f"/futures/data/{name}", params=query | {"pair": "BTCUSD"}).json()
    (by_name,) = http.get(f"/futures/data/{name}", params=query | {"symbol": "BTCUSD_PERP"}).json()
    assert by_pair.pop("pair") == "BTCUSD"
    assert by_name.pop("symbol") == "BTCUSD_PERP"
    assert by_pair == by_name
    assert float(by_pair["longShortRatio"]) > 0


def test_coin_margined_open_interest_is_asked_by_pair(http: httpx.Client) -> None:
    for kind in ("PERPETUAL", "CURRENT_QUARTER"):
        (row,) = http.get(
            "/futures/data/openInterestHist",
            params={"pair": "BTCUSD", "contractType": kind, "period": "1h", "limit": 1},
        ).json()
        assert (row["pair"], row["contractType"]) == ("BTCUSD", kind)
        # Contracts of 100 US dollars and what they are in coins.
        price = float(row["sumOpenInterest"]) * 100 / float(row["sumOpenInterestValue"])
        assert 33_000 < price < 38_000


def test_ratios_are_stamped_at_the_end_and_taker_at_the_start(http: httpx.Client) -> None:
    query = {"symbol": "BTCUSDT", "period": "1h", "limit": 500}
    for name in (
        "topLongShortAccountRatio",
        "topLongShortPositionRatio",
        "globalLongShortAccountRatio",
    ):
        rows = http.get(f"/futures/data/{name}", params=query).json()
        # Ten days, but 2021-01-08 00:00 belongs to the day before.
        assert len(rows) == 240
        assert rows[-1]["timestamp"] == ms(2021, 1, 18)
        total = float(rows[0]["longAccount"]) + float(rows[0]["shortAccount"])
        assert total == pytest.approx(1, abs=1e-3)
    rows = http.get("/futures/data/takerlongshortRatio", params=query).json()
    assert rows[-1]["timestamp"] == ms(2021, 1, 17, 23)
    ratio = float(rows[0]["buyVol"]) / float(rows[0]["sellVol"])
    assert ratio == pytest.approx(float(rows[0]["buySellRatio"]), abs=1e-3)


def test_exchange_info_is_the_dump(http: httpx.Client, squeeze: tuple[Path, Summary]) -> None:
    for path, name in (("/fapi", "instruments-um.json"), ("/dapi", "instruments.json")):
        body = http.get(f"{path}/v1/exchangeInfo").content
        assert body == (squeeze[0] / "dumps/binance" / name).read_bytes()
        info = json.loads(body)
        assert info["serverTime"] == ms(2021, 1, 18)
        assert info["symbols"]
    sizes = {s["symbol"]: s["contractSize"] for s in info["symbols"]}
    assert sizes == {"BTCUSD_PERP": 100, "ETHUSD_PERP": 10, "BTCUSD_210326": 100}


def test_every_third_request_fails_a_bounded_number_of_times(squeeze: tuple[Path, Summary]) -> None:
    faults = Faults(every=3, at_most=4, retry_after=2, seed=0)
    with serve(squeeze[0], faults=faults) as running, httpx.Client(base_url=running.url) as client:
        answers = [client.get("/fapi/v1/exchangeInfo") for _ in range(20)]
    assert [n for n, a in enumerate(answers, 1) if a.status_code != 200] == [3, 6, 9, 12]
    assert [a.status_code for a in answers if a.status_code != 200] == [500, 503, 429, 500]
    assert all(a.headers["Retry-After"] == "2" for a in answers if a.status_code != 200)


def test_a_body_breaks_off_once(squeeze: tuple[Path, Summary]) -> None:
    key = f"/{METRICS}/BTCUSDT/BTCUSDT-metrics-2021-01-16.zip"
    faults = Faults(truncate=("*BTCUSDT-metrics*",), at_most=1)
    with serve(squeeze[0], faults=faults) as running, httpx.Client(base_url=running.url) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(key)
        assert client.get(key).status_code == 200
        assert running.hits[key] == 2


def test_a_wrong_checksum_stays_wrong(squeeze: tuple[Path, Summary]) -> None:
    key = f"/{METRICS}/BTCUSDT/BTCUSDT-metrics-2021-01-16.zip"
    faults = Faults(wrong_checksum=("*2021-01-16*",), slow_seconds=0.001)
    with serve(squeeze[0], faults=faults) as running, httpx.Client(base_url=running.url) as client:
        digest = hashlib.sha256(client.get(key).content).hexdigest()
        first, second = (client.get(f"{key}.CHECKSUM").text for _ in range(2))
        other = client.get(key.replace("16.zip", "17.zip.CHECKSUM")).text
    assert first == second
    assert not first.startswith(digest)
    assert first.endswith("  BTCUSDT-metrics-2021-01-16.zip\n")
    assert not other.startswith("0" * 64)


def test_only_loopback(tmp_path: Path) -> None:
    everywhere = "0.0.0.0"  # noqa: S104  # what must be refused
    for host in (everywhere, "::", "192.168.1.2", "example.org", ""):
        with pytest.raises(ValueError, match="loopback"), serve(tmp_path, host):
            pass
    with pytest.raises(FileNotFoundError), serve(tmp_path / "nowhere"):
        pass


def test_files_that_come_later_are_served(tmp_path: Path) -> None:
    with serve(tmp_path) as running, httpx.Client(base_url=running.url) as client:
        assert b"<Contents>" not in client.get("/").content
        file = tmp_path / "archive/binance/data/a.zip"
        file.parent.mkdir(parents=True)
        file.write_bytes(b"1")
        stamp = (datetime.now(UTC) - timedelta(days=1)).timestamp()
        os.utime(file, (stamp, stamp))
        before = client.head("/data/a.zip").headers["ETag"]
        file.write_bytes(b"2")
        assert client.head("/data/a.zip").headers["ETag"] != before
        assert b"<Key>data/a.zip</Key>" in client.get("/").content
