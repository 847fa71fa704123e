"""The published tables that stand behind the numbers: what was read, covered and checked."""

from __future__ import annotations

from enum import StrEnum

import dataframely as dy

from transforms.schemas.column import (
    Completeness,
    ContractKind,
    Margin,
    choice,
    count,
    day,
    flag,
    moment,
    number,
    text,
)


class CoverageStatus(StrEnum):
    OK = "ok"
    PARTIAL = "partial"
    MISSING = "missing"
    UNSUPPORTED = "unsupported"


class ChecksumVerdict(StrEnum):
    MATCH = "match"
    ABSENT = "absent"


class Severity(StrEnum):
    CRITICAL = "critical"
    WARNING = "warning"


class Verdict(StrEnum):
    PASSED = "passed"
    WARNED = "warned"
    BLOCKED = "blocked"


class RestatementKind(StrEnum):
    CHANGED = "changed"
    APPEARED = "appeared"
    VANISHED = "vanished"


class CorrectionStatus(StrEnum):
    APPLIED = "applied"
    UNUSED = "unused"
    EXPIRED = "expired"
    REMOVED = "removed"


class Instruments(dy.Schema):
    """Every instrument the tables mention. A reused ticker is a new instrument."""

    venue = text("Exchange", key=True)
    symbol = text("Instrument name as the venue writes it", key=True)
    listing = count("Which listing of a reused ticker this is, from 1", key=True, min=1)
    base_asset = text("Canonical base asset")
    quote_asset = text("Asset the price is quoted in")
    settle_asset = text("Asset profit and loss is paid in")
    margin_type = choice(Margin, "What profit and loss is computed in")
    contract_kind = choice(ContractKind, "Perpetual or with a delivery date")
    contract_size = number(
        "Size of one native unit: coins (linear) or US dollars (inverse)",
        "coin or USD per contract",
        null="only the venue's instrument answers say, and there are none",
        min_exclusive=0,
    )
    base_multiplier = number(
        "Canonical coins in one base unit of the symbol", "coin", min_exclusive=0
    )
    valid_from = moment("Listing", null="venue does not say")
    valid_to = moment("Delivery or delisting", null="no end known")


class CoverageDaily(dy.Schema):
    """What was due and what was there, per day, venue and dataset."""

    date = day("UTC day", key=True)
    venue = text("Exchange", key=True)
    dataset = text("Normalised dataset", key=True)
    instruments_expected = count(
        "Instruments that should have data", null="nothing is known of the venue before this day"
    )
    instruments_present = count("Instruments with data")
    rows = count("Normalised rows")
    status = choice(CoverageStatus, "Verdict on the day")
    excluded_because = text(
        "Which rules of the gate the day broke: then it is out of all tables, as missing",
        null="the day was not taken out",
    )


class LiquidationRegimes(dy.Schema):
    """How much of its liquidations a venue's feed shows, and since when."""

    venue = text("Exchange", key=True)
    valid_from = day("First UTC day", key=True)
    valid_to = day("Day after the last", null="still so")
    completeness = choice(Completeness, "How much the feed shows")
    source = text("Where this is documented")


class Runs(dy.Schema):
    """Every run that made a build which was published, up to this one."""

    run_id = text("Run", key=True, volatile=True)
    started_at = moment("Start", volatile=True)
    finished_at = moment("Verdict reached", volatile=True)
    command = text("Command that ran", volatile=True)
    first_date = day("First UTC day asked for")
    last_date = day("Last UTC day asked for")
    code_version = text("Version of the code", volatile=True)
    verdict = choice(Verdict, "What the gate said")
    build_sha256 = text(
        "SHA-256 of the build file",
        null="this run: a file cannot hold its own hash, see current.json",
        volatile=True,
    )


class RawFiles(dy.Schema):
    """Every raw file the numbers rest on. `perpmill raw` and its `key` give its bytes."""

    venue = text("Exchange")
    dataset = text("Dataset read from it", key=True)
    key = text("Names the raw file in the lake", key=True)
    carrier = text("Who collected it, if not the venue itself", null="the venue, or we from it")
    source_url = text("Address it was fetched from", volatile=True)
    sha256 = text("SHA-256 of the bytes")
    bytes = count("Size", unit="bytes")
    venue_checksum = choice(
        ChecksumVerdict, "Verdict of the checksum the venue publishes beside it"
    )
    fetched_at = moment("When it was fetched", volatile=True)
    rows_read = count("Records in the file", null="not read yet")
    rows_kept = count("Rows that came out of it", null="not read yet")
    rows_duplicate = count("Rows folded into an equal or better one", null="not read yet")
    rows_quarantined = count("Records set aside", null="not read yet")
    rows_dropped = count(
        "Of the records set aside, those that a correction dropped", null="not read yet"
    )
    label_convention = text(
        "Which midnight the labels of a day's series hold: from_midnight (00:00…23:55), "
        "to_midnight (00:05…24:00), both_midnights (one is a stray row) or no_midnight",
        null="not a labelled series",
    )
    superseded_by = text("Key of the file that replaced it at the venue", null="current")


