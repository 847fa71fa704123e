"""A pager for what is longer than the terminal; nothing of it where nobody looks on."""

from __future__ import annotations

import io
import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from shutil import which
from typing import IO, Any, cast

from rich.console import Console

_LESS = "FRSX"
"""For `less` where the reader has no wish of their own: stop at once if all is seen, colours, long
lines cut rather than folded, and leave the text on the screen."""


def at_a_terminal(console: Console) -> bool:
    """Whether a person sees this, and not a pipe, a file or a test."""
    return console.is_terminal and not console.is_dumb_terminal and console.file.isatty()


@contextmanager
def through_pager(console: Console) -> Iterator[Console]:
    """A console whose text is shown at the end, in a pager if the terminal is not high enough.

    The pager is $PAGER (empty, `cat`, or one that cannot be found: none), else `less`.
    """
    collected = io.StringIO()
    yield like(console, collected)
    text = collected.getvalue()
    command = _pager()
    if command is None or text.count("\n") < console.height:
        console.file.write(text)
        return
    with (
        subprocess.Popen(
            command, stdin=subprocess.PIPE, text=True, env={"LESS": _LESS} | os.environ
        ) as pager,
        # Left before it has read everything, which is what a pager is for.
        suppress(BrokenPipeError, KeyboardInterrupt),
    ):
        pager.communicate(text)


def like(console: Console, file: IO[str], width: int | None = None) -> Console:
    """A console that writes to `file` what `console` would, if it were so wide."""
    return Console(
        file=file,
        width=width or console.width,
        height=console.height,
        force_terminal=console.is_terminal,
        no_color=console.no_color,
        # Of the names it takes, the property gives one, but says only that it is text.
        color_system=cast("Any", console.color_system),
    )


def _pager() -> list[str] | None:
    wish = os.environ.get("PAGER")
    command = shlex.split(wish) if wish is not None else ["less"]
    if not command or command == ["cat"] or which(command[0]) is None:
        return None
    return command
