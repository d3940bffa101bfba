"""The table of results while the bench runs; line by line if there is no terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tools.bench.run import Result

STARTS = ("cold", "warm", "hot")
COLOURS = {"ok": "green", "failed": "red", "hangs": "bold red", "skipped": "dim", "interrupted": "yellow"}


class LiveTable:
    """A `Watch`; use it as a context."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._results: list[Result] = []
        self._note = ""
        self._live = Live(console=console, get_renderable=self._table, refresh_per_second=4)

    def __enter__(self) -> LiveTable:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._note = ""
        if self._console.is_terminal:
            self._live.stop()

    def changed(self, result: Result) -> None:
        """A step began or ended."""
        self._note = ""
        if result not in self._results:
            self._results.append(result)
        if not self._console.is_terminal and result.state != "running":
            line = (
                f"{result.round} {result.step:9} {result.state:8} {result.seconds:6.1f} s  {summary(result)}"
            )
            self._console.print(line.rstrip(), highlight=False, soft_wrap=True, markup=False)
            self._console.file.flush()

    def note(self, text: str) -> None:
        """The present phase of the step."""
        self._note = text

    def _table(self) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for name in ("round", "step", "", "seconds", "found"):
            table.add_column(name, justify="right" if name in ("round", "seconds") else "left")
        for one in self._results:
            state = Text(one.state, style=COLOURS.get(one.state, "cyan"))
            running = one.state == "running"
            seconds = "" if running or one.state == "skipped" else f"{one.seconds:.1f}"
            words = self._note if running else summary(one)
            table.add_row(str(one.round), one.step, state, seconds, Text(words))
        if self._note and not any(one.state == "running" for one in self._results):
            table.add_row("", "", "", "", Text(self._note, style="dim"))
        return table


def summary(result: Result) -> str:
    """The result of a step in a few words."""
    return result.words or _SUMMARIES[result.step](result.found) if result.state != "running" else ""


def _networks(found: dict[str, Any]) -> str:
    networks = found["networks"]
    taken = sum(one["result"] == "registered" for one in networks)
    levels = [one["rsrp_dbm"] for one in networks if "rsrp_dbm" in one]
    best = f", best {max(levels)} dBm" if levels else ""
    return f"{len(networks)} networks, {taken} accept the card{best}"


def place(found: dict[str, Any]) -> str:
    """How an attach ended, and the signal."""
    parts = [found["result"], f"{found['seconds']:.0f} s"]
    parts += [found["access"]] if "access" in found else []
    parts += [f"{found['rsrp_dbm']} dBm"] if "rsrp_dbm" in found else []
    parts += [found["cause"]] if "cause" in found else []
    return " ".join(parts)


def _sim(found: dict[str, Any]) -> str:
    profiles = found.get("profiles")
    return f"{found['iccid']}, " + (
        f"eUICC with {len(profiles)} profiles" if profiles is not None else "one profile"
    )


def _message(found: dict[str, Any]) -> str:
    if "back_s" not in found:
        return ""
    return f", connected in {found['connect_s']:.1f} s, there and back in {found['back_s']:.1f} s"


_SUMMARIES: dict[str, Any] = {
    "identity": lambda f: f"{f['model']} {f['revision']}",
    "sim": _sim,
    "survey": _networks,
    "attach": place,
    "gnss": lambda f: (
        "first fix "
        + ", ".join(f"{start} {f[f'{start}_s']:.0f} s" for start in STARTS if f"{start}_s" in f)
        + f", {f['satellites']} satellites, HDOP {f['hdop']:.1f}"
    ),
    "mqtt": lambda f: _message(f).removeprefix(", "),
    "edrx": lambda f: f"a cycle of {f['cycle_s']:.2f} s" if f["cycle_s"] else "not granted",
    "park": lambda f: ("in PSM" if f["in_psm"] else "off") + f" after {f['down_s']:.1f} s",
    "resume": lambda f: f"answers after {f['boot_s']:.1f} s, {place(f)}" + _message(f),
    "sleep": lambda f: (
        ("slept" if f["slept"] else "did not sleep (DTR not wired, or USB awake)")
        + f", awake in {f['wake_ms']} ms"
    ),
    "switch": lambda f: (
        f"{f['route']}, {f['there']}: there in {f['there_s']:.1f} s, back in {f['back_s']:.1f} s"
    ),
}
