"""Prepares stored points and the trip for the picture."""

from __future__ import annotations

from collections.abc import Sequence

from landbridge.points.geojson import has_position
from landbridge.points.rows import StoredPoint

from tools.world.demo.diary import DAY_MS
from tools.world.demo.picture import Mark, Place, State, Trail
from tools.world.oracle.delivered import START_S
from tools.world.trip import Trip

PLACES = {
    "Chongqing Tuanjiecun": "Chongqing",
    "Xi'an": "Xi'an",
    "Lanzhou": "Lanzhou",
    "Hami": "Hami",
    "Urumqi West": "Ürümqi",
    "Alashankou": "Alashankou",
    "Zhezkazgan": "Zhezkazgan",
    "Aktobe-1": "Aktobe",
    "Samara": "Samara",
    "Ryazan-2": "Ryazan",
    "Minsk-Sort.": "Minsk",
    "Malaszewicze": "Małaszewicze",
    "Poznan Franowo": "Poznań",
    "Duisburg DIT": "Duisburg",
}
"""The waypoints that are named in the picture, in order."""
DAY_S = 86_400


def trail(title: str, trip: Trip, states: Sequence[State], stored: Sequence[StoredPoint]) -> Trail:
    """What the agent knows of the trip, and how the device fared."""
    named = [each for each in trip.route.waypoints if each.name in PLACES]
    entered = [(crossing.ms / DAY_MS, crossing.entered) for crossing in trip.crossings]
    return Trail(
        title=title,
        places=[Place(PLACES[each.name], each.lat, each.lon) for each in named],
        marks=[_mark(each) for each in stored if has_position(each) and each.at_s is not None],
        states=states,
        countries=[(0.0, trip.country(0)), *entered],
    )


def _mark(stored: StoredPoint) -> Mark:
    point = stored.point
    day = ((stored.at_s or 0) - START_S) / DAY_S
    return Mark(day, point.latitude_deg or 0, point.longitude_deg or 0, point.rsrp_dbm)
