"""Energy costs of the actions of a device, in joules at the battery: model and constants of the scheduler's
facts, and what was measured in the full world.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from tools.lab.instances import SLOT_S

HOT_H, AIDED_H = 2.0, 4.0
TTFF_S = (6.0, 15.0, 38.0)
"""Hot, aided, cold: up to HOT_H, AIDED_H or longer since the last fix."""
BLOCKED_S = 90.0
FACTOR_EXPONENT = 0.8


@dataclass(frozen=True)
class Costs:
    """Joules and watts of one class of device; a bench measurement replaces them."""

    upload_j: float
    attach_j: float
    attach_abroad_j: float
    scan_j: float
    network_scan_j: float
    gnss_w: float
    sleep_w: float
    wake_j: float = 0.40
    ttff_s: tuple[float, float, float] = TTFF_S
    blocked_s: float = BLOCKED_S
    network_search_j: float = 0.0
    """Of a network scan of a modem that does not sleep registered, in addition to `network_scan_j`: to search
    for a network. A report over the one it finds need not do that again."""
    again_j: float = 0.0
    """To find a network again on which no device can sleep registered (GSM grants no PSM), before each
    report."""
    recount_j: float = 0.0
    """Of a wake by a jolt, which counts for a minute whether the train runs."""
    unserved: tuple[float, float] = (0.0, 0.0)
    """Part of the reports for which the network heard does not take the device after all, stationary and
    moving, where the network is soon out of range."""
    unserved_j: float = 0.0
    """Of each of these."""
    regained: float = 0.0
    """Part of the reports that pass though no network was heard when the slot began."""
    regained_j: float = 0.0
    """Of each of these."""
    counted: float = 1.0
    """What the device's own account makes of a joule."""
    most_upload_j: float = math.inf
    """What an attempt can take at most: each wait of a tracker has a deadline."""

    @property
    def sleep_slot_j(self) -> float:
        """Return the J of a slot without any activity."""
        return self.sleep_w * SLOT_S

    def fix_j(self, gap_h: float) -> float:
        """Return the J of a fix by hours since the last one, without scatter."""
        return self.wake_j + self.gnss_w * self.ttff_s[start(gap_h)]

    def blocked_j(self, limit_s: float = BLOCKED_S) -> float:
        """Return the J of a search for satellites that fails and is given up after `limit_s`."""
        return self.wake_j + self.gnss_w * self.blocked_s * limit_s / BLOCKED_S


COSTS = {
    "bg95": Costs(1.2, 8.8, 35.0, 25.0, 1.5, 0.20, 216e-6, most_upload_j=300.0),
    "sim7600": Costs(40.0, 4.0, 70.0, 60.0, 25.0, 0.30, 300e-6, most_upload_j=600.0),
}
"""From the facts: all policies are evaluated with them, and a device starts with them until it has learned.
An attempt takes at most what the firmware draws (scheduler/energy.py) in some 15 minutes: five to register,
two to four to open the connection, half a minute for each message. The facts leave out the start of a
SIM7600 before a fix alone, 5 to 6 J: its levels below 300 J a day were trained with fixes of 8.1, 8.9 and
12.8 J, reports of 14 and of 40 J, and 32 J a day of sleep (scheduler/pacing.py)."""
MEASURED = {
    # By the world's meter, BG95, seeds 1 to 8, 45 days at 100 J a day; joules with the wake. Then a wake took
    # 0.41 J and a wait 0.09 W; by today's tables (world/cpu.py, world/meter.py) these are 0.19 J and 0.072 W:
    # each figure is less by that. A report in the wake of a point without GNSS 3.2 over LTE-M where the
    # network ends the connection after 5 s (more where later: world.HELD; 764 of them), 9.3 over GSM (220):
    # in the lab its point has that wake, the report one more. In a wake of its own a fix hot 2.75, aided 5.7,
    # cold 9.6, without result 10 moving and 19 stationary. A network scan after which no report follows 4.6
    # more than the wake, whether it finds a network (180 of 300) or not. After a border, up to the first
    # report, 11, 12 and 19 more. A wake by a jolt 0.4. Of reports for which a network was heard when the half
    # hour began 12 of 1922 stationary and 5 of 116 moving failed, 22 each. Where none was, 34 of 111 tries
    # passed, for 20.7, the others took 29 (89 of them by an earlier firmware). Asleep, modem and all, 20.4 a
    # day. The device's account: 1.01 to 1.03 of the meter.
    "bg95": Costs(
        upload_j=2.78,
        attach_j=2.9,
        attach_abroad_j=13.5,
        scan_j=28.5,
        network_scan_j=0.4,
        network_search_j=4.2,
        again_j=6.15,
        gnss_w=1.0,
        ttff_s=(2.56, 5.5, 9.4),
        blocked_s=19.0,
        sleep_w=236e-6,
        wake_j=0.19,
        recount_j=0.2,
        unserved=(0.006, 0.04),
        unserved_j=22.0,
        regained=0.31,
        regained_j=20.7,
        counted=1.02,
    ),
}
"""Of the full world, device and session as they are; times of fixes are joules here, at 1 W."""


def start(gap_h: float) -> int:
    """Return the kind of start by hours since the last fix: 0 hot, 1 aided, 2 cold."""
    return (gap_h > HOT_H) + (gap_h > AIDED_H)


def costs(modem: str, network_scan_j: float | None = None) -> Costs:
    """Return the costs of a class of modem, with another cost of a network scan if given."""
    return COSTS[modem] if network_scan_j is None else replace(COSTS[modem], network_scan_j=network_scan_j)


def signal_factor(rsrp_dbm: float) -> float:
    """Return M(r): the factor of weak signal on the cost of an upload."""
    weak = 1.2 / (1 + math.exp((rsrp_dbm + 108) / 2.5))
    return 1 + weak + 8 / (1 + math.exp((rsrp_dbm + 119) / 1.5))


def failure(rsrp_dbm: float) -> float:
    """Return p_f(r): the probability that an upload fails."""
    return 1 / (1 + math.exp((rsrp_dbm + 122) / 1.5))
