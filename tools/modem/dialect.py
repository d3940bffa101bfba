"""What distinguishes one modem from another, beside its table of commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tools.modem.air import Rat
from tools.modem.request import Table


@dataclass(frozen=True)
class Dialect:
    """Durations in ms as (least, most); `boot_lines` are (ms after the UART lives, line)."""

    commands: Table
    boot_ms: tuple[int, int]
    boot_lines: tuple[tuple[int, str], ...]
    sim_ready_ms: int
    radio_on_lines: tuple[str, ...]
    off_ms: tuple[int, int]
    off_line: str
    rats: Callable[[Mapping[str, str]], list[Rat]]
    """The kinds of network that the settings allow, in the order of the scan."""
    shared_receiver: bool
    """GNSS and the network take turns on one receiver."""
    scan_aborts: bool
    """Any byte from the host ends AT+COPS=? (SIMCom AT manual)."""
    registration_levels: Mapping[str, tuple[int, ...]]
    """<n> that +CREG, +CGREG and +CEREG take."""
    tells_cause: bool
    """+CEREG carries the cause of a refusal."""
    has_psm: bool
    contexts: int
    unset_clock: str
    zone_updates: tuple[int, ...]
    """What AT+CTZU takes, the default first."""
    gmt_update: int | None
    """The AT+CTZU that sets the clock to GMT; all others set it to local time."""
    dtr_sleep_ms: int
    """From DTR high to sleep."""
