"""Numbers in words: units, thin spaces, no data, and never a zero that is none."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from flows.report import wording


def plain(text: str) -> str:
    return text.replace(wording.THIN, " ")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "no data"),
        (0.0, "0 USD"),
        (9_490_967_724.94, "9.49 bn USD"),
        (499_999_560.3, "500.0 M USD"),
        (123_456_789_012.0, "123.5 bn USD"),
        (999.0, "999.0 USD"),
        (1_234.0, "1.23 k USD"),
        (-5e6, "−5.00 M USD"),
        (0.004, "0.004 USD"),
    ],
)
def test_dollars(value: float | None, text: str) -> None:
    assert plain(wording.usd(value)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "no data"),
        (35_809.376, "35 809 USD"),
        (1_200.5, "1 200.5 USD"),
        (150.256, "150.26 USD"),
        (0.25, "0.250000 USD"),
        (0.00000123, "0.00000123 USD"),
        (2.5, "2.5000 USD"),
    ],
)
def test_prices(value: float | None, text: str) -> None:
    assert plain(wording.price(value)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "no data"), (0.0004857, "+4.86 bp"), (-1e-8, "−0.0001 bp"), (0.0, "0.00 bp")],
)
def test_basis_points(value: float | None, text: str) -> None:
    assert plain(wording.basis_points(value)) == text


def test_percent_ratio_count_rank() -> None:
    assert plain(wording.percent(0.0678, sign=True)) == "+6.8 %"
    assert plain(wording.percent(-0.5)) == "−50.0 %"
    assert wording.percent(None) == wording.ratio(None) == wording.rank(None) == "no data"
    assert wording.ratio(1.0204) == "1.020"
    assert plain(wording.count(1_234_567)) == "1 234 567"
    assert wording.count(None) == "no data"
    assert wording.count(0) == "0"
    assert wording.rank(14.5 / 15) == "97 of 100"


def test_what_is_not_zero_is_not_written_as_zero() -> None:
    assert wording.decimals(0.004, 1) == "0.004"
    assert wording.decimals(0.0, 1) == "0.0"


def test_times_are_utc() -> None:
    assert wording.day(date(2021, 1, 7)) == "7 January 2021"
    assert wording.moment(datetime(2021, 1, 7, 9, 5, tzinfo=UTC)) == "2021-01-07 09:05 UTC"
    assert wording.day(None) == wording.moment(None) == "no data"
