"""`perpmill venues` says what the venue files say, of all there are."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import date

import pytest
from rich.console import Console
from typer.testing import CliRunner

from flows import venues as command
from flows.cli import app
from tests.normalise.examplex import VENUE, feed_of
from transforms.schemas.column import Completeness, SourceKind
from transforms.venue import Regime, Venue, discover

OWN = feed_of("liquidations", "own", SourceKind.DUMP)
BROUGHT = replace(feed_of("liquidations", "brought"), carrier="mule")
RATES = feed_of("funding_rates", "rates")
THROTTLED = Regime(date(2021, 1, 1), date(2025, 2, 26), Completeness.THROTTLED, "change log")
COMPLETE = Regime(date(2025, 2, 26), None, Completeness.COMPLETE, "announcement")


def gathered(monkeypatch: pytest.MonkeyPatch, venue: Venue) -> list[dict[str, object]]:
    monkeypatch.setattr(command, "discover", lambda: {venue.name: venue})
    monkeypatch.setattr(command, "documentation", lambda: {"examplex": "An example.\n\nMore."})
    return command.venues()


def test_each_dataset_says_where_it_can_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    venue = replace(VENUE, feeds=(OWN, BROUGHT, RATES), regimes=(THROTTLED, COMPLETE))
    (said,) = gathered(monkeypatch, venue)
    regimes = [
        ("2021-01-01", "2025-02-26", "throttled", "change log"),
        ("2025-02-26", None, "complete", "announcement"),
    ]
    names = ("valid_from", "valid_to", "completeness", "source")
    rates = {"dataset": "funding_rates", "sources": ["archive"], "carriers": []}
    orders = {"dataset": "liquidations", "sources": ["dump"], "carriers": ["mule"]}
    assert said == {
        "venue": "examplex",
        "about": "An example",
        "documentation": "An example.\n\nMore.",
        "datasets": [
            rates | {"since": None, "completeness": None},
            orders
            | {
                "since": "2025-02-26",
                "completeness": "complete",
                "regimes": [dict(zip(names, regime, strict=True)) for regime in regimes],
            },
        ],
    }
    buffer = io.StringIO()
    command.render([said], Console(file=buffer, width=40))
    assert buffer.getvalue().splitlines() == [
        "examplex  An example",
        "  funding_rates   archive",
        "  liquidations    dump, by mule                 complete since 2025-02-26",
    ]


def test_without_a_documented_regime_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    (said,) = gathered(monkeypatch, replace(VENUE, name="carried", feeds=(BROUGHT,)))
    assert said["about"] is None  # a venue without a file of its own
    (orders,) = said["datasets"]  # type: ignore[misc]
    assert (orders["completeness"], orders["since"]) == ("unknown", None)


def test_the_command_lists_every_venue_there_is() -> None:
    assert discover()
    result = CliRunner().invoke(app, ["venues", "--json"])
    assert result.exit_code == 0
    said = {venue["venue"]: venue for venue in json.loads(result.stdout)}
    assert list(said) == list(discover())
    for name, venue in discover().items():
        provided = {entry["dataset"] for entry in said[name]["datasets"]}
        assert provided == {d for feed in venue.feeds for d in feed.datasets}
        assert said[name]["about"] or all(feed.carrier for feed in venue.feeds)


def test_one_venue_is_shown_with_its_units_sides_and_gaps() -> None:
    said = CliRunner().invoke(app, ["venues", "deribit"])
    assert said.exit_code == 0
    assert said.stdout.startswith("deribit")
    for word in ("OI ", "Sides ", "Gaps "):
        assert f"\n{word}" in said.stdout


def test_a_venue_nobody_knows_is_wrong_usage() -> None:
    assert CliRunner().invoke(app, ["venues", "nix"]).exit_code == 2
