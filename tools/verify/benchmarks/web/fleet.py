"""A fleet as large as the pages must bear: 10,000 devices on the line, one of them with 100,000 points."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from landbridge.db.database import Database
from landbridge.db.tables import devices, events, points, trips, uplinks, wakes
from landbridge.features.routes.queries import routes as lines
from landbridge.geo.route import Waypoint, position, read
from landbridge.protocol.point import Point
from sqlalchemy import Connection, insert

from tools.flash.layout import REPOSITORY

ROUTE_FILE = REPOSITORY / "tools" / "world" / "data" / "w1.csv"
ROUTE = "Chongqing - Duisburg"
LONG = "lb-long"
DEVICES, POINTS = 10_000, 100_000
FOLLOWED, HOURS = 12, 24 * 20
"""Devices with a whole trip of this many hours: what the time-distance diagram of a route shows."""
PAUSE_S = 60
_OWNERS = ("CSQU", "MSKU", "TCLU", "HLXU", "TGHU")
_PART = 5_000


def fill(database: Database, now_s: int, seed: int) -> None:
    """Put the fleet into an empty database: each device with a trip and a point, LONG with all."""
    chance = random.Random(seed)
    stations = read(ROUTE_FILE)
    with database.writing() as connection:
        lines.add(connection, ROUTE, [list(each) for each in stations], [], now_s)
        names = [f"lb-{number:05}" for number in range(DEVICES - 1)]
        _put(connection, devices, (_device(chance, name, now_s) for name in [*names, LONG]))
        _put(connection, trips, (_trip(chance, i + 1, name, now_s) for i, name in enumerate([*names, LONG])))
        alone = enumerate(names[:-FOLLOWED], 1)
        _put(connection, points, (_point(chance, stations, *each, now_s) for each in alone))
        _put(connection, points, _track(chance, stations, now_s))
        for trip, name in enumerate(names[-FOLLOWED:], len(names) - FOLLOWED + 1):
            _put(connection, points, _journey(chance, stations, trip, name, now_s))
        _put(connection, wakes, _wakes(chance, now_s))
        _put(connection, uplinks, _uplinks(chance, now_s))
        _put(connection, events, (_alarm(chance.choice(names), each, now_s) for each in range(200)))


def _put(connection: Connection, table: Any, rows: Iterator[dict[str, Any]]) -> None:
    part: list[dict[str, Any]] = []
    for row in rows:
        part.append(row)
        if len(part) == _PART:
            connection.execute(insert(table), part)
            part = []
    if part:
        connection.execute(insert(table), part)


def _device(chance: random.Random, name: str, now_s: int) -> dict[str, Any]:
    heard_s = now_s - chance.randrange(12 * 3600)
    status = {
        "battery_mv": chance.randrange(3300, 3650),
        "temperature_dc": -120,
        "firmware": "1.4",
        "connection_path": 1,
    }
    last = POINTS if name == LONG else 1
    return {
        "device": name, "wrapped_key": b"key", "created_s": now_s - 40 * 86_400, "last_session_s": heard_s,
        "next_session_s": heard_s + chance.randrange(1, 14) * 3600, "status": json.dumps(status),
        "position_seq": last, "position_at_s": heard_s,
    }  # fmt: skip


def _trip(chance: random.Random, trip: int, name: str, now_s: int) -> dict[str, Any]:
    container = f"{chance.choice(_OWNERS)}{chance.randrange(10**7):07}"
    started_s = 0 if name == LONG else now_s - chance.randrange(80 * 86_400, 120 * 86_400)
    if DEVICES - FOLLOWED <= trip < DEVICES:
        started_s = now_s - 40 * 86_400
    return {
        "trip": trip, "device": name, "container": container, "route": ROUTE, "destination": "Duisburg",
        "interval_s": 3600, "started_s": started_s,
    }  # fmt: skip


def _point(
    chance: random.Random, stations: list[Waypoint], trip: int, name: str, now_s: int
) -> dict[str, Any]:
    at = position(stations, chance.random() * stations[-1].km)
    return _row(chance, name, 1, trip, now_s - chance.randrange(43_200), at, chance.random() < 0.4)


def _track(chance: random.Random, stations: list[Waypoint], now_s: int) -> Iterator[dict[str, Any]]:
    """There and back, moving six hours of eight, a point a minute; what comes in does so by the hour."""
    moved, way = 0, 2 * stations[-1].km
    for seq in range(1, POINTS + 1):
        moves = seq // 120 % 4 != 0
        moved += moves
        km = way * moved / (0.75 * POINTS)
        at = position(stations, km if km < stations[-1].km else way - km)
        yield _row(chance, LONG, seq, DEVICES, now_s - PAUSE_S * (POINTS - seq), at, moves)


def _journey(
    chance: random.Random, stations: list[Waypoint], trip: int, name: str, now_s: int
) -> Iterator[dict[str, Any]]:
    """A point an hour; it waits at borders for a day or two, at yards for some hours."""
    waits = {"border": 40, "gauge": 30, "yard": 12, "hub": 8, "line": 0}
    ahead = [(each.km, chance.random() * waits[each.kind]) for each in stations[1:]]
    begin_s, km, rest_h = now_s - 3600 * (HOURS + chance.randrange(18 * 24)), 0.0, 0.0
    for hour in range(HOURS + 18 * 24):
        if rest_h > 0:
            rest_h -= 1
        else:
            km += chance.randrange(25, 55)
            if ahead and ahead[0][0] <= km:
                km, rest_h = ahead.pop(0)
        at_s = begin_s + 3600 * hour
        if at_s < now_s - 3600 and km < stations[-1].km:
            yield _row(chance, name, hour + 2, trip, at_s, position(stations, km), rest_h <= 0)


def _row(
    chance: random.Random, name: str, seq: int, trip: int, at_s: int, at: tuple[float, float], moves: bool
) -> dict[str, Any]:
    lat, lon = (round(each * 1e5) + chance.randrange(-300, 300) for each in at)
    point = Point(
        seq, at_s, 1, 3, 0, 1, lat, lon, 100, 60 if moves else 0, 140, 6, 9, 178, chance.randrange(-40, 60),
        401001, 1201, 33_000_000 + seq // 40, chance.randrange(80, 120), 3 if moves else 0,
    )  # fmt: skip
    received_s = at_s + 3600 - at_s % 3600
    more = {"device": name, "at_s": at_s, "dated": False, "flags": 0, "received_s": received_s, "trip": trip}
    return point._asdict() | more


def _wakes(chance: random.Random, now_s: int) -> Iterator[dict[str, Any]]:
    for number in range(POINTS // 10):
        at_s = now_s - 10 * PAUSE_S * (POINTS // 10 - number)
        did, rest = chance.choice((11, 12, 20, 30, 40)), chance.choice((2, 6, 8))
        more = {"did": did, "rest": rest, "joules": chance.random() * 20}
        yield {"device": LONG, "boot": 1, "clock_min": 10 * number, "at_s": at_s} | more


def _uplinks(chance: random.Random, now_s: int) -> Iterator[dict[str, Any]]:
    for number in range(POINTS // 60):
        received_s = now_s - 60 * PAUSE_S * (POINTS // 60 - number)
        counts = {"records": 60, "new_records": 60, "payload": chance.randbytes(chance.randrange(300, 900))}
        yield {"device": LONG, "number": number, "received_s": received_s} | counts


def _alarm(name: str, number: int, now_s: int) -> dict[str, Any]:
    which = ("light", "shock", "temperature")[number % 3]
    content = {"id": f"{name}/{number + 1}/alarm-{which}", "type": "alarm", "alarm": which}
    return {
        "id": content["id"], "device": name, "type": "alarm", "inferred": False, "is_current": True,
        "seq": number + 1, "at_s": now_s - 600 * number, "published_s": now_s - 500 * number,
        "content": json.dumps(content),
    }  # fmt: skip
