"""Who does the pieces of a transform changes nothing about what comes out."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from flows import executors
from flows import run as run_module
from flows.executors import Processes
from flows.failures import InputUnavailable, WorkerLost
from flows.reporting import LoggingReporter
from flows.run import Days, Run
from flows.settings import ConfigError, Settings
from flows.stages.ingest import from_archive
from flows.stages.ingest.sources import ingest
from flows.stages.normalise import normalise_days, piece
from flows.stages.normalise.piece import Made
from flows.stages.normalise.plan import planned
from flows.storage.partitions import Layer
from flows.transform import transform
from simulator.plan import Plan
from simulator.simulate import simulate
from tests.stages.pieces import Task, dies, refuses, what_is_seen, where_it_runs

FIRST, LAST = date(2021, 1, 8), date(2021, 1, 12)
DAYS = Days(FIRST, LAST)
LAYERS = ("normalised", "accounting", "quarantine", "conflicts", "daily", "market")


CORRECTION = """
- id: doubled
  venue: binance
  dataset: open_interest
  match: {symbol: BTCUSDT}
  action: drop
  reason: doubled rows
  source: https://example.org/1
  expires: 2030-01-01
"""


@pytest.fixture(scope="module")
def exchanges(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("exchanges")
    simulate(Plan(FIRST, LAST, symbols=2, venues=("binance", "bitmex")), root)
    return root


def _run(exchanges: Path, lake: Path, workers: int) -> Run:
    sources = [
        {"venue": "binance", "archive": f"file:{exchanges}/archive/binance"},
        {"venue": "bitmex", "dumps": f"file:{exchanges}/dumps/bitmex"},
    ]
    settings = Settings(lake=f"file:{lake}", sources=sources, batch_days=1, workers=workers)
    return Run.begin(settings, "test")


def _transformed(run: Run, lake: Path) -> dict[str, str]:
    """Digests of the partitions."""
    ingest(run, DAYS, LoggingReporter())
    transform(run, DAYS.each(), LoggingReporter())
    return {
        path.relative_to(lake).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for layer in LAYERS
        for path in (lake / layer).rglob("*.parquet")
    }


def test_processes_make_the_same_bytes(
    exchanges: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = _transformed(_run(exchanges, tmp_path / "alone", 1), tmp_path / "alone")
    assert len(alone) > 50
    assert {key.split("/")[0] for key in alone} >= {"normalised", "accounting", "daily", "market"}

    monkeypatch.setattr(executors, "WORTH_PROCESSES", 0)
    monkeypatch.setattr(from_archive, "RECORDED_TOGETHER", 16)
    begun: list[int] = []
    pool = executors.ProcessPoolExecutor

    def counted(workers: int, **how: object) -> executors.ProcessPoolExecutor:
        begun.append(workers)
        return pool(workers, **how)

    monkeypatch.setattr(executors, "ProcessPoolExecutor", counted)
    run = _run(exchanges, tmp_path / "shared", 2)
    assert _transformed(run, tmp_path / "shared") == alone
    assert begun == [2], "one pool for all stages"
    held = [run.ledger.read("raw") for run in (run, _run(exchanges, tmp_path / "alone", 1))]
    assert held[0]["path"].sort().equals(held[1]["path"].sort())
    assert held[0]["recorded_by"].n_unique() > held[1]["recorded_by"].n_unique()
    left = [piece for venue in run.venues.values() for piece in planned(run, venue, DAYS.each())]
    assert not left, "all that was made was written down"


def test_what_was_made_before_an_error_counts(
    exchanges: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _run(exchanges, tmp_path, 1)
    ingest(run, DAYS, LoggingReporter())
    batch = piece._batch
    days: list[date] = []

    def refused_on_the_third(run: Run, whole: piece.Piece, one: piece.Batch, *more: object) -> Made:
        days.extend(one.days)
        if len(days) == 3:
            raise InputUnavailable("the third cannot be read")
        return batch(run, whole, one, *more)  # type: ignore[arg-type]  # the reading

    with monkeypatch.context() as patch:
        patch.setattr(piece, "_batch", refused_on_the_third)
        with pytest.raises(InputUnavailable, match="third"):
            normalise_days(run, DAYS.each(), LoggingReporter())
    made = Layer(run.store, run.ledger, "normalised").current()
    assert sorted(made["date"].unique()) == days[:2]
    assert made["date"].n_unique() == 2, "each batch is a day here"


def test_what_a_killed_ingest_had_fetched_is_not_fetched_again(
    exchanges: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(from_archive, "RECORDED_TOGETHER", 16)
    run = _run(exchanges, tmp_path, 1)
    fetch = from_archive.fetch_piece
    pieces: list[from_archive.Piece] = []

    def killed_in_the_third(run: Run, piece: from_archive.Piece) -> Iterator[object]:
        pieces.append(piece)
        if len(pieces) == 3:
            raise KeyboardInterrupt
        return fetch(run, piece)

    monkeypatch.setattr(from_archive, "fetch_piece", killed_in_the_third)
    with pytest.raises(KeyboardInterrupt):
        ingest(run, DAYS, LoggingReporter())
    monkeypatch.setattr(from_archive, "fetch_piece", fetch)
    again = ingest(_run(exchanges, tmp_path, 1), DAYS, LoggingReporter())
    assert again.unchanged == 2 * 16
    assert len(again.fetched) > 16


@pytest.fixture
def run(exchanges: Path, tmp_path: Path) -> Run:
    return _run(exchanges, tmp_path / "lake", 2)


@pytest.fixture
def processes() -> Iterator[Processes]:
    made = Processes(2)
    yield made
    made.close()


def _tasks(*numbers: int) -> list[Task]:
    return [Task(number) for number in numbers]


def test_heavy_work_goes_to_other_processes_and_comes_back_in_order(
    run: Run, processes: Processes
) -> None:
    found = list(processes.each(run, where_it_runs, _tasks(3, 1, 2)))
    assert [number for number, _ in found] == [3, 1, 2]
    assert os.getpid() not in {pid for _, pid in found}


@pytest.mark.parametrize(
    "tasks",
    [_tasks(1), [replace(task, weight=1) for task in _tasks(1, 2)], []],
    ids=["a single piece", "light ones", "nothing"],
)
def test_what_is_not_worth_a_process_stays_here(
    run: Run, processes: Processes, tasks: Sequence[Task]
) -> None:
    found = list(processes.each(run, where_it_runs, tasks))
    assert found == [(task.number, os.getpid()) for task in tasks]


def test_an_error_comes_back_as_what_it_is(run: Run, processes: Processes) -> None:
    with pytest.raises(InputUnavailable, match="file 7 is broken") as raised:
        list(processes.each(run, refuses, _tasks(7, 8)))
    assert raised.value.transient


def test_a_process_that_dies_is_told_of_and_the_next_work_is_done(
    run: Run, processes: Processes
) -> None:
    with pytest.raises(WorkerLost, match="run it again"):
        list(processes.each(run, dies, _tasks(1, 2)))
    assert len(list(processes.each(run, where_it_runs, _tasks(1, 2)))) == 2


KILLED = """
import sys
from flows.executors import Processes
from flows.run import Run
from flows.settings import Settings
from tests.stages.pieces import Task, takes_long

