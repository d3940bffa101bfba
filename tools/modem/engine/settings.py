"""Commands of the kind AT+XXXCFG="key",<index>,<values>: which values a key takes, and keeping them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tools.modem.engine.errors import BAD_PARAMETER, Refused
from tools.modem.engine.request import Handler, Request

if TYPE_CHECKING:
    from tools.modem.unit import Unit

Rule = Sequence[range | None]
"""The range of each value, None: any text. Only the first must be given."""


def indexed(name: str, rules: Mapping[str, Rule], indexes: range) -> Handler:
    """The command `name` with an index after the key; kept in RAM. Without values it reads."""

    def handle(unit: Unit, request: Request) -> None:
        key = request.text(0)
        rule = rules.get(key.lower())
        if rule is None:
            raise Refused(BAD_PARAMETER)
        index = request.number(1, indexes[0], indexes[-1])
        slot = f"{name}/{key.lower()}/{index}"
        if len(request.args) > 2:
            unit.volatile[slot] = ",".join(checked(request, 2, rule))
        else:
            unit.at.info(f'{name}: "{key}",{index},{unit.volatile.get(slot, "")}')

    return handle


def value(unit: Unit, name: str, key: str, index: int, default: str) -> list[str]:
    """The values set for a key, or those of `default`."""
    return unit.volatile.get(f"{name}/{key}/{index}", default).split(",")


def checked(request: Request, start: int, rule: Rule) -> list[str]:
    """The arguments from `start` on, without quotes; refused when one is not what `rule` allows."""
    count = len(request.args) - start
    if not 1 <= count <= len(rule):
        raise Refused(BAD_PARAMETER)
    values = []
    for i in range(count):
        allowed = rule[i]
        if allowed is None or not request.has(start + i):
            values.append(request.text(start + i, ""))
        else:
            number = request.number(start + i, allowed[0], allowed[-1])
            if number not in allowed:
                raise Refused(BAD_PARAMETER)
            values.append(str(number))
    return values
