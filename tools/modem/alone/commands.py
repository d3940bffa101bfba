"""Sends every command of a list to the simulated modem: `python -m tools.modem.alone.commands [FILE]`.

Prints the commands that are not answered as the list says, and `missing 0` when all are.
"""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from pathlib import Path

import simpy

from tools.flash.layout import REPOSITORY
from tools.modem import Modem
from tools.modem.engine.request import split_line
from tools.modem.link.loopback import Loopback
from tools.modem.network.air import VirtualAir
from tools.modem.registry import DIALECTS, Dialect

COMMANDS = REPOSITORY / "host_tests" / "modem_commands.txt"
START_UTC_S = 1_767_592_800
LIMIT_MS = 400_000
"""Longer than any command takes."""
STEP_MS = 20
ABSENT = "absent"


@dataclass(frozen=True)
class Line:
    """`sent` with `typed` at its prompt to the modem `dialect`; a line of the answer begins with `begins`."""

    number: int
    dialect: Dialect
    sent: str
    typed: str
    begins: str


def load(path: Path) -> list[Line]:
    """The lines of a list. Raises ValueError, with one line that names place and remedy."""
    lines = []
    for number, text in enumerate(path.read_text().splitlines(), 1):
        if not text.strip() or text.startswith("#"):
            continue
        columns = [column.strip() for column in text.split(" | ")]
        if len(columns) == 2 and text.rstrip().endswith("|"):
            columns = [columns[0], columns[1].rstrip("|").strip(), ""]
        if len(columns) != 3 or columns[0] not in (*DIALECTS, "both"):
            raise ValueError(f"{path}:{number}: write <{', '.join(DIALECTS)} or both> | <sent> | <answer>")
        sent, _, typed = columns[1].partition(" > ")
        for dialect in DIALECTS:
            if columns[0] in (dialect, "both"):
                lines.append(Line(number, dialect, sent, typed, columns[2]))
    return lines


class Asker:
    """One modem, and a person who types AT commands."""

    def __init__(self, dialect: Dialect) -> None:
        self._env = simpy.Environment(initial_time=0)
        self._table = DIALECTS[dialect].commands
        self._output = bytearray()
        rng = random.Random(f"commands/{dialect}")
        air = VirtualAir(self._env, DIALECTS[dialect].technologies, START_UTC_S)
        self._modem = Modem(self._env, dialect, air, Loopback(), rng, lambda part, state: None)
        self._modem.on_output = self._output.extend
        self._modem.rail(True)
        self._modem.key(True)
        self._until("RDY")

    def answers(self, line: Line) -> bool:
        """Whether the modem knows the command and answers as the list says."""
        self._output.clear()
        word, _, rest = line.sent.partition(" ")
        if word == "wait":
            self._env.run(until=self._env.now + 1_000 * int(rest))
            return not line.begins or self._until(line.begins)
        if line.sent.startswith("AT") and len(line.sent) > 2:
            known = all(one.key in self._table for one in split_line(line.sent[2:]))
            if known == (line.begins == ABSENT):
                return False
        self._type(line)
        return self._until("ERROR" if line.begins == ABSENT else line.begins)

    def _type(self, line: Line) -> None:
        word, _, rest = line.sent.partition(" ")
        if word == "bytes":
            self._modem.receive(bytes.fromhex(rest))
        else:
            self._modem.receive(line.sent.encode() + (b"" if line.sent == "+++" else b"\r"))
        if line.typed and (self._until(">", anywhere=True) or b"CONNECT" in self._output):
            self._modem.receive(line.typed.encode())

    def _until(self, begins: str, anywhere: bool = False) -> bool:
        """Let time pass until a line begins so; False when an error or too much time comes first."""
        deadline_ms = self._env.now + LIMIT_MS
        while self._env.now < deadline_ms:
            lines = self._output.decode("latin-1").split("\r\n")
            if any(line.startswith(begins) for line in lines):
                return True
            if anywhere and b"CONNECT\r\n" in self._output:
                return False
            if not begins.startswith(("ERROR", "+CME")) and _refused(lines):
                return False
            self._env.run(until=self._env.now + STEP_MS)
        return False


def _refused(lines: list[str]) -> bool:
    """An error with nothing asked for before it."""
    return any(line == "ERROR" or line.startswith("+CME ERROR") for line in lines)


def missing(lines: list[Line]) -> list[Line]:
    """Those that are not answered."""
    askers = {line.dialect: Asker(line.dialect) for line in lines}
    return [line for line in lines if not askers[line.dialect].answers(line)]


def main(arguments: list[str]) -> int:
    """Print what is missing; 1 if anything is."""
    path = Path(arguments[0]) if arguments else COMMANDS
    try:
        lines = load(path)
    except (OSError, ValueError) as error:
        print(f"{error}; name a list of commands", file=sys.stderr)
        return 2
    left = missing(lines)
    for line in left:
        print(f"{path.name}:{line.number}: {line.dialect} does not answer {line.sent} with {line.begins}")
    asked = [line for line in lines if line.sent.startswith("AT")]
    for dialect in DIALECTS:
        print(f"{dialect}: {len({line.sent for line in asked if line.dialect == dialect})} commands")
    print(f"missing {len(left)}")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
