"""Supply, power key, boot, power-down, sleep and PSM."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from tools.modem.engine.tasks import Tasks, Work

if TYPE_CHECKING:
    from tools.modem.unit import Unit

PULSE_MS = 500
LEAST_MV = 3_400
"""The supply below which a modem warns and switches off [C]."""


class State(Enum):
    """`STOPPING`: the UART still works, the modem detaches from the network."""

    OFF = "off"
    BOOT = "boot"
    ON = "on"
    STOPPING = "stopping"
    PSM = "psm"


class Power:
    """The modem's supply. Work of this room outlives the modem's other tasks: it ends them."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._tasks = Tasks(unit.env)
        self._rail = False
        self._presses = 0
        self._pressed = False
        self._reset_since: int | None = None
        self._status_until = 0
        self._dtr = False
        self._deaf = False
        self._asleep = False
        self.state = State.OFF
        self.sim_ready = False
        self.sleep_allowed = False
        """After AT+QSCLK=1 or AT+CSCLK=1."""

    def consumption(self) -> str:
        """The meter's state of the part "modem"."""
        if self.state in (State.OFF, State.BOOT, State.PSM):
            return str(self.state.value)
        radio = self._unit.radio.consumption()
        return "sleep" if radio == "idle" and self._asleep else radio

    def heard(self, data: bytes) -> bytes:
        """What of the bytes on the UART is heard. The first one after sleep is not (SIM7600 sleep note)."""
        if self.state not in (State.ON, State.STOPPING) or self._asleep:
            return b""
        deaf, self._deaf = self._deaf, False
        return data[1:] if deaf and not self._unit.has("clean-wake") else data

    def runs(self) -> bool:
        """Whether the UART works."""
        return self.state is State.ON

    # From outside

    def rail(self, on: bool) -> None:
        """Supply on, or cut in mid-work."""
        if on == self._rail:
            return
        self._rail = on
        if not on:
            self._unit.observer.cut()
            self._tasks.stop()
            self._status_until = 0
            self._die(State.OFF)
            self._unit.clock.lose()

    def key(self, pressed: bool) -> None:
        """Acts when it has been held for PULSE_MS."""
        if pressed and not self._pressed:
            self._presses += 1
            self._unit.env.process(self._hold(self._presses))
        self._pressed = pressed

    def reset(self, pressed: bool) -> None:
        """Acts when it is released, after a pulse as long as the manual wants it (`Dialect.reset_ms`); one
        modem's is its power key held for longer."""
        now, since = int(self._unit.env.now), self._reset_since
        self._reset_since = (now if since is None else since) if pressed else None
        if pressed or since is None or not self._rail:
            return
        dialect, held_ms = self._unit.dialect, now - since
        least, most = dialect.reset_ms
        if least <= held_ms <= most and (dialect.reset_is_key or self.state is not State.OFF):
            self._tasks.stop()
            self.restart()
        elif dialect.reset_is_key and PULSE_MS <= held_ms < least:
            self._toggle()

    def status(self) -> bool:
        """STATUS: high from when the firmware is ready until the modem is off, or asleep for hours; some keep
        it for a while longer."""
        return self.state in (State.ON, State.STOPPING) or self._unit.env.now < self._status_until

    def dtr(self, level: bool) -> None:
        """High: may sleep."""
        if level == self._dtr:
            return
        self._dtr = level
        if not level and self._asleep:
            self._asleep, self._deaf = False, True
            self._unit.charge()
        self.consider_sleep()

    def consider_sleep(self) -> None:
        """Sleep a while after DTR has gone high, if it still is."""
        if self._dtr and self.sleep_allowed and self.state is State.ON:
            self._unit.tasks.start(self._doze())

    # From inside

    def shut_down(self) -> None:
        """Say goodbye, then off."""
        if self.state is State.ON:
            self.state = State.STOPPING
            self._status_until = int(self._unit.env.now) + self._unit.dialect.status_off_ms
            self._tasks.start(self._stop())

    def check_supply(self) -> None:
        """Where the modem watches its supply, it says so and switches off before it is too low."""
        line = self._unit.dialect.low_supply_line
        if line and self.runs() and self._unit.supply_mv < LEAST_MV:
            self._unit.at.urc(line)
            self.shut_down()

    def restart(self) -> None:
        """Reset: off and on again."""
        self._status_until = 0
        self._unit.observer.restarted()
        self._die(State.BOOT)
        self._tasks.start(self._boot())

    def enter_psm(self, tau_s: int | None) -> None:
        """Sleep with the registration kept; the modem wakes by itself after `tau_s`."""
        if self._unit.nv.settings.get("psm/urc") == "1":
            self._unit.at.urc(self._unit.dialect.psm_line)
        self._die(State.PSM)
        if tau_s:
            self._tasks.start(self._wake_later(tau_s))

    def _hold(self, press: int) -> Work:
        yield self._unit.env.timeout(PULSE_MS)
        if self._pressed and press == self._presses and self._rail:
            self._toggle()

    def _toggle(self) -> None:
        if self.state in (State.OFF, State.PSM):
            self._turn_on()
        else:
            self.shut_down()

    def _turn_on(self) -> None:
        self._unit.observer.turned_on()
        self._tasks.stop()
        self.state = State.BOOT
        self._unit.charge()
        self._tasks.start(self._boot())

    def _boot(self) -> Work:
        unit, dialect = self._unit, self._unit.dialect
        yield unit.pause(*dialect.boot_ms)
        unit.at.reset()
        self.state = State.ON
        unit.boot_settings = dict(unit.nv.settings)
        unit.radio.boot()
        unit.slot.boot()
        unit.charge()
        unit.tasks.start(self.say(unit.slot.lines(dialect.boot_lines if unit.baud else ())))
        yield unit.env.timeout(dialect.sim_ready_ms)
        self.sim_ready = True
        unit.radio.start()

    def start_card(self) -> Work:
        """AT+CFUN=1 after 0: the card starts again, and is busy meanwhile."""
        self.sim_ready = False
        yield self._unit.env.timeout(self._unit.dialect.sim_ready_ms)
        self._unit.slot.restart()
        self.sim_ready = True
        self._unit.radio.start()

    def say(self, lines: tuple[tuple[int, str], ...]) -> Work:
        """Send lines, each after its milliseconds from now."""
        said_ms = 0
        for at_ms, line in lines:
            yield self._unit.env.timeout(at_ms - said_ms)
            said_ms = at_ms
            self._unit.at.urc(line)

    def _stop(self) -> Work:
        unit = self._unit
        yield unit.pause(*unit.dialect.off_ms)
        if unit.dialect.off_line:
            unit.at.urc(unit.dialect.off_line)
        unit.radio.deregister()
        self._die(State.OFF)

    def _wake_later(self, tau_s: int) -> Work:
        """T3412 has run out: boot, update the tracking area, and PSM again."""
        yield self._unit.env.timeout(1_000 * tau_s)
        self._turn_on()

    def _doze(self) -> Work:
        yield self._unit.env.timeout(self._unit.dialect.dtr_sleep_ms)
        if self._dtr and self.sleep_allowed:
            self._asleep = True
            self._unit.charge()

    def _die(self, state: State) -> None:
        self.state = state
        self.sim_ready = self.sleep_allowed = self._asleep = self._deaf = False
        self._unit.forget()
        self._unit.at.reset()
        if state is not State.PSM:
            self._unit.radio.forget_registration()
        self._unit.charge()
