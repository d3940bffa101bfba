"""What a modem keeps in its flash: settings, files and memories that outlive every power cut."""

from __future__ import annotations

from dataclasses import dataclass, field

from tools.modem.air import Rat


@dataclass
class Context:
    """A PDP context as AT+CGDCONT or AT+QICSGP has defined it."""

    kind: str
    apn: str


@dataclass(frozen=True)
class Memory:
    """Where and when GNSS had its last fix; its ephemeris is of that time."""

    unix_s: float
    lat: float
    lon: float


@dataclass
class Psm:
    """What AT+CPSMS asks of the network: coded timers of TS 24.008, eight bits each."""

    on: bool = False
    tau: str = "00100001"
    active: str = "00000010"


@dataclass
class Nv:
    """`operator`: PLMN held by manual selection, None: automatic. `last`: where it was registered."""

    settings: dict[str, str] = field(default_factory=dict)
    operator: str | None = None
    last: tuple[str, Rat] | None = None
    contexts: dict[int, Context] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    psm: Psm = field(default_factory=Psm)
    zone_update: int = 0
    gnss: Memory | None = None
    gnss_first: bool = False
    """BG95: GNSS has priority over the network (QGPSCFG "priority")."""
