"""Four walks through the running code, as the files and functions that they pass.

`python -m tools.walk [--check]` writes docs/explanation/walks.md and out/walk.json, and prints the page and, last, the
figures. With --check it writes no page, and exits with 1 when the one that is there is another.
"""

import argparse
import difflib
import json
import logging
import sys
import tempfile
from pathlib import Path

from tools.flash import REPOSITORY
from tools.walk import page
from tools.walk.walks import walk_all
from tools.world.services import ServiceError

PAGE = REPOSITORY / "docs" / "explanation" / "walks.md"
OUT = Path("out/walk.json")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.walk", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare the page in docs/ with the code")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    try:
        with tempfile.TemporaryDirectory(prefix="landbridge-walk-") as folder:
            walks, figures = walk_all(Path(folder, "world"))
    except ServiceError as error:
        print(error, file=sys.stderr)
        return 1
    text = page.written(walks, figures)
    if arguments.check:
        return _compared(text)
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(text)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps({"walks": [page.as_json(walk) for walk in walks]} | figures._asdict(), indent=2) + "\n")
    print(text, *page.summary(figures), sep="\n")
    return 0


def _compared(text: str) -> int:
    """0 when the page is as the code runs today; else its differences are printed."""
    there = PAGE.read_text() if PAGE.exists() else ""
    changes = difflib.unified_diff(there.splitlines(), text.splitlines(), str(PAGE), "the code", lineterm="", n=0)
    print(*changes, sep="\n")
    if there == text:
        return 0
    print("the code takes other ways than the page says: run `make walk` and look what has changed", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
