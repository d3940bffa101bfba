"""Data in the modem's flash: settings, files and memories that survive power cuts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tools.modem.network.air import Rat

DEFAULT_BAUD = 115_200


@dataclass(frozen=True)
class Memory:
    """Where and when GNSS had its last fix; its ephemeris is of that time."""

    unix_s: float
    lat: float
    lon: float


@dataclass
class Context:
    """A PDP context as AT+CGDCONT, AT+CGAUTH or AT+QICSGP has defined it."""

    kind: str
    apn: str
    user: str = ""
    password: str = ""
    auth: int = 0


@dataclass
class Psm:
    """What AT+CPSMS asks of the network: coded timers of TS 24.008, eight bits each."""

    on: bool = False
    tau: str = "00100001"
    active: str = "00000010"


@dataclass
class Format:
    """How to talk: ATE, ATV, ATQ, S3, S4 and AT+CMEE."""

    echo: bool = True
    verbose: bool = True
    quiet: bool = False
    cr: int = 13
    lf: int = 10
    cmee: int = 0

    def at_boot(self, cmee: int) -> Format:
        """What comes back after a boot: echo and AT+CMEE are as ever, whatever AT&W has kept."""
        return replace(self, echo=True, cmee=cmee)


@dataclass
class Nv:
    """`operator`: PLMN held by manual selection, None: automatic, with `operator_rat` where one was
    named. `last`: where it was registered. `edrx`: value asked for by technology (4 eMTC, 5 NB-IoT)."""

    settings: dict[str, str] = field(default_factory=dict)
    operator: str | None = None
    operator_rat: Rat | None = None
    last: tuple[str, Rat] | None = None
    contexts: dict[int, Context] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    psm: Psm = field(default_factory=Psm)
    edrx: dict[int, str] = field(default_factory=dict)
    profile: Format = field(default_factory=Format)
    baud: int = DEFAULT_BAUD
    zone_update: int = 0
    gnss: Memory | None = None
    gnss_first: bool = False
    """BG95: GNSS has priority over the network (QGPSCFG "priority")."""
