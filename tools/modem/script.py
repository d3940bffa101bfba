"""Plays a scenario: waits for times and commands, and executes its events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tools.modem.engine.tasks import Work
from tools.modem.network.air import Air, Cell, Fix, Sky
from tools.modem.scenario import ANY, Event

if TYPE_CHECKING:
    from tools.modem.unit import Unit

RING_MS = 5_000


class ScriptedAir:
    """The surroundings as a scenario has changed them; the rest is as it was."""

    def __init__(self, air: Air) -> None:
        self._air = air
        self.audible: list[Cell] | None = None
        self.causes: dict[str, int] = {}
        self.barred = False
        self.blocked = False

    def cells(self) -> list[Cell]:
        """See `Air`."""
        return self._air.cells() if self.audible is None else self.audible

    def attach_cause(self, imsi: str, plmn: str) -> int:
        """See `Air`."""
        cause = self.causes.get(plmn, self.causes.get(ANY))
        return self._air.attach_cause(imsi, plmn) if cause is None else cause

    def data_open(self, imsi: str, plmn: str) -> bool:
        """See `Air`."""
        return not self.barred and self._air.data_open(imsi, plmn)

    def registered(self, imsi: str, plmn: str) -> None:
        """See `Air`."""
        self._air.registered(imsi, plmn)

    def sent(self, plmn: str) -> None:
        """See `Air`."""
        self._air.sent(plmn)

    def sky(self) -> Sky:
        """See `Air`."""
        sky = self._air.sky()
        return replace(sky, blocked=True) if self.blocked else sky

    def utc_s(self) -> float:
        """See `Air`."""
        return self._air.utc_s()

    def fix_given(self, fix: Fix) -> None:
        """See `Air`."""
        self._air.fix_given(fix)


class Script:
    """The events that wait; `start` once the modem is there."""

    def __init__(self, events: Sequence[Event], air: ScriptedAir | None) -> None:
        self._air = air
        self._timed = [event for event in events if not event.after]
        self._waiting = {event: event.nth for event in events if event.after}
        self._unit: Unit | None = None

    def start(self, unit: Unit) -> None:
        """From now on things happen."""
        self._unit = unit
        for event in self._timed:
            unit.env.process(self._later(event, event.at_ms))

    def heard(self, line: str) -> None:
        """A command is received."""
        for event in self._waiting:
            if line.upper().startswith(event.after):
                self._waiting[event] -= 1
                if self._waiting[event] == 0 and self._unit:
                    self._unit.env.process(self._later(event, event.wait_ms))

    def _later(self, event: Event, wait_ms: int) -> Work:
        assert self._unit and self._air
        yield self._unit.env.timeout(wait_ms)
        _ACTIONS[event.do](self._unit, self._air, **event.values)


def _cells(unit: Unit, air: ScriptedAir, list: list[Cell]) -> None:
    air.audible = list


def _deny(unit: Unit, air: ScriptedAir, plmn: str, cause: int) -> None:
    air.causes[plmn] = cause


def _bar(unit: Unit, air: ScriptedAir, on: bool) -> None:
    air.barred = on


def _pdp_drop(unit: Unit, air: ScriptedAir, cid: int, reported: bool) -> None:
    unit.pdp.drop(cid, reported)


def _pdp_refuse(unit: Unit, air: ScriptedAir, cause: int) -> None:
    unit.pdp.refusal = cause


def _pdp_login(unit: Unit, air: ScriptedAir, user: str, password: str) -> None:
    unit.pdp.login = (user, password) if user or password else None


def _hosts(unit: Unit, air: ScriptedAir, reached: str) -> None:
    unit.hosts = reached


def _mqtt_close(unit: Unit, air: ScriptedAir, client: int, code: int) -> None:
    broker = unit.brokers.pop(client, None)
    if broker:
        broker.cut()
        unit.at.urc(f"{unit.dialect.mqtt_lost}: {client},{code}")


def _socket_close(unit: Unit, air: ScriptedAir) -> None:
    for cid in {socket.cid for socket in unit.sockets.open.values()}:
        unit.sockets.lose(cid)


def _sim(unit: Unit, air: ScriptedAir, state: str) -> None:
    {"removed": unit.slot.remove, "inserted": unit.slot.insert, "stuck": unit.slot.stick}[state]()


def _sky(unit: Unit, air: ScriptedAir, blocked: bool) -> None:
    air.blocked = blocked


def _supply(unit: Unit, air: ScriptedAir, mv: int) -> None:
    unit.supply_mv = mv
    unit.power.check_supply()


def _temperature(unit: Unit, air: ScriptedAir, c: int) -> None:
    unit.temperature_c = c


def _reboot(unit: Unit, air: ScriptedAir) -> None:
    if unit.power.runs():
        unit.power.restart()


def _power_off(unit: Unit, air: ScriptedAir, text: str) -> None:
    if unit.power.runs():
        if text:
            unit.at.urc(text)
        unit.power.shut_down()


def _call(unit: Unit, air: ScriptedAir, rings: int) -> None:
    if _reached(unit):
        unit.env.process(_ring(unit, rings))


def _ring(unit: Unit, rings: int) -> Work:
    for _ in range(rings):
        if _reached(unit):
            unit.at.urc("RING")
        yield unit.env.timeout(RING_MS)


def _message(unit: Unit, air: ScriptedAir) -> None:
    if _reached(unit):
        unit.at.urc('+CMTI: "SM",0')


def _reached(unit: Unit) -> bool:
    """Whether the network can bring the modem calls and messages."""
    return unit.power.runs() and unit.radio.registered() and unit.dialect.lets_in(unit.nv.settings)


def _say(unit: Unit, air: ScriptedAir, text: str) -> None:
    if unit.power.runs():
        unit.at.urc(text)


_ACTIONS: dict[str, Callable[..., None]] = {
    "cells": _cells,
    "deny": _deny,
    "bar": _bar,
    "pdp-drop": _pdp_drop,
    "pdp-refuse": _pdp_refuse,
    "pdp-login": _pdp_login,
    "hosts": _hosts,
    "mqtt-close": _mqtt_close,
    "socket-close": _socket_close,
    "sim": _sim,
    "sky": _sky,
    "supply": _supply,
    "temperature": _temperature,
    "reboot": _reboot,
    "power-off": _power_off,
    "call": _call,
    "message": _message,
    "say": _say,
}
