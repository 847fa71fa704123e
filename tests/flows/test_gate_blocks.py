"""A critical expectation that fails leaves readers where they were, and says why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.failures import Exit, GateBlocked
from tests.flows.conftest import FIRST, LAST, Lake
from tests.flows.test_raw_faults import funding_sum, rezip

BAD_DAY = date(2021, 1, 30)


def five_hundred_percent(text: str, day: date = BAD_DAY) -> str:
    """A funding file with an absurd rate at 08:00 of a day."""
    lines = text.splitlines()
    moment = datetime.combine(day, time(8), UTC)
    at = next(
        n
        for n, line in enumerate(lines)
        if line.startswith(f"{moment.timestamp():.0f}")  # and milliseconds
    )
    stamp, hours, _ = lines[at].split(",")
    lines[at] = f"{stamp},{hours},5.00000000"
    return "\n".join(lines) + "\n"


def test_an_absurd_funding_rate_blocks_and_a_corrected_file_publishes(
    own: Lake, write_config: Callable[[Lake], Path]
) -> None:
    before, good = own.seen(), funding_sum(own, BAD_DAY)
    file = own.archived("BTCUSDT", "fundingRate", "2021-01")
    sound = file.read_bytes(), file.with_name(f"{file.name}.CHECKSUM").read_bytes()
    rezip(file, five_hundred_percent)
    with pytest.raises(GateBlocked) as blocked:
        own.mill()
    assert own.seen() == before
    failed = blocked.value.results.filter(~blocked.value.results["success"])
    critical = failed.filter(failed["severity"] == "critical")
    # The day was taken out; it was that of the only venue, and that blocks.
    assert ("coverage_daily", "largest_venue_not_taken_out") in critical.select(
        "table_name", "expectation"
    ).rows()
    message = str(blocked.value)
    for word in ("funding_daily", "rate_within_caps", "2021-01-30", "binance", "BTCUSDT"):
        assert word in message

    # Asked about it afterwards, the same candidate gets the same verdict, and cannot be published.
    config = str(write_config(own))
    told = CliRunner().invoke(app, ["audit", "-c", config])
    assert told.exit_code == Exit.BLOCKED, told.output
    for word in ("funding_daily", "rate_within_caps", "2021-01-30", "binance", "BTCUSDT"):
        assert word in told.stderr
    told = CliRunner().invoke(app, ["publish", "-c", config])
    assert told.exit_code == Exit.BLOCKED, told.output
    assert own.seen() == before

    # The venue puts the sound file back: the numbers are those published before, so all there is
    # to publish is that a bad version was seen in between.
    file.write_bytes(sound[0])
    file.with_name(f"{file.name}.CHECKSUM").write_bytes(sound[1])
    done = own.mill(FIRST, LAST)
    assert done.pointer is not None
    assert funding_sum(own, BAD_DAY) == good
    assert own.sql(
        "SELECT superseded_by IS NULL FROM raw_files WHERE contains(key, ?) ORDER BY 1", file.name
    ) == [(False,), (True,)]
