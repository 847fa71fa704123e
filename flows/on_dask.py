"""`executor = "dask"`: the transform's pieces as tasks on a Dask cluster, by Prefect's task runner.

The cluster's workers run the same version of Perpmill and reach the same lake; of what they make
only ledger lines come back. A piece whose worker dies is done again by another one: a partition is
put whole or not at all, and counts only once the run has written its line.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from distributed import KilledWorker
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.futures import wait
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect_dask.task_runners import DaskTaskRunner
from prefect_dask.utils import get_dask_client

from flows import reporting
from flows.executors import MADE, PIECE, POLARS_THREADS, Work, cores, done, threads_each
from flows.failures import WorkerLost
from flows.run import Run
from flows.settings import Settings
from flows.transform import brought_up_to_date


class OnDask:
    """Pieces as tasks of the flow run one is in; its task runner takes them to the cluster."""

    def __init__(self, workers: int, *, share_memory: bool) -> None:
        self.workers = workers
        self.share_memory = share_memory

    def each(self, run: Run, work: Work[PIECE, MADE], pieces: Sequence[PIECE]) -> Iterator[MADE]:
        with warnings.catch_warnings():
            # A piece names its files, thousands of them, and whoever does it has to know them.
            warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
            coming = [_piece.submit(run, work, piece) for piece in pieces]
        try:
            for made in coming:
                yield from made.result()
        except KilledWorker as error:
            raise WorkerLost(f"workers of the cluster died over a piece: {error}") from error
        finally:
            # What is still running must not write when the lake's lock is somebody else's.
            wait(coming)

    def close(self) -> None:
        """The cluster ends with its flow run."""


@task(name="piece", cache_policy=NO_CACHE, persist_result=False)
def _piece(run: Run, work: Work[PIECE, MADE], piece: PIECE) -> list[MADE]:
    reporting.ensure()
    return done(run, work, piece)


def transform_on_dask(run: Run, days: Sequence[date]) -> None:
    """As `flows.transform.transform`, on the cluster the settings name, or one made for it here."""

    # Without parameters: Prefect would make a form of them, and a run is none.
    @flow(name="transform", persist_result=False, task_runner=_runner(run.settings))
    def on_dask() -> None:
        # Workers of a cluster made here have one machine between them.
        made_here = run.settings.dask.scheduler is None
        executor = OnDask(run.settings.workers or _cluster_size(), share_memory=made_here)
        shared = replace(run, executor=executor)
        brought_up_to_date(shared, days, reporting.current())

    # The cluster tells of each connection; what matters to a run comes back as an error.
    logging.getLogger("distributed").setLevel(logging.ERROR)
    # Else each worker would start a server of its own, of twenty seconds, to tell of its tasks.
    with get_client(sync_client=True) as client:
        server = str(client.api_url)
    with temporary_settings({PREFECT_API_URL: server}):
        on_dask()


def _runner(settings: Settings) -> Any:
    if settings.dask.scheduler is not None:
        return DaskTaskRunner(address=settings.dask.scheduler)
    workers = settings.workers or cores()
    return DaskTaskRunner(
        cluster_kwargs={
            "n_workers": workers,
            "threads_per_worker": 1,
            "env": {POLARS_THREADS: str(threads_each(workers))},
            "dashboard_address": None,
        }
    )


def _cluster_size() -> int:
    with get_dask_client() as client:
        return max(1, len(client.scheduler_info(n_workers=-1)["workers"]))
