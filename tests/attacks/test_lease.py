"""A run that slept past its lease, on a store that ignores conditional writes."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flows.storage.object_store import ObjectStore
from flows.storage.run_lock import LOCK_KEY, LockLost, run_lock
from tests.storage.conftest import _s3_server, s3_bucket, s3_server, s3_store

__all__ = ["_s3_server", "s3_bucket", "s3_server", "s3_store"]  # fixtures


def test_who_took_over_is_not_written_over(
    s3_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = type(s3_store).put

    def heedless(self: ObjectStore, key: str, data: bytes, **_: Any) -> str:
        return whole(self, key, data)

    monkeypatch.setattr(type(s3_store), "put", heedless)
    renew_every = timedelta(seconds=0.3)
    with run_lock(s3_store, owner="the sleeper", renew_every=renew_every, settle=0) as held:
        lock = json.loads(s3_store.get(LOCK_KEY))
        expires = (datetime.now(UTC) + timedelta(minutes=2)).isoformat(timespec="seconds")
        taken = json.dumps(lock | {"owner": "the heir", "token": "heir", "expires": expires})
        s3_store.put(LOCK_KEY, taken.encode())
        time.sleep(1)  # three renewals
        assert json.loads(s3_store.get(LOCK_KEY))["owner"] == "the heir"
        with pytest.raises(LockLost, match="the lock is lost"):
            held.confirm()
    assert json.loads(s3_store.get(LOCK_KEY))["owner"] == "the heir"
