"""`docs/quickstart.md` as a newcomer goes through it, on the demo's month milled at one go."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from flows import demo
from flows.settings import load
from simulator.plan import Plan
from simulator.serve import serve
from simulator.simulate import simulate
from tests.flows.driver import mill_days

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/quickstart.md").read_text(encoding="utf-8")
QUESTIONS, MOST_COMMANDS = 5, 10
TYPED = re.compile(r"^(?:perpmill>| +\.\.\.>) ", re.MULTILINE)


@dataclass(frozen=True)
class Step:
    """A block of commands, what the page says they print (None: nothing), what is typed at them."""

    commands: str
    said: str | None

    @property
    def typed(self) -> str:
        lines = (self.said or "").splitlines()
        return "\n".join(TYPED.sub("", line) for line in lines if TYPED.match(line))

    @property
    def printed(self) -> list[str]:
        return [line for line in (self.said or "").splitlines() if not TYPED.match(line)]


def steps() -> list[Step]:
    """Blocks of commands; an answer stands right below its own."""
    found = re.findall(r"```sh\n(.*?)```\n(?:```text\n(.*?)```\n)?", PAGE, flags=re.DOTALL)
    return [Step(commands, said or None) for commands, said in found]


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder in which `make demo` was called, as its user sees it."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    here = tmp_path_factory.mktemp("demo")
    folder = here / "demo"
    plan = Plan(demo.FIRST, demo.LAST, scenario="long-squeeze", venues=demo.VENUES)
    simulate(plan, folder / "exchange")
    with serve(folder / "exchange") as server:
        config = folder / "perpmill.toml"
        config.write_text(demo.configuration(server.url), encoding="utf-8")
        done = mill_days(load(config), demo.FIRST, demo.LAST)
    assert done.pointer is not None
    (here / ".venv").symlink_to(ROOT / ".venv", target_is_directory=True)
    yield here
    structlog.reset_defaults()


def test_the_page_answers_five_questions_within_ten_commands() -> None:
    assert len(re.findall(r"^## \d\. .*\?$", PAGE, flags=re.MULTILINE)) == QUESTIONS
    assert len([step for step in steps() if step.said]) == QUESTIONS
    # Each block is found, and each command in it counts; text in quotes goes over several lines.
    assert PAGE.count("```sh\n") == len(steps())
    commands = re.findall(
        r"^(?:\.venv/bin/\w+|cat) ", "\n".join(s.commands for s in steps()), re.MULTILINE
    )
    assert QUESTIONS <= len(commands) <= MOST_COMMANDS
    assert "Nine\ncommands" in PAGE
    assert len(commands) == 9


@pytest.mark.timeout(900)  # the demo's month, on a machine that may be busy
def test_every_command_prints_what_the_page_says(demo_folder: Path, tmp_path: Path) -> None:
    if not (ROOT / ".venv/bin/perpmill").exists():
        pytest.skip("the page's commands stand in .venv, which `make install` makes")
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    for step in steps():
        done = subprocess.run(
            ["/bin/sh", "-e", "-c", step.commands],
            cwd=demo_folder,
            input=step.typed,
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )
        assert done.returncode == 0, (step.commands, done.stderr)
        shown = [line.rstrip() for line in done.stdout.splitlines()]
        assert shown
        if step.said is not None:
            assert step.printed
            assert shown[-len(step.printed) :] == step.printed, step.commands


@pytest.mark.parametrize("answer", ["1,050 million", "85 %", "6.1 basis", "6.8 %", "764 million"])
def test_the_sentences_have_the_numbers_of_the_answers(answer: str) -> None:
    prose = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
    assert answer in prose
    digits = re.sub(r"[^\d]", "", answer).lstrip("0")
    answers = "".join(step.said or "" for step in steps())
    assert digits in re.sub(r"[,.]", "", answers)
