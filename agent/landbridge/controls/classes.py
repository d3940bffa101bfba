"""Classes of cards and the controls each demands, as people write them: a TOML file.

[class.resold]
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

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from landbridge.errors import UserError

QUOTA_PERCENT = (50, 80, 100)


@dataclass(frozen=True)
class Class:
    """The controls of one class; empty: that one is not demanded."""

    binding: bool = True
    regions: tuple[int, ...] = ()
    high_risk: tuple[int, ...] = ()
    networks: tuple[int, ...] = ()
    blocked_networks: tuple[int, ...] = ()
    area: tuple[tuple[float, float, float], ...] = ()
    quota_mb: float = 0.0
    hosts: tuple[str, ...] = ()
    voice: bool = False
    sms: bool = False
    rebinds_a_month: int = 2
    slow_at: int = 0

    def stored(self) -> dict[str, Any]:
        """For JSON; `of_table` reads it."""
        return asdict(self)


def parse(text: str) -> dict[str, Class]:
    """The classes in a file; `UserError` says what is wrong in it."""
    return of_tables(read(text).get("class", {}))


def read(text: str) -> dict[str, Any]:
    """The file as TOML; `UserError` if it is none, or has other parts than [class.<name>] and [[case]]."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"no TOML: {error}") from None
    unknown = set(found) - {"class", "case"}
    if unknown:
        raise UserError(f"{', '.join(sorted(unknown))}: write [class.<name>] and [[case]]")
    return found


def of_tables(tables: Any) -> dict[str, Class]:
    """The classes by name."""
    if not isinstance(tables, dict) or not tables:
        raise UserError("no [class.<name>] is there: a class names the controls that its cards demand")
    return {name: of_table(f"class.{name}", table) for name, table in tables.items()}


def of_table(where: str, table: Any) -> Class:
    """One class; `UserError` names the key that is wrong."""
    if not isinstance(table, Mapping):
        raise UserError(f"{where} is no table")
    usual = {key.name: key for key in fields(Class)}
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name not in usual:
            raise UserError(f"{where}: no {name}; known are {', '.join(usual)}")
        values[name] = _checked(f"{where}.{name}", usual[name].default, value)
    found = Class(**values)
    for mcc in (*found.regions, *found.high_risk):
        if not 200 <= mcc <= 799:
            raise UserError(f"{where}: {mcc} is no mobile country code, 200 to 799")
    return found


def _checked(where: str, default: Any, value: Any) -> Any:
    if isinstance(default, bool):
        good, wanted = isinstance(value, bool), "true or false"
    elif isinstance(default, int | float):
        good = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
        wanted = "a number"
    elif where.endswith(".area"):
        good = isinstance(value, list | tuple) and all(_is_circle(each) for each in value)
        wanted = "a list of [latitude, longitude, km]"
        value = tuple(tuple(float(part) for part in each) for each in value) if good else value
    else:
        kind = str if where.endswith(".hosts") else int
        good = isinstance(value, list | tuple) and all(type(each) is kind for each in value)
        wanted = f"a list of {'texts, name:port' if kind is str else 'numbers'}"
        value = tuple(value) if good else value
    if not good:
        raise UserError(f"{where} = {value!r} must be {wanted}")
    return value


def _is_circle(value: Any) -> bool:
    numbers = isinstance(value, list | tuple) and len(value) == 3
    return numbers and all(isinstance(part, int | float) for part in value)
