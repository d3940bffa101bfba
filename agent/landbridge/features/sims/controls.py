"""SIM controls by name, as people write them: a TOML file.

[controls.resold]
binding = true                       # only in the tracker it is bound to (IMEIBIND)
regions = [460, 401, 250]            # mobile country codes where it may register; [] or none: anywhere
high_risk = [412]                    # where it never may be
networks = [460000, 460001]          # it may use no other where one is named; MCC * 1000 + MNC
blocked_networks = [250099]          # it may not use these
area = [[30.0, 107.0, 5000.0]]       # circles it may be in (AREALIMIT): latitude, longitude, km
quota_mb = 10                        # a calendar month, by the agent's model of bytes on the air
hosts = ["broker.example:8883"]      # directed traffic: no other address is contacted
voice = false                        # both off unless said otherwise
sms = false
rebinds_a_month = 2                  # how often it may move to another tracker
slow_at = 80                         # percent of the quota from which the tracker reports rarely
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, NamedTuple

from landbridge.core import files
from landbridge.core.checked import Named, Sentences, Validated, Wanted, checked, name_of, strict
from landbridge.core.errors import UserError

Network = Annotated[
    int, Named("network: write MCC * 1000 + MNC, as 250099 for 250 99", ge=200_000, le=799_999)
]
_Country = Annotated[int, Named("mobile country code, 200 to 799", ge=200, le=799)]
_NotNegative = Annotated[
    int, Validated("a whole number", lambda value: "" if value >= 0 else "a number, 0 or more")
]


class Circle(NamedTuple):
    """Latitude, longitude in degrees, and radius."""

    latitude: float
    longitude: float
    km: float


@strict
@dataclass(frozen=True)
class Controls:
    """The controls of a card; an empty value: that one is not required."""

    binding: bool = True
    regions: tuple[_Country, ...] = ()
    high_risk: tuple[_Country, ...] = ()
    networks: tuple[Network, ...] = ()
    blocked_networks: tuple[Network, ...] = ()
    area: Annotated[tuple[Circle, ...], Wanted("a list of [latitude, longitude, km]")] = ()
    quota_mb: Annotated[float, Wanted("a number, 0 or more", ge=0)] = 0.0
    hosts: tuple[str, ...] = ()
    voice: bool = False
    sms: bool = False
    rebinds_a_month: _NotNegative = 2
    slow_at: _NotNegative = 0

    def stored(self) -> dict[str, Any]:
        """Return values for JSON, which `restored` reads."""
        return asdict(self)


def parse(text: str) -> dict[str, Controls]:
    """Return the controls in a file, by name; `UserError` says what is wrong with it."""
    return of_tables(read(text).get("controls", {}))


def read(text: str) -> dict[str, Any]:
    """The file as TOML; `UserError` if invalid, or with other parts than [controls.<name>] and [[case]]."""
    found = files.toml_of(text, "the SIM controls file")
    unknown = set(found) - {"controls", "case"}
    if unknown:
        raise UserError(f"{', '.join(sorted(unknown))}: write [controls.<name>] and [[case]]")
    return found


def of_tables(tables: Any) -> dict[str, Controls]:
    """Return the controls by name."""
    if not isinstance(tables, dict) or not tables:
        raise UserError("there is no [controls.<name>] table: add one for the SIM controls")
    return {name: of_table(f"controls.{name}", table) for name, table in tables.items()}


def of_table(where: str, table: Any) -> Controls:
    """Return the controls of one name; `UserError` names the wrong key."""
    return checked(Controls, table, Sentences(lambda keys: name_of((where, *keys))))


def restored(stored: Mapping[str, Any]) -> Controls:
    """Return the controls from `stored`. They were checked by the rules of that time and apply in any
    case."""
    return Controls(**stored)
