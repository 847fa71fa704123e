"""For all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from flows.storage import local_store

# How long an example takes says something of the machine, not of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    """No lake of a test has to outlive a power cut, and a run waits for the disk a thousand times.

    `tests/storage` waits: that what is written survives is what its tests are about. So do the
    processes that tests start.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", lambda _: None)
        patched.setattr(local_store, "sync_file_system", lambda _: True)
        yield
