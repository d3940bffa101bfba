"""Mutants of the firmware that `powercut` must detect: the text of a module, and its replacement.

Some mutants would be correct on this device: LittleFS takes a file in at its close, whole, so one that is
written in place is as safe as one that is renamed; settings lie there twice, and are confirmed again as long
as they have not been; and a trial that a crash has not ended is ended by its boots.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tools.flash.layout import FIRMWARE, LayoutError, compile_module
from tools.verify.powercut.process import run

CUTS = 310
"""Cuts of one seed: two runs of a journal, some boots of a device."""


class Mutant(NamedTuple):
    """One firmware: what is wrong with it, under which subject it is found out, and the change."""

    fault: str
    subject: str
    module: str
    original: str
    mutated: str


_SETTINGS = "locator/downlink/settings.py"
_COMMANDS = "locator/downlink/commands.py"
_CHECKED = "locator/codec/checked.py"
_PULL = "locator/downlink/pull.py"
_RENAME = '    os.rename(path + ".new", path)'
_SAVE = """    try:
        executed.save()
    except OSError:
        executed.last = before"""

ALL = (
    Mutant("numbers are not reserved", "journal", "locator/journal/numbers.py",
             "_RESERVE = const(64)", "_RESERVE = const(0)"),
    Mutant("a record is cut short", "journal", "locator/journal/store.py",
             "f.write(self._buf)", "f.write(self._buf[:40])"),
    Mutant("thinned records are not counted", "journal", "locator/journal/thinning.py",
             "thinned += len(good) - len(chosen)", "thinned += 0"),
    Mutant("settings prove themselves as they come", "settings", _SETTINGS,
             "handlers.state[st.TRIAL] = _FRESH", "handlers.state[st.TRIAL] = _TRIES"),
    Mutant("settings are never on trial", "settings", _SETTINGS,
             "[applied.ON_TRIAL, revision", "[applied.CONFIRMED, revision"),
    Mutant("settings are never given up", "settings", _SETTINGS,
             "elif state[st.TRIAL] >= 0:", "elif True:"),
    Mutant("the last good settings are not kept", "settings", _SETTINGS,
             "_write(folder + applied.LAST_GOOD_FILE, found) and", ""),
    Mutant("the book is removed before it is replaced", "commands", _CHECKED,
             _RENAME, f"    remove(path)\n{_RENAME}"),
    Mutant("a command is done before it is noted", "commands", _COMMANDS,
             " entry = [n", " _DO[verb](handlers, 0)\n    entry = [n"),
    Mutant("a command counts as done before it is", "commands", _COMMANDS,
             _SAVE, f"    entry[RESULT] = result or DONE\n{_SAVE}"),
    Mutant("the highest id is forgotten", "commands", "locator/downlink/executed.py",
             "[self.last, self.entries], _MOST", "[0, self.entries], _MOST"),
    Mutant("a result is deleted as it is reported", "commands", _COMMANDS,
             "    return out.pair(_KEY,", "    on_ack(handlers)\n    return out.pair(_KEY,"),
    Mutant("a restart is not noted", "commands", _COMMANDS,
             "        executed.save()\n    except OSError:  # reported as cut short",
             "        pass\n    except OSError:  # reported as cut short"),
    Mutant("expired commands are done", "commands", _COMMANDS, "if now >= expiry:", "if False:"),
    Mutant("records under an old key epoch count as delivered", "keys", "locator/session/session.py",
             "reply[_EPOCH])\n            return", "reply[_EPOCH])"),
    Mutant("a release is not verified", "update", "locator/downlink/release.py",
             "if self._digest(contents, at, size) != digest:", "if False:"),
    Mutant("slots are switched before the release is verified", "update", _PULL,
             "pulled.verify()\n        trial.start(pulled.sequence)",
             "trial.start(pulled.sequence)\n        pulled.verify()"),
    Mutant("slots are switched before the last file is complete", "update", _PULL,
             "    if wanted is None:", "    if wanted is None or wanted[0] == 2:"),
    Mutant("the slot is not emptied for a release", "update", "locator/downlink/release.py",
             "        self.clear()\n        append", "        append"),
    Mutant("the pointer is removed before it is replaced", "slots", "start/trial.py",
             "        os.rename(", "        os.remove(slots.FILE)\n        os.rename("),
    Mutant("boots on trial are not counted", "slots", "start/trial.py",
             "        pointer.boots += 1\n", ""),
    Mutant("boots that do not end are not counted", "slots", "start/trial.py",
             "        pointer.unended += 1\n", ""),
    Mutant("a release is good as soon as it is there", "slots", "start/trial.py",
             "pointer.good = slots.running\n    pointer.on_trial = 1",
             "pointer.good = 1 - slots.running\n    pointer.on_trial = 0"),
    Mutant("a release is good when it has reached its sleep", "slots", "start/trial.py",
             "    pointer = Pointer()\n    pointer.unended = 0\n    pointer.save()", "    confirm()"),
)  # fmt: skip


def lay_down(mutant: Mutant, compiled: Path, folder: Path) -> None:
    """This firmware in `folder`: what is `compiled`, but for one module; `LayoutError` if what it changes is
    not there any more."""
    text = (FIRMWARE / mutant.module).read_text()
    if mutant.original not in text:
        raise LayoutError(f"{__file__}, {mutant.fault}: {mutant.module} has changed")
    shutil.copytree(compiled, folder, dirs_exist_ok=True)
    source = folder / mutant.module
    source.write_text(text.replace(mutant.original, mutant.mutated))
    compile_module(source, source, folder)
    source.unlink()  # MicroPython would take it, and compile it at each boot


def is_found(mutant: Mutant, compiled: Path, seeds: Iterable[int]) -> bool:
    """Whether the power cuts of one of the `seeds` show it."""
    with tempfile.TemporaryDirectory() as folder:
        lay_down(mutant, compiled, Path(folder))
        return any(run(Path(folder), mutant.subject, seed, CUTS).violations for seed in seeds)
