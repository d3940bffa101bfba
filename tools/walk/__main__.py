"""Traces a fix, a command, a profile switch and a page through the real code.

`python -m tools.walk [--check]` writes docs/explanation/walks.md and out/walk.json, and prints the page
and, last, the figures. With --check it writes nothing, and exits with 1 when the page says something else.
"""

import argparse
import difflib
import json
import logging
import sys
import tempfile
from pathlib import Path

from tools.ending import one_line
from tools.flash import REPOSITORY
from tools.walk import page
from tools.walk.walks import Figures, Walk, walk_all
from tools.world.services.processes import ServiceError

PAGE = REPOSITORY / "docs" / "explanation" / "walks.md"
OUT = Path("out/walk.json")


@one_line(ServiceError)
def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.walk", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare the page in docs/ with the code")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="landbridge-walk-") as folder:
        walks, figures = walk_all(Path(folder, "world"))
    text = page.written(walks, figures)
    if arguments.check:
        return compare(PAGE.read_text() if PAGE.exists() else "", text)
    _write(PAGE, text)
    _write(OUT, json.dumps(_noted(walks, figures), indent=2) + "\n")
    print(text, *page.summary(figures), sep="\n")
    return 0


def compare(page: str, code: str) -> int:
    """0 when the `page` is what the `code` prints today; else 1, with the differences printed."""
    lines = page.splitlines(), code.splitlines()
    print(*difflib.unified_diff(*lines, "docs/explanation/walks.md", "the code", lineterm="", n=0), sep="\n")
    if page == code:
        return 0
    print("the code takes another way than docs/explanation/walks.md: run `make walk`", file=sys.stderr)
    return 1


def _noted(walks: list[Walk], figures: Figures) -> dict[str, object]:
    return {
        "walks": [page.as_json(walk) for walk in walks],
        "first wake": figures.first_wake,
        "profile switch": figures.switch,
        "figures": page.summary(figures),
    }


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


if __name__ == "__main__":
    sys.exit(main())
