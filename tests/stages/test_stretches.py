"""Days worked on together: consecutive, and no more than fit."""

from __future__ import annotations

from datetime import date

import pytest

from flows.run import Days, stretches


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
