"""What Prefect shows of an audit, whichever way it went."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows import mill
from flows.run import Run
from flows.settings import Settings
from flows.storage.builds import Candidate
from transforms.schemas.evidence import ExpectationResults, Verdict

DAY = date(2021, 1, 30)


def test_a_table_and_a_text_that_says_where_the_pages_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: dict[str, dict[str, Any]] = {}

    def keep(*, key: str, **said: Any) -> None:
        shown[key] = said

    monkeypatch.setattr(mill, "create_table_artifact", keep)
    monkeypatch.setattr(mill, "create_markdown_artifact", keep)
    source = {"venue": "binance", "dumps": f"file:{tmp_path}"}
    run = Run.begin(Settings(lake=f"file:{tmp_path}/lake", sources=[source]), "nightly")
    started = datetime(2021, 1, 31, tzinfo=UTC)
    candidate = Candidate("run-1", "nightly", "0", started, DAY, DAY, DAY, DAY, None)
    run.store.put("builds/run-1/quality/index.html", b"x")
    rows = [
        {"run_id": "run-1", "table_name": "funding_daily", "expectation": name}
        | {"severity": "critical", "success": held, "detail": None if held else "5.0"}
        for name, held in (("rate_within_caps", False), ("types", True))
    ]
    results = pl.DataFrame(rows, schema=ExpectationResults.create_empty().schema)
    mill._show_verdict(run, candidate, results, Verdict.BLOCKED)

    assert shown.keys() == {"perpmill-verdict", "perpmill-quality"}
    assert shown["perpmill-verdict"]["table"] == [
        {"table_name": "funding_daily", "expectations": 2, "critical": 1, "warnings": 0}
    ]
    text = shown["perpmill-quality"]["markdown"]
    for word in ("run-1", "**blocked**", "1 of 2 expectations held", "rate_within_caps", "5.0"):
        assert word in text
    assert str(tmp_path / "lake/builds/run-1/quality/index.html") in text
