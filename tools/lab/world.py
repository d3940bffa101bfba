"""A trip of the full world as a trip of the lab, and the costs there by the world's energy meter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.lab.costs import AIDED_H, FACTOR_EXPONENT, HOT_H, Costs
from tools.lab.instances import MOVING_KM, SLOT_S, Instance
from tools.lab.radio import SILENT_DBM
from tools.lab.routes import corridor
from tools.modem.gnss.receiver import signal
from tools.modem.network import bands
from tools.modem.network.bearer import networks_of
from tools.world import stage
from tools.world.device.meter import MODEM_W, SLEEP_FLOOR_W
from tools.world.nature.satellites import Satellites
from tools.world.radio.coverage import USABLE_DBM, Coverage
from tools.world.radio.rules import CONGESTION
from tools.world.radio.sites import Operator, read_operators
from tools.world.trip import Trip

SLOT_MS = 1_000 * SLOT_S
HELD = {5_000: 1.0, 20_000: 1.7, 90_000: 3.4}
"""What `upload_j` over LTE-M is multiplied with by how long the network holds the connection after a report
(ms): with two wakes of 0.19 J 3.2, 5.1 and 9.8 J (costs.MEASURED)."""
LIT_J = 1e-3
"""A part that has drawn this much in a wake was on."""


@dataclass(frozen=True)
class Woken:
    """One wake of the device in the full world, as the world saw it: joules by (part, state)."""

    start_ms: int
    moving: bool
    joules: dict[tuple[str, str], float]
    fixes: int
    connections: int
    registered: tuple[str, ...]

    @property
    def searched(self) -> bool:
        """Return the joules of the search for satellites."""
        return self.joules.get(("gnss", "search"), 0.0) > LIT_J

    @property
    def listened(self) -> bool:
        """Return the joules of the search for a network."""
        return self.joules.get(("modem", "search"), 0.0) > LIT_J


def instance(trip: Trip, modem: str, days: int) -> Instance:
    """Return the first days of a trip of the world. A fix takes as long as the satellites in view make it,
    around the average cost of fixes; there is no other scatter."""
    slots = days * 86_400 // SLOT_S
    starts_ms = [slot * SLOT_MS for slot in range(slots)]
    km = np.array([trip.km(ms) for ms in [*starts_ms, slots * SLOT_MS]])
    runs = np.diff(km) > MOVING_KM
    points = np.array([trip.position(ms) for ms in starts_ms])
    here = {point.country for point in trip.route.waypoints}
    networks = tuple(each for each in read_operators(modem) if each.country in here)
    satellites = Satellites(trip.train, trip.seed)
    skies = [satellites.sky(ms) for ms in starts_ms]
    slowness = np.array([1.0 if sky.blocked else 1 / signal(sky) for sky in skies])
    return Instance(
        name=f"world-{trip.seed}",
        corridor=corridor("w1"),
        km=km[:-1],
        moving=runs | np.concatenate([[False], runs[:-1]]),
        lat=points[:, 0],
        lon=points[:, 1],
        country=tuple(trip.country(ms) for ms in starts_ms),
        networks=networks,
        factor=np.array([_held(trip.seed, each) for each in networks]),
        rsrp=_levels(trip, modem, [each.plmn for each in networks], km[:-1]),
        sky=np.array([not sky.blocked for sky in skies]),
        battery_c=np.array([trip.temperature_dc(ms) / 10 for ms in starts_ms]),
        fix_noise=slowness / slowness.mean(),
        upload_noise=np.ones(slots),
        luck=np.random.default_rng(trip.seed).random(slots),
    )


def jolts(trip: Trip, slots: int, *kinds: str) -> tuple[int, ...]:
    """Return, by slot, how many pieces of motion of these kinds (`tools.world.rail.motion`) begin in it."""
    starts = [piece.start_ms // SLOT_MS for piece in trip.motion.pieces if piece.kind in kinds]
    counts = np.bincount([slot for slot in starts if slot < slots], minlength=slots)
    return tuple(int(count) for count in counts)


def measured(wakes: Sequence[Woken], modem: str) -> Costs:
    """Return the costs, by least squares over wakes."""
    rows, drawn_j = [], []
    fixed_ms, network = -(1 << 62), ""
    for wake in wakes:
        gap_h = (wake.start_ms - fixed_ms) / 3_600_000
        found = wake.fixes > 0
        age = 0 if gap_h <= HOT_H else 1 if gap_h <= AIDED_H else 2
        kinds = [found and age == each for each in range(3)]
        new = [each for each in wake.registered if each != network]
        abroad = [each for each in new if each[:3] != network[:3]]
        talked = wake.connections > 0
        scan_failed = wake.listened and not talked
        rows.append([1, *kinds, wake.searched and not found, talked, bool(new), bool(abroad), scan_failed])
        drawn_j.append(sum(wake.joules.values()) - wake.joules.get(("esp32", "sleep"), 0.0))
        fixed_ms = wake.start_ms if found else fixed_ms
        network = wake.registered[-1] if wake.registered else network
    solved = np.linalg.lstsq(np.array(rows, dtype=float), np.array(drawn_j), rcond=None)[0]
    wake_j, hot_j, aided_j, cold_j, blocked_j, talk_j, attach_j, abroad_j, vain_j = np.maximum(solved, 0.0)
    return Costs(
        upload_j=float(max(0.0, talk_j - wake_j)),
        attach_j=float(attach_j),
        attach_abroad_j=float(attach_j + abroad_j),
        scan_j=float(vain_j),
        network_scan_j=float(vain_j),
        gnss_w=1.0,
        sleep_w=SLEEP_FLOOR_W[modem] + MODEM_W[modem]["psm"],
        wake_j=float(wake_j),
        ttff_s=(float(hot_j), float(aided_j), float(cold_j)),
        blocked_s=float(blocked_j),
    )


def _held(seed: int, operator: Operator) -> float:
    """Return the factor of each operator on the time for which it holds the connection after a report. If it
    grants no PSM the modem does not wait for that."""
    if "emtc" not in operator.kinds:
        return 1.0
    tail_ms = bands.tail_ms(networks_of(stage.modem_rng(seed)), operator.plmn)
    return float(HELD[tail_ms] ** (1 / FACTOR_EXPONENT))


def _levels(trip: Trip, modem: str, plmns: Sequence[str], km: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the RSRP as the modem hears it: where LTE-M is heard the firmware has the modem leave GSM for it
    (scheduler/regions.py)."""
    coverage = Coverage(trip.route, modem, trip.seed, silences=trip.silences)
    levels = np.full((len(plmns), len(km)), SILENT_DBM)
    takes = {plmn: trip.attach_cause(trip.card.imsi, plmn) in (0, CONGESTION) for plmn in plmns}
    for slot, each in enumerate(km):
        heard = coverage.levels(float(each), slot * SLOT_MS)
        first = [(plmn, dbm) for (plmn, kind), dbm in heard.items() if kind == "emtc" and takes.get(plmn)]
        if not any(dbm > USABLE_DBM for _, dbm in first):
            first = [(plmn, dbm) for (plmn, _), dbm in heard.items() if takes.get(plmn)]
        for plmn, dbm in first:
            row = plmns.index(plmn)
            levels[row, slot] = max(levels[row, slot], dbm)
    return levels
