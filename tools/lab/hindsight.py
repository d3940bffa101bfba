"""The attainable line: the bound's own plan replayed in the lab with hindsight.

The plan of each price is replayed with the costs that the bound leaves out: attach, borders, blocked sky,
failures. Hindsight moves a fix to the next slot with sky and an upload to the next slot in which it succeeds.
A budget attains the utility of the best replay that it can pay.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tools.lab.bound import PRICES, Bound
from tools.lab.costs import BLOCKED_S, HOT_H, failure
from tools.lab.experiments import Setting
from tools.lab.instances import Instance
from tools.lab.physics import ENDLESS_J, Device, run


class Replay:
    """A policy that follows a plan and knows the rest of the trip."""

    def __init__(self, instance: Instance, fixes: set[int], uploads: set[int]) -> None:
        self._instance = instance
        self._fixes, self._uploads = fixes, uploads
        self._fix_due = self._upload_due = False

    def slot(self, device: Device) -> None:
        """Execute the plan for this slot, or what could not be done before."""
        slot = device.slot
        self._fix_due |= slot in self._fixes
        self._upload_due |= slot in self._uploads
        if (self._fix_due or self._upload_due) and device.reuse_position():
            self._fix_due = False
        fix = self._fix_due or (self._upload_due and 0 < device.hours_since_fix <= HOT_H)
        if fix and device.last_point != slot and self._instance.sky[slot]:
            device.fix(limit_s=BLOCKED_S)
            self._fix_due = False
        if self._upload_due and self._succeeds(device):
            device.upload()
            self._upload_due = False

    def _succeeds(self, device: Device) -> bool:
        heard = self._instance.heard[device.slot]
        if not heard:
            return False
        used = next((each for each in heard if each.network == device.network), heard[0])
        return bool(self._instance.luck[device.slot] >= failure(used.rsrp_dbm))


def attainable(setting: Setting, instance: Instance, bound: Bound) -> list[float]:
    """Return the attainable utility by budget."""
    best = np.zeros(len(setting.budgets))
    for index in range(len(PRICES)):
        plan = bound.plan(index)
        replay = Replay(instance, set(plan.fixes.tolist()), set(plan.uploads.tolist()))
        for place, budget in enumerate(setting.budgets):
            if setting.cold or not place:
                mission = setting.mission(instance, budget if setting.cold else ENDLESS_J)
                outcome = run(instance, lambda _, replay=replay: replay, replace(mission, russia=False))  # type: ignore[misc]
            best[place] = max(best[place], setting.score(instance, outcome, budget).utility)
    return [float(each) for each in best]
