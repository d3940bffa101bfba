"""The walks as a page of the documentation: each a list of files in the order in which they are entered."""

import ast
from collections.abc import Collection, Iterable
from pathlib import Path

from tools.flash import FIRMWARE, REPOSITORY
from tools.walk.tracer import MODULE, Step
from tools.walk.walks import UPLINK, Figures, Part, Walk
from tools.walk.world import AGENT

MOST_NAMED = 3
"""Functions of a file that a line names."""
HEAD = """# Walks through the code

For developers who read the code for the first time. After reading you know which files a position fix, a
command, a profile switch and a page pass on their way. `make walk` does each of them on the real code and
writes this page; a test compares the two.

The tracker runs in the simulated world, with a BG95 and an eUICC. Its firmware runs on CPython here, as
MicroPython has no means to trace calls. Agent and pages run as they always do. The fix is the one that the
command asks for.

- A file stands where a walk enters it first, with some of the functions that run in it during that walk.
  `out/walk.json` has all of them.
- Indented lines are in the folder of the line above.
- What follows the colon is the first sentence of the file.
- Files that are only imported are left out, and threads without a part in the walk: tracking, for example,
  runs later and by itself.
"""


def written(walks: list[Walk], figures: Figures) -> str:
    """The whole page."""
    lines = [HEAD, "| walk | firmware: files | moves | agent: files | moves |", "|---|---|---|---|---|"]
    for walk in walks:
        counts = (len(walk.files(FIRMWARE)), walk.moves(FIRMWARE), len(walk.files(AGENT)), walk.moves(AGENT))
        lines.append(" | ".join([f"| {walk.title}", *(str(each or "-") for each in counts)]) + " |")
    lines += [
        "",
        "A move: the next function that is new to the walk lies in another folder. Known to a switch: files",
    ]
    lines += ["that run during a switch and in no earlier wake.", ""]
    lines += [f"- {line}" for line in summary(figures)]
    (of_uplink,) = (walk.files(AGENT) for walk in walks if walk.name == UPLINK)
    for walk in walks:
        lines += ["", f"## {walk.title}", "", *_walk(walk, of_uplink)]
    return "\n".join(lines) + "\n"


def summary(figures: Figures) -> list[str]:
    """The figures, each in a line."""
    return [
        f"one uplink passes {figures.uplink_files} files and makes {figures.uplink_moves} moves "
        "between folders of the agent",
        f"the first wake enters {len(figures.first_wake)} firmware files",
        f"a profile switch is known to {len(figures.switch)} files",
    ]


def as_json(walk: Walk) -> dict[str, object]:
    """One walk with everything that was noted."""
    roots = [root for root in (FIRMWARE, AGENT) if walk.files(root)]
    return {
        "walk": walk.name,
        "title": walk.title,
        "files": {_shown(root): walk.files(root) for root in roots},
        "moves": {_shown(root): walk.moves(root) for root in roots},
        "parts": [
            {"title": part.title, "in": _shown(part.root), "steps": list(map(": ".join, part.steps))}
            for part in walk.parts
        ],
    }


def _walk(walk: Walk, of_uplink: Collection[str]) -> list[str]:
    """The lines of a walk. Files `of_uplink` are left out of an uplink that is there because of a feature."""
    lines: list[str] = []
    listed: set[tuple[Path, str]] = set()
    entered: set[Step] = set()
    for number, part in enumerate(walk.parts, 1):
        known = of_uplink if part.feature else ()
        steps = [step for step in part.steps if step.file not in known or step.file.startswith(part.feature)]
        new = [file for file in _files(steps) if (part.root, file) not in listed]
        again = _files(step for step in steps if step not in entered)
        lines += [f"{number}. **{part.title}**{_beside(part, new, again)}", *_lines(walk, part, new)]
        listed.update((part.root, file) for file in new)
        entered.update(steps)
    return lines


def _files(steps: Iterable[Step]) -> list[str]:
    return list(dict.fromkeys(step.file for step in steps))


def _beside(part: Part, new: list[str], again: list[str]) -> str:
    """What stands after the title. When no file is new: those of which a function is."""
    if new:
        return " The way of any uplink, and:" if part.feature else ""
    begins = "The way of any uplink, and more" if part.feature else "More"
    return f" {begins} functions of {', '.join(f'`{file}`' for file in again)}."


def _lines(walk: Walk, part: Part, files: list[str]) -> list[str]:
    """Lines of an indented block, of which those that stay in a folder are indented further."""
    lines, functions, before = [], walk.files(part.root), None
    if files:
        lines.append("   ```text")
    for file in files:
        folder = Path(file).parent
        path = Path(file).name if folder == before else f"{_shown(part.root)}/{file}"
        entered = " ".join(filter(None, (path, _named(functions[file]))))
        text = ": ".join(filter(None, (entered, first_sentence(part.root / file))))
        lines.append(f"{'     ' if folder == before else '   '}{text}")
        before = folder
    return lines + ["   ```"] * bool(files)


def _shown(root: Path) -> str:
    return root.relative_to(REPOSITORY).as_posix()


def _named(functions: list[str]) -> str:
    """The first functions, the public ones if there are any; dots stand for the others."""
    names = [name.replace(".<locals>", "") for name in functions if name != MODULE]
    public = [name for name in names if not name.rpartition(".")[2].startswith("_")] or names
    shown = public[:MOST_NAMED]
    return ", ".join([*shown, *["..."] * (len(shown) < len(names))])


def first_sentence(file: Path) -> str:
    """How a file describes itself; "" for a template."""
    if file.suffix != ".py":
        return ""
    text = " ".join((ast.get_docstring(ast.parse(file.read_text())) or "").split())
    end = text.find(". ")
    return text if end < 0 else text[: end + 1]
