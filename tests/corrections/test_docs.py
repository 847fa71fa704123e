"""What docs/corrections.md says is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from flows.corrections import read_corrections
from transforms.corrections import VALUES, Put
from transforms.schemas.evidence import CorrectionStatus
from transforms.venue import discover

TEXT = (Path(__file__).parents[2] / "docs/corrections.md").read_text(encoding="utf-8")


def test_the_worked_example_is_a_corrections_file(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL)
    path = tmp_path / "corrections.yaml"
    path.write_text(example)
    (entry,) = read_corrections(path, discover())
    assert entry.correction.action == Put({"funding_rate": "0.0001"})


def test_every_column_that_can_be_changed_is_named() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", TEXT, flags=re.MULTILINE)
    said = {dataset: tuple(re.findall(r"`(\w+)`", columns)) for dataset, columns in rows}
    assert {name: said.get(name) for name in VALUES} == VALUES


def test_every_status_is_explained() -> None:
    for status in CorrectionStatus:
        assert f"| `{status.value}` |" in TEXT
