"""The events that the device must report, computed from the world without the firmware's code."""

from __future__ import annotations

from dataclasses import dataclass, field

from tools.world.device.firmware import Record
from tools.world.oracle.alarms import Alarms
from tools.world.oracle.wakes import RECOUNT_S, Wake

LIGHT, DEPARTED, STOPPED, COUNTRY, POWER_ON = 1, 16, 32, 64, 128

OPEN_LUX = 20
MOVING_A_MINUTE = 5


@dataclass
class Events:
    """What has happened and is not reported yet. After a power failure the device may have forgotten
    where it stood; None means that either is right."""

    open: bool | None = False
    moving: bool | None = False
    country: int = 0
    """MCC that it has reported or reached the agent from; 0: not known."""
    alarms: Alarms = field(default_factory=Alarms)
    _felt_ms: int | None = None
    _due: int = 0
    either: int = 0
    _heard: set[int] = field(default_factory=set)
    _around: set[int] = field(default_factory=set)
    """MCCs of what was heard since a country was reported last."""

    def feel(self, wake: Wake) -> None:
        """A wake has begun."""
        if wake.power_on:
            self._due |= POWER_ON
            if wake.boot > 1:
                self.open = self.moving = None
                self.alarms.forget()
                self.country = 0
        if wake.felt:
            self._feel_door(wake)
            self._feel_motion(wake)
            self.alarms.feel(wake)
            self._felt_ms = wake.felt[-1].ms

    def difference(self, fields: Record, wake: Wake) -> str:
        """Return the differences of a record from what happened; after that nothing is due any more."""
        events = fields["events"]
        if wake.searched:
            self.alarms.searched(fields, wake, self.moving)
        due, either = self._due | self.alarms.due, self.either | self.alarms.either
        wrong = (events ^ due) & ~either & ~COUNTRY
        wrong |= COUNTRY if self._country_is_wrong(fields, wake) else 0
        if self.moving is None or self.either & (DEPARTED | STOPPED):
            # A record with both does not show which came last.
            ends = {0: self.moving, DEPARTED: True, STOPPED: False}
            self.moving = ends.get(events & (DEPARTED | STOPPED))
        self._due = self.either = 0
        self.alarms.reported(events)
        return f"events {events}: {wrong} is otherwise" if wrong else ""

    def _feel_door(self, wake: Wake) -> None:
        """Light is reported once, until it was dark again."""
        light = wake.felt[-1].light
        lit = light >= OPEN_LUX or wake.opened or bool(self.open and light)
        if lit and not self.open:
            self._report(LIGHT, self.open)
        self.open = lit and light > 0

    def _feel_motion(self, wake: Wake) -> None:
        states = self._states(wake)
        if self.moving is None or len(states) > 1:
            self.either |= DEPARTED | STOPPED
            return
        (moving,) = states
        if moving != self.moving:
            self._due |= DEPARTED if moving else STOPPED
        self.moving = moving

    def _states(self, wake: Wake) -> set[bool]:
        """Moving, stationary, or both: the device counts in whole seconds of its own
        clock, which gains; after a jolt those of the minute."""
        counts = wake.felt[-1].motion
        spans_s = [RECOUNT_S]
        if len(wake.felt) == 1:
            past_ms = wake.felt[0].ms - (self._felt_ms or 0)
            spans_s = [max(60, least_s) for least_s in (past_ms // 1_000 - 1, past_ms * 103 // 100_000 + 2)]
        return {60 * counts // span_s >= MOVING_A_MINUTE for span_s in spans_s}

    def _report(self, event: int, before: bool | None) -> None:
        if before is None:
            self.either |= event
        else:
            self._due |= event

    def _country_is_wrong(self, fields: Record, wake: Wake) -> bool:
        """The country is learned while registering. That it succeeded is seen when a connection follows."""
        reported, country = bool(fields["events"] & COUNTRY), fields["plmn"] // 1_000
        self._around |= {int(cell.plmn[:3]) for cell in wake.cells}
        if not country:  # a look or an attempt has heard it, and was over before the record
            others = self._around - {self.country}
            if reported and others:
                self.country, self._around = max(others), set()
            return reported and not others
        self._heard.add(country)
        before = {self.country} if self.country else self._heard
        other = bool(before - {country})
        certain = wake.connected and self.country != 0
        between = bool(self._around - {country})  # one may have been heard since, and left again
        if reported or wake.connected:
            self.country = country
        if reported:
            self._around = set()
        return certain and other if not reported else not (other or between)
