"""The alarms that the device must raise, computed from the world without the firmware's code.

Each occurrence is reported once. Where a limit in time falls into what the device's clock may gain, and after
a power failure, of which the device may have forgotten what it had reported, either is right.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tools.world.device.firmware import FIX, Record
from tools.world.oracle.wakes import Wake

SHOCK, TEMPERATURE, BATTERY, TILT, TAMPER, GNSS, TEMPERATURE_BACK = 2, 4, 8, 256, 512, 2_048, 4_096

LOW_MV, GOOD_MV = 3_250, 3_350
HARD_MG, QUIET_MG = 4_000, 2_000
TILTED_DEG, UPRIGHT_DEG = 30, 15
BAND_DC, INNER_DC = (-400, 600), (-380, 580)
HOLD_MS = 1_800_000
BLIND_MS = 10_800_000
WIDE_SKY = 6
CLOCK_GAIN = 0.05
CLOCK_MS = 2_000


@dataclass
class Alarms:
    """`due` and `either`: bits of the events that the next record must have, and may have."""

    due: int = 0
    either: int = 0
    _raised: dict[int, bool | None] = field(default_factory=dict)
    _kept_mg: int | None = 0
    _out_ms: int | None = None
    _blind_ms: int | None = None
    _satellites: int | None = 0

    def forget(self) -> None:
        """The power failed."""
        self._raised = dict.fromkeys((SHOCK, TEMPERATURE, BATTERY, TILT, TAMPER, GNSS))
        self._kept_mg = self._satellites = None

    def feel(self, wake: Wake) -> None:
        """A wake has begun."""
        now = wake.felt[-1]
        peak_mg = max(*(each.shock_mg for each in wake.felt), self._kept_mg or 0)
        self._level(SHOCK, peak_mg >= HARD_MG, peak_mg <= QUIET_MG)
        self._kept_mg = max((each.shock_mg for each in wake.senses[len(wake.felt) :]), default=0)
        self._level(BATTERY, now.battery_mv <= LOW_MV, now.battery_mv >= GOOD_MV)
        self._level(TILT, now.tilt_deg >= TILTED_DEG, now.tilt_deg <= UPRIGHT_DEG)
        self._level(TAMPER, bool(now.lid_open), not now.lid_open)
        self._feel_temperature(now.ms, now.temp_dc)

    def searched(self, fields: Record, wake: Wake, moving: bool | None) -> None:
        """A search for satellites has ended in this record."""
        if fields["kind"] == FIX:
            self._satellites, self._raised[GNSS] = max(1, fields["sats"]), False
        narrow = self._satellites is not None and self._satellites < WIDE_SKY
        if fields["kind"] == FIX or narrow or moving is False:
            self._blind_ms = None
            return
        uncertain = self._satellites is None or moving is None
        if self._blind_ms is None:
            self._blind_ms = wake.felt[-1].ms
        self._hold(GNSS, wake.felt[-1].ms - self._blind_ms, BLIND_MS, uncertain)

    def reported(self, events: int) -> None:
        """A record with these events has been kept."""
        for event in (SHOCK, TEMPERATURE, BATTERY, TILT, TAMPER, GNSS):
            if self.either & events & event:
                self._raised[event] = True
        self.due = self.either = 0

    def _level(self, event: int, high: bool, over: bool) -> None:
        raised = self._raised.get(event, False)
        if high and not raised:
            self._report(event, raised)
            self._raised[event] = True
        if over:
            self._raised[event] = False

    def _feel_temperature(self, ms: int, temp_dc: int) -> None:
        raised = self._raised.get(TEMPERATURE, False)
        if INNER_DC[0] <= temp_dc <= INNER_DC[1] and raised is not False:
            self._report(TEMPERATURE_BACK, raised)
            self._raised[TEMPERATURE] = False
        if BAND_DC[0] <= temp_dc <= BAND_DC[1]:
            self._out_ms = None
        elif raised is not True:
            if self._out_ms is None:
                self._out_ms = ms
            self._hold(TEMPERATURE, ms - self._out_ms, HOLD_MS, raised is None)

    def _hold(self, event: int, past_ms: int, least_ms: int, uncertain: bool) -> None:
        """What has lasted so long; the device's clock gains."""
        if self._raised.get(event, False):
            return
        slack_ms = least_ms * CLOCK_GAIN + CLOCK_MS
        if uncertain or abs(past_ms - least_ms) < slack_ms:
            self.either |= event
        elif past_ms >= least_ms:
            self._report(event, self._raised.get(event, False))
            self._raised[event] = True

    def _report(self, event: int, before: bool | None) -> None:
        if before is None:
            self.either |= event
        else:
            self.due |= event
