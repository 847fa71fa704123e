"""The watcher finds the peak, of all processes together, and looks closely only where it must."""

from __future__ import annotations

import subprocess
import sys
import time

import psutil
import pytest

from benchmarks.memory import Watched, watched

MB = 1_000_000
_HOLDS = """
import sys
held = bytes(bytearray(int(sys.argv[1])))
print("there", flush=True)
sys.stdin.readline()
del held
print("gone", flush=True)
sys.stdin.readline()
"""

_SHARES = """
import os, sys, time
held = bytearray(int(sys.argv[1]))
held[::4096] = b"x" * len(held[::4096])
child = os.fork()
if child == 0:
    time.sleep(1)
    held[::4096] = b"y" * len(held[::4096])
    time.sleep(9)
    os._exit(0)
print("there", flush=True)
sys.stdin.readline()
os.kill(child, 9)
"""


def _holding(size: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _HOLDS, str(size)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _told(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_what_was_let_go_of_still_counts() -> None:
    seen = Watched()
    with _holding(200 * MB) as process:
        assert _said(process) == "there"
        seen.look(process.pid)
        assert seen.peak_bytes > 200 * MB
        most = seen.peak_bytes
        _told(process)
        assert _said(process) == "gone"
        seen.look(process.pid)
        assert seen.peak_bytes == most
        _told(process)


def test_descendants_count_and_what_comes_later() -> None:
    begun = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]])"
    command = [sys.executable, "-c", begun, _HOLDS, str(150 * MB)]
    with (
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process,
        watched(process.pid) as seen,
    ):
        assert _said(process) == "there"
        time.sleep(0.5)
        _told(process)
        assert _said(process) == "gone"
        _told(process)
    assert seen.peak_bytes > 150 * MB


def test_a_look_that_finds_no_more_asks_for_no_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    closely = psutil.Process.memory_full_info

    def counted(process: psutil.Process) -> object:
        asked.append(process.pid)
        return closely(process)

    monkeypatch.setattr(psutil.Process, "memory_full_info", counted)
    seen = Watched()
    with _holding(50 * MB) as process:
        assert _said(process) == "there"
        seen.look(process.pid)
        assert asked == [process.pid]
        _told(process)
        assert _said(process) == "gone"
        seen.look(process.pid)
        assert asked == [process.pid]
        _told(process)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is shared")
def test_shared_pages_that_become_somebodys_own_count_twice() -> None:
    with (
        subprocess.Popen(
            [sys.executable, "-c", _SHARES, str(200 * MB)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
        watched(process.pid) as seen,
    ):
        assert _said(process) == "there"
        time.sleep(0.5)
        assert 200 * MB < seen.peak_bytes < 300 * MB
        time.sleep(2)
        assert seen.peak_bytes > 400 * MB
        _told(process)


def test_a_process_that_is_gone_has_none() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    seen = Watched()
    seen.look(process.pid)
    assert seen.peak_bytes == 0
