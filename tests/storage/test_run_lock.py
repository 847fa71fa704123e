"""One run at a time: refuse, take over what died, release whatever happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flows.storage import run_lock as run_lock_module
from flows.storage.object_store import ObjectStore, StoreUnavailable, open_store
from flows.storage.run_lock import LOCK_KEY, LockHeld, LockLost
from tests.storage.conftest import S3Server

ROOT = Path(__file__).parents[2]
run_lock = partial(run_lock_module.run_lock, settle=0.02)


def test_the_second_refuses_and_says_who_holds_it(store: ObjectStore) -> None:
    with run_lock(store, "run one") as held:
        held.confirm()
        with pytest.raises(LockHeld) as caught, run_lock(store, "run two"):
            pytest.fail("entered")
        said = str(caught.value)
        assert store.address in said
        assert f"run one (process {os.getpid()} on " in said
        assert f"since {datetime.now(UTC):%Y-%m-%d}T" in said
        held.confirm()
    with run_lock(store, "run two") as held:
        held.confirm()


def test_released_after_an_exception(store: ObjectStore) -> None:
    with pytest.raises(ZeroDivisionError), run_lock(store, "run one"):
        raise ZeroDivisionError
    with run_lock(store, "run two"):
        pass


def test_the_lock_is_no_object_of_a_local_lake(local_store: ObjectStore) -> None:
    with run_lock(local_store, "run one"):
        assert list(local_store.entries()) == []


def test_racing_threads_get_one(store: ObjectStore) -> None:
    racers = 4
    for _ in range(3):
        start, end = threading.Barrier(racers), threading.Barrier(racers)

        def race(n: int, start: threading.Barrier = start, end: threading.Barrier = end) -> bool:
            start.wait()
            try:
                with run_lock(store, f"racer {n}") as held:
                    end.wait()
                    held.confirm()
                    return True
            except LockHeld:
                end.wait()
                return False

        with ThreadPoolExecutor(racers) as pool:
            assert list(pool.map(race, range(racers))).count(True) == 1


HOLDER = """
import sys, time
from flows.storage.object_store import open_store
from flows.storage.run_lock import run_lock
with run_lock(open_store(sys.argv[1]), "the other"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_local_lock_dies_with_its_process(local_store: ObjectStore) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, local_store.address], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    with holder.stdout:
        assert holder.stdout.readline() == b"held\n"
        with (
            pytest.raises(LockHeld, match=f"the other .process {holder.pid} on"),
            run_lock(local_store, "us"),
        ):
            pytest.fail("entered")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with run_lock(local_store, "us"):
        pass


def test_a_folder_that_cannot_be_locked(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with (
        pytest.raises(StoreUnavailable, match="cannot lock"),
        run_lock(open_store(f"file:{tmp_path}/file/lake"), "us"),
    ):
        pytest.fail("entered")


def _lock_of_another(store: ObjectStore, expires: datetime, **more: Any) -> None:
    holder = {
        "owner": "the dead",
        "host": "elsewhere",
        "pid": 1,
        "token": "theirs",
        "since": "2026-01-01T00:00:00Z",
        "expires": expires.isoformat(),
        "released": False,
        **more,
    }
    store.put(LOCK_KEY, json.dumps(holder).encode())


def test_a_lease_that_ran_out_is_taken_over(
    s3_store: ObjectStore, caplog: pytest.LogCaptureFixture
) -> None:
    # Half the allowance for differing clocks: still theirs.
    _lock_of_another(s3_store, datetime.now(UTC) - run_lock_module.SKEW / 2)
    with pytest.raises(LockHeld, match=r"the dead .process 1 on elsewhere. since 2026-01-01"):
        run_lock(s3_store, "us").__enter__()
    _lock_of_another(s3_store, datetime.now(UTC) - run_lock_module.SKEW - timedelta(seconds=2))
    with run_lock(s3_store, "us") as held:
        held.confirm()
        with pytest.raises(LockHeld, match=r"us .process"):
            run_lock(s3_store, "third").__enter__()
    assert "taking over the lock of the dead" in caplog.text


def test_two_that_take_over_at_once_get_one(s3_store: ObjectStore) -> None:
    _lock_of_another(s3_store, datetime(2026, 1, 1, tzinfo=UTC))
    start, end = threading.Barrier(2), threading.Barrier(2)

    def race(n: int) -> bool:
        start.wait()
        try:
            with run_lock(s3_store, f"racer {n}"):
                end.wait()
                return True
        except LockHeld:
            end.wait()
            return False

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(race, range(2))).count(True) == 1


