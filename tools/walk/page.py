"""The walks as a page of the documentation: each a list of files in the order in which they are entered."""

import ast
from pathlib import Path

from tools.flash import FIRMWARE, REPOSITORY
from tools.walk.tracer import MODULE
from tools.walk.walks import Figures, Part, Walk
from tools.walk.world import AGENT

MOST_NAMED = 3
"""Functions of a file that a line names."""
HEAD = """# Four walks through the code

For whoever reads the code for the first time: four things that the system does, each as the list of the files that it passes.
`make walk` does them on the real code and prints this page; a test compares the two.

The tracker runs in the simulated world, with a BG95 and an eUICC. Its firmware runs on CPython here, because MicroPython
cannot be traced. Broker, agent and pages are the real ones.

- A file stands where a walk enters it for the first time, with the functions that ran in it during the whole walk.
- A step to the left is a move to another folder. A step to the right stays in the folder.
- The text behind the colon is the first sentence of the file.
- Files that are only imported, and threads that have no part in a walk, are left out. Tracking, for example, follows on
  a thread of its own.
"""


def written(walks: list[Walk], figures: Figures) -> str:
    """The whole page."""
    lines = [HEAD, "| walk | files of the firmware | moves | files of the agent | moves |", "|---|---|---|---|---|"]
    for walk in walks:
        counts = (len(walk.files(FIRMWARE)), walk.moves(FIRMWARE), len(walk.files(AGENT)), walk.moves(AGENT))
        lines.append(" | ".join([f"| {walk.title}", *(str(each or "-") for each in counts)]) + " |")
    lines += ["", "A move counts when the next function that is new to the walk lies in another folder.", ""]
    lines += [f"- {line}" for line in summary(figures)]
    for walk in walks:
        lines += ["", f"## {walk.title}", "", *_walk(walk)]
    return "\n".join(lines) + "\n"


def summary(figures: Figures) -> list[str]:
    """The figures, each in a line."""
    return [
        f"one uplink passes {figures.uplink_files} files and makes {figures.uplink_moves} moves between folders of the agent",
        f"the first wake enters {figures.first_wake_files} firmware files",
        f"a profile switch is known to {figures.switch_files} files",
    ]


def as_json(walk: Walk) -> dict[str, object]:
    """One walk with everything that was noted."""
    return {
        "walk": walk.name,
        "title": walk.title,
        "files": len(walk.files(FIRMWARE)) + len(walk.files(AGENT)),
        "moves": {"firmware": walk.moves(FIRMWARE), "agent": walk.moves(AGENT)},
        "parts": [
            {"title": part.title, "steps": [f"{_shown(part.root)}/{file}: {name}" for file, name in part.steps]}
            for part in walk.parts
        ],
    }


def _walk(walk: Walk) -> list[str]:
    lines: list[str] = []
    listed: set[tuple[Path, str]] = set()
    number = 0
    for part in walk.parts:
        new = [file for file in dict.fromkeys(step.file for step in part.steps) if (part.root, file) not in listed]
        listed |= {(part.root, file) for file in new}
        number += 1
        lines.append(f"{number}. **{part.title}**" + ("" if new else " Nothing new."))
        lines += _files(walk, part, new)
    return lines


def _files(walk: Walk, part: Part, files: list[str]) -> list[str]:
    """Lines of an indented list, of which those that stay in a folder are indented once more."""
    lines, functions, before = [], walk.files(part.root), None
    for file in files:
        folder = Path(file).parent
        path = Path(file).name if folder == before else f"{_shown(part.root)}/{file}"
        told = ": ".join(filter(None, (_named(functions[file]), first_sentence(part.root / file))))
        lines.append(f"{'     ' if folder == before else '   '}- `{path}` {told}".rstrip())
        before = folder
    return lines


def _shown(root: Path) -> str:
    return root.relative_to(REPOSITORY).as_posix()


def _named(functions: list[str]) -> str:
    """The first functions, those for other files before the private ones; and how many more there are."""
    names = [name.replace(".<locals>", "") for name in functions if name != MODULE]
    public = [name for name in names if not name.rpartition(".")[2].startswith("_")] or names
    more = len(names) - len(public[:MOST_NAMED])
    text = ", ".join(f"`{name}`" for name in public[:MOST_NAMED])
    return f"{text} and {more} more" if text and more else text


def first_sentence(file: Path) -> str:
    """How a file describes itself; "" for a template."""
    if file.suffix != ".py":
        return ""
    text = " ".join((ast.get_docstring(ast.parse(file.read_text())) or "").split())
    end = text.find(". ")
    return text if end < 0 else text[: end + 1]
