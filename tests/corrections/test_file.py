"""The corrections file: what can be said, and that anything else is refused by entry and key."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows import settings
from flows.cli import app
from flows.corrections import Entry, live, read_corrections
from flows.failures import Exit
from tests.normalise.examplex import VENUE
from transforms.corrections import VALUES, Drop, Multiply, Put
from transforms.native import NATIVE_SCHEMAS

Read = Callable[[str], tuple[Entry, ...]]

WHOLE = """
- id: btc-rate
  venue: examplex
  dataset: funding_rates
  match:
    symbol: BTC*
    from: 2025-01-01T08:00:00Z
    until: 2025-01-01T10:01:00+02:00
    raw_key: raw/examplex/lines/*@0123456789ab
    where:
      funding_rate: 5
  action:
    set:
      funding_rate: 0.00010000000000000005
  reason: >
    the interface showed 0.0001,
    the file says 5
  source: https://venue.example/notice
  expires: 2026-01-31
"""
SMALL = """
- id: a
  venue: examplex
  dataset: liquidations
  match: {symbol: "*"}
  action: drop
  reason: test orders
  source: ticket 7
  expires: 2026-01-31
"""


@pytest.fixture
def parse(tmp_path: Path) -> Read:
    def parse(text: str) -> tuple[Entry, ...]:
        path = tmp_path / "corrections.yaml"
        path.write_text(text)
        return read_corrections(path, {"examplex", "other"})

    return parse


def test_everything_an_entry_can_say(parse: Read) -> None:
    (entry,) = parse(WHOLE)
    said = entry.correction
    assert (said.id, said.venue, said.dataset) == ("btc-rate", "examplex", "funding_rates")
    assert said.symbol == "BTC*"
    assert said.since == datetime(2025, 1, 1, 8, tzinfo=UTC)
    assert said.until == datetime(2025, 1, 1, 8, 1, tzinfo=UTC)
    assert said.raw_key == "raw/examplex/lines/*@0123456789ab"
    assert said.where == {"funding_rate": "5"}
    # A number without quotes keeps its digits: as a double it would end at 0.0001.
    assert said.action == Put({"funding_rate": "0.00010000000000000005"})
    assert said.reason == "the interface showed 0.0001, the file says 5"
    assert (entry.source, entry.expires) == ("https://venue.example/notice", date(2026, 1, 31))


def test_the_three_actions(parse: Read) -> None:
    scaled = SMALL.replace("drop", "{multiply: {amount_native: 0.001}}").replace("id: a", "id: b")
    first, second = parse(SMALL + scaled)
    assert first.correction.action == Drop()
    assert second.correction.action == Multiply({"amount_native": "0.001"})
    assert str(second.correction.action) == "multiply amount_native × 0.001"


def test_no_entries_have_to_be_said(parse: Read) -> None:
    assert parse("[]  # none\n") == ()
    with pytest.raises(settings.ConfigError, match="must be a list of entries"):
        parse("")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("id: a\n", "id: a b\n", "a b: id: "),
        ("  venue: examplex\n", "", "a: venue: Field required"),
        ("venue: examplex", "venue: exampley", "a: venue: 'exampley' is not a venue"),
        ("liquidations", "liquidation", "a: dataset: 'liquidation' is none of funding_rates, "),
        ("liquidations", "instruments", "a: dataset: 'instruments' is none of"),
        ('symbol: "*"', 'symbols: "*"', "a: match.symbol: Field required"),
        ('symbol: "*"', 'symbols: "*"', "a: match.symbols: Extra inputs are not permitted"),
        ('"*"', '"*", from: 2025-01-01T00:00:00', "a: match.from: "),  # in which zone?
        ('"*"', '"*", from: 2025-01-01', "a: match.from: "),
        ('"*"', '"*", from: 2025-01-02T00:00Z, until: 2025-01-02T00:00Z', "a: match.until: must"),
        ('"*"', '"*", where: {amount: 1}', "a: match.where.amount: no such column here; there are"),
        ('"*"', '"*", where: {side: long, raw_row: 1}', "a: match.where.raw_row: no such"),
        ('"*"', '"*", where: {price: 1O}', "a: match.where.price: '1O' is not a number"),
        ("drop", "delete", "a: action: must be drop, or one of set and multiply"),
        ("drop", "{}", "a: action: must be drop, or one of set and multiply"),
        ("drop", "{divide: {price: 2}}", "a: action.divide: Extra inputs"),
        ("drop", "{set: {price: 1}, multiply: {price: 2}}", "a: action: must be drop, or one of"),
        ("drop", "{set: {}}", "a: action.set: names no column"),
        ("drop", "{set: {side: long}}", "a: action.set.side: no such column here; there are amoun"),
        ("drop", "{set: {raw_key: x}}", "a: action.set.raw_key: no such column"),
        ("drop", "{set: {price: 5%}}", "a: action.set.price: '5%' is not a number"),
        ("drop", "{set: {price: inf}}", "a: action.set.price: 'inf' is not a finite number"),
        ("drop", "{multiply: {price: 0}}", "a: action.multiply.price: 0 would lose the value"),
        ("drop", "{multiply: {price: null}}", "a: action.multiply.price: null would lose"),
        ("test orders", '" "', "a: reason: must say something"),
        ("  source: ticket 7\n", "", "a: source: Field required"),
        ("2026-01-31", "2026-02-31", "a: expires: "),
        ("  expires: 2026-01-31\n", "", "a: expires: Field required"),
        ("reason:", "note: x\n  reason:", "a: note: Extra inputs are not permitted"),
        ("reason:", "id: b\n  reason:", "not valid YAML"),  # a key given twice
        ("- id: a", "- {", "not valid YAML"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_entry_and_key(
    parse: Read, old: str, new: str, told: str
) -> None:
    text = SMALL.replace(old, new)
    assert text != SMALL
    with pytest.raises(settings.ConfigError) as refused:
        parse(text)
    assert "corrections.yaml:" in str(refused.value)
    assert told in str(refused.value)


def test_all_that_is_wrong_is_told_at_once(parse: Read) -> None:
    with pytest.raises(settings.ConfigError) as refused:
        parse(SMALL + SMALL + SMALL.replace("id: a", "id: b").replace("drop", "delete"))
    assert "  a: id: given twice" in str(refused.value)
    assert "  b: action: must be" in str(refused.value)
    with pytest.raises(settings.ConfigError, match="entry 2: entry: Input should be"):
        parse(SMALL + "- just a word\n")


@pytest.mark.parametrize(
    ("rate", "told"),
    [
        ("0.000000000000000000001", "has more than 20 decimals"),
        ("1000000000000000000", "is too large"),
    ],
)
def test_a_rate_that_would_be_rounded_is_refused(parse: Read, rate: str, told: str) -> None:
    with pytest.raises(settings.ConfigError, match=rf"action\.set\.funding_rate: .*{told}"):
        parse(WHOLE.replace("0.00010000000000000005", rate))


def test_only_numbers_that_a_venue_reports_can_be_changed() -> None:
    assert VALUES.keys() == NATIVE_SCHEMAS.keys() - {"instruments"}
    keys = {"symbol", "side", "raw_key", "raw_row", "rank", "interval_minutes", "metric", "unit"}
    for columns in VALUES.values():
        assert columns
        assert not keys & {*columns}
        assert not [column for column in columns if column.endswith("_at")]


def test_an_entry_is_applied_up_to_its_day(parse: Read) -> None:
    entries = parse(SMALL)
    assert [c.id for c in live(entries, VENUE, date(2026, 1, 31))] == ["a"]
    assert live(entries, VENUE, date(2026, 2, 1)) == []
    assert live(parse(SMALL.replace("examplex", "other")), VENUE, date(2026, 1, 31)) == []


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "archive").mkdir()
    path = tmp_path / "perpmill.toml"
    path.write_text(
        'lake = "file:lake"\ncorrections = "known.yaml"\n'
        '[[sources]]\nvenue = "binance"\narchive = "file:archive"\n'
    )
    return path


def test_config_check_counts_entries_and_says_which_are_over(config: Path) -> None:
    text = SMALL.replace("examplex", "binance")
    long_ago = text.replace("id: a", "id: b").replace("2026-01-31", "2020-01-31")
    (config.parent / "known.yaml").write_text(text.replace("2026-01-31", "9999-12-31") + long_ago)
    told = CliRunner().invoke(app, ["config", "check", "-c", str(config)])
    assert told.exit_code == Exit.DONE, told.output
    # However narrow the terminal.
    assert "known.yaml:2entries(1expired)ok" in "".join(told.output.split())


@pytest.mark.parametrize("command", [["config", "check"], ["nightly"], ["transform", "--start"]])
def test_no_command_runs_with_a_file_that_cannot_be_meant(config: Path, command: list[str]) -> None:
    day = ["2021-01-30"] if command[-1] == "--start" else []
    told = CliRunner().invoke(app, [*command, *day, "-c", str(config)])
    assert told.exit_code == Exit.USAGE, told.output
    assert f"{config.parent / 'known.yaml'}: no such file" in told.stderr
    (config.parent / "known.yaml").write_text(SMALL.replace("examplex", "binance") * 2)
    told = CliRunner().invoke(app, [*command, *day, "-c", str(config)])
    assert told.exit_code == Exit.USAGE, told.output
    assert "a: id: given twice" in told.stderr
    assert not (config.parent / "lake").exists() or not list((config.parent / "lake").rglob("*.*"))
