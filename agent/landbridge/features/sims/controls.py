"""SIM controls by name, as people write them: a TOML file.

[controls.resold]
binding = true                       # only in the locator it is bound to (IMEIBIND)
regions = [460, 401, 250]            # mobile country codes where it may register; [] or none: anywhere
high_risk = [412]                    # where it never may be
networks = [460000, 460001]          # it may use no other where one is named; MCC * 1000 + MNC
blocked_networks = [250099]          # it may not use these
area = [[30.0, 107.0, 5000.0]]       # circles it may be in (AREALIMIT): latitude, longitude, km
quota_mb = 10                        # a calendar month, by the agent's model of bytes on the air
hosts = ["broker.example:8883"]      # directed traffic: nobody else is talked to
voice = false                        # both off unless said otherwise
sms = false
rebinds_a_month = 2                  # how often it may be bound to another locator
slow_at = 80                         # percent of the quota from which the locator reports as seldom as it may
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from landbridge.core import files
from landbridge.core.errors import UserError
from landbridge.core.typed import made

QUOTA_PERCENT = (50, 80, 100)


class Circle(NamedTuple):
    """Degrees, and how far around."""

    latitude: float
    longitude: float
    km: float


@dataclass(frozen=True)
class Controls:
    """The controls that a card demands; empty: that one is not demanded."""

    binding: bool = True
    regions: tuple[int, ...] = ()
    high_risk: tuple[int, ...] = ()
    networks: tuple[int, ...] = ()
    blocked_networks: tuple[int, ...] = ()
    area: tuple[Circle, ...] = ()
    quota_mb: float = 0.0
    hosts: tuple[str, ...] = ()
    voice: bool = False
    sms: bool = False
    rebinds_a_month: int = 2
    slow_at: int = 0

    def stored(self) -> dict[str, Any]:
        """For JSON; `restored` reads it."""
        return asdict(self)


def parse(text: str) -> dict[str, Controls]:
    """The controls in a file, by name; `UserError` says what is wrong in it."""
    return of_tables(read(text).get("controls", {}))


def read(text: str) -> dict[str, Any]:
    """The file as TOML; `UserError` if it is none, or has other parts than [controls.<name>] and [[case]]."""
    found = files.toml_of(text, "the file of SIM controls")
    unknown = set(found) - {"controls", "case"}
    if unknown:
        raise UserError(f"{', '.join(sorted(unknown))}: write [controls.<name>] and [[case]]")
    return found


def of_tables(tables: Any) -> dict[str, Controls]:
    """The controls by name."""
    if not isinstance(tables, dict) or not tables:
        raise UserError("no [controls.<name>] is there: it names the controls that cards demand")
    return {name: of_table(f"controls.{name}", table) for name, table in tables.items()}


def of_table(where: str, table: Any) -> Controls:
    """The controls of one name; `UserError` names the key that is wrong."""
    found: Controls = made(where, Controls, table)
    for name in ("quota_mb", "rebinds_a_month", "slow_at"):
        if not getattr(found, name) >= 0:
            raise UserError(f"{where}.{name} = {getattr(found, name)} must be a number, 0 or more")
    for mcc in (*found.regions, *found.high_risk):
        if not 200 <= mcc <= 799:
            raise UserError(f"{where}: {mcc} is no mobile country code, 200 to 799")
    for plmn in (*found.networks, *found.blocked_networks):
        network(where, plmn)
    return found


def network(where: str, plmn: int) -> None:
    """`UserError` unless it may be one, as records have them."""
    if not 200_000 <= plmn <= 799_999:
        raise UserError(f"{where}: {plmn} is no network: write MCC * 1000 + MNC, as 250099 for 250 99")


def restored(stored: Mapping[str, Any]) -> Controls:
    """From what `stored` gave. It was checked when it was set, by the rules of then: cards are checked all
    the same."""
    return Controls(**stored)
