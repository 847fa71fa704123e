"""The whole way from raw files to partitions: every record accounted for, once, on its day."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.normalise.examplex import (
    FEED,
    FETCHED,
    QUIET,
    VENUE,
    funding,
    instant,
    instrument,
    liquidation,
    open_interest,
    parse,
    payload,
)
from transforms.normalise import (
    Normalised,
    Partition,
    instrument_reading,
    normalise,
    read_instruments,
    survey,
)
from transforms.payload import BadPayload, Parsed, Payload
from transforms.reading import LostRows
from transforms.schemas.normalised import DATASETS, Accounting, Conflicts, Quarantine

D1, D2, D3 = date(2025, 1, 1), date(2025, 1, 2), date(2025, 1, 3)


def run(payloads: Sequence[Payload], first: date = D1, last: date = D3) -> Normalised:
    return normalise(VENUE, payloads, first, last, None)


def only(result: Normalised) -> Partition:
    (partition,) = result.partitions
    return partition


def counts(partition: Partition) -> list[tuple[int, int, int, int]]:
    columns = ("rows_read", "rows_kept", "rows_duplicate", "rows_quarantined")
    return partition.accounting.select(columns).rows()


def reasons(partition: Partition) -> list[str]:
    return partition.quarantined["reason"].to_list()


def test_rows_come_out_in_the_dataset_schema_split_by_their_own_day() -> None:
    file = payload(
        "lines/f.BTC-USD@2025-01-01..2025-01-01.jsonl",
        [funding("2025-01-02", "0.0003"), funding("2025-01-01T08:00"), funding("2025-01-01")],
    )
    one, two = (p for p in run([file]).partitions if p.dataset == "funding_rates")
    assert (one.date, two.date) == (D1, D2)
    assert one.rows["settled_at"].to_list() == [instant("2025-01-01"), instant("2025-01-01T08:00")]
    assert one.rows["raw_row"].to_list() == [3, 2]
    row = two.rows.row(0, named=True)
    assert (row["venue"], row["base_asset"], row["source"]) == ("examplex", "BTC", "archive")
    assert (counts(one), counts(two)) == ([(2, 2, 0, 0)], [(1, 1, 0, 0)])
    assert two.accounting["symbol"].to_list() == ["BTC-USD"]
    for partition in (one, two):
        DATASETS[partition.dataset].validate(partition.rows)
        Quarantine.validate(partition.quarantined)
        Conflicts.validate(partition.conflicts)
        Accounting.validate(partition.accounting)


def test_a_file_without_records_makes_the_days_it_claims_quiet() -> None:
    file = payload("quiet/q.BTC-USD@2025-01-02..2025-01-03.jsonl")
    partitions = run([file], D1, D2).partitions
    assert [(p.dataset, p.date) for p in partitions] == [("liquidations", D2)]
    assert partitions[0].rows.schema == DATASETS["liquidations"].create_empty().schema
    assert counts(partitions[0]) == [(0, 0, 0, 0)]


def test_days_learned_from_the_rows_of_a_file_are_no_claim_to_the_days_between() -> None:
    file = payload(
        "lines/f.jsonl", [liquidation("2025-01-01", 5.0), liquidation("2025-01-03", 5.0)]
    )
    surveyed = replace(file, facts=replace(file.facts, first_date=D1, last_date=D3))
    assert [p.date for p in run([surveyed]).partitions] == [D1, D3]


def test_a_path_without_days_covers_only_the_days_of_its_records() -> None:
    assert run([payload("lines/empty.jsonl")]).partitions == []
    assert survey(VENUE, payload("lines/empty.jsonl")) is None


def test_rows_far_outside_the_days_of_their_file_are_set_aside_on_its_first_day() -> None:
    file = payload(
        "lines/f@2025-01-02..2025-01-02.jsonl",
        [
            funding("2025-01-01"),  # a day before: spill
            funding("2025-01-03"),  # a day after: spill
            funding("2024-12-31T23:59"),
            funding("2025-01-04"),
            funding("1970-01-01"),
        ],
    )
    by_day = {p.date: p for p in run([file]).partitions if p.dataset == "funding_rates"}
    assert {day: counts(p) for day, p in by_day.items()} == {
        D1: [(1, 1, 0, 0)],
        D2: [(3, 0, 0, 3)],
        D3: [(1, 1, 0, 0)],
    }
    assert reasons(by_day[D2]) == [
        "outside the days of the file: 2024-12-31 23:59:00.000000+00:00",
        "outside the days of the file: 2025-01-04 00:00:00.000000+00:00",
        "outside the days of the file: 1970-01-01 00:00:00.000000+00:00",
    ]


def test_a_row_without_a_time_is_set_aside_on_the_earliest_day_of_its_file() -> None:
    file = payload("lines/f.jsonl", [funding("2025-01-02"), funding("2025-01-03", settled_at=None)])
    partition = only(run([file]))
    assert (counts(partition), reasons(partition)) == ([(2, 1, 0, 1)], ["time is not known"])


def test_rejected_records_are_accounted_on_their_day_or_the_earliest_of_their_file() -> None:
    file = payload(
        "lines/f.jsonl",
        [
            {"dataset": "funding_rates", "rejected": "no rate", "at": "2025-01-03T08:00"},
            {"dataset": "funding_rates", "rejected": "garbled"},
            funding("2025-01-02"),
        ],
    )
    two, three = run([file]).partitions
    assert (reasons(two), counts(two)) == (["garbled"], [(2, 1, 0, 1)])
    assert (reasons(three), counts(three)) == (["no rate"], [(1, 0, 0, 1)])
    assert two.quarantined["raw_text"].to_list() == [
        '{"dataset": "funding_rates", "rejected": "garbled"}'
    ]


def test_a_file_of_which_no_time_is_known_is_accounted_on_the_day_it_was_fetched() -> None:
    file = payload("lines/f.jsonl", [{"dataset": "funding_rates", "rejected": "garbled"}])
    day = FETCHED.date()
    assert survey(VENUE, file) == (day, day)
    assert counts(only(run([file], day, day))) == [(1, 0, 0, 1)]


def test_unknown_symbols_are_set_aside() -> None:
    partition = only(
        run([payload("lines/f.jsonl", [funding("2025-01-01", symbol="??"), funding("2025-01-01")])])
    )
    assert (reasons(partition), counts(partition)) == (["unknown symbol ??"], [(2, 1, 0, 1)])


def test_a_row_without_a_symbol_is_set_aside_with_a_reason() -> None:
    file = payload(
        "lines/f.jsonl",
        [funding("2025-01-01") | {"symbol": None}, funding("2025-01-01", symbol="??")],
    )
    partition = only(run([file]))
    assert reasons(partition) == ["unknown symbol NULL", "unknown symbol ??"]
    assert counts(partition) == [(2, 0, 0, 2)]


def test_a_symbol_is_known_by_the_venues_answer_too() -> None:
    answers = read_instruments(
        VENUE,
        [
            payload(
                "lines/i.jsonl",
                [
                    instrument(
                        "??",
                        "2025-01-01",
                        base_asset="Q",
                        quote_asset="USD",
                        settle_asset="USD",
                        margin_type="linear",
                        contract_kind="perpetual",
                        contract_size=2.0,
                    )
                ],
            )
        ],
    )
    file = payload(
        "lines/f.jsonl", [open_interest("2025-01-01", 3.0, symbol="??", unit="contracts")]
    )
    (partition,) = normalise(VENUE, [file], D1, D1, answers).partitions
    assert partition.rows["open_interest_coin"].to_list() == [6.0]  # 3 contracts of 2


def test_broken_contracts_are_named_with_the_value() -> None:
    partition = only(
        run(
            [
                payload(
                    "lines/f.jsonl",
                    [
                        liquidation("2025-01-01", 5.0),
                        liquidation("2025-01-01", -3.0, price=0.0),
                        liquidation("2025-01-01", None),
                        liquidation("2025-01-01", 0.0),
                        liquidation("2025-01-01", 5.0, side="up"),
                    ],
                )
            ]
        )
    )
    assert counts(partition) == [(5, 1, 0, 4)]
    assert reasons(partition) == [
        # At a price that is none the coin is known and the value is not.
        "amount_coin min: -3.0; amount_native min_exclusive: -3.0; price min_exclusive: 0.0",
        "amount_native nullability: NULL",
        "amount_native min_exclusive: 0.0",  # an order of nothing is no order
        "side check: up",
    ]


def test_a_broken_row_does_not_win_over_a_sound_one() -> None:
    partition = only(
        run(
            [
                payload("lines/f.jsonl", [open_interest("2025-01-01", -1.0)]),
                payload("late/f.jsonl", [open_interest("2025-01-01", 2.0)]),
            ]
        )
    )
    assert partition.rows["open_interest_coin"].to_list() == [2.0]


def test_feeds_that_agree_make_one_row_and_those_that_differ_a_conflict() -> None:
    archive = payload(
        "lines/f.jsonl", [funding("2025-01-01", "0.1"), funding("2025-01-01T08:00", "0.2")]
    )
    later = payload(
        "late/f.jsonl",
        [
            funding("2025-01-01", "0.10", mark_price=7.0),
            funding("2025-01-01T08:00", "0.3"),
        ],
    )
    partition = only(run([later, archive]))
    assert partition.rows.select("source", "mark_price").rows() == [
        ("archive", 7.0),
        ("archive", None),
    ]
    assert partition.conflicts.rows() == [
        (
            "funding_rates",
            "examplex",
            "BTC-USD",
            instant("2025-01-01T08:00"),
            "funding_rate",
            "0.2",
            "0.3",
            "raw/examplex/lines/f.jsonl",
            "raw/examplex/late/f.jsonl",
        )
    ]
    assert counts(partition) == [(2, 0, 2, 0), (2, 2, 0, 0)]  # late, lines


def test_open_interest_in_different_units_is_compared_in_coin() -> None:
    inverse = {"symbol": "BTC-USD-INV", "price": 50.0}
    partition = only(
        run(
            [
                payload(
                    "lines/f.jsonl",
                    [
                        # 3 contracts × 100 USD = 300 USD = 6 coins at 50
                        open_interest("2025-01-01", 3.0, unit="contracts", **inverse),
                        open_interest("2025-01-01", 300.0, unit="usd", **inverse),
                        open_interest("2025-01-01", 6.5, unit="coin", **inverse),
                    ],
                )
            ]
        )
    )
    assert partition.conflicts.select("column_name", "kept_value", "other_value").rows() == [
        ("open_interest_coin", "6.0", "6.5"),
        ("open_interest_usd", "300.0", "325.0"),
    ]


def test_an_amount_that_another_feed_fills_needs_no_reason_any_more() -> None:
    filled = only(
        run(
            [
                payload("lines/f.jsonl", [open_interest("2025-01-01", 2.0)]),
                payload("late/f.jsonl", [open_interest("2025-01-01", 2.0, value_usd=9.0)]),
            ]
        )
    ).rows.row(0, named=True)
    assert (filled["open_interest_usd"], filled["amount_null_reason"]) == (9.0, None)
    half = only(
        run(
            [
                payload("lines/f.jsonl", [open_interest("2025-01-01", None)]),
                payload("late/f.jsonl", [open_interest("2025-01-01", 2.0)]),
            ]
        )
    ).rows.row(0, named=True)
    assert (half["open_interest_coin"], half["open_interest_usd"]) == (2.0, None)
    assert half["amount_null_reason"] == "no price beside the snapshot"


def test_of_series_that_share_a_stamp_the_finer_one_is_kept() -> None:
    partition = only(
        run(
            [
                payload(
                    "lines/1d.jsonl",
                    [open_interest("2025-01-01", 2.0, sample_interval_minutes=1440)],
                ),
                payload(
                    "lines/4h.jsonl",
                    [open_interest("2025-01-01", 2.0, sample_interval_minutes=240)],
                ),
            ]
        )
    )
    assert partition.rows["sample_interval_minutes"].to_list() == [240]


def test_an_order_that_crosses_midnight_is_of_the_day_it_ends_in_every_window() -> None:
    late = payload(
        "lines/a@2025-01-01..2025-01-01.jsonl", [liquidation("2025-01-01T23:59:40", 1.0)]
    )
    early = payload(
        "lines/b@2025-01-02..2025-01-02.jsonl", [liquidation("2025-01-02T00:00:20", 3.0)]
    )
    for first, last in ((D1, D2), (D1, D1), (D2, D2)):
        found = {
            p.date: (p.rows["amount_coin"].to_list(), counts(p))
            for p in run([late, early], first, last).partitions
            if p.dataset == "liquidations"
        }
        expected = {D1: ([], [(1, 0, 1, 0)]), D2: ([3.0], [(1, 1, 0, 0)])}
        assert found == {day: expected[day] for day in expected if first <= day <= last}


def test_two_files_that_recorded_the_same_messages_count_once() -> None:
    lines = [liquidation("2025-01-01T12:00", 5.0), liquidation("2025-01-01T12:30", 2.0)]
    partition = only(
        run([payload("lines/a.jsonl", lines), payload("late/b.jsonl", [*lines, *lines])])
    )
    assert partition.rows["amount_usd"].to_list() == [500.0, 200.0]
    assert counts(partition) == [(4, 0, 4, 0), (2, 2, 0, 0)]  # late, lines


def test_a_parser_that_loses_a_record_is_found_out() -> None:
    def careless(payloads: Sequence[Payload]) -> Parsed:
        parsed = parse(payloads)
        rows = {name: frame.head(1) for name, frame in parsed.rows.items()}
        return Parsed(rows, parsed.read, parsed.rejected, parsed.notes)

    venue = replace(VENUE, feeds=(replace(FEED, parse=careless),))
    file = payload("lines/f.jsonl", [funding("2025-01-01"), funding("2025-01-02")])
    with pytest.raises(LostRows, match=r"lines/f\.jsonl: funding_rates: 2 records read, 1 rows"):
        normalise(venue, [file], D1, D3, None)


def test_a_parser_that_makes_up_a_record_or_a_file_is_found_out() -> None:
    def inventive(payloads: Sequence[Payload]) -> Parsed:
        parsed = parse(payloads)
        rows = {
            name: frame.with_columns(raw_key=pl.lit("elsewhere"))
            for name, frame in parsed.rows.items()
        }
        return Parsed(rows, parsed.read, parsed.rejected, parsed.notes)

    venue = replace(VENUE, feeds=(replace(FEED, parse=inventive),))
    with pytest.raises(LostRows, match="elsewhere: records of a file that was not read"):
        normalise(venue, [payload("lines/f.jsonl", [funding("2025-01-01")])], D1, D3, None)


def test_a_parser_that_breaks_the_native_schema_is_found_out() -> None:
    def loose(payloads: Sequence[Payload]) -> Parsed:
        parsed = parse(payloads)
        rows = {"funding_rates": parsed.rows["funding_rates"].drop("mark_price")}
        return Parsed(rows, parsed.read, parsed.rejected, parsed.notes)

    venue = replace(VENUE, feeds=(replace(FEED, parse=loose),))
    with pytest.raises(LostRows, match="examplex lines: funding_rates is not in the native schema"):
        normalise(venue, [payload("lines/f.jsonl", [funding("2025-01-01")])], D1, D3, None)


def test_records_of_a_dataset_the_feed_does_not_declare_are_found_out() -> None:
    venue = replace(VENUE, feeds=(replace(QUIET, parse=parse),))
    with pytest.raises(LostRows, match="quiet: records of undeclared datasets"):
        normalise(venue, [payload("quiet/f.jsonl", [funding("2025-01-01")])], D1, D3, None)


def test_a_file_no_feed_reads_is_an_error_that_names_it() -> None:
    with pytest.raises(
        BadPayload, match=r"examplex: other/f\.csv: no archive feed reads this path"
    ):
        run([payload("other/f.csv")])


def test_the_same_file_twice_is_a_mistake_of_the_caller() -> None:
    file = payload("lines/f.jsonl", [funding("2025-01-01")])
    with pytest.raises(ValueError, match="given twice"):
        run([file, file])


def test_instrument_answers_have_the_rules_coin_and_keep_what_was_unusable() -> None:
    file = payload(
        "lines/i.jsonl",
        [
            instrument("kPEPE-USD", "2025-01-01", base_asset="KPEPE", contract_size=3.0),
            instrument("kPEPE-USD", "2025-01-01", base_asset="KPEPE", contract_size=3.0),
            instrument("BTC-USD", "2025-01-01", contract_size=-1.0),
            {"dataset": "instruments", "rejected": "an option"},
            funding("2025-01-01"),
        ],
    )
    reading = instrument_reading(VENUE, [file])
    columns = ("symbol", "base_asset", "quote_asset", "contract_size", "base_multiplier")
    assert reading.answers.select(columns).rows() == [("kPEPE-USD", "PEPE", "USD", 3.0, 1000.0)]
    assert reading.quarantined["reason"].to_list() == [
        "contract_size min_exclusive: -1.0",
        "an option",
    ]
    assert read_instruments(VENUE, [file]).equals(reading.answers)
    assert read_instruments(VENUE, []).is_empty()
    # The other datasets of the file are normalise's, the instruments are not.
    assert [p.dataset for p in run([file]).partitions] == ["funding_rates"]


def test_survey_spans_the_days_normalise_accounts_a_file_on() -> None:
    file = payload(
        "lines/f.jsonl",
        [funding("2025-01-02"), {"dataset": "positioning", "rejected": "x", "at": "2025-01-05"}],
    )
    assert survey(VENUE, file) == (D2, date(2025, 1, 5))


# --- properties --------------------------------------------------------------------------------

_START = datetime(2025, 1, 1)  # noqa: DTZ001 - written as ISO text without a zone


def _stamp(seconds: int) -> str:
    return (_START + timedelta(seconds=seconds)).isoformat()


# Stamps crowd around the two midnights of three days, so that orders straddle them.
stamps = st.one_of(
    st.integers(86_400 - 90, 86_400 + 90),
    st.integers(2 * 86_400 - 90, 2 * 86_400 + 90),
    st.integers(0, 3 * 86_400 - 1),
).map(_stamp)
symbols = st.sampled_from(["BTC-USD", "kPEPE-USD", "??"])
records = st.one_of(
    st.builds(
        liquidation,
        stamps,
        st.sampled_from([1.0, 2.0, 3.0, -1.0]),
        symbol=symbols,
        order_price=st.sampled_from([None, 99.0]),
    ),
    st.builds(funding, stamps, st.sampled_from(["0.1", "0.2"]), symbols),
    st.builds(open_interest, stamps, st.sampled_from([None, 1.0, 2.0]), price=st.just(10.0)),
    st.builds(
        lambda at: {"dataset": "liquidations", "rejected": "garbled"} | ({"at": at} if at else {}),
        st.none() | stamps,
    ),
)
files = st.lists(st.lists(records, max_size=8), min_size=1, max_size=3)


def _payloads(contents: list[list[dict[str, Any]]]) -> list[Payload]:
    feeds = itertools.cycle(("lines", "late"))
    return [
        payload(f"{feed}/{name}.jsonl", content)
        for name, (feed, content) in enumerate(zip(feeds, contents, strict=False))
    ]


def _parquet(partition: Partition) -> list[bytes]:
    written = []
    for name in ("rows", "quarantined", "conflicts", "accounting"):
        buffer = io.BytesIO()
        getattr(partition, name).write_parquet(buffer)
        written.append(buffer.getvalue())
    return written


def _by_key(*results: Normalised) -> dict[tuple[str, date], list[bytes]]:
    partitions = [p for result in results for p in result.partitions]
    keyed = {(p.dataset, p.date): _parquet(p) for p in partitions}
    assert len(keyed) == len(partitions)
    return keyed


@settings(max_examples=20, deadline=None)
@given(files)
def test_windows_add_up_to_the_longer_one_byte_for_byte(
    contents: list[list[dict[str, Any]]],
) -> None:
    payloads = _payloads(contents)
    spans = [s for s in (survey(VENUE, p) for p in payloads) if s is not None]
    first, last = min((s[0] for s in spans), default=D1), max((s[1] for s in spans), default=D3)
    whole = run(payloads, first, last)
    assert _by_key(whole) == _by_key(
        run(payloads, first, D1), run(payloads, D2, D2), run(payloads, D3, max(last, D3))
    )
    # Every record of every file is accounted for exactly once.
    read = pl.concat([Accounting.create_empty(), *(p.accounting for p in whole.partitions)])
    for file in payloads:
        accounted = read.filter(pl.col("raw_key") == file.raw_key)["rows_read"].sum()
        assert accounted == len(file.content.splitlines())


@settings(max_examples=10, deadline=None)
@given(files, st.randoms(use_true_random=False))
def test_the_order_of_files_does_not_matter(
    contents: list[list[dict[str, Any]]], random: Any
) -> None:
    payloads = _payloads(contents)
    shuffled = list(payloads)
    random.shuffle(shuffled)
    assert _by_key(run(payloads)) == _by_key(run(shuffled))


_ORIGIN = ("raw_key", "raw_row", "source")


def _facts(result: Normalised) -> dict[tuple[str, date], list[tuple[Any, ...]]]:
    """What the partitions state, without where they have it from."""
    return {
        (p.dataset, p.date): p.rows.drop(_ORIGIN).rows() for p in result.partitions if p.rows.height
    }


@settings(max_examples=10, deadline=None)
@given(st.lists(records, min_size=1, max_size=12), st.integers(1, 4))
def test_how_a_file_is_cut_into_pages_does_not_matter(
    content: list[dict[str, Any]], pages: int
) -> None:
    whole = payload("lines/f.jsonl", content)
    parts = [
        payload(
            f"lines/f{n}.jsonl",
            content[n * len(content) // pages : (n + 1) * len(content) // pages],
        )
        for n in range(pages)
    ]
    assert _facts(run([whole])) == _facts(run(parts))


@settings(max_examples=10, deadline=None)
@given(st.lists(records, min_size=1, max_size=12))
def test_a_file_under_a_second_name_changes_only_counts(content: list[dict[str, Any]]) -> None:
    file, copy = payload("lines/a.jsonl", content), payload("lines/b.jsonl", content)
    alone, both = run([file]), run([file, copy])
    for one, other in zip(alone.partitions, both.partitions, strict=True):
        assert one.rows.equals(other.rows)
        again = other.accounting.filter(pl.col("raw_key") == copy.raw_key).row(0, named=True)
        original = one.accounting.row(0, named=True)
        assert again["rows_read"] == original["rows_read"]
        assert again["rows_quarantined"] == original["rows_quarantined"]
        assert again["rows_kept"] == 0


@settings(max_examples=10, deadline=None)
@given(st.lists(records, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_records_in_a_file_does_not_matter_where_they_agree(
    content: list[dict[str, Any]], random: Any
) -> None:
    # Of records that contradict each other the first in the file is kept; one of each is taken.
    agreeing = list({_fact_of(record): record for record in content}.values())
    shuffled = list(agreeing)
    random.shuffle(shuffled)
    one, other = (run([payload("lines/f.jsonl", lines)]) for lines in (agreeing, shuffled))
    assert _facts(one) == _facts(other)


def _fact_of(record: dict[str, Any]) -> str:
    if record["dataset"] == "liquidations":
        return json.dumps(record)
    time = record.get("settled_at", record.get("sampled_at"))
    return f"{record['dataset']} {record['symbol']} {time}"
