"""Days worked on together: consecutive, and no more than fit."""

from __future__ import annotations

from datetime import date

import pytest

from flows.run import Days, stretches
from flows.stages.normalise.plan import BATCH_BYTES, light_enough


def days(*numbers: int) -> list[date]:
    return [date(2021, 1, number) for number in numbers]


@pytest.mark.parametrize(
    ("given", "size", "expected"),
    [
        ((), 3, []),
        ((4,), 3, [(4, 4)]),
        ((1, 2, 3, 4, 5), 2, [(1, 2), (3, 4), (5, 5)]),
        ((1, 2, 4, 5, 9), 3, [(1, 2), (4, 5), (9, 9)]),
        ((1, 2, 3), 1, [(1, 1), (2, 2), (3, 3)]),
    ],
)
def test_stretches(given: tuple[int, ...], size: int, expected: list[tuple[int, int]]) -> None:
    assert list(stretches(days(*given), size)) == [Days(*days(*pair)) for pair in expected]


@pytest.mark.parametrize(
    ("halves", "expected"),
    [
        ({}, [(1, 4)]),
        ({1: 1, 2: 1, 3: 1, 4: 1}, [(1, 2), (3, 4)]),
        ({1: 3, 2: 1, 3: 0, 4: 2}, [(1, 1), (2, 3), (4, 4)]),
        ({4: 9}, [(1, 3), (4, 4)]),
    ],
)
def test_days_of_many_files_are_worked_on_in_pieces(
    halves: dict[int, int], expected: list[tuple[int, int]]
) -> None:
    """halves: raw bytes of a day, in halves of what a batch may have."""
    weights = {date(2021, 1, day): n * BATCH_BYTES // 2 for day, n in halves.items()}
    pieces = list(light_enough(Days(*days(1, 4)), weights))
    assert pieces == [Days(*days(*pair)) for pair in expected]
