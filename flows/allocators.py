"""Memory that one batch let go of is kept for the next one, once, and not once a thread.

By default both allocators in a process, Polars' own and that of the C library, which Python has its
texts from, keep pools for each thread. A batch is made by several threads, one after the other, so
there would be several times as much kept as is ever used at a time.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys

POLARS_POOLS = "_RJEM_MALLOC_CONF"
"""Polars' allocator reads this when Polars is imported."""

_ONE_POOL = "narenas:1,dirty_decay_ms:500,muzzy_decay_ms:0"
_MOST_POOLS = -8  # M_ARENA_MAX of glibc's malloc.h


def one_pool() -> None:
    """For this process, before Polars is imported, and for those it begins; what the environment
    says about Polars' allocator stands."""
    os.environ.setdefault(POLARS_POOLS, _ONE_POOL)
    if sys.platform == "linux":
        # Other C libraries than glibc do not have it, and need it less.
        with contextlib.suppress(AttributeError, OSError):
            ctypes.CDLL(None).mallopt(_MOST_POOLS, 1)
