"""A terminal with somebody in front of it who types and reads."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

_STYLE = re.compile(rb"\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[=>])")
PATIENCE = 60.0
"""Seconds; a busy machine starts Python slowly."""


class Terminal:
    """rows × columns characters, in which a program runs."""

    def __init__(self, file: int, process: subprocess.Popen[bytes]) -> None:
        self._file = file
        self.process = process
        self._raw = b""
        self._read = 0

    @property
    def seen(self) -> str:
        """All that was shown, without colours and without what moves the cursor."""
        return _STYLE.sub(b"", self._raw).decode(errors="replace").replace("\r", "\n")

    def type(self, text: str) -> None:
        os.write(self._file, text.encode())

    def wait_for(self, text: str) -> None:
        """Until `text` is in what was shown after the last wait. Raises AssertionError."""
        until = time.monotonic() + PATIENCE
        while text not in self.seen[self._read :]:
            self._read_on(until, text)
        self._read = self.seen.index(text, self._read) + len(text)

    def told(self, line: str, prompt: str) -> str:
        """What is shown once a line is typed, its echo included, up to the next prompt.

        While a line is typed it is drawn anew, prompt and all: only a prompt that nothing follows
        is the next one. Raises AssertionError.
        """
        self._read = len(self.seen)
        self.type(f"{line}\r")
        until = time.monotonic() + PATIENCE
        quiet = False
        while not (quiet and (shown := self.seen[self._read :]) and shown.endswith(prompt)):
            quiet = not self._read_on(until, prompt)
        self._read = len(self.seen)
        return shown

    def _read_on(self, until: float, text: str) -> bool:
        """Whether something more was shown within a moment."""
        before = len(self._raw)
        said = f"{text!r} in {self.seen[self._read :]!r}"
        assert time.monotonic() < until, f"no {said}"
        assert self._more(), f"ended without {said}"
        return len(self._raw) > before

    def ended(self) -> int:
        """The exit code, once the program has ended."""
        until = time.monotonic() + PATIENCE
        while self._more() and time.monotonic() < until:
            pass
        return self.process.wait(timeout=PATIENCE)

    def _more(self) -> bool:
        if not select.select([self._file], [], [], 0.3)[0]:
            return True
        try:
            shown = os.read(self._file, 65536)
        except OSError:  # the other end is closed
            return False
        self._raw += shown
        return bool(shown)


@contextmanager
def terminal(
    command: Sequence[str], *, rows: int = 40, columns: int = 120, **environment: str
) -> Iterator[Terminal]:
    """Run a program in a terminal of this size; it is ended at the end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    kept = {name: text for name, text in os.environ.items() if name not in {"PAGER", "NO_COLOR"}}
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env=kept | {"TERM": "xterm-256color"} | environment,
    )
    os.close(theirs)
    try:
        yield Terminal(ours, process)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
