"""The page of results, and the processes whose times stand in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import machine
from benchmarks.__main__ import PARTS, main
from benchmarks.machine import circumstances, facts
from benchmarks.report import Criterion, Section, table, write
from benchmarks.work import WorkFailed, measure


def test_a_part_that_was_not_run_stays_as_it_was(tmp_path: Path) -> None:
    page = tmp_path / "results.md"
    write(page, ["- 2 cores"], [Section("One", ("kept",)), Section("Two", ("stale",))])
    text = write(page, ["- 4 cores"], [Section("Two", ("again",)), Section("Three", ("new",))])
    assert text == page.read_text(encoding="utf-8")
    assert "- 4 cores" in text
    assert "- 2 cores" not in text
    titles = [line for line in text.splitlines() if line.startswith("## ")]
    assert titles == ["## One", "## Two", "## Three"]
    assert "kept" in text
    assert "again" in text
    assert "stale" not in text


def test_a_missed_criterion_is_shown_as_missed() -> None:
    met, missed = Criterion("a", "1", met=True), Criterion("b", "2", met=False)
    text = Section("One", (), (met, missed)).text()
    assert "| a | 1 | yes |" in text
    assert "| b | 2 | **no** |" in text


def test_columns_of_numbers_are_set_to_the_right() -> None:
    assert table(("what", "s", "of"), [("a", "1,234.5", "**2.0×**")])[1] == "|---|---:|---:|"


def test_the_machine_is_told_without_names_and_paths() -> None:
    lines = facts()
    text = "\n".join([*lines, circumstances()])
    assert "cores" in text
    assert "polars" in text
    assert "/" not in text.replace("cores/", "")


def test_work_that_fails_is_no_measurement() -> None:
    with pytest.raises(WorkFailed, match="no_such_function"):
        measure("benchmarks.floor:no_such_function")


def test_a_measured_process_tells_its_time_and_memory(tmp_path: Path) -> None:
    measured = measure("benchmarks.floor:one_thread", root=str(tmp_path))
    assert measured.told == {"files": 0, "bytes": 0, "inflated_bytes": 0}
    assert measured.seconds >= 0
    assert measured.peak_bytes > 1_000_000


def test_what_was_measured_while_the_code_changed_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "results.md"
    words = ["--only", "growth", "--cache", str(tmp_path), "--results", str(page)]
    monkeypatch.setitem(PARTS, "growth", lambda *_: Section("Grown", ()))
    assert main(words) == 0
    assert "## Grown" in page.read_text(encoding="utf-8")
    page.unlink()
    digests = iter(["before", "after"])
    monkeypatch.setattr(machine, "code", lambda: next(digests))
    assert main(words) == 1
    assert not page.exists()
    assert "the code changed" in capsys.readouterr().err


def test_an_unknown_part_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "transform,everything"])
    assert "everything: no such part" in capsys.readouterr().err
