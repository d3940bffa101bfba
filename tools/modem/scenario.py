"""Scenario files: events of the modem and their times, in TOML.

[[event]]
at_s = 90                  # so long after the start; or
after = "AT+QMTOPEN"       # when a command that begins like this is received,
nth = 2                    # for the second time (1 if not given),
wait_s = 0.5               # and so long after it (0 if not given)
do = "deny"                # what: a name of ACTIONS with its values
plmn = "26201"
cause = 11
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from tools.modem.network.air import Cell, Rat

Kind = type[int] | type[float] | type[str] | type[bool] | type[list[Any]]


@dataclass(frozen=True)
class Value:
    """A value that an action takes; one without `default` must be given. Numbers from `low` to `high`;
    texts one of `choices`, where there are any."""

    kind: Kind
    default: Any = None
    low: int = 0
    high: int = 0
    choices: tuple[str, ...] = ()


ANY = "*"
ACTIONS: dict[str, dict[str, Value]] = {
    # The cells that can be heard from now on, strongest first; an empty list is silence.
    "cells": {"list": Value(list)},
    # This network, or "*", refuses with this EMM cause; 0: no longer.
    "deny": {"plmn": Value(str, ANY), "cause": Value(int, low=0, high=255)},
    # Data are barred although the modem is registered.
    "bar": {"on": Value(bool, True)},
    # The network ends a PDP context.
    "pdp-drop": {"cid": Value(int, 1, low=1, high=179), "reported": Value(bool, True)},
    # The network refuses contexts with this ESM cause; 0: no longer.
    "pdp-refuse": {"cause": Value(int, low=0, high=255)},
    # The network demands this user and password for a context; both empty: no longer.
    "pdp-login": {"user": Value(str, ""), "password": Value(str, "")},
    # Which hosts can be reached: all, those without TLS, none.
    "hosts": {"reached": Value(str, choices=("all", "no-tls", "none"))},
    # The broker closes the connection of this client; `code` of +QMTSTAT or +CMQTTCONNLOST.
    "mqtt-close": {"client": Value(int, 0, low=0, high=5), "code": Value(int, 1, low=1, high=7)},
    # The other side closes all raw sockets.
    "socket-close": {},
    "sim": {"state": Value(str, choices=("removed", "inserted", "stuck"))},
    "sky": {"blocked": Value(bool, True)},
    "supply": {"mv": Value(int, low=0, high=5_000)},
    "temperature": {"c": Value(int, low=-60, high=120)},
    "reboot": {},
    "power-off": {"text": Value(str, "")},
    # An incoming call or SMS: it arrives where the modem has the circuit-switched domain.
    "call": {"rings": Value(int, 3, low=1, high=100)},
    "message": {},
    # An unsolicited line of any text.
    "say": {"text": Value(str)},
}
_CELL = {
    "plmn": Value(str),
    "rat": Value(str, choices=get_args(Rat)),
    "tac": Value(int, 1, low=0, high=0xFFFF),
    "cell_id": Value(int, 1, low=0, high=0xFFFFFFF),
    "pci": Value(int, 0, low=0, high=503),
    "earfcn": Value(int, 6_300, low=0, high=65_535),
    "band": Value(int, 20, low=1, high=2_000),
    "rsrp_dbm": Value(int, -90, low=-150, high=-30),
    "rsrq_db": Value(int, -10, low=-20, high=-3),
    "sinr_db": Value(int, 10, low=-20, high=30),
}
_WHEN = {
    "at_s": Value(float, 0.0, low=0, high=10_000_000),
    "after": Value(str, ""),
    "nth": Value(int, 1, low=1, high=1_000_000),
    "wait_s": Value(float, 0.0, low=0, high=10_000_000),
}


class ScenarioError(ValueError):
    """The file is not what it must be; the message is one line that names place and remedy."""


@dataclass(frozen=True, eq=False)
class Event:
    """One thing that happens: `at_ms` after the start, or `wait_ms` after the `nth` command that begins
    with `after`. `values` are those of the action, complete."""

    do: str
    values: Mapping[str, Any]
    at_ms: int = 0
    after: str = ""
    nth: int = 1
    wait_ms: int = 0


def load(path: Path) -> list[Event]:
    """The events of a file. Raises ScenarioError."""
    try:
        text = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: cannot be read ({_reason(error)}); name a TOML file") from None
    try:
        return parse(text)
    except ScenarioError as error:
        raise ScenarioError(f"{path}: {error}") from None


def parse(text: str) -> list[Event]:
    """The events of a scenario. Raises ScenarioError."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"not TOML: {error}") from None
    events = tables.pop("event", [])
    if tables:
        raise ScenarioError(f"unknown {next(iter(tables))!r}; a scenario consists of [[event]] tables")
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise ScenarioError("write events as [[event]], with two brackets")
    return [_event(f"event {number}", event) for number, event in enumerate(events, 1)]


