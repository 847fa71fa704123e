"""The catalogue itself: large enough, of all kinds, told on its page; and its judge can say no."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from flows.failures import Exit
from tests.faults import binance_files, on_binance_funding
from tests.faults.catalogue import FAULTS, page
from tests.faults.fault import Fault, Outcome
from tests.faults.folder import Folder
from tests.faults.world import NIGHT, Ended, Published, World, complaints
from tests.faults.worlds import binance_alone

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
ROW = ("open_interest_daily", NIGHT, "binance", "BTCUSDT")
SOUND = Published({ROW: (1.0,)}, {}, {}, {}, 0, 0, 0)


def test_there_are_at_least_sixty_and_no_name_twice() -> None:
    names = Counter(fault.name for fault in FAULTS)
    assert len(FAULTS) >= 60
    assert max(names.values()) == 1, names.most_common(3)


def test_every_outcome_occurs_and_gaps_are_few() -> None:
    counts = Counter(fault.outcome for fault in FAULTS)
    assert set(counts) >= set(Outcome) - {Outcome.KNOWN_GAP}
    assert counts[Outcome.KNOWN_GAP] <= len(FAULTS) // 8
    assert all(fault.why for fault in FAULTS if fault.outcome is Outcome.KNOWN_GAP)


def test_every_fault_says_who_finds_it() -> None:
    loud = (Outcome.REFUSED, Outcome.BLOCKED, Outcome.TAKEN_OUT, Outcome.WARNED)
    assert [fault.name for fault in FAULTS if fault.outcome in loud and not fault.says] == []


def test_the_page_is_the_catalogue() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "write it again: python -m tests.faults.catalogue docs/faults.md"
    )


def ended(**how: object) -> Ended:
    return Ended(Exit.DONE, "", replace(SOUND, **how), pointer_changed=True)  # type: ignore[arg-type]


def fault(outcome: Outcome, *says: str, touches: tuple[str, ...] = ()) -> Fault:
    return Fault("x", "somewhere", "something", lambda _: None, outcome, says, touches)


@pytest.mark.parametrize(
    ("declared", "seen", "complaint"),
    [
        (fault(Outcome.HARMLESS), ended(own={ROW: (2.0,)}), "which the fault does not touch"),
        (fault(Outcome.HARMLESS, touches=("*",)), ended(own={ROW: (2.0,)}), "other"),
        (fault(Outcome.HARMLESS, touches=("*",)), ended(own={}), "absent"),
        (fault(Outcome.WARNED, "a.b", touches=("*",)), ended(own={ROW: (2.0,)}), "did not warn"),
        (fault(Outcome.WARNED, touches=("*",)), ended(own={ROW: (2.0,)}), "none is declared"),
        (fault(Outcome.TAKEN_OUT, touches=("*",)), ended(own={}), "no venue-day was taken out"),
        (fault(Outcome.QUARANTINED, "a.b"), ended(failed={"a.b": ("warning", "")}), "set aside"),
        (fault(Outcome.DEDUPLICATED), ended(), "no duplicate was counted"),
        (fault(Outcome.BLOCKED), ended(), "not <Exit.BLOCKED"),
        (fault(Outcome.REFUSED), ended(), "something was published"),
        (fault(Outcome.KNOWN_GAP, touches=("*",)), ended(), "no gap"),
        (
            fault(Outcome.KNOWN_GAP, touches=("*",)),
            ended(own={ROW: (2.0,)}, failed={"a.b": ("warning", "")}),
            "no gap any more",
        ),
        (
            fault(Outcome.HARMLESS),
            ended(market={("market_daily", NIGHT): [(1.0,)]}),
            "though no venue's row",
        ),
    ],
)
def test_what_is_not_as_declared_is_found(declared: Fault, seen: Ended, complaint: str) -> None:
    assert any(complaint in said for said in complaints(declared, seen, SOUND))


def test_what_is_as_declared_is_not() -> None:
    warned = ended(own={ROW: (2.0,)}, failed={"a.b": ("warning", "")})
    assert complaints(fault(Outcome.WARNED, "a.b", touches=("*",)), warned, SOUND) == []
    assert complaints(fault(Outcome.HARMLESS), ended(), SOUND) == []


def test_a_folder_is_put_back_as_it_was(tmp_path: Path) -> None:
    file, new = tmp_path / "a", tmp_path / "b"
    file.write_bytes(b"1")
    before = file.stat()
    folder = Folder(tmp_path)
    folder.write(file, b"1")
    assert folder.changed() == []
    folder.write(file, b"2")
    folder.write(new, b"3")
    assert folder.changed() == [file, new]
    folder.remove(file)
    folder.put_back()
    assert file.read_bytes() == b"1"
    after = file.stat()
    assert (after.st_mtime_ns, after.st_size) == (before.st_mtime_ns, before.st_size)
    assert not new.exists()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = binance_alone(tmp_path_factory.mktemp("world"))
    made.prepare()
    return made


def test_a_fault_declared_as_another_is_found_at_night(
    world: World, tmp_path: Path, real_gate: None
) -> None:
    """A lost settlement warns; declared harmless, or blocking, it is a complaint.

    This night goes through Great Expectations, and fails the rules it fails asked directly.
    """
    (lost,) = (
        f for f in on_binance_funding.FAULTS if f.name == "binance-funding-settlement-missing"
    )
    seen = world.meet(lost, tmp_path / "lost")
    assert complaints(lost, seen, world.clean) == []
    for other in (Outcome.HARMLESS, Outcome.BLOCKED, Outcome.DEDUPLICATED, Outcome.KNOWN_GAP):
        assert complaints(replace(lost, outcome=other), seen, world.clean)


def test_a_fault_that_changes_nothing_is_none(world: World, tmp_path: Path) -> None:
    nothing = replace(fault(Outcome.HARMLESS), make=binance_files.raw(binance_files.METRICS, bytes))
    with pytest.raises(AssertionError, match="changed no file"):
        world.meet(nothing, tmp_path / "nothing")
