"""Runs our policy, the firmware's own, on a trip of the lab: slots are wakes, actions have outcomes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tools.lab.battery import PLATEAU_MV, usable
from tools.lab.costs import AIDED_H, BLOCKED_S, HOT_H, Costs
from tools.lab.instances import SLOT_H, SLOT_S
from tools.lab.pacing import PacingTable
from tools.lab.physics import Device, Factory, Mission
from tools.lab.plan import ahead, battery, budget, decide, networks, pacing, policy, settings, st
from tools.lab.route_data import RouteData, new_route, plmn

START_S = 30 * 86_400
"""The clock when a trip begins; 0 would mean never."""


def built(costs: Costs, reuses: bool = False) -> Any:
    """Return the constants that the device ships with, in mJ."""
    return battery.Costs(
        wake=_mj(costs.wake_j),
        fixes=(_mj(costs.fix_j(HOT_H)), _mj(costs.fix_j(AIDED_H)), _mj(costs.fix_j(1e3))),
        session_mj=_mj(costs.upload_j),
        attach=_mj(costs.attach_j),
        search_mj=_mj(costs.scan_j),
        scan_mj=_mj(costs.network_scan_j),
        sleep_a_day=_mj(costs.sleep_w * 86_400),
        reuse=reuses,
    )


CHANGES = {
    "network scan": "no network scans",
    "costs": "no costs of operators",
    "end": "45 days planned",
    "coldest": "energy at -30 C",
}
"""What can be changed in our policy, to see what it buys; the last one only where cold withholds energy."""
PLANNED_S, PLANNED_LEAST_S = 45 * 86_400, 2 * 86_400
NEVER_J = 1e6
SHORTEST_S = 900
"""Of a sleep (scheduler/sleep.py)."""
COLDEST_C, WARM_DC = -30.0, 200
SETTINGS = settings.defaults()
LEAST_S = SETTINGS[settings.REPORT_LEAST_S]


@dataclass(frozen=True)
class Ours:
    """Our policy for a class of modem, with the pacing table that ships or `rows`, and with one of CHANGES in
    `changed`.

    Its constants are the true costs, as a measurement on hardware would find them, or those in `believes`.
    """

    modem: str
    rows: PacingTable | None = None
    changed: str = ""
    believes: Costs | None = None

    def factory(self) -> Factory:
        """Return what makes the policy for a trip."""
        rows = self.rows or pacing.TABLES[self.modem]
        return lambda mission: _Pilot(
            mission,
            (0, rows),
            self.changed,
            self.believes or mission.costs,
        )


class _Pilot:
    """Our policy on one trip. The lab numbers networks from 0 on; for the device they are one more, as 0 is
    none."""

    def __init__(self, mission: Mission, chosen: tuple[int, PacingTable], changed: str, costs: Costs) -> None:
        believed = replace(costs, network_scan_j=NEVER_J) if changed == "network scan" else costs
        self._costs = built(believed, mission.reuses)
        self._mission = mission
        self._pacing = chosen
        self._changed = changed
        self._state: Any = st.new()
        self._state[st.LAST_SESSION] = self._state[st.STOPPED_AT] = START_S
        self._state[st.ROUTE_KM4] = 1
        here, known = mission.corridor, mission.networks
        data = mission.route_data or new_route(here, known, mission.places, mission.stay_h)
        self._route_data = RouteData(data, known)
        self._plmns = [plmn(each) for each in known]
        self._in_russia = False
        self._until = 0.0
        self._shunted = False
        """The last departure was none."""

    def slot(self, device: Device) -> None:
        """Run the wakes of a slot. Where wakes without a result cost, the device sleeps until its plan or a
        jolt wakes it; while it is stopped on a trip of the world, to the second and not in the next slot."""
        now, mission, state = START_S + device.slot * SLOT_S, self._mission, self._state
        stopped = not (device.moving or state[st.MOVING])
        if now >= self._until or (device.moving and not state[st.MOVING]):
            self._wake(device, now, bool(device.moving))
        while mission.shunts and mission.bumps and not device.moving and self._until < now + SLOT_S:
            self._wake(device, int(self._until), False)
        if mission.bumps and stopped:
            device.woke(mission.bumps[device.slot], mission.bumps[device.slot])
        if mission.shunts and mission.shunts[device.slot] and stopped:
            self._wake(device, now + SLOT_S // 2, True)
            self._shunted = True

    def _wake(self, device: Device, now: int, moving: bool) -> None:
        """Run one wake, from its beginning to rest."""
        state, left_j = self._state, device.left_j
        departed = st.has_departed(state)
        st.begin(state, now, moving)
        if state[st.EDGE] and departed and self._shunted:
            state[st.EDGE] = st.SHORT_MOVE
        self._shunted = False
        self._act(device)
        if state[st.EDGE] or state[st.DID_FIX]:
            device.run.records += 1  # decide.record_due
        if self._mission.bumps is not None:
            device.woke(1 if device.left_j == left_j else 0, 1 if state[st.EDGE] and moving else 0)
            until = policy.until(state, self._costs, self._forecast(device), state[st.LAST_SESSION] + LEAST_S)
            until = min(until, max(state[st.SESSION_NOT_BEFORE], self._late_at()))
            self._until = max(until, now + SHORTEST_S)

    def _act(self, device: Device) -> None:
        """Execute the policy's verdicts until it rests."""
        state, costs = self._state, self._costs
        state[st.WAITING] = device.waiting
        forecast = self._forecast(device)
        is_due = policy.feel(state, _mj(self._left_j(device)), forecast)
        weaker_mj = self._weaker_mj(device)
        if is_due or weaker_mj:
            lasts_s = round(86_400 * self._mission.lasts_days) - device.slot * SLOT_S
            pacing.choose(state, costs, *self._pacing, forecast, lasts_s, weaker_mj)
        if self._in_russia:
            state[st.SESSION_NOT_BEFORE] = max(state[st.SESSION_NOT_BEFORE], state[st.BARRED_UNTIL])
        if self._is_late(device) and not networks.is_silent(state):
            self._report_late(device)
        while True:
            action = policy.next(state, costs, forecast) // 10
            if action == policy.REST:
                return
            if action == policy.FIX:
                found = self._fix(device)
                if found:
                    forecast = self._forecast(device)
                    policy.arrive(state, forecast)
            elif action == policy.REUSE:
                device.reuse_position()
                st.learn_reused(state)
            elif action == policy.SCAN:
                self._scan_networks(device)
            else:
                self._upload(
                    device, state[st.HEARD_PLMN] - 1 if action == policy.SESSION else None, self._spare_j()
                )
            state[st.WAITING] = device.waiting

    def _weaker_mj(self, device: Device) -> int:
        """Return the mJ that a battery which proves weaker than declared still gives."""
        self._state[st.ENERGY_MJ] = _mj(self._mission.budget_j - self._left_j(device))
        # The lab's cell has the same voltage at all temperatures, and gives as much.
        mv = battery.plateau_mv(WARM_DC) + device.battery_mv - PLATEAU_MV
        return int(battery.weaker_mj(self._state, SETTINGS, WARM_DC, mv))

    def _late_at(self) -> float:
        """Return when a report is due that does not depend on the policy."""
        hints = 0, SETTINGS, self._costs, None
        return float(decide.late_at(self._state, hints)) if self._mission.late else math.inf

    def _is_late(self, device: Device) -> bool:
        """Return whether such a report is due now; the first one is at once."""
        return self._state[st.NOW] >= self._late_at() or (device.last_upload < 0 and self._mission.late)

    def _report_late(self, device: Device) -> None:
        """Send a late report with a fresh point; the first one is sent whatever it costs."""
        self._freshen(device)
        limit_j = policy.late_mj(self._state, self._costs) / 1_000 if device.run.uploads else math.inf
        self._upload(device, None, limit_j)

    def _freshen(self, device: Device) -> None:
        """Take a point for a report that does not depend on the policy."""
        point = policy.fresh(self._state, self._costs) // 10
        if point == policy.FIX:
            self._fix(device)
        elif point == policy.REUSE:
            device.reuse_position()
            st.learn_reused(self._state)

    def _fix(self, device: Device) -> bool:
        found = device.fix(limit_s=decide.fix_limit_s(self._state, round(BLOCKED_S)))
        st.learn_fix(self._state, found)
        return found

    def _scan_networks(self, device: Device) -> None:
        state = self._state
        if state[st.WANTED]:  # the device does not look at another network, it registers
            wanted = state[st.WANTED] - 1
            networks.select_operator(state)
            self._freshen(device)
            self._upload(device, wanted, self._spare_j())
            return
        seen = device.scan_networks(self._held())
        number, dbm = (seen.network + 1, round(seen.rsrp_dbm)) if seen else (0, 0)
        if number != state[st.NETWORK]:
            budget.count(state, state[st.NOW])
        networks.learn_scan(state, self._costs, number, dbm, _mj(device.cost_j))

    def _spare_j(self) -> float:
        """Return the J that an attempt may take: as in the firmware, not the sleep until the end."""
        return float(max(0, policy.spare_mj(self._state))) / 1_000

    def _upload(self, device: Device, network: int | None, limit_j: float) -> None:
        state = self._state
        searched = device.run.joules["scan"]
        network = self._held() if network is None else network
        done = device.upload(network, limit_j=limit_j)
        found = device.run.joules["scan"] == searched
        number = device.network + 1
        state[st.LAST_ATTEMPT] = state[st.NOW]
        if not (found and number == state[st.NETWORK] and device.sleeps_registered):
            budget.count(state, state[st.NOW])
        state[st.IN_PSM] = found and device.sleeps_registered
        if found and self._mission.russia:
            st.learn_attach(state, st.REGISTERED, self._plmns[device.network])
        st.learn_session(state, done)
        if not found:
            networks.learn_search(state, self._costs, _mj(device.cost_j))
        state[st.HEARD_DBM] = round(device.level_dbm) if found else 0
        known = found and self._changed != "costs"
        networks.learn_session(state, self._costs, done, number, _mj(device.cost_j) if known else 0)

    def _forecast(self, device: Device) -> Any:
        since_h = ahead.ran_s(self._state) / 3_600
        stood_h = device.slot * SLOT_H - (self._state[st.STOPPED_AT] - START_S) / 3_600
        forecast = self._route_data.forecast(device.fix_km, device.moving, since_h, stood_h)
        self._in_russia = self._mission.russia and forecast.mcc == st.MCC_RUSSIA
        if self._in_russia:
            forecast = forecast._replace(networks=())  # another operator there costs a day
        if self._changed == "end":
            left_s = PLANNED_S - device.slot * SLOT_S
            return forecast._replace(to_go_s=max(PLANNED_LEAST_S, left_s), deviation_s=0)
        if self._mission.days is None:
            return forecast
        left_s = int(self._mission.days * 86_400) - device.slot * SLOT_S
        return forecast._replace(to_go_s=max(0, left_s - pacing.AHEAD_S), deviation_s=0)

    def _held(self) -> int | None:
        """Return the one network to use in Russia, None elsewhere."""
        held = self._state[st.LOCKED_PLMN] if self._in_russia else 0
        return self._plmns.index(held) if held else None

    def _left_j(self, device: Device) -> float:
        """Return the J left by the device's own account, now or at `COLDEST_C`."""
        mission = self._mission
        left_j = mission.budget_j - mission.costs.counted * (mission.budget_j - device.left_j)
        if self._changed != "coldest":
            return left_j
        withheld = float(np.diff(usable(np.array([COLDEST_C, device.battery_c])))[0])
        return left_j - max(0.0, withheld) * mission.budget_j


def _mj(joules: float) -> int:
    return round(1_000 * joules)
