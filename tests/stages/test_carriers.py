"""A source reads the exports of its own carrier, and no other's."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from flows import evidence, reporting
from flows import run as runs
from flows.inventory import Inventory
from flows.run import Run
from flows.settings import ConfigError, Settings
from flows.stages.ingest.from_dumps import ingest_dumps
from flows.stages.normalise import normalise_days
from flows.storage.archive import open_archive
from tests.normalise.examplex import VENUE, feed_of, liquidation
from tests.stages.given import rows, run_of
from transforms.schemas.column import SourceKind

DAY = date(2025, 1, 1)
OWN = feed_of("liquidations", "own", SourceKind.DUMP)
BROUGHT = replace(feed_of("liquidations", "brought", SourceKind.DUMP), carrier="mule")
BOTH = replace(VENUE, feeds=(OWN, BROUGHT))


def line(amount: float) -> str:
    order = liquidation("2025-01-01T08", amount, order_price=None, order_quantity=None)
    return json.dumps(order) + "\n"


def ingest(folder: Path, run: Run, carrier: str | None) -> tuple[list[str], list[str]]:
    """Paths that were taken and paths that nobody reads."""
    (source,) = run.settings.sources
    source = source.model_copy(update={"carrier": carrier})
    outcome = ingest_dumps(
        run, source, open_archive(f"file:{folder}", s3=None), reporting.LoggingReporter()
    )
    outcome.require_whole()
    return [record.path for record in outcome.fetched], outcome.ignored


def test_each_source_takes_its_own_and_the_venues_own_rows_are_published(tmp_path: Path) -> None:
    files = tmp_path / "files"
    for name, amount in (("own", 2.0), ("brought", 2.5)):
        (files / name).mkdir(parents=True)
        (files / name / "a.jsonl").write_text(line(amount))
    run = run_of(tmp_path, BOTH)
    assert ingest(files, run, "mule") == (["brought/a.jsonl"], ["own/a.jsonl"])
    normalise_days(run, [DAY], reporting.LoggingReporter())
    assert rows(run, "liquidations")["amount_coin"].to_list() == [2.5]
    # Nothing changed at the carrier; now the venue's own export arrives.
    assert ingest(files, run, "mule") == ([], ["own/a.jsonl"])
    assert ingest(files, run, None) == (["own/a.jsonl"], ["brought/a.jsonl"])
    normalise_days(run, [DAY], reporting.LoggingReporter())
    assert rows(run, "liquidations")["amount_coin"].to_list() == [2.0]
    corrected = evidence.corrected_rows(run)
    tables = evidence.evidence_tables(run, corrected)
    (difference,) = tables["source_conflicts"].to_dicts()
    assert (difference["kept_value"], difference["other_value"]) == ("2.0", "2.5")
    files_table = pl.concat(Inventory(run, corrected).whole()).select(
        "carrier", "rows_kept", "rows_duplicate"
    )
    assert sorted(files_table.rows(), key=str) == [("mule", 0, 1), (None, 1, 0)]


@pytest.mark.parametrize(
    ("carrier", "words"),
    [
        ("donkey", r"nothing of examplex by donkey \(carriers: mule\)"),
        (None, "nothing of examplex by the venue itself"),
    ],
)
def test_a_source_of_a_carrier_that_brings_nothing_is_a_mistake(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, carrier: str | None, words: str
) -> None:
    venue = replace(BOTH, feeds=(BROUGHT,))
    monkeypatch.setattr(runs, "discover", lambda: {"examplex": venue})
    fine = {"venue": "examplex", "carrier": "mule"}
    settings = Settings(
        lake=f"file:{tmp_path}", sources=[fine, {"venue": "examplex", "carrier": carrier}]
    )
    with pytest.raises(ConfigError, match=f"sources.1.carrier: Perpmill reads {words}"):
        Run.begin(settings, "test")
    begun = Run.begin(settings.model_copy(update={"sources": settings.sources[:1]}), "test")
    assert begun.venue_of(settings.sources[0]).feeds == (BROUGHT,)