class SourceConflicts(dy.Schema):
    """Two raw rows give different values for the same fact; the kept one is published."""

    date = day("UTC day", key=True)
    dataset = text("Dataset", key=True)
    venue = text("Exchange", key=True)
    symbol = text("Instrument", key=True)
    at = moment("Time of the fact", key=True)
    column_name = text("Which value differs", key=True)
    kept_value = text("Value that was kept")
    other_value = text("Value that was not", key=True)
    kept_raw_key = text("Raw file of the kept value")
    other_raw_key = text("Raw file of the other value", key=True)


class Corrections(dy.Schema):
    """Known errors of raw files that are put right, entry by entry, and what came of it.

    Raw files stay as they are; rows that were dropped lie in the quarantine.
    """

    id = text("Entry of the corrections file", key=True)
    venue = text("Exchange or aggregator", key=True)
    dataset = text("Normalised dataset", key=True)
    action = text("What is done: drop, set column = value, multiply column × factor")
    reason = text("What is wrong, and how that is known", null="no longer in the file")
    source = text("Address or ticket that shows it", null="no longer in the file")
    expires = day("Last UTC day of a run that applies it", null="no longer in the file")
    rows_changed = count("Rows of which a value was changed, as the days were last made")
    rows_dropped = count("Rows that were set aside, as the days were last made")
    first_date = day("First UTC day it touches", null="it touches no row")
    last_date = day("Last UTC day it touches", null="it touches no row")
    status = choice(
        CorrectionStatus,
        "applied; unused: no row is as it says; expired: days made anew are without it; removed "
        "from the file: days made before still show it",
    )


class ExpectationResults(dy.Schema):
    """What every expectation of the gate saw on this build, and on those before it."""

    run_id = text("Run", key=True, volatile=True)
    table_name = text("Table checked", key=True)
    expectation = text("Name of the expectation", key=True)
    severity = choice(Severity, "What happens when it fails: critical blocks the publish")
    date = day("UTC day it is about", null="the table as a whole")
    venue = text("Exchange it is about", null="the table as a whole")
    success = flag("Whether it held")
    observed = text("What was seen", null="nothing to show")
    threshold = text("What was asked for", null="no threshold")
    detail = text("Worst rows, or the reason", null="it held")


class Restatements(dy.Schema):
    """What changed after it had been published, by how much, and why: one row per value, or per
    row that appeared or vanished. The first publication of a day (of a venue, or of the market)
    is none, nor is a value in a column that did not exist when the row was published."""

    run_id = text("Run that published the change", key=True, volatile=True)
    item = count("Which restatement of the run it is", key=True, min=1)
    table_name = text("Table")
    date = day("UTC day of the row")
    venue = text("Exchange or aggregator", null="a market table")
    symbol = text(
        "What the row is about: the instrument, the base asset in a market table, the series of an "
        "aggregator, the dataset in coverage_daily",
        null="market_total_daily",
    )
    key_detail = text(
        "The rest of the key: the hour, or what an aggregator's number is about",
        null="the columns above say it all",
    )
    kind = choice(RestatementKind, "What happened to the value, or to the row")
    column_name = text("Which value changed", null="the row as a whole")
    old_value = text("What it was, all digits", null="it was not known, or the row as a whole")
    new_value = text("What it is, all digits", null="it is not known, or the row as a whole")
    difference = number(
        "By how much a number changed",
        "as the column",
        null="not both are known numbers",
        formula="new_value − old_value",
    )
    cause = text(
        "Why: the raw files that were new, the corrections that were made or taken back, the days "
        "the gate took out or let back (three by key, and how many more), new code, new facts "
        "about the instrument",
        volatile=True,
    )


class ColumnDictionary(dy.Schema):
    """Every published column, as the schemas define it."""

    table_name = text("Table", key=True)
    column_name = text("Column", key=True)
    type = text("SQL type")
    unit = text("Unit")
    meaning = text("Meaning")
    formula = text("How it is computed", null="read, not computed")
    null_meaning = text("What NULL means", null="never NULL")


EVIDENCE_TABLES: dict[str, type[dy.Schema]] = {
    "instruments": Instruments,
    "coverage_daily": CoverageDaily,
    "liquidation_regimes": LiquidationRegimes,
    "source_conflicts": SourceConflicts,
    "corrections": Corrections,
    "runs": Runs,
    "raw_files": RawFiles,
    "expectation_results": ExpectationResults,
    "restatements": Restatements,
    "column_dictionary": ColumnDictionary,
}
