"""Fixed schedules that run in our firmware on the same trip, to compare with: only its policy is another.

Driver, modem, journal, protocol, back-off and the operators' budgets are the product's own, and so is the
agent. The product carries none of this: the policy is put into the slot of one simulated device.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tools.flash.layout import FIRMWARE, SLOT, application, constants
from tools.flash.slot import pack

SCHEDULE = Path(__file__).parent / "on_device" / "policy.py"
POLICY = Path("locator", "scheduler", "policy.py")


@dataclass(frozen=True)
class Schedule:
    """A point every `point_s`, a report every `report_s`."""

    name: str
    point_s: int
    report_s: int

    def put_in(self, flash: Path) -> None:
        """Put this policy into the application on a device's flash, in the place of ours."""
        with tempfile.TemporaryDirectory() as folder:
            firmware = Path(folder, FIRMWARE.name)
            shutil.copytree(FIRMWARE, firmware, ignore=shutil.ignore_patterns("__pycache__"))
            (firmware / POLICY).write_text(self.source())
            slot = pack(constants()["SEQUENCE"], application(firmware))
        (flash / SLOT).write_bytes(slot)

    def source(self) -> str:
        """The policy's source with the numbers of this schedule."""
        text = SCHEDULE.read_text()
        for name, seconds in (("POINT_EVERY_S", self.point_s), ("REPORT_EVERY_S", self.report_s)):
            text, found = re.subn(rf"(?m)^{name} = const\(\d+\)$", f"{name} = const({seconds})", text)
            assert found == 1
        return text


HOURLY = Schedule("hourly", 3600, 3600)

TUNED = {
    "bg95": (
        (1.0, HOURLY),
        (0.63, Schedule("every 2 h", 3600, 7200)),
    ),
    "sim7600": (
        (1.0, HOURLY),
        (0.38, Schedule("every 4 h", 7200, 14400)),
        (0.35, Schedule("every 6 h", 7200, 21600)),
    ),
}
"""By modem: the part of the joules of `HOURLY` that a schedule takes (seed 1, 45 days), and the schedule."""
