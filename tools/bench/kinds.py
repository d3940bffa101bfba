"""The commands of the bench that differ by modem: a row of `KINDS` for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tools.bench import replies


@dataclass(frozen=True)
class Kind:
    """A modem's words, as the bench needs them."""

    serving: tuple[str, str]
    """Command for the serving cell, and what its answer begins with."""
    read_serving: replies.ReadServing
    gnss: str
    """Command whose question says whether GNSS is on."""
    gnss_stopped: bytes
    """Line that says GNSS can be started again; none: at once."""
    starts: Mapping[str, str]
    """Kinds of start with the command that brings each about (GNSS notes: BG96 V1.1, SIM7600 V3.00)."""
    sleep: str
    """Command that lets it sleep by DTR."""
    doze_ms: int
    """From DTR high to sleep."""
    has_edrx: bool
    parks_alone: bool
    """Goes into PSM when it is left alone, from where only the power key brings it back."""


KINDS = {
    "bg95": Kind(
        serving=('+QENG="servingcell"', "+QENG:"),
        read_serving=replies.qeng,
        gnss="+QGPS",
        gnss_stopped=b"",
        starts={"cold": "+QGPSDEL=0", "warm": "+QGPSDEL=2", "hot": "+QGPSDEL=1"},
        sleep="+QSCLK",
        doze_ms=3_000,
        has_edrx=True,
        parks_alone=True,
    ),
    "sim7600": Kind(
        serving=("+CPSI?", "+CPSI:"),
        read_serving=replies.cpsi,
        gnss="+CGPS",
        gnss_stopped=b"+CGPS:",
        starts={"cold": "+CGPSCOLD", "hot": "+CGPSHOT"},
        sleep="+CSCLK",
        doze_ms=22_000,  # 15 to 20 s (sleep note V3.00)
        has_edrx=False,
        parks_alone=False,
    ),
}
