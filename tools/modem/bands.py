"""How the kinds of network differ for the modem: durations and rates. All [C] unless marked.

Together they give the totals of published measurements: registration from scratch in a new country
up to 3 min, GSM round trips around 1 s, NB-IoT up to several.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from tools.modem.air import Cell, Rat


@dataclass(frozen=True)
class Band:
    """`act` of +COPS and +CEREG; `floor_dbm`: below, nothing gets through; rates in bits a second."""

    act: int
    scan_ms: int
    attach_ms: int
    setup_ms: int
    trip_ms: int
    up_bps: int
    down_bps: int
    floor_dbm: int


BANDS: dict[Rat, Band] = {
    "emtc": Band(8, 12_000, 3_000, 300, 200, 60_000, 100_000, -124),
    "nbiot": Band(9, 25_000, 6_000, 900, 1_500, 15_000, 20_000, -130),
    "gsm": Band(0, 10_000, 5_000, 700, 800, 20_000, 30_000, -107),
    "lte": Band(7, 9_000, 1_800, 100, 80, 2_000_000, 5_000_000, -124),
}

WEAK_DB = 4
"""So near to the floor an attach may fail."""
WEAK_FAILURES = 0.3


def slowness(cell: Cell) -> float:
    """Factor for everything that crosses the air: 1 in good coverage, 4 at the floor."""
    margin_db = cell.rsrp_dbm - BANDS[cell.rat].floor_dbm
    return 1 + 3 * min(1.0, max(0.0, (15 - margin_db) / 15))


def weak(cell: Cell) -> bool:
    """Whether attaching here is a matter of luck."""
    return cell.rsrp_dbm - BANDS[cell.rat].floor_dbm < WEAK_DB


def tail_ms(plmn: str) -> int:
    """From the last traffic to the release of the connection: each network has its own timer."""
    return random.Random(f"tail/{plmn}").randint(5_000, 12_000)


def rssi_dbm(cell: Cell) -> int:
    """RSSI from RSRP and RSRQ (RSRQ = blocks x RSRP / RSSI, TS 36.214); on GSM the level itself."""
    if cell.rat == "gsm":
        return cell.rsrp_dbm
    blocks_db = {"emtc": 8, "nbiot": 0, "lte": 17}[cell.rat]
    return cell.rsrp_dbm - cell.rsrq_db + blocks_db
