"""`perpmill quality`: the gate's verdict on a run, and what is known of a day."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from flows.quality.day import day
from flows.quality.run import Audited, audited, newer_and_blocked, verdict
from flows.quality.site import site_of
from flows.settings import Settings
from flows.storage.builds import NoCandidate
from flows.storage.object_store import ObjectStore


def quality(settings: Settings, run_id: str | None, asked: date | None) -> dict[str, Any]:
    """The report as plain values; `day` is None unless a UTC day is asked for.

    Raises NothingPublished without a published build, NoCandidate for a run that was not audited or
    whose build is gone when it is asked about a day.
    """
    about = audited(settings, run_id)
    said = verdict(about) | {
        "site": site_of(about.store, about.run_id),
        "blocked_since": newer_and_blocked(about, settings.cache) if run_id is None else None,
        "day": None,
    }
    if asked is not None:
        if about.build is None:
            raise NoCandidate(
                f"the build of run {about.run_id} was let go, so it cannot be asked about a day; "
                "without --run the published one is"
            )
        said["day"] = day(about, about.build, asked)
    return said


def told(store: ObjectStore, run_id: str, results: pl.DataFrame) -> dict[str, Any]:
    """The verdict on a run that was audited just now and is not published, as plain values."""
    about = Audited(run_id, results, None, False, store)
    return verdict(about) | {"site": site_of(store, run_id)}
