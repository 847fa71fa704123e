"""Two runs at once, and runs that are killed."""

from __future__ import annotations

import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from typer.testing import CliRunner

from flows.cli import app
from flows.failures import Exit
from flows.storage.object_store import open_store
from flows.storage.run_lock import run_lock
from tests.flows.conftest import FIRST, LAST, Lake
from tests.flows.driver import start
from tests.flows.test_order_of_arrival import facts
from tests.flows.test_raw_faults import rezip


def test_a_second_run_is_turned_away(own: Lake, write_config: Callable[[Lake], Path]) -> None:
    before = own.seen()
    config = str(write_config(own))
    with run_lock(open_store(f"file:{own.root}"), owner="nightly of somebody else"):
        for command in (
            ["ingest", "--start", str(LAST)],
            ["transform", "--start", str(LAST)],
            ["publish"],
            ["rollback"],
        ):
            told = CliRunner().invoke(app, [*command, "-c", config])
            assert told.exit_code == Exit.LOCKED, (command, told.output)
            assert "nightly of somebody else" in told.stderr
        reading = CliRunner().invoke(app, ["sql", "SELECT 1", "-c", config])
        assert reading.exit_code == Exit.DONE
    assert own.seen() == before


def killed(lake: Lake, target: str, number: int) -> None:
    process = start("mill", lake.settings, FIRST, LAST, target, number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL, f"not killed at {target} {number}: {err}"


def test_a_first_run_killed_at_several_moments(
    empty: Lake, milled: Lake, record_property: Callable[[str, object], None]
) -> None:
    """Each run goes on where the one before was killed, so later moments are reached."""
    seed = random.SystemRandom().randrange(10**6)
    record_property("seed", seed)
    chance = random.Random(seed)  # noqa: S311 - to choose moments
    for target, most in (
        ("/raw/binance/archive/packs/", 1),
        ("/ledger/packs/", 1),  # the pack is there, and nothing knows of it
        ("/ledger/raw/", 1),
        ("/normalised/", 40),
        ("/ledger/daily/", 1),
        ("/candidate.duckdb", 1),
    ):
        killed(empty, target, chance.randint(1, most))
        assert not (empty.root / "published").exists(), (seed, target)
    done = empty.mill()
    assert done.pointer is not None
    assert empty.hashes() == milled.hashes(), seed


def test_a_run_killed_around_the_swap(own: Lake, tmp_path: Path) -> None:
    def one_basis_point_up(text: str) -> str:
        lines = text.splitlines()
        stamp, hours, rate = lines[-1].split(",")
        return "\n".join([*lines[:-1], f"{stamp},{hours},{float(rate) + 0.0001:.8f}"]) + "\n"

    rezip(own.archived("BTCUSDT", "fundingRate", "2021-01"), one_basis_point_up)
    calm = Lake(Path(shutil.copytree(own.root, tmp_path / "calm", symlinks=True)), own.exchange)
    calm.mill()

    before = own.seen()
    killed(own, "published/current.json", 1)
    assert own.seen() == before

    killed(own, "published/perpmill.duckdb", 1)
    # The pointer names the new build; the link still leads to the old one, which is whole.
    assert own.seen()[0] != before[0]
    assert own.seen()[2] == before[2]
    assert facts(own.hashes()) == facts(calm.hashes())

    # The next run finds nothing to do but the link.
    done = own.mill()
    assert done.candidate is None
    assert own.seen()[2] == str(own.build)
    assert facts(own.hashes()) == facts(calm.hashes())