def _event(place: str, table: dict[str, Any]) -> Event:
    do = table.get("do")
    if not isinstance(do, str) or do not in ACTIONS:
        raise ScenarioError(f"{place}: do = {do!r} is no action; choose among {', '.join(ACTIONS)}")
    if ("at_s" in table) == ("after" in table):
        raise ScenarioError(f"{place}: give either at_s or after")
    if "at_s" in table and ("nth" in table or "wait_s" in table):
        raise ScenarioError(f"{place}: nth and wait_s go with after, not with at_s")
    rules = {**_WHEN, **ACTIONS[do]}
    values = _checked(place, {key: value for key, value in table.items() if key != "do"}, rules)
    if do == "cells":
        values["list"] = _cells(place, values["list"])
    if values["after"] and not values["after"].upper().startswith("AT"):
        raise ScenarioError(f'{place}: after = {values["after"]!r} is no command; it begins with "AT"')
    return Event(
        do,
        {key: values[key] for key in ACTIONS[do]},
        round(1_000 * values["at_s"]),
        values["after"].upper(),
        values["nth"],
        round(1_000 * values["wait_s"]),
    )


def _cells(place: str, tables: Sequence[Any]) -> list[Cell]:
    cells = []
    for number, table in enumerate(tables, 1):
        where = f"{place}: cell {number}"
        if not isinstance(table, dict):
            raise ScenarioError(f'{where}: write it as {{ plmn = "26201", rat = "lte" }}')
        cell = _checked(where, table, _CELL)
        if not cell["plmn"].isdigit() or len(cell["plmn"]) not in (5, 6):
            raise ScenarioError(f"{where}: plmn = {cell['plmn']!r} is no network; write 5 or 6 digits")
        cells.append(Cell(**cell))
    return cells


def _checked(place: str, table: dict[str, Any], rules: Mapping[str, Value]) -> dict[str, Any]:
    """All values, with defaults where none is given."""
    for key in table:
        if key not in rules:
            raise ScenarioError(f"{place}: unknown {key!r}; it takes {', '.join(rules)}")
    values = {}
    for key, rule in rules.items():
        if key in table:
            values[key] = _one(f"{place}: {key}", table[key], rule)
        elif rule.default is None:
            raise ScenarioError(f"{place}: {key} is missing")
        else:
            values[key] = rule.default
    return values


def _one(place: str, value: Any, rule: Value) -> Any:
    """The value, or ScenarioError."""
    if rule.kind is float and type(value) is int:
        value = float(value)
    if type(value) is not rule.kind:
        raise ScenarioError(f"{place} = {value!r} must be {_NAMES[rule.kind]}")
    if isinstance(value, int | float) and rule.high and not rule.low <= value <= rule.high:
        raise ScenarioError(f"{place} = {value!r} must be from {rule.low} to {rule.high}")
    if rule.choices and value not in rule.choices:
        raise ScenarioError(f"{place} = {value!r} must be one of {', '.join(rule.choices)}")
    return value


_NAMES: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    bool: "true or false",
    list: "a list",
}


def _reason(error: Exception) -> str:
    return error.strerror or "unreadable" if isinstance(error, OSError) else "not UTF-8"
