"""Compact lists: one column for each field, numbers as differences, repeated texts as indices."""

from collections.abc import Iterable, Sequence
from typing import Any

from landbridge.geo.places import Place
from landbridge.web.device_views import Glance, where

_REPEATED = ("route", "destination", "state", "tags")
_PLACE = ("place", "abroad", "country")
_TIMES = ("at_s", "stationary_until_s", "next_s", "eta_s", "planned_s")
_SHOWN = ("device", "container", *_REPEATED, "lon", "lat", "battery_mv", "temperature", *_TIMES)
_STEPPED = ("seq", "at_s", "lat", "lon")


def fleet(glances: Sequence[Glance], is_chinese: bool) -> dict[str, Any]:
    """What the fleet's page shows of `Glance`: of `texts` a number is the place in it; times in minutes;
    alarms by row, of those that have any; `place`, `km` and `country` of its position, in Chinese if the
    reader is; `abroad` is the country of the place if it is another one."""
    columns: dict[str, list[Any]] = {name: [] for name in _SHOWN}
    if glances:
        every = dict(zip(Glance._fields, zip(*glances, strict=True), strict=True))
        columns = {name: list(every[name]) for name in _SHOWN}
    known = [None if it.lat is None or it.lon is None else where(it.lat, it.lon) for it in glances]
    columns["place"] = [it and it.near and _name(it.near.place, is_chinese) for it in known]
    columns["km"] = [it and it.near and it.near.km for it in known]
    columns["abroad"] = [it and it.abroad for it in known]
    columns["country"] = [it and it.country and (it.country.code or it.country.name) for it in known]
    texts = _interned(columns, (*_REPEATED, *_PLACE))
    for name in _TIMES:
        columns[name] = [None if at_s is None else at_s // 60 for at_s in columns[name]]
    alarms = {row: each.alarms for row, each in enumerate(glances) if each.alarms}
    return {"columns": columns, "texts": texts, "alarms": alarms}


def _interned(columns: dict[str, list[Any]], names: Sequence[str]) -> list[Any]:
    """Replace the values of these columns by their places in the list that is returned."""
    places: dict[Any, int] = {}
    for name in names:
        columns[name] = [places.setdefault(value, len(places)) for value in columns[name]]
    return list(places)


def _name(place: Place, is_chinese: bool) -> str:
    return (is_chinese and place.chinese) or place.name


def track(rows: Sequence[Any], names: Sequence[str]) -> dict[str, list[int | None]]:
    """Return columns of points, in their own units; those of _STEPPED as differences from the last known
    value."""
    found: dict[str, list[int | None]] = {}
    for name in names:
        values = [getattr(row, name) for row in rows]
        found[name] = list(_steps(values)) if name in _STEPPED else values
    return found


def _steps(values: Iterable[int | None]) -> Iterable[int | None]:
    before = 0
    for value in values:
        yield None if value is None else value - before
        before = before if value is None else value
