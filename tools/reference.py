"""Prints what the code knows into docs/reference: `python -m tools.reference` (`make docs`).

Commands come from the command line itself, configuration from `landbridge config`, keys of boards from their
model, routes from the OpenAPI document, CPU times from the simulated world. Each page has two marks; the text
between them is replaced.
"""

import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, cast

from landbridge.cli import commands as command_line
from landbridge.config import Config
from landbridge.web import app
from typer.main import get_command

from tools.flash.boards import explained
from tools.flash.layout import REPOSITORY
from tools.world.device import cpu

REFERENCE = REPOSITORY / "docs" / "reference"


def commands() -> str:
    """The commands of each group with their arguments, and what their help says first."""
    root = cast(Any, get_command(command_line))
    context = root.make_context("landbridge", [], resilient_parsing=True)
    found = {name: root.get_command(context, name) for name in root.list_commands(context)}
    single = {name: each for name, each in found.items() if not hasattr(each, "list_commands")}
    groups = [("The agent", single)]
    groups += [
        (f"`{name}`", {f"{name} {key}": value for key, value in each.commands.items()})
        for name, each in found.items()
        if name not in single
    ]
    return "".join(_group(*group) for group in groups).rstrip("\n") + "\n"


def configuration() -> str:
    """The configuration with each key at its default, as `landbridge config` prints it below its head."""
    with TemporaryDirectory() as nowhere:
        command = [sys.executable, "-m", "landbridge", "config"]
        printed = subprocess.run(command, cwd=nowhere, env={}, capture_output=True, text=True, check=True)
    _head, _, keys = printed.stdout.partition("\n\n")
    return f"```toml\n{keys}```\n"


def board_keys() -> str:
    """The keys of board.toml with what each may be, its default and its meaning."""
    return _listing(line.removeprefix("- ").replace("`", "").partition(": ")[::2] for line in explained())


def api() -> str:
    """The routes of the HTTP API with the parameters of their queries."""
    paths = app.make(cast(Any, SimpleNamespace(config=Config()))).openapi()["paths"]
    return _listing(
        (f"{method.upper()} {path}{_query(route)}", route["summary"])
        for path, routes in sorted(paths.items())
        for method, route in routes.items()
    )


def cpu_times() -> str:
    """The table of CPU times that the simulated world charges for a wake."""
    return "\n".join([*cpu.table(), ""])


PRINTED: dict[str, Callable[[], str]] = {
    "commands": commands,
    "configuration": configuration,
    "boards": board_keys,
    "api": api,
    "simulated-world": cpu_times,
}
"""Page in docs/reference, and what is printed into it."""


def filled(page: str, text: str) -> str:
    """The text of the page `page` with what is printed between its marks replaced by `text`."""
    begin, end = f"<!-- {page}: begin -->\n", f"<!-- {page}: end -->\n"
    before, has_begin, rest = path(page).read_text().partition(begin)
    _, has_end, after = rest.partition(end)
    if not (has_begin and has_end):
        raise ValueError(f"{path(page)}: put back the marks {begin.strip()} and {end.strip()}")
    return before + begin + text + end + after


def path(page: str) -> Path:
    """The file of a page."""
    return REFERENCE / f"{page}.md"


def _group(title: str, members: dict[str, Any]) -> str:
    listed = ((" ".join([name, *_arguments(each)]), _title(each.help)) for name, each in members.items())
    return f"## {title}\n\n{_listing(listed)}\n"


def _title(text: str) -> str:
    """The first paragraph of a help text, as the list of commands shows it."""
    return " ".join(text.partition("\n\n")[0].split())


def _arguments(command: Any) -> Iterator[str]:
    """The arguments in capitals, an optional one in brackets."""
    for each in command.params:
        if each.param_type_name == "argument" and "[" in (each.metavar or ""):
            yield each.metavar
        elif each.param_type_name == "argument":
            name = str(each.metavar or each.name).strip(".").upper() + ("..." if each.nargs == -1 else "")
            yield name if each.required else f"[{name}]"


def _query(route: dict[str, Any]) -> str:
    names = [each["name"] for each in route.get("parameters", ()) if each["in"] == "query"]
    return f"?{'&'.join(names)}" if names else ""


def _listing(items: Iterable[tuple[str, str]]) -> str:
    """A fenced listing: each item's name, and below it what it is."""
    return "```text\n" + "".join(f"{name}\n    {meaning}\n" for name, meaning in items) + "```\n"


if __name__ == "__main__":
    for name, printed in PRINTED.items():
        path(name).write_text(filled(name, printed()))
