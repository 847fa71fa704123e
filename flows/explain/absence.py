"""Why a row is not there."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flows.explain.history import versions
from flows.explain.published import Build
from flows.explain.quality import coverage
from flows.explain.question import VENUE_TABLES, Question, command

DAY = timedelta(days=1)


def reasons(build: Build, asked: Question) -> list[str]:
    """What the build knows of why there is no such row; the most telling first."""
    found = []
    days = build.days(asked.table)
    if days is None:
        return [f"{asked.table} has no rows at all"]
    once = versions(build, asked)
    if once:
        last = once[-1]
        found.append(
            f"it was published by run {last['published_by']} and taken away by run "
            f"{last['superseded_by']}"
        )
    if not days[0] <= asked.day <= days[1]:
        found.append(f"{asked.table} has the days {days[0]} to {days[1]}")
    if asked.table in VENUE_TABLES:
        found += _of_venue(build, asked)
    elif asked.table == "signals_daily":
        found.append(
            "a signal stands where the asset has a row in market_daily that day: "
            + command("market_daily", asked.day, asked.symbol)
        )
    else:
        found += [
            f"{each['venue']}: {each['dataset']} is {each['status']}{_because(each)}"
            for each in coverage(build, asked)
        ]
    nearest = _nearest(build, asked)
    return found + ([nearest] if nearest else [])


def _of_venue(build: Build, asked: Question) -> list[str]:
    found = []
    covered = coverage(build, asked)
    for each in covered:
        dataset = f"{each['dataset']} of {asked.venue} on {asked.day}"
        match each["status"]:
            case "unsupported":
                found.append(f"unsupported: no source brings {dataset}")
            case "missing" if each["excluded_because"]:
                found.append(f"taken out as missing: {dataset}{_because(each)}")
            case "missing":
                found.append(f"missing: there is nothing of {dataset}")
            case status:
                found.append(
                    f"{status}: {dataset} is there for {each['instruments_present']} instruments "
                    f"of {_known(each['instruments_expected'])} that were due"
                )
    if not covered:
        found.append(f"coverage says nothing of {asked.venue} on {asked.day}: it was not milled")
    return found + _of_instrument(build, asked)


def _known(count: int | None) -> str:
    return "a number not known" if count is None else str(count)


def _because(each: dict[str, Any]) -> str:
    return f", because {each['excluded_because']}" if each["excluded_because"] else ""


def _of_instrument(build: Build, asked: Question) -> list[str]:
    listings = build.rows(
        "SELECT valid_from, valid_to FROM instruments WHERE venue = ? AND symbol = ? "
        "ORDER BY listing",
        [asked.venue, asked.symbol],
    )
    ends = [each["valid_to"] for each in listings]
    starts = [each["valid_from"] for each in listings]
    if starts and None not in starts and min(starts).date() > asked.day:
        return [f"{asked.symbol} was not listed yet: it began {_moment(min(starts))}"]
    if ends and None not in ends and max(ends).date() <= asked.day:
        return [f"{asked.symbol} was no more: it ended {_moment(max(ends))}"]
    return []


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _nearest(build: Build, asked: Question) -> str | None:
    """The same key on the days before and after that have it."""
    rest = {name: value for name, value in asked.key.items() if name not in {"date", "hour"}}
    where = " AND ".join(f'"{name}" = ?' for name in rest) or "true"
    row = build.connection.execute(
        f"SELECT max(date) FILTER (date <= ?), min(date) FILTER (date > ?) FROM {asked.table} "  # noqa: S608 - names of ours
        f"WHERE {where}",
        [asked.day, asked.day, *rest.values()],
    ).fetchone()
    before, after = row or (None, None)
    if before == asked.day:
        if "hour" not in asked.key:
            return None
        return "there are rows only for hours with events: other hours of the day have one"
    named = [f"before: {before}"] if before else []
    named += [f"after: {after}"] if after else []
    return f"nearest days there are, {', '.join(named)}" if named else "it has no row on any day"
