"""What happens when a raw file is damaged, wrong, missing or replaced."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.failures import Exit, InputUnavailable
from tests.flows.conftest import FIRST, LAST, Lake
from tests.raw_files import newest

SYMBOL = "BTCUSDT"
MIDDLE = date(2021, 1, 30)


def checksum(file: Path, content: bytes) -> None:
    """Write `content` with the checksum file the venue would publish for it."""
    file.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    file.with_name(f"{file.name}.CHECKSUM").write_text(f"{digest}  {file.name}\n")


def rezip(file: Path, change: Callable[[str], str]) -> None:
    """Replace the csv in a zip, as a venue that publishes a corrected file does."""
    with zipfile.ZipFile(file) as old:
        (name,) = old.namelist()
        text = old.read(name).decode()
    changed = change(text)
    assert changed != text
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        new.writestr(name, changed)
    checksum(file, file.read_bytes())


def flip_bytes(file: Path) -> None:
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    for at in range(middle, middle + 8):
        content[at] ^= 0xFF
    file.write_bytes(bytes(content))


def falsify_checksum(file: Path) -> None:
    file.with_name(f"{file.name}.CHECKSUM").write_text(f"{'0' * 64}  {file.name}\n")


def truncate(file: Path) -> None:
    checksum(file, file.read_bytes()[:-40])


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (flip_bytes, "the venue's checksum file says"),
        (falsify_checksum, "the venue's checksum file says"),
        (truncate, "zip"),
    ],
)
def test_a_damaged_file_stops_the_run_and_is_named(
    own: Lake, write_config: Callable[[Lake], Path], damage: Callable[[Path], None], reason: str
) -> None:
    before = own.seen()
    file = own.archived(SYMBOL, "metrics", str(MIDDLE))
    damage(file)
    config = write_config(own)
    told = CliRunner().invoke(app, ["ingest", "--start", f"{MIDDLE}", "-c", str(config)])
    assert told.exit_code == Exit.INPUT_UNAVAILABLE, told.output
    line = next(line for line in told.stderr.splitlines() if file.name in line)
    assert reason in line
    with pytest.raises(InputUnavailable, match=file.name):
        own.mill()
    assert own.seen() == before
    # The bytes are kept for whoever has to find out why, and are no raw file.
    assert list((own.root / "rejected").rglob(f"{file.name}@*"))
    held = own.sql("SELECT count(*) FROM raw_files WHERE contains(key, ?)", file.name)
    assert held == [(2,)]  # the sound one, of open interest and of positioning


def test_the_rest_arrives_when_the_file_is_whole_again(own: Lake, milled: Lake) -> None:
    file = own.archived(SYMBOL, "metrics", str(MIDDLE))
    sound = file.read_bytes()
    flip_bytes(file)
    shutil.rmtree(own.root)
    with pytest.raises(InputUnavailable, match=file.name):
        own.mill()
    file.write_bytes(sound)
    done = own.mill()
    assert done.fetched == 1
    assert own.hashes() == milled.hashes()


def test_one_missing_symbol_day_publishes_and_shows_in_coverage(own: Lake, milled: Lake) -> None:
    # The last day: on the ones before it nothing would be known to compare with.
    file = own.archived("BTCUSDT", "metrics", str(LAST))
    file.unlink()
    file.with_name(f"{file.name}.CHECKSUM").unlink()
    shutil.rmtree(own.root)
    own.mill()
    question = (
        "SELECT instruments_expected, instruments_present, status FROM coverage_daily "
        "WHERE date = ? AND dataset = 'open_interest'"
    )
    ((expected, present, status),) = own.sql(question, LAST)
    ((_, present_of_all, _),) = milled.sql(question, LAST)
    assert (present, status) == (present_of_all - 1, "partial")
    assert expected == present_of_all
    # The file of the day before ends with the first sample of this one; the rest is not there.
    samples = "SELECT sample_count FROM open_interest_daily WHERE date = ? AND symbol = 'BTCUSDT'"
    assert own.sql(samples, LAST) == [(1,)]


def test_days_about_which_there_is_nothing_are_an_error(
    own: Lake, write_config: Callable[[Lake], Path]
) -> None:
    before = own.seen()
    far = "2023-05-01"
    told = CliRunner().invoke(app, ["ingest", "--start", far, "-c", str(write_config(own))])
    assert told.exit_code == Exit.INPUT_UNAVAILABLE, told.output
    assert far in told.stderr
    assert f"{own.exchange}/archive/binance" in told.stderr
    assert own.seen() == before


def test_an_archive_that_is_gone_is_an_error(
    own: Lake, write_config: Callable[[Lake], Path]
) -> None:
    before = own.seen()
    shutil.rmtree(own.exchange)
    told = CliRunner().invoke(app, ["ingest", "--start", str(LAST), "-c", str(write_config(own))])
    assert told.exit_code == Exit.INPUT_UNAVAILABLE, told.output
    assert "binance" in told.stderr
    assert own.seen() == before


def test_a_replaced_file_restates_its_day_and_both_versions_stay(own: Lake) -> None:
    file = own.archived(SYMBOL, "fundingRate", "2021-01")
    old_sum = funding_sum(own, MIDDLE)
    other_day = funding_sum(own, LAST)
    old_run = own.pointer["run_id"]

    def first_settlement_a_basis_point_up(text: str) -> str:
        lines = text.splitlines()
        at = next(n for n, line in enumerate(lines) if line.startswith("16119648"))  # 30th 00:00
        stamp, hours, rate = lines[at].split(",")
        lines[at] = f"{stamp},{hours},{float(rate) + 0.0001:.8f}"
        return "\n".join(lines) + "\n"

    rezip(file, first_settlement_a_basis_point_up)
    done = own.mill()
    assert done.pointer is not None
    assert done.candidate is not None
    assert done.candidate.first_changed <= MIDDLE
    assert own.pointer["previous"] == old_run
    assert funding_sum(own, MIDDLE) == pytest.approx(old_sum + 0.0001, abs=1e-12)
    assert funding_sum(own, LAST) == other_day
    versions = own.sql(
        "SELECT key, superseded_by FROM raw_files WHERE contains(key, ?) "
        "ORDER BY superseded_by NULLS LAST",
        file.name,
    )
    assert [(superseded is None) for _, superseded in versions] == [False, True]
    assert versions[0][1] == versions[1][0]
    for key, _ in versions:
        assert hashlib.sha256(newest(own.root, key).content).hexdigest()[:12] == key[-12:]
    # Both readers of the old build and its bytes are as they were.
    assert (own.root / f"builds/{old_run}/perpmill.duckdb").is_file()


def funding_sum(lake: Lake, day: date) -> float:
    ((found,),) = lake.sql(
        "SELECT funding_rate_sum FROM funding_daily WHERE date = ? AND symbol = ?", day, SYMBOL
    )
    assert isinstance(found, float)
    return found


def test_twice_the_same_changes_nothing(milled: Lake, tmp_path: Path) -> None:
    lake = Lake(
        Path(shutil.copytree(milled.root, tmp_path / "lake", symlinks=True)), milled.exchange
    )
    before = lake.seen()
    files = everything(lake.root)
    done = lake.mill(FIRST, LAST)
    assert (done.fetched, done.candidate, done.pointer) == (0, None, None)
    assert lake.seen() == before
    assert everything(lake.root) == files


def everything(folder: Path) -> dict[str, str]:
    """Every object of a lake by its bytes, but for the lock's."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".perpmill")
    }
