"""Ledger lines written some at a time, and none lost to an error."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flows.recording import recorded_together


def test_written_whenever_there_are_enough_and_once_at_the_end() -> None:
    written: list[list[str]] = []
    with recorded_together(written.append, 3) as take:
        for made in (["a"], ["b"], [], ["c", "d"], ["e"]):
            take(made)
    assert written == [["a", "b", "c", "d"], ["e"]]


def test_what_counts_may_be_the_size_of_each() -> None:
    written: list[list[str]] = []
    with recorded_together(written.append, 5, len) as take:
        for made in ("two", "four", "x"):
            take([made])
    assert written == [["two", "four"], ["x"]]


def _fails(record: Callable[[list[str]], object]) -> None:
    with recorded_together(record, 3) as take:
        take(["a"])
        raise RuntimeError("no more")


def test_what_was_made_before_an_error_is_recorded() -> None:
    written: list[list[str]] = []
    with pytest.raises(RuntimeError, match="no more"):
        _fails(written.append)
    assert written == [["a"]]
