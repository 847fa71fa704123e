"""Linux: a process that gives up writing, the network, and running programs, for good.

Landlock (Linux 5.13, man 7 landlock) lets a process without privileges take rights away from
itself and from all it starts. Elsewhere nothing happens.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # alike on all architectures
_PATH_BENEATH = 1
_ASK_VERSION = 1
_PR_SET_NO_NEW_PRIVS = 38

_EXECUTE = 1 << 0
_WRITE_FILE = 1 << 1
# Remove folders, files; make devices, folders, files, sockets, pipes, blocks, links.
_CHANGE_FOLDERS = sum(1 << bit for bit in range(4, 13))
_SINCE_VERSION = {2: 1 << 13, 3: 1 << 14}  # move between folders, truncate
_TCP = 0b11  # bind, connect


def confine(*, execute: Iterable[Path], write: Iterable[Path]) -> bool:
    """From here on only run the files of `execute`, and write to none but those of `write`.

    Files can still be read. TCP is closed from Linux 6.7 on. Cannot be undone; holds for what is
    started, too. False where the system does not know how, and nothing has changed.

    Raises OSError where it knows and refuses.
    """
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION)
    if version < 1:
        return False
    writing = _WRITE_FILE | _SINCE_VERSION[3] if version >= 3 else _WRITE_FILE
    handled = _EXECUTE | _CHANGE_FOLDERS | writing
    handled |= _SINCE_VERSION[2] if version >= 2 else 0
    attributes = struct.pack("=Q", handled) + (struct.pack("=Q", _TCP) if version >= 4 else b"")
    ruleset = _checked(
        libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    )
    try:
        rules = [(path, _EXECUTE) for path in execute] + [(path, writing) for path in write]
        for path, allowed in rules:
            if not path.exists():
                continue
            file = os.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                rule = struct.pack("=Qi", allowed, file)
                _checked(libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0))
            finally:
                os.close(file)
        _checked(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        _checked(libc.syscall(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)
    return True


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock: {errno.errorcode.get(number, number)}")
    return result
