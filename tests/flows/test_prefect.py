"""The flows as Prefect runs them, once: a night, a blocked night and wrong usage, by the command.

In a process of its own with its own PREFECT_HOME; one, since Prefect's server takes seconds to
start. The exit codes are those of three commands one after the other.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from flows.failures import Exit
from tests.flows.conftest import FIRST, LAST, Lake
from tests.flows.test_gate_blocks import five_hundred_percent
from tests.flows.test_raw_faults import rezip

REPOSITORY = Path(__file__).parents[2]

COMMANDS = """
import contextlib, io, json, shutil, sys
from flows.cli import app

endings = []
for arguments in json.loads(sys.argv[1]):
    if arguments[0] == "replace":
        for source, target in arguments[1:]:
            shutil.copyfile(source, target)
        continue
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            app(arguments)
        except SystemExit as end:
            endings.append([end.code, out.getvalue()])
print(json.dumps(endings))
"""


def test_nights_by_the_command(
    own: Lake, write_config: Callable[[Lake], Path], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.zip"
    file = own.archived("BTCUSDT", "fundingRate", "2021-01")
    bad.write_bytes(file.read_bytes())
    rezip(bad, lambda text: five_hundred_percent(text, LAST))
    checksums = [path.with_name(f"{path.name}.CHECKSUM") for path in (bad, file)]
    checksums[0].write_text(checksums[0].read_text().replace(bad.name, file.name))

    lake = Lake(tmp_path / "fresh", own.exchange)
    config = ["-c", str(write_config(lake))]
    commands = [
        ["backfill", "--start", str(LAST), "--end", str(FIRST), *config],
        ["backfill", "--start", str(FIRST), "--end", str(LAST), "--venue", "bybit", *config],
        ["nightly", "--date", str(LAST), "--json", *config],
        ["nightly", "--date", str(LAST), *config],
        ["replace", [str(bad), str(file)], list(map(str, checksums))],
        ["nightly", "--date", str(LAST), *config],
    ]
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, json.dumps(commands)],
        cwd=REPOSITORY,
        env=os.environ
        | {
            "PREFECT_HOME": str(tmp_path / "prefect"),
            "PERPMILL_LINEAGE__TRANSPORT": "file",
            "PERPMILL_LINEAGE__PATH": str(tmp_path / "lineage.jsonl"),
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    endings = json.loads(done.stdout.splitlines()[-1])
    assert [code for code, _ in endings] == [
        Exit.USAGE,
        Exit.USAGE,
        Exit.DONE,
        Exit.DONE,
        Exit.BLOCKED,
    ], done.stderr
    assert "Traceback" not in done.stderr
    assert "bybit" in done.stderr
    said = json.loads(endings[2][1])
    assert said["sha256"] == lake.pointer["sha256"]
    assert said["fetched"] > 0
    assert "nothing new" in endings[3][1]
    assert "rate_within_caps" in done.stderr
    # The blocked night left the first one published.
    assert lake.pointer["run_id"] == said["run_id"]
    assert lake.sql("SELECT DISTINCT date FROM funding_daily") == [(LAST,)]
    # Each night was told of, with what the gate said where it was asked.
    events = [json.loads(line) for line in (tmp_path / "lineage.jsonl").read_text().splitlines()]
    assert [(e["job"]["name"], e["eventType"]) for e in events] == [
        ("nightly", "START"), ("nightly.audit", "START"), ("nightly.audit", "COMPLETE"),
        ("nightly", "COMPLETE"),
        ("nightly", "START"), ("nightly", "COMPLETE"),
        ("nightly", "START"), ("nightly.audit", "START"), ("nightly.audit", "FAIL"),
        ("nightly", "FAIL"),
    ]  # fmt: skip
    assert [len(e["outputs"]) > 0 for e in events] == [n == 3 for n in range(10)]
