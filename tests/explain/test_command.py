"""The command: what it prints, what it refuses, how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows.cli import app
from flows.explain.question import TABLES
from flows.failures import Exit
from tests.explain.conftest import Markets
from tests.flows.conftest import LAST
from tests.raw_files import newest
from transforms.schemas.published import PUBLISHED_TABLES, primary_key


def perpmill(config: str, *words: str) -> Result:
    return CliRunner().invoke(app, ["explain", *words, "-c", config])


@pytest.mark.parametrize("table", TABLES)
def test_every_table_prints_and_gives_json(markets: Markets, config: str, table: str) -> None:
    names = ", ".join(primary_key(PUBLISHED_TABLES[table]))
    key = [str(v) for v in markets.sql(f"SELECT {names} FROM {table} ORDER BY ALL LIMIT 1")[0]]  # noqa: S608 - a table of ours
    told = perpmill(config, table, *key)
    assert told.exit_code == Exit.DONE, told.output
    for heading in ("The row", "Computed anew from these rows", "Quality", "History"):
        assert heading in told.stdout
    assert "equal to the last bit" in told.stdout
    assert "published is" not in told.stdout  # what does not agree is said so
    as_json = perpmill(config, table, *key, "--json", "--raw")
    assert as_json.exit_code == Exit.DONE, as_json.output
    said = json.loads(as_json.stdout)
    assert said["table"] == table
    assert all(each["equal"] for each in said["recomputed"])


def test_lists_are_cut_and_counted(config: str) -> None:
    ask = ("open_interest_daily", str(LAST), "binance", "BTCUSDT")
    short = perpmill(config, *ask, "--rows", "2").stdout
    assert "… 284 more" in short  # of 288 samples
    assert len(perpmill(config, *ask, "--rows", "5").stdout) > len(short)
    rows = json.loads(perpmill(config, *ask, "--json").stdout)["rows"]
    assert len(rows) == 288


def test_raw_shows_the_records(config: str) -> None:
    told = perpmill(config, "funding_daily", str(LAST), "bybit", "BTCUSDT", "--raw")
    assert told.stdout.count('"fundingRateTimestamp"') == 3
    assert told.stdout.count("parsed again") == 4  # the heading, and each record


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("funding_dayly", "2021-01-31", "binance", "BTCUSDT"), "did you mean funding_daily"),
        (("raw_files", "x"), "explained are market_daily"),
        (("funding_daily", "2021-01-31", "binanse", "BTCUSDT"), "did you mean binance"),
        (("funding_daily", "2021-01-31", "binance", "btcusdt"), "BTCUSDT"),
        (("funding_daily", "2021-01-31", "binance"), "DATE VENUE SYMBOL: 3 words, not 2"),
        (("funding_daily", "someday", "binance", "BTCUSDT"), "not a day like"),
        (("market_daily", "2021-01-31", "BTX"), "did you mean BTC"),
        (("market_daily", "2021-01-31", "BTC", "--column", "open_interest"), "open_interest_usd"),
        (("market_daily", "2021-01-31", "BTC", "--column", "date"), "no value 'date'"),
        (("liquidations_hourly", "2021-01-31", "binance", "BTCUSDT", "25"), "not an hour"),
    ],
)
def test_what_is_not_known_is_told_with_what_is(
    config: str, words: tuple[str, ...], meant: str
) -> None:
    told = perpmill(config, *words)
    assert told.exit_code == Exit.USAGE, told.output
    assert meant in told.stderr
    assert "Traceback" not in told.output


def test_the_newest_day_has_a_name(config: str) -> None:
    told = perpmill(config, "market_daily", "latest", "BTC", "--column", "price_close")
    assert told.stdout.startswith(f"market_daily {LAST} BTC")


def test_a_tampered_raw_file_ends_the_command(own: Markets) -> None:
    (key,) = {
        row["raw_key"] for row in own.explain("funding_daily", LAST, "binance", "BTCUSDT")["rows"]
    }
    newest(own.root, key).flip()
    config = own.root.parent / "tampered.toml"
    config.write_text(f'lake = "file:{own.root}"\n')
    told = perpmill(str(config), "funding_daily", str(LAST), "binance", "BTCUSDT")
    assert told.exit_code == Exit.INPUT_UNAVAILABLE
    assert "ALTERED IN THE LAKE" in told.stdout
    assert "not what was taken in" in told.stderr


def test_nothing_published(config: str) -> None:
    empty = Path(config).with_name("empty.toml")
    empty.write_text('lake = "file:nowhere"\n')
    told = perpmill(str(empty), "market_daily", "2021-01-31", "BTC")
    assert told.exit_code == Exit.USAGE
    assert "nothing is published" in told.stderr
