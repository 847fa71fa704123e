"""The transform by one worker and by two: processes of one machine, and workers of a Dask cluster.

The cluster and Prefect's server run before the clock does, and their workers have imported what
they need: a cluster is there all day. Times count only after every lake holds the same bytes.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import shutil
from collections import defaultdict
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.agreement import Disagreement
from benchmarks.archive import Archive
from benchmarks.mill import opened
from benchmarks.report import MB, Criterion, Section, middle, spread, table
from benchmarks.work import Measured, Work, measure
from flows import reporting
from flows.allocators import POLARS_POOLS
from flows.executors import POLARS_THREADS
from flows.run import Days
from flows.stages.ingest.sources import ingest
from flows.storage.partitions import Layer
from flows.transform import transform

Say = Callable[[str], None]
Way = tuple[str, int]

WAYS: tuple[Way, ...] = (("local", 1), ("local", 2), ("dask", 1), ("dask", 2))
LAYERS = ("normalised", "accounting", "daily", "market")
_NAMES = {"local": "processes", "dask": "Dask workers"}


def section(
    archive: Archive, workplace: Path, repeats: int, circumstances: str, say: Say
) -> Section:
    """The transform of the whole archive, each way as often, alternating."""
    given = {
        "archive": str(archive.root),
        "first": str(archive.first),
        "last": str(archive.last),
    }
    raw = workplace / "raw"
    measure("benchmarks.workers:ingested", lake=str(raw), **given)
    found: dict[Way, list[Measured]] = defaultdict(list)
    for number in range(repeats):
        for way in WAYS if number % 2 == 0 else reversed(WAYS):
            lake = workplace / "lake"
            shutil.copytree(raw, lake)
            os.sync()  # else what settles its own waits for this as well
            executor, workers = way
            measured = measure(
                "benchmarks.workers:transformed",
                lake=str(lake),
                executor=executor,
                workers=workers,
                **given,
            )
            shutil.rmtree(lake)
            found[way].append(measured)
            say(f"round {number + 1} of {repeats}: {executor} {workers}: {measured.seconds:.1f} s")
    if len(digests := {each.told["digest"] for all_ in found.values() for each in all_}) != 1:
        raise Disagreement(f"{len(digests)} different lakes came out")
    median = {way: middle([each.seconds for each in all_]) for way, all_ in found.items()}
    rows = [
        (
            _NAMES[executor],
            workers,
            f"{median[executor, workers]:.1f}",
            spread([each.seconds for each in found[executor, workers]]),
            f"{middle([each.cpu_seconds for each in found[executor, workers]]):.1f}",
            f"{max(each.peak_bytes for each in found[executor, workers]) / MB:,.0f}",
            f"{median[executor, 1] / median[executor, workers]:.2f}",
        )
        for executor, workers in WAYS
    ]
    zips = len(archive.zips())
    setting = (
        f"{circumstances}. Normalise, aggregate and market of {zips:,} zips, {repeats} rounds in "
        "alternating order; all lakes held the same bytes. Clusters run before the clock does, and "
        "each of their workers has one core; processes of this machine share all cores."
    )
    header = ("by", "number", "median s", "least – most s", "CPU s", "peak MB", "times as fast")
    faster = median["dask", 1] / median["dask", 2]
    criteria = (
        Criterion(
            "two Dask workers at least 1.5 times as fast as one", f"{faster:.2f}×", faster >= 1.5
        ),
    )
    return Section("One worker and two", (setting, "", *table(header, rows)), criteria)


def ingested(archive: str, lake: str, first: str, last: str) -> Work[Any]:
    """The raw layer, which all ways begin with."""
    reporting.set_up(quiet=True)
    run, days = opened(archive, lake), Days(date.fromisoformat(first), date.fromisoformat(last))
    return Work(lambda: ingest(run, days, reporting.current()))


def transformed(
    archive: str, lake: str, first: str, last: str, executor: str, workers: int
) -> Work[Any]:
    """The transform in one of `WAYS`; tells a digest of all partitions."""
    more = {"scheduler": _cluster(workers)} if executor == "dask" else {}
    reporting.set_up(quiet=True)
    run = opened(archive, lake, executor=executor, workers=workers, dask=more)
    days = Days(date.fromisoformat(first), date.fromisoformat(last))

    def digest(_: Any) -> dict[str, str]:
        found = hashlib.sha256()
        for name in LAYERS:
            partitions = Layer(run.store, run.ledger, name).current()
            found.update(partitions.select("name", "venue", "date", "sha256").write_csv().encode())
        return {"digest": found.hexdigest()}

    return Work(lambda: transform(run, days.each(), reporting.current()), digest)


def _cluster(workers: int) -> str:
    """The address of a cluster on this machine that is ready; it ends with this process."""
    # Both are the benchmark's own packages, and Prefect has to be quiet before it is imported.
    from flows.orchestration import quiet_prefect, server_ahead  # noqa: PLC0415

    quiet_prefect()
    ready = server_ahead()
    from distributed import Client, LocalCluster  # noqa: PLC0415

    # A worker is a core, whether it is alone or not: Polars, and what reads ahead, would else use
    # those of both. It is begun as docs/scaling.md says, so not with what this process was told.
    cluster = LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        env={POLARS_THREADS: "1", POLARS_POOLS: ""},
        dashboard_address=None,
    )
    with Client(cluster) as client:
        for number, worker in enumerate(client.scheduler_info(n_workers=-1)["workers"]):
            client.run(_settled_on, number, workers=[worker])
    ready()
    _imported()
    return str(cluster.scheduler_address)


def _imported() -> None:
    """What goes with Prefect, seconds of it, which a run has imported long before its transform."""
    importlib.import_module("flows.on_dask")


def _settled_on(number: int) -> None:
    """A worker has a core, and has imported what it would with its first piece."""
    _imported()
    cores = sorted(os.sched_getaffinity(0))
    for thread in Path("/proc/self/task").iterdir():
        os.sched_setaffinity(int(thread.name), {cores[number % len(cores)]})