def test_a_lease_is_renewed_for_as_long_as_it_is_held(s3_store: ObjectStore) -> None:
    with run_lock(s3_store, "us", renew_every=timedelta(seconds=0.1)) as held:
        first = json.loads(s3_store.get(LOCK_KEY))
        deadline = time.monotonic() + 30
        while json.loads(s3_store.get(LOCK_KEY))["expires"] <= first["expires"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        held.confirm()
        fresh = json.loads(s3_store.get(LOCK_KEY))
        assert fresh["token"] == first["token"]
        assert fresh["since"] == first["since"]
    assert json.loads(s3_store.get(LOCK_KEY))["released"] is True


def test_a_lock_taken_over_is_known_to_be_lost_and_left_alone(s3_store: ObjectStore) -> None:
    with run_lock(s3_store, "us", renew_every=timedelta(seconds=0.1)) as held:
        held.confirm()
        _lock_of_another(s3_store, datetime.now(UTC) + timedelta(hours=1))
        with pytest.raises(LockLost, match="lock is lost"):
            held.confirm()
    assert json.loads(s3_store.get(LOCK_KEY))["token"] == "theirs"


def test_a_lock_that_could_not_be_renewed_is_lost(
    s3_server: S3Server, s3_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run_lock(s3_store, "us", lease=timedelta(seconds=0.4)) as held:

        def away(*_a: object, **_k: object) -> str:
            raise StoreUnavailable("away")

        monkeypatch.setattr(type(s3_store), "put", away)
        time.sleep(0.5)  # longer than the lease, by any clock
        with pytest.raises(LockLost, match="could not be renewed in time"):
            held.confirm()
        monkeypatch.undo()


def test_a_renewal_whose_answer_got_lost_does_not_lose_the_lock(
    s3_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run_lock(s3_store, "us", renew_every=timedelta(seconds=0.1)) as held:
        whole = type(s3_store).put
        calls: list[str] = []

        def losing(self: ObjectStore, *a: Any, **k: Any) -> str:
            calls.append("put")
            etag = whole(self, *a, **k)
            if len(calls) == 1:
                raise StoreUnavailable("the answer got lost")
            return etag

        monkeypatch.setattr(type(s3_store), "put", losing)
        deadline = time.monotonic() + 30
        while len(calls) < 4:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        monkeypatch.undo()
        held.confirm()
    assert json.loads(s3_store.get(LOCK_KEY))["released"] is True


def test_a_store_that_ignores_conditions_is_read_again(
    s3_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both found no lock and put theirs; the one whose token stayed has it."""
    whole = type(s3_store).put
    ready = threading.Barrier(2)

    def heedless(
        self: ObjectStore,
        key: str,
        data: bytes,
        *,
        if_match: object = None,
        if_absent: bool = False,
    ) -> str:
        if if_absent:
            ready.wait(timeout=30)
        return whole(self, key, data)

    monkeypatch.setattr(type(s3_store), "put", heedless)
    end = threading.Barrier(2)

    def race(n: int) -> bool:
        try:
            with run_lock_module.run_lock(s3_store, f"racer {n}", settle=0.5):
                end.wait(timeout=30)
                return True
        except LockHeld:
            end.wait(timeout=30)
            return False

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(race, range(2))).count(True) == 1


def test_a_lock_that_is_none_of_ours(s3_store: ObjectStore) -> None:
    s3_store.put(LOCK_KEY, b"something else")
    with pytest.raises(StoreUnavailable, match=r"lock\.json is not a lock of ours"):
        run_lock(s3_store, "us").__enter__()
