"""One run at a time on a lake.

A local lake is locked by the operating system (`.perpmill.lock`): the lock dies with its process.
A bucket has no such thing, so there the lock is a lease, `lock.json`, written with conditional puts
and renewed while the run lives; a lease that ran out is taken over. It assumes that the clocks of
the machines agree to within `SKEW`. A store that ignores conditions is read again a moment after
the put, and the token found there says who won.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from flows.storage.local_store import LocalStore, make_folders, replace_file
from flows.storage.object_store import (
    RESERVED,
    ObjectNotFound,
    ObjectStore,
    PreconditionFailed,
    StoreUnavailable,
)

LOCK_KEY = "lock.json"
LEASE = timedelta(minutes=2)
SKEW = timedelta(seconds=30)

_logger = logging.getLogger(__name__)


class LockHeld(RuntimeError):
    """Another run holds the lock; the message says who, where and since when."""


class LockLost(RuntimeError):
    """The lease ran out, or somebody took it over: another run may be at work."""


class HeldLock(Protocol):
    """What the holder gets."""

    def confirm(self) -> None:
        """Raise `LockLost` unless the lock is still ours. To be asked before publishing."""


@dataclass(frozen=True, slots=True)
class _Holder:
    owner: str
    host: str
    pid: int
    token: str
    since: str
    expires: str | None
    released: bool = False

    def to_bytes(self) -> bytes:
        return (json.dumps(asdict(self), sort_keys=True, indent=2) + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> _Holder:
        return cls(**json.loads(data))

    def __str__(self) -> str:
        return f"{self.owner} (process {self.pid} on {self.host}) since {self.since}"


def run_lock(
    store: ObjectStore,
    owner: str,
    *,
    lease: timedelta = LEASE,
    renew_every: timedelta | None = None,
    settle: float = 0.5,
) -> AbstractContextManager[HeldLock]:
    """Hold the lake's lock inside the `with`; released however that ends.

    owner: who, for the message others get, such as the run id and the command.
    lease: how long a bucket's lock outlives a holder that died.
    renew_every: None for a quarter of the lease.
    settle: seconds after which a bucket's lock is read again to see who won.
    Raises LockHeld at once if another run has it, StoreUnavailable if that cannot be told.
    """
    if isinstance(store, LocalStore):
        return _local_lock(store, owner)
    return _leased_lock(_Lease(store, owner, lease, renew_every or lease / 4), settle)


class _LocalHold:
    def confirm(self) -> None:
        """The operating system keeps it for as long as this process lives."""


@contextlib.contextmanager
def _local_lock(store: LocalStore, owner: str) -> Iterator[HeldLock]:
    # Who holds it stands beside the lock, not in it: another's attempt opens the lock file.
    note = store.root / f"{RESERVED}.lock.json"
    # Not per thread: whoever leaves the `with` releases it.
    lock = FileLock(store.root / f"{RESERVED}.lock", thread_local=False)
    try:
        make_folders(store.root)
        lock.acquire(blocking=False)
    except Timeout:
        raise LockHeld(
            f"{store.address} is locked by {_noted(note)}; only one run at a time can change it"
        ) from None
    except OSError as error:
        raise StoreUnavailable(f"{store.address}: cannot lock: {error}") from error
    try:
        holder = _new_holder(owner, datetime.now(UTC), None).to_bytes()
        replace_file(note, lambda target: target.write(holder))
        yield _LocalHold()
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def _noted(note: Path) -> str:
    try:
        return str(_Holder.from_bytes(note.read_bytes()))
    except (OSError, ValueError, TypeError):
        return "another process, which has not said which it is"


@contextlib.contextmanager
def _leased_lock(held: _Lease, settle: float) -> Iterator[HeldLock]:
    held.take()
    try:
        time.sleep(settle)
        held.recheck()
        held.start_renewing()
        yield held
    finally:
        held.release()


class _Lease:
    """Our lease on `lock.json`, by the etag of our last write; a thread keeps it fresh."""

    def __init__(
        self, store: ObjectStore, owner: str, lease: timedelta, renew_every: timedelta
    ) -> None:
        self._store = store
        self._lease = lease
        self._renew_every = renew_every.total_seconds()
        self._me = _new_holder(owner, datetime.now(UTC), lease)
        self._etag = ""
        self._lost: str | None = None
        # Of this process's own clock, which nobody sets.
        self._good_until = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renew_until_stopped, daemon=True)

    def take(self) -> None:
        """Raises LockHeld."""
        present = self._store.head(LOCK_KEY)
        started = time.monotonic()
        try:
            if present is None:
                self._etag = self._store.put(LOCK_KEY, self._me.to_bytes(), if_absent=True)
            else:
                holder = self._read()
                if holder is not None and not _is_over(holder):
                    raise self._held_by(holder)
                if holder is not None and not holder.released:
                    _logger.warning(
                        "%s: taking over the lock of %s, which ran out at %s",
                        self._store.address,
                        holder,
                        holder.expires,
                    )
                self._etag = self._store.put(LOCK_KEY, self._me.to_bytes(), if_match=present.etag)
        except PreconditionFailed:
            raise self._held_by(self._read()) from None
        self._good_until = started + self._lease.total_seconds()

    def recheck(self) -> None:
        """Raises LockHeld if another's put, on a store that ignores conditions, went over ours."""
        holder = self._read()
        if holder is None or holder.token != self._me.token:
            self._lost = "another run took it at the same moment"
            raise self._held_by(holder)

    def start_renewing(self) -> None:
        self._thread.start()

    def confirm(self) -> None:
        if self._lost is None and time.monotonic() >= self._good_until:
            self._lost = "it could not be renewed in time"
        if self._lost is None:
            holder = self._read()
            if holder is None or holder.token != self._me.token:
                self._lost = f"it was taken over by {holder or 'nobody we know'}"
        if self._lost is not None:
            raise LockLost(f"{self._store.url(LOCK_KEY)}: the lock is lost: {self._lost}")

    def release(self) -> None:
        """Mark the lease as released, if it is still ours. Never raises: it runs out anyway.

        A delete could hit a lease taken over a moment ago; a conditional put cannot.
        """
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._lost is not None:
            _logger.warning("%s: the lock was lost: %s", self._store.address, self._lost)
            return
        try:
            holder = self._read()
            if holder is not None and holder.token == self._me.token:
                done = replace(self._me, released=True).to_bytes()
                self._store.put(LOCK_KEY, done, if_match=self._etag)
        except (PreconditionFailed, StoreUnavailable) as error:
            _logger.warning("%s: lock not released: %s", self._store.address, error)

    def _renew_until_stopped(self) -> None:
        while not self._stop.wait(self._renew_every):
            started = time.monotonic()
            # A store that ignores conditions would let us write over who took it while we slept.
            if not self._adopt():
                self._lost = "another run took it over"
                return
            fresh = replace(self._me, expires=_stamp(datetime.now(UTC) + self._lease))
            try:
                self._etag = self._store.put(LOCK_KEY, fresh.to_bytes(), if_match=self._etag)
            except PreconditionFailed:
                # Perhaps an earlier renewal did arrive, and only its answer got lost.
                if not self._adopt():
                    self._lost = "another run took it over"
                    return
            except StoreUnavailable as error:
                _logger.warning("%s: lock not renewed: %s", self._store.address, error)
            else:
                self._me = fresh
                self._good_until = started + self._lease.total_seconds()

    def _adopt(self) -> bool:
        """Take the lock's present etag for ours if it holds our token."""
        try:
            # The etag first: if the lock changes in between, the put that uses it fails.
            present = self._store.head(LOCK_KEY)
            holder = self._read()
        except StoreUnavailable as error:
            _logger.warning("%s: lock not read: %s", self._store.address, error)
            return True  # not known to be lost: asked again in a moment, until the lease is over
        if present is None or holder is None or holder.token != self._me.token:
            return False
        self._etag = present.etag
        return True

    def _read(self) -> _Holder | None:
        """Who is named in the lock; None if nobody, or nobody one could make out."""
        try:
            return _Holder.from_bytes(self._store.get(LOCK_KEY))
        except ObjectNotFound:
            return None
        except (ValueError, TypeError) as error:
            raise StoreUnavailable(
                f"{self._store.url(LOCK_KEY)} is not a lock of ours; remove it by hand: {error}"
            ) from error

    def _held_by(self, holder: _Holder | None) -> LockHeld:
        until = f", until {holder.expires} at the latest" if holder and holder.expires else ""
        return LockHeld(
            f"{self._store.address} is locked by {holder or 'another run'}{until};"
            " only one run at a time can change it"
        )


def _new_holder(owner: str, now: datetime, lease: timedelta | None) -> _Holder:
    return _Holder(
        owner=owner,
        host=socket.gethostname(),
        pid=os.getpid(),
        token=uuid.uuid4().hex,
        since=_stamp(now),
        expires=_stamp(now + lease) if lease is not None else None,
    )


def _is_over(holder: _Holder) -> bool:
    if holder.released:
        return True
    return holder.expires is not None and datetime.fromisoformat(
        holder.expires
    ) + SKEW < datetime.now(UTC)


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
