"""Bytes: the same for the same plan, whole, and in the exact formats of the archive."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest

from simulator.archive import zipped
from simulator.exchanges.binance.exports import chunks
from simulator.exchanges.binance.files import FUTURES
from simulator.exchanges.binance.listings import listings
from simulator.exchanges.binance.quirks import KNOWN, klines_have_header
from simulator.funding import Month
from simulator.listing import quarter_deliveries
from simulator.plan import Plan, Quirk, Summary
from simulator.simulate import simulate

TRUTH = "truth/binance"
SMALL = Plan(date(2024, 3, 4), date(2024, 3, 6), symbols=3, kline_kinds=("klines",))


def tree(root: Path) -> dict[str, str]:
    """Digest of each file below a root."""
    return {
        str(path.relative_to(root)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def csv(root: Path, path: str) -> list[str]:
    """The lines of the one csv in a zip."""
    content = (root / path).read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (member,) = archive.namelist()
        assert member == Path(path).name.replace(".zip", ".csv")
        text = archive.read(member).decode()
    assert text.endswith("\n")
    assert "\r" not in text
    return text.splitlines()


def test_the_same_plan_gives_the_same_bytes(tmp_path: Path) -> None:
    simulate(SMALL, tmp_path / "a")
    simulate(SMALL, tmp_path / "b")
    a, b = tree(tmp_path / "a"), tree(tmp_path / "b")
    assert len(a) > 40
    assert a == b


@pytest.mark.parametrize(
    ("plan", "files", "digest"),
    [
        (
            Plan(date(2021, 1, 16), date(2021, 1, 17), symbols=12, scenario="long-squeeze"),
            308,
            "10d3b1a174ae8dd87e836466856008ac451cd2658235ac82808c844c3e4f4d42",
        ),
        (
            Plan(
                date(2024, 9, 26),
                date(2024, 9, 30),
                symbols=14,
                kline_kinds=("klines", "indexPriceKlines"),
            ),
            555,
            "1b541f0fc52e7742e5672b9ddabf79ef030c486ec1b4e2d64d4c61cc59143266",
        ),
    ],
)
def test_what_binance_publishes_stays_as_it_is(
    tmp_path: Path, plan: Plan, files: int, digest: str
) -> None:
    simulate(plan, tmp_path)
    # Pinned before other exchanges came; whoever changes the market on purpose pins it anew.
    found = {
        path: own for path, own in tree(tmp_path).items() if path.startswith(("archive", "dumps"))
    }
    text = "".join(f"{path} {own}\n" for path, own in sorted(found.items()))
    assert len(found) == files
    assert sha256(text.encode()).hexdigest() == digest


def test_another_seed_gives_other_bytes(tmp_path: Path) -> None:
    simulate(SMALL, tmp_path / "a")
    simulate(replace(SMALL, seed=18), tmp_path / "b")
    a, b = tree(tmp_path / "a"), tree(tmp_path / "b")
    assert a.keys() == b.keys()
    same = {path for path in a if a[path] == b[path]}
    # Neither exchangeInfo depends on the seed.
    assert same == {"dumps/binance/instruments-um.json", "dumps/binance/instruments.json"}


@pytest.mark.parametrize("scenario", ["calm", "long-squeeze"])
def test_a_day_is_the_same_in_a_longer_range(tmp_path: Path, scenario: str) -> None:
    short = replace(SMALL, scenario=scenario, break_day=SMALL.last)
    simulate(short, tmp_path / "short")
    wide = replace(
        short, first=short.first - timedelta(days=5), last=short.last + timedelta(days=2)
    )
    simulate(wide, tmp_path / "wide")
    a, b = tree(tmp_path / "short"), tree(tmp_path / "wide")
    dated = {path for path in a if "2024-03-0" in path}
    assert len(dated) > 40
    assert {path: a[path] for path in dated} == {path: b[path] for path in dated}


def test_a_month_of_funding_is_the_same_whichever_of_its_days_come_first(tmp_path: Path) -> None:
    plan = Plan(date(2024, 2, 20), date(2024, 2, 29), symbols=9, products=("um",), kline_kinds=())
    simulate(plan, tmp_path / "a")
    simulate(replace(plan, first=date(2024, 1, 31)), tmp_path / "b")
    name = f"{FUTURES}/um/monthly/fundingRate/AXSUSDT/AXSUSDT-fundingRate-2024-02.zip"
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_every_zip_has_its_checksum(squeeze: tuple[Path, Summary]) -> None:
    root, summary = squeeze
    zips = sorted((root / "archive").rglob("*.zip"))
    assert len(zips) == summary.files_by_kind["CHECKSUM"] > 500
    for path in zips:
        digest = sha256(path.read_bytes()).hexdigest()
        line = path.with_name(path.name + ".CHECKSUM").read_bytes()
        assert line == f"{digest}  {path.name}\n".encode()


def test_the_summary_counts_what_is_there(squeeze: tuple[Path, Summary]) -> None:
    root, summary = squeeze
    files = [path for path in root.rglob("*") if path.is_file()]
    assert summary.files == len(files) == sum(summary.files_by_kind.values())
    assert summary.bytes == sum(path.stat().st_size for path in files)


def test_zips_are_sound() -> None:
    content = b"a,b\n1,2\n" * 1000
    for name in ("A.csv", "币安人生USDT-metrics-2025-10-10.csv"):
        with zipfile.ZipFile(io.BytesIO(zipped(name, content))) as archive:
            assert archive.testzip() is None
            assert archive.namelist() == [name]
            assert archive.read(name) == content
            assert archive.infolist()[0].date_time == (1980, 1, 1, 0, 0, 0)


def test_um_metrics_label_the_end_of_the_period_and_later_the_start(tmp_path: Path) -> None:
    plan = Plan(date(2026, 6, 24), date(2026, 6, 25), symbols=1, quirks=False, kline_kinds=())
    simulate(plan, tmp_path)
    folder = f"{FUTURES}/um/daily/metrics/BTCUSDT/BTCUSDT-metrics"
    before, after = (
        csv(tmp_path, f"{folder}-2026-06-24.zip"),
        csv(tmp_path, f"{folder}-2026-06-25.zip"),
    )
    assert before[0] == (
        "create_time,symbol,sum_open_interest,sum_open_interest_value,"
        "count_toptrader_long_short_ratio,sum_toptrader_long_short_ratio,"
        "count_long_short_ratio,sum_taker_long_short_vol_ratio"
    )
    assert len(before) == len(after) == 289
    assert [line[:19] for line in (before[1], before[-1])] == [
        "2026-06-24 00:05:00",
        "2026-06-25 00:00:00",
    ]
    assert [line[:19] for line in (after[1], after[-1])] == [
        "2026-06-25 00:00:00",
        "2026-06-25 23:55:00",
    ]
    # Label 00:00 of the new kind is the snapshot of 00:05.
    truth = pl.read_parquet(tmp_path / TRUTH / "samples-2026-06-25.parquet").filter(
        symbol="BTCUSDT"
    )
    assert str(truth.item(0, "sampled_at"))[:16] == "2026-06-25 00:05"
    cells = after[1].split(",")
    assert float(cells[2]) == truth.item(0, "open_interest_native")
    assert float(cells[3]) == truth.item(0, "open_interest_value")
    # 106964.058,6940865634.40,1.17050042,…: 3, 2 and 8 decimals.
    assert [len(cell.partition(".")[2]) for cell in cells[2:]] == [3, 2, 8, 8, 8, 8]


def test_cm_metrics_are_contracts_and_coins(squeeze: tuple[Path, Summary]) -> None:
    root, _ = squeeze
    lines = csv(root, f"{FUTURES}/cm/daily/metrics/ETHUSD_PERP/ETHUSD_PERP-metrics-2021-01-17.zip")
    stamps = sorted(line[:19] for line in lines[1:])
    assert (stamps[0], len(stamps) >= 288) == ("2021-01-17 00:00:00", True)
    line = next(line for line in lines[1:] if line.startswith("2021-01-17 12:00:00"))
    assert ',"","","",' in line
    contracts, coins = (float(cell) for cell in line.split(",")[2:4])
    truth = pl.read_parquet(root / TRUTH / "samples-2021-01-17.parquet").filter(
        pl.col("symbol") == "ETHUSD_PERP", pl.col("sampled_at").dt.hour() == 12
    )
    # ETH contracts are 10 US dollars each.
    assert contracts * 10 / truth.item(0, "mark_price") == pytest.approx(coins, rel=1e-9)
    assert truth.item(0, "open_interest_usd") == contracts * 10


def test_cm_empty_cells_are_bare_from_2024_on(month: tuple[Path, Summary]) -> None:
    root, _ = month
    path = f"{FUTURES}/cm/daily/metrics/BTCUSD_PERP/BTCUSD_PERP-metrics-2024-09-20.zip"
    assert ",,,," in csv(root, path)[1]


def test_a_month_of_funding_is_published_when_it_is_over(month: tuple[Path, Summary]) -> None:
    root, summary = month
    folder = root / FUTURES / "um/monthly/fundingRate"
    files = sorted(path.name for path in folder.rglob("*.zip"))
    # Eleven perpetuals in USDⓈ-M; the dated contracts pay no funding; October is not over.
    assert len(files) == 11
    assert all(name.endswith("-2024-09.zip") for name in files)
    lines = csv(root, f"{FUTURES}/um/monthly/fundingRate/ADAUSDT/ADAUSDT-fundingRate-2024-09.zip")
    assert lines[0] == "calc_time,funding_interval_hours,last_funding_rate"
    # ADAUSDT settles every 4 hours: 30 days × 6.
    assert len(lines) - 1 == 180
    # 1725148800 = 2024-09-01 00:00 UTC
    assert lines[1].startswith("1725148800000,4,")
    truth = pl.read_parquet(root / TRUTH / "settlements.parquet")
    # The last settlement before the end: LRCUSDT pays hourly.
    assert truth["settled_at"].max() == datetime(2024, 10, 3, 23, tzinfo=UTC)
    assert "fundingRate" in summary.files_by_kind


def test_the_interval_changes_within_the_fifteenth(squeeze: tuple[Path, Summary]) -> None:
    root, _ = squeeze
    rows = pl.read_parquet(root / TRUTH / "settlements.parquet").filter(
        pl.col("symbol") == "AXSUSDT", pl.col("settled_at").dt.day() == 15
    )
    hours = rows["settled_at"].dt.hour().to_list()
    assert hours == [0, 8, 9, 10, 11, 12, 13, 14, 15, 16, 20]
    assert rows["interval_hours"].to_list() == [8, 8, 1, 1, 1, 1, 1, 1, 1, 1, 4]


def test_zero_rates_are_written_with_an_exponent(tmp_path: Path) -> None:
    plan = Plan(date(2022, 3, 31), date(2022, 3, 31), symbols=4, products=("um",), kline_kinds=())
    summary = simulate(plan, tmp_path)
    path = f"{FUTURES}/um/monthly/fundingRate/XRPUSDT/XRPUSDT-fundingRate-2022-03.zip"
    rates = [line.split(",")[2] for line in csv(tmp_path, path)[1:]]
    assert "0E-8" in rates
    assert Quirk("funding-zero", path, f"{rates.count('0E-8')} rates") in summary.quirks


def test_klines_have_twelve_columns_and_fit_together(month: tuple[Path, Summary]) -> None:
    root, _ = month
    path = f"{FUTURES}/um/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2024-09-20.zip"
    header, *lines = csv(root, path)
    assert header == (
        "open_time,open,high,low,close,volume,close_time,quote_volume,"
        "count,taker_buy_volume,taker_buy_quote_volume,ignore"
    )
    rows = [[float(cell) for cell in line.split(",")] for line in lines]
    assert len(rows) == 24
    # 1726790400 = 2024-09-20 00:00 UTC
    assert (rows[0][0], rows[0][6]) == (1726790400000, 1726793999999)
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        _, opened, high, low, close, volume, _, quote, _, taker, taker_quote, _ = row
        assert low <= min(opened, close) <= max(opened, close) <= high
        assert low <= quote / volume <= high
        assert 0 < taker < volume
        assert 0 < taker_quote < quote
        assert following is None or following[1] == close


def test_klines_of_other_intervals_tell_the_same_day(tmp_path: Path) -> None:
    plan = Plan(
        date(2024, 5, 1),
        date(2024, 5, 1),
        symbols=1,
        products=("um",),
        kline_kinds=("markPriceKlines",),
    )
    closes = {}
    for interval, bars in {"1m": 1440, "5m": 288, "1h": 24, "1d": 1}.items():
        simulate(replace(plan, interval=interval), tmp_path / interval)
        name = f"BTCUSDT/{interval}/BTCUSDT-{interval}-2024-05-01.zip"
        lines = csv(tmp_path / interval, f"{FUTURES}/um/daily/markPriceKlines/{name}")[1:]
        assert len(lines) == bars
        closes[interval] = (lines[0].split(",")[1], lines[-1].split(",")[4])
    assert len(set(closes.values())) == 1


def test_index_klines_are_keyed_by_pair(squeeze: tuple[Path, Summary]) -> None:
    root, _ = squeeze
    folders = {path.name for path in (root / FUTURES / "cm/daily/indexPriceKlines").iterdir()}
    assert folders == {"BTCUSD", "ETHUSD"}


def test_a_dated_contract_ends_with_its_delivery(month: tuple[Path, Summary]) -> None:
    root, _ = month
    assert (date(2024, 6, 29), date(2024, 9, 27)) in quarter_deliveries(
        date(2024, 9, 1), date(2024, 9, 30)
    )
    folder = root / FUTURES / "um/daily/metrics"
    old = sorted((folder / "BTCUSDT_240927").glob("*.zip"))
    new = sorted((folder / "BTCUSDT_241227").glob("*.zip"))
    assert old[-1].name == "BTCUSDT_240927-metrics-2024-09-27.zip"
    assert new[0].name == "BTCUSDT_241227-metrics-2024-09-28.zip"
    lines = csv(root, str(old[-1].relative_to(root)))
    # Delivered at 08:00: 8 hours × 12 samples and the header.
    assert (len(lines), lines[-1][:19]) == (97, "2024-09-27 08:00:00")


def test_snapshot_rows_stand_twice(squeeze: tuple[Path, Summary]) -> None:
    root, _ = squeeze
    name = "BTCUSD_PERP-liquidationSnapshot-2021-01-17.zip"
    path = f"{FUTURES}/cm/daily/liquidationSnapshot/BTCUSD_PERP/{name}"
    header, *lines = csv(root, path)
    assert header == (
        "time,side,order_type,time_in_force,original_quantity,price,average_price,"
        "order_status,last_fill_quantity,accumulated_fill_quantity"
    )
    assert lines[::2] == lines[1::2]
    truth = pl.read_parquet(root / TRUTH / "liquidations-2021-01-17.parquet")
    truth = truth.filter(symbol="BTCUSD_PERP")
    assert len(lines) == 2 * truth.height > 1000
    # A BTC contract is 100 US dollars.
    total = sum(int(line.split(",")[9]) * 100 for line in lines[::2])
    assert total == pytest.approx(truth["amount_usd"].sum())


def test_klines_have_no_header_before_august_2022_but_on_islands() -> None:
    assert not klines_have_header(date(2020, 12, 27))
    assert klines_have_header(date(2020, 12, 28))
    assert not klines_have_header(date(2021, 1, 2))
    assert not klines_have_header(date(2022, 8, 10))
    assert klines_have_header(date(2022, 8, 11))


def test_every_quirk_occurs_somewhere(tmp_path: Path) -> None:
    seen: set[str] = set()
    for first, last in (
        (date(2021, 1, 8), date(2021, 1, 12)),
        (date(2022, 3, 28), date(2022, 3, 31)),
        (date(2025, 3, 27), date(2025, 3, 31)),
    ):
        plan = Plan(first, last, symbols=24, kline_kinds=("klines",))
        seen |= simulate(plan, tmp_path / str(first)).quirk_counts().keys()
    assert seen == set(KNOWN)


def test_without_quirks_there_are_none(month: tuple[Path, Summary]) -> None:
    assert month[1].quirks == ()


def test_quirks_stand_in_the_files_they_are_reported_for(squeeze: tuple[Path, Summary]) -> None:
    root, summary = squeeze
    paths: dict[str, list[str]] = {}
    for quirk in summary.quirks:
        paths.setdefault(quirk.name, []).append(quirk.path)

    doubled = csv(root, paths["metrics-doubled"][0])[1:]
    assert doubled[::2] == doubled[1::2]

    unsorted = [line[:19] for line in csv(root, paths["metrics-unsorted"][0])[1:]]
    assert unsorted != sorted(unsorted)

    late = [line[17:19] for line in csv(root, paths["metrics-late-stamp"][0])[1:]]
    assert 1 <= len(late) - late.count("00") <= 6

    zero = [line.split(",")[2:4] for line in csv(root, paths["metrics-zero-oi"][0])[1:]]
    assert ["0", "0"] in zero

    blank = [line.split(",")[7] for line in csv(root, paths["metrics-empty-ratio"][0])[1:]]
    assert "" in blank or "0.00000000" in blank

    headerless = csv(root, paths["kline-headerless"][0])
    assert headerless[0][0].isdigit()


def test_a_stray_row_differs_from_the_next_days_own(squeeze: tuple[Path, Summary]) -> None:
    root, summary = squeeze
    found = 0
    for quirk in summary.quirks:
        if (
            quirk.name != "metrics-stray-row"
            or "2021-01-17" in quirk.path
            or "/um/" not in quirk.path
        ):
            continue
        day = quirk.path.removesuffix(".zip")[-10:]
        following = str(date.fromisoformat(day) + timedelta(days=1))
        stray = [x for x in csv(root, quirk.path) if x.startswith(quirk.detail)]
        own = [
            x for x in csv(root, quirk.path.replace(day, following)) if x.startswith(quirk.detail)
        ]
        assert len(set(stray)) == len(set(own)) == 1
        assert stray[0].split(",")[2] != own[0].split(",")[2]
        found += 1
    assert found > 0


def test_plans_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="is after last"):
        Plan(date(2024, 1, 2), date(2024, 1, 1))
    with pytest.raises(ValueError, match="at least 1"):
        replace(SMALL, symbols=0)
    with pytest.raises(ValueError, match="interval must be one of"):
        replace(SMALL, interval="7m")
    with pytest.raises(ValueError, match="scenario must be one of"):
        replace(SMALL, scenario="boom")
    with pytest.raises(ValueError, match="products must be some of"):
        replace(SMALL, products=())
    with pytest.raises(ValueError, match="kline_kinds must be some of"):
        replace(SMALL, kline_kinds=("candles",))
    with pytest.raises(ValueError, match="must not be negative"):
        replace(SMALL, funding_months_before=-1)


def test_as_many_symbols_as_asked() -> None:
    day = date(2024, 5, 5)
    for count in (1, 11, 12, 40):
        plan = Plan(day, day, symbols=count, products=("um",))
        found = [listing.symbol for listing in listings(plan)]
        assert len(found) == len(set(found)) == count
    kinds = {x.symbol: x for x in listings(Plan(day, day))}
    assert kinds["ADAUSDT"].funding_hours == 4
    assert kinds["LRCUSDT"].funding_hours == 1
    assert kinds["1000PEPEUSDT"].multiplier == 1000
    assert kinds["BTCUSDC"].quote == "USDC"
    assert kinds["BTCUSDT_240628"].dated
    assert kinds["BTCUSD_PERP"].contract_size == 100


def test_earlier_months_of_funding_on_request(tmp_path: Path) -> None:
    plan = Plan(date(2021, 1, 1), date(2021, 1, 1), symbols=1, products=("um",), kline_kinds=())
    simulate(replace(plan, funding_months_before=2), tmp_path)
    names = sorted(path.name for path in (tmp_path / FUTURES / "um/monthly").rglob("*.zip"))
    assert names == ["BTCUSDT-fundingRate-2020-11.zip", "BTCUSDT-fundingRate-2020-12.zip"]
    assert Month(2021, 1).minus(2) == Month(2020, 11)
    assert Month(2020, 12).next == Month(2021, 1)


def test_cutting_a_csv_of_another_length_is_an_error() -> None:
    assert chunks(b"1\n2\n3\n4\n", 2, 2) == [b"1\n2\n", b"3\n4\n"]
    with pytest.raises(AssertionError, match="3 lines"):
        chunks(b"1\n2\n3\n", 2, 2)
