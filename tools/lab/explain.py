"""The decision table as Markdown, from the rules themselves: `python -m tools.lab explain` prints it and
writes it to docs/reference/decision-table.md."""

from __future__ import annotations

from pathlib import Path

from landbridge.features.diagnostics.wake_coding import REASONS

from tools.flash.layout import REPOSITORY
from tools.lab.plan import decide, policy

PAGE = REPOSITORY / "docs" / "reference" / "decision-table.md"
BEGIN, END = "<!-- explain: begin -->\n", "<!-- explain: end -->\n"
_OTHERS = ("OTHER_PROFILE", "KEEP", "DELIVER", "SHIPPED")
_PREFIXES = ("REST_", "FIX_", "REUSE_", "SCAN_", "SESSION_", "ATTEMPT_")
_DONE = (
    ("REST_", "sleep"),
    ("FIX_", "fix"),
    ("REUSE_", "record"),
    ("KEEP", "record"),
    ("SCAN_", "network scan"),
    ("DELIVER", "session"),
    ("SHIPPED", "sleep"),
)
"""What is done for a reason by the beginning of its name; all others are to register and hold a session."""


def rules() -> list[tuple[str, str]]:
    """Return name and meaning of each rule, in the order in which they are evaluated."""
    return [(rule.__name__.strip("_"), " ".join(rule.__doc__.split())) for rule in decide.RULES]


def reasons() -> list[tuple[int, str, str]]:
    """Return number, words and action of each reason that a decision can have, by number."""
    found = []
    for module in (policy, decide):
        for name, value in vars(module).items():
            if isinstance(value, int) and (name in _OTHERS or name.startswith(_PREFIXES)):
                found.append((value, REASONS[value], _done(name)))
    return sorted(set(found))


def markdown() -> str:
    """Return the lists of rules and of reasons."""
    lines = [f"{i}. **{name}**: {words}" for i, (name, words) in enumerate(rules(), 1)]
    lines += ["", "Reasons, and what is done then:", ""]
    lines += [f"- **{number}**: {words} ({done})" for number, words, done in reasons()]
    return "\n".join(lines) + "\n"


def update(page: Path = PAGE) -> None:
    """Write the lists between the marks of the page."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    page.write_text(before + BEGIN + markdown() + END + rest.partition(END)[2], encoding="utf-8")


def _done(name: str) -> str:
    return next((done for prefix, done in _DONE if name.startswith(prefix)), "register, session")
