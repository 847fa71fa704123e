"""Every column of the market tables against numbers worked out by hand.

The cases are in the modules `golden_*.py` beside this one, each with the arithmetic.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import pytest

from tests.market.given import Golden, Record, by_key, computed
from transforms.schemas.market import MARKET_TABLES

MODULES = sorted(path.stem for path in Path(__file__).parent.glob("golden_*.py"))
CASES: list[Golden] = [
    case for module in MODULES for case in importlib.import_module(f"tests.market.{module}").CASES
]
ANY_DAY = ("date", "base_asset")


def close(expected: object) -> object:
    """Floats to twelve digits: what is computed in another order may differ in the last ones."""
    if isinstance(expected, float):
        return pytest.approx(expected, rel=1e-12, abs=1e-15)
    return expected


def differences(row: Record, expected: Record) -> dict[str, tuple[object, object]]:
    """Columns of a row that are not as expected: what is there and what should be."""
    return {
        name: (row[name], value)
        for name, value in expected.items()
        if not (row[name] == close(value) and (row[name] is None) == (value is None))
    }


def never_known(cases: Iterable[Golden]) -> set[tuple[str, str]]:
    """Columns for which no case expects anything but NULL."""
    wanted = {
        (table, column)
        for table, schema in MARKET_TABLES.items()
        for column in schema.column_names()
        if column not in ANY_DAY
    }
    known = {
        (case.table, column)
        for case in cases
        for row in case.expected.values()
        if row is not None
        for column, value in row.items()
        if value is not None
    }
    assert not known - wanted
    return wanted - known


def never_null(cases: Iterable[Golden]) -> set[tuple[str, str]]:
    """Columns that can be NULL, and for which no case expects it."""
    wanted = {
        (table, column)
        for table, schema in MARKET_TABLES.items()
        for column, definition in schema.columns().items()
        if definition.nullable
    }
    blank = {
        (case.table, column)
        for case in cases
        for row in case.expected.values()
        if row is not None
        for column, value in row.items()
        if value is None
    }
    return wanted - blank


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.table}: {case.name}")
def test_golden(case: Golden) -> None:
    found = by_key(case.table, computed(case))
    assert case.expected
    for key, expected in case.expected.items():
        if expected is None:
            assert key not in found
        else:
            assert key in found
            assert differences(found[key], expected) == {}, key


def test_cases_have_names_of_their_own() -> None:
    assert len(CASES) > 60
    assert len(MODULES) > 5
    assert len({(case.table, case.name) for case in CASES}) == len(CASES)


def test_every_column_is_worked_out_by_hand() -> None:
    assert never_known(CASES) == set()
    assert never_null(CASES) == set()


def test_a_column_no_case_expects_is_found() -> None:
    without = [case for case in CASES if case.table != "signals_daily"]
    assert ("signals_daily", "deleveraged") in never_known(without)
    assert ("signals_daily", "deleveraged") in never_null(without)
    assert {table for table, _ in never_known(without)} == {"signals_daily"}


def test_a_wrong_number_is_found() -> None:
    row: Record = {"a": 0.1 + 0.2, "b": None, "c": 1, "d": datetime(2026, 1, 1)}  # noqa: DTZ001 - never leaves this test
    assert differences(row, {"a": 0.3, "b": None, "c": 1}) == {}
    assert differences(row, {"a": 0.3000001}) == {"a": (0.1 + 0.2, 0.3000001)}
    assert set(differences(row, {"b": 0.0, "c": None, "d": None})) == {"b", "c", "d"}
