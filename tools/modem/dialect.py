"""The differences between modems, apart from their tables of commands."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.modem.engine.request import Table
from tools.modem.network.air import Cell, Rat

if TYPE_CHECKING:
    from tools.modem.unit import Unit


@dataclass(frozen=True)
class Dialect:
    """Durations in ms as (least, most); `boot_lines` are (ms after the UART is ready, line)."""

    name: str
    commands: Table
    variants: Mapping[str, str]
    """Ways in which only this modem's firmware differs in the field: name, meaning."""
    variant_commands: Mapping[str, Table]
    """Commands that a variant adds or replaces."""
    boot_ms: tuple[int, int]
    boot_lines: tuple[tuple[int, str], ...]
    sim_ready_ms: int
    radio_on_lines: tuple[str, ...]
    reset_ms: tuple[int, int]
    """How long the reset line is to be held (hardware design)."""
    reset_is_key: bool
    """RESET_N is multiplexed from PWRKEY: a shorter pulse is one of the power key."""
    status_off_ms: int
    """From the order to power off until STATUS has fallen, at least."""
    off_ms: tuple[int, int]
    off_line: str
    """Sent when the power goes off; "" for nothing."""
    psm_line: str
    low_supply_line: str
    technologies: tuple[Rat, ...]
    """The kinds of network that it knows."""
    rats: Callable[[Mapping[str, str]], list[Rat]]
    """The kinds of network that the settings allow, in the order of the scan."""
    hears: Callable[[Mapping[str, str], Cell], bool]
    """Whether the settings allow the cell's band."""
    bands_fraction: Callable[[Mapping[str, str], Rat], float]
    """Share of the modem's bands of a kind that the settings allow."""
    lets_in: Callable[[Mapping[str, str]], bool]
    """Whether the settings let calls and messages in: the circuit-switched domain."""
    shared_receiver: bool
    """GNSS and the network take turns on one receiver."""
    functions: tuple[int, ...]
    """<fun> that AT+CFUN takes."""
    operator_modes: str
    """<mode> of AT+COPS, as AT+COPS=? lists them."""
    scan_aborts: bool
    """Any byte from the host ends AT+COPS=? (SIMCom AT manual)."""
    registration_levels: Mapping[str, tuple[int, ...]]
    """<n> that +CREG, +CGREG and +CEREG take."""
    reports_cause: bool
    """+CEREG carries the cause of a refusal."""
    has_psm: bool
    contexts: Container[int]
    """Numbers that a PDP context may have."""
    context_lost: Callable[[Unit, int], None]
    """Report what ends with a PDP context that is gone."""
    unset_clock: str
    card_lines: tuple[str, str]
    """Sent unsolicited when the card goes, and when it comes; "" for nothing."""
    mqtt_lost: str
    """The URC with which an MQTT connection ends."""
    zone_reports: tuple[int, ...]
    """The values of AT+CTZR."""
    zone_line: str
    """The line of AT+CTZR=1, from `zone` in quarters of an hour and the `local` time."""
    zone_updates: tuple[int, ...]
    """The values of AT+CTZU, the default first."""
    gmt_update: int | None
    """The AT+CTZU that sets the clock to GMT; all others set it to local time."""
    keeps_baud: bool
    """AT&W keeps the baud rate too."""
    finds_baud: bool
    """AT+IPR=0: the modem finds the baud rate out itself."""
    character_set: str
    """The character set of AT+CSCS, until another is set."""
    prompt: str
    longest_line: int
    """Characters of a command line; a longer one is refused."""
    refusals: Mapping[int, int]
    """+CME codes of AT+COPS by EMM cause; all others are 32."""
    dtr_sleep_ms: int
    """From DTR high to sleep."""
