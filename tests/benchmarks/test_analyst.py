"""Every question of the cookbook can be asked of a made-up build, whatever it wants to be given."""

from __future__ import annotations

from pathlib import Path

from benchmarks import analyst
from flows.queries import cookbook


def test_every_question_is_timed_and_the_build_is_made_once(tmp_path: Path) -> None:
    said: list[str] = []
    section = analyst.section(tmp_path, 12, 4, "now", said.append)
    again = analyst.section(tmp_path, 12, 4, "later", said.append)
    assert said == ["synthetic build of 12 instruments × 4 days"]
    assert f"{len(cookbook())} questions" in section.lines[0]
    shown = [line for line in section.lines if line.startswith("| ") and "slowest" not in line]
    assert len(shown) == analyst.SHOWN
    assert [criterion.asked for criterion in section.criteria] == [
        "cookbook: median under 100 ms",
        "cookbook: none over 1 s",
    ]
    assert again.title == section.title


def test_what_is_given_is_asked_for() -> None:
    for name, given in analyst._MUST_BE_GIVEN.items():
        wanted = {p.name for p in cookbook()[name].parameters if p.default is None}
        assert wanted == {each.partition("=")[0] for each in given}
    without = {
        query.name
        for query in cookbook().values()
        if any(parameter.default is None for parameter in query.parameters)
    }
    assert without == analyst._MUST_BE_GIVEN.keys()