lake, source = sys.argv[1:]
settings = Settings(lake=lake, sources=[{"venue": "binance", "archive": source}])
list(Processes(2).each(Run.begin(settings, "test"), takes_long, [Task(1), Task(2)]))
"""


def test_workers_of_a_killed_run_end_with_it(exchanges: Path, tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    addresses = (f"file:{tmp_path}/lake", f"file:{exchanges}/archive/binance")
    killed = subprocess.Popen(
        [sys.executable, "-c", KILLED, *addresses],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    told = [tmp_path / "1.pid", tmp_path / "2.pid"]
    assert _soon(lambda: all(path.exists() and path.read_text() for path in told))
    killed.kill()
    killed.wait()
    assert _soon(lambda: not any(Path("/proc", path.read_text()).exists() for path in told))


def _soon(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 40
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _arrived(sent: bytes) -> Run:
    found: Run = pickle.loads(sent)  # noqa: S301 - just made
    return found


def test_a_worker_with_other_code_does_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    there = pickle.dumps(run)
    assert _arrived(there).run_id == run.run_id
    monkeypatch.setattr(run_module, "transforms_digest", lambda: "0123456789ab")
    with pytest.raises(ConfigError, match="other code"):
        _arrived(there)


def test_a_worker_applies_the_corrections_the_run_began_with(
    exchanges: Path, tmp_path: Path
) -> None:
    path = tmp_path / "corrections.yaml"
    path.write_text(CORRECTION)
    source = {"venue": "binance", "archive": f"file:{exchanges}/archive/binance"}
    settings = Settings(lake=f"file:{tmp_path}/lake", sources=[source], corrections=path)
    run = Run.begin(settings, "test")
    path.write_text("[]")
    assert len(_arrived(pickle.dumps(run)).corrections) == 1


def test_a_run_crosses_to_another_process_by_its_settings(run: Run, processes: Processes) -> None:
    [(run_id, lake, ends_there)] = set(processes.each(run, what_is_seen, _tasks(1, 2)))
    assert (run_id, lake) == (run.run_id, run.store.address)
    assert ends_there, "a worker shares its work no further"


def test_without_its_packages_dask_is_a_mistake_in_the_configuration(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "flows.on_dask", None)
    settings = run.settings.model_copy(update={"executor": "dask"})
    with pytest.raises(ConfigError, match=r"perpmill\[dask\]"):
        transform(replace(run, settings=settings), DAYS.each(), LoggingReporter())
