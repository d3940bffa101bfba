"""Flies our policy through a trip of the lab: turns slots into wakes and verbs into outcomes."""

from __future__ import annotations

from dataclasses import dataclass

from tools.lab import ours, state
from tools.lab.instances import SLOT_H, SLOT_S
from tools.lab.journey import Guide
from tools.lab.physics import AIDED_H, HOT_H, Costs, Device, Factory, Mission
from tools.lab.table import CARRIES_J, MENUS


def facts(
    costs: Costs, modem: str, menu: tuple[state.Row, ...] | None = None, still: bool = False
) -> state.Facts:
    """What the device is built with, in mJ."""
    return state.Facts(
        wake=_mj(costs.wake_j),
        fixes=(_mj(costs.fix_j(HOT_H)), _mj(costs.fix_j(AIDED_H)), _mj(costs.fix_j(1e3))),
        upload=_mj(costs.upload_j),
        attach=_mj(costs.attach_j),
        scan=_mj(costs.scan_j),
        probe=_mj(costs.probe_j),
        sleep_a_day=_mj(costs.sleep_w * 86_400),
        carries_j=CARRIES_J[modem],
        still=still,
        menu=menu or MENUS[modem],
    )


@dataclass(frozen=True)
class Ours:
    """Our policy for a class of modem, with the menu that ships or another one."""

    modem: str
    menu: tuple[state.Row, ...] | None = None

    def factory(self) -> Factory:
        """Makes the policy for a trip."""
        return lambda mission: _Pilot(facts(mission.costs, self.modem, self.menu, mission.still), mission)


class _Pilot:
    def __init__(self, built: state.Facts, mission: Mission) -> None:
        self._facts = built
        self._state = state.State(built)
        self._guide = Guide(mission.route, mission.networks, mission.places)
        self._days = mission.days

    def slot(self, device: Device) -> None:
        """One wake, from what it begins with to sleep."""
        mind, now = self._state, device.slot * SLOT_S
        ours.feel(mind, self._facts, now, int(device.moving), _mj(device.left_j), self._journey(device))
        while True:
            action = ours.next(mind, self._facts)
            if action == ours.SLEEP:
                return
            if action == ours.FIX:
                found = device.fix()
                state.learn_fix(mind, found, self._journey(device))
            elif action == ours.STILL:
                device.still()
                state.learn_still(mind)
            elif action == ours.PROBE:
                seen = device.probe(mind.wanted if mind.wanted >= 0 else None)
                state.learn_probe(mind, *((seen.network, round(seen.rsrp_dbm)) if seen else (-1, 0)))
            else:
                self._upload(device, mind.network_seen if action == ours.UPLOAD else None)

    def _upload(self, device: Device, network: int | None) -> None:
        searched = device.run.joules["scan"]
        done = device.upload(network)
        found = device.run.joules["scan"] == searched
        state.learn_upload(self._state, self._facts, done, device.network, _mj(device.cost_j) if found else 0)

    def _journey(self, device: Device) -> state.Journey:
        since_h = (device.slot - max(0, device.last_fix)) * SLOT_H
        stood_h = device.slot * SLOT_H - self._state.stopped_at / 3_600
        journey = self._guide.journey(device.fix_km, device.moving, since_h, stood_h)
        if self._days is None:
            return journey
        left_s = int(self._days * 86_400) - device.slot * SLOT_S
        return journey._replace(to_go_s=max(0, left_s - ours.AHEAD_S), deviation_s=0)


def _mj(joules: float) -> int:
    return round(1_000 * joules)
