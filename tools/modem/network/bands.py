"""Differences between network types for the modem: durations, rates, and the effect of a weak signal.

[S] read in a source, [M] from memory, [C] chosen so that known totals come out: about 9 J to attach
again from power-off on a BG95, 35 J and up to three minutes in a new country, 1.2 J for an upload from PSM.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from tools.modem.network.air import Cell, Rat


@dataclass(frozen=True)
class Band:
    """`act` as in +COPS and +CEREG; `known_ms` finds the last network again after power-off; `scan_ms`
    searches all bands; then one attach, one connection setup, one round trip; rates in bits a second."""

    act: int
    known_ms: tuple[int, int]
    scan_ms: int
    attach_ms: int
    setup_ms: int
    trip_ms: int
    up_bps: int
    down_bps: int


BANDS: dict[Rat, Band] = {
    "emtc": Band(8, (8_000, 25_000), 15_000, 3_000, 300, 200, 60_000, 100_000),
    # 4 to 32 s for each band, more where the signal is weak [S Quectel network searching note].
    "nbiot": Band(9, (8_000, 25_000), 40_000, 6_000, 900, 1_500, 15_000, 20_000),
    "gsm": Band(0, (5_000, 15_000), 15_000, 5_000, 700, 800, 20_000, 30_000),
    "lte": Band(7, (6_000, 20_000), 30_000, 3_000, 100, 80, 2_000_000, 5_000_000),
}

RELEASE_MS, RELEASE_WEIGHTS = (5_000, 20_000, 90_000), (0.55, 0.33, 0.12)
"""Inactivity timers: 5, 10 and 20 s are usual, some networks take a minute or more [M]; chosen so that an
upload of a BG95 costs 1, 2.5 or 10 times 1.2 J, as networks differ in measurements [C]."""
GSM_OFFSET_DB = 14
"""Level of a GSM carrier above an equivalent RSRP."""


def in_mask(band: int, mask: str) -> bool:
    """Whether the hexadecimal `mask` has the LTE band: bit 0 is band 1. No number: no mask."""
    try:
        return bool(int(mask, 16) >> (band - 1) & 1)
    except ValueError:
        return True


def slowness(cell: Cell) -> float:
    """Factor for everything that crosses the air: the cost M(r) fitted to measured NB-IoT datagrams."""
    r = _level(cell)
    return 1 + 1.2 / (1 + math.exp((r + 108) / 2.5)) + 8 / (1 + math.exp((r + 119) / 1.5))


def failure(cell: Cell) -> float:
    """Probability that an attempt fails at this level, p_f(r) of the same model."""
    return 1 / (1 + math.exp((_level(cell) + 122) / 1.5))


def tail_ms(seed: int, plmn: str) -> int:
    """From the last traffic to the release of the connection: each network has its own timer [C]."""
    return random.Random(f"{seed}/tail/{plmn}").choices(RELEASE_MS, RELEASE_WEIGHTS)[0]


def rssi_dbm(cell: Cell) -> int:
    """RSSI from RSRP and RSRQ (RSRQ = blocks x RSRP / RSSI, TS 36.214); on GSM the level itself."""
    if cell.rat == "gsm":
        return cell.rsrp_dbm
    blocks_db = {"emtc": 8, "nbiot": 0, "lte": 17}[cell.rat]
    return cell.rsrp_dbm - cell.rsrq_db + blocks_db


def _level(cell: Cell) -> float:
    return cell.rsrp_dbm - (GSM_OFFSET_DB if cell.rat == "gsm" else 0)
