"""Nothing of ours imports `bi`: the contract says so of every package, and notices if one does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

SETTINGS = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["tool"]


def contract() -> dict[str, Any]:
    (found,) = (
        contract
        for contract in SETTINGS["importlinter"]["contracts"]
        if contract["forbidden_modules"] == ["bi"]
    )
    return dict(found)


def linted(folder: Path, importing: str | None) -> subprocess.CompletedProcess[str]:
    """The contract over packages of these names that are empty, but for one that imports `bi`."""
    roots = SETTINGS["importlinter"]["root_packages"]
    for name in roots:
        (folder / name).mkdir()
        text = "import bi\n" if name == importing else ""
        (folder / name / "__init__.py").write_text(text, encoding="utf-8")
    # Of JSON, its words and lists are TOML too.
    lines = [f"{key} = {json.dumps(value)}" for key, value in contract().items()]
    (folder / "contract.toml").write_text(
        f"[tool.importlinter]\nroot_packages = {json.dumps(roots)}\n"
        "[[tool.importlinter.contracts]]\n" + "\n".join(lines),
        encoding="utf-8",
    )
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--config", "contract.toml"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_package_is_under_the_contract() -> None:
    checked = set(SETTINGS["importlinter"]["root_packages"])
    assert set(SETTINGS["mypy"]["packages"]) == checked
    assert set(contract()["source_modules"]) == checked - {"bi"}


@pytest.mark.parametrize("importing", [None, "transforms", "perpmill"])
def test_the_contract_is_broken_by_a_package_that_imports_it(
    tmp_path: Path, importing: str | None
) -> None:
    found = linted(tmp_path, importing)
    assert found.returncode == (1 if importing else 0), found.stdout + found.stderr
    if importing:
        assert f"{importing} is not allowed to import bi" in found.stdout
