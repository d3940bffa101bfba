"""A part of the updates that go wrong, and that the check would notice a fault."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tools.flash.layout import FIRMWARE, application
from tools.flash.slot import pack
from tools.verify.updates import cases as update_cases
from tools.verify.updates import updatecut

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stand() -> Any:
    folder = Path(tempfile.mkdtemp(prefix="landbridge-updates-"))
    yield update_cases.moments(folder)
    shutil.rmtree(folder)


def failures(stand: Any, kind: str, every: int, step: int) -> list[str]:
    """What fell short in each `step`-th case of a kind."""
    cases = list(update_cases.CASES[kind](stand, every))
    assert cases
    return [said for case in cases[::step] if (said := updatecut.run_case(stand, case)[1])]


@pytest.mark.parametrize(
    ("kind", "every", "step"),
    [
        ("truncated", 1, 22),
        ("corrupted", 1, 120),
        ("pointer", 1, 19),
        ("refused", 1, 1),
        ("crashes", 1, 2),
        ("agent not reached", 1, 1),
        ("power cut", 347, 1),
    ],
)
def test_the_device_comes_back(stand, kind, every, step):
    assert failures(stand, kind, every, step) == []


def test_a_device_that_does_not_verify_is_found_out(tmp_path):
    def mutant(flash: Path) -> None:
        text = (FIRMWARE / "locator" / "downlink" / "release.py").read_text()
        check = "if self._digest(contents, at, size) != digest:"
        assert check in text
        firmware = tmp_path / "firmware"
        shutil.copytree(FIRMWARE, firmware)
        (firmware / "locator" / "downlink" / "release.py").write_text(text.replace(check, "if False:"))
        (flash / "slots/a").write_bytes(pack(1, application(firmware)))

    stand = update_cases.moments(tmp_path / "stand", mutant)
    cases = list(update_cases.corrupted(stand, 1))
    assert updatecut.run_case(stand, cases[-2])[1]


def test_the_figures_are_written_and_shortfalls_are_named(tmp_path, monkeypatch, capsys, stand):
    def two(_stand: Any, _every: int) -> list[update_cases.Case]:
        return [
            update_cases.Case("good", "one", lambda _stand, _folder: ""),
            update_cases.Case("bad", "two", lambda _stand, _folder: "bricked: nothing"),
        ]

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["updatecut"])
    monkeypatch.setattr(updatecut, "CASES", {"both": two})
    monkeypatch.setattr(updatecut, "moments", lambda folder: stand)
    assert updatecut.main() == 1
    assert "cases 2, bricked 1, failures 1" in capsys.readouterr().out
    written = json.loads((tmp_path / "out" / "updatecut.json").read_text())
    assert written["cases"] == {"good": 1, "bad": 1} and written["bricked"] == 1
