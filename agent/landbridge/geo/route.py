"""A route: the stations that trains pass, from a CSV file, and what lies where on it."""

import csv
import io
import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from landbridge.core import files
from landbridge.core.checked import Within, cell_at, checked_row, one_of, strict
from landbridge.core.errors import UserError
from landbridge.core.texts import _
from landbridge.geo.distance import KM_A_DEGREE

KINDS = ("hub", "border", "gauge", "yard", "line")
"""Kinds of stations: terminal, border station, change of gauge, marshalling yard, on the open line."""
MOST_STATIONS = 120
LONGEST_KM = 14_000.0
"""The stations and kilometres for which a device has room."""
ROUTE_KM_A_CHORD_KM = 1.054
"""A route against straight pieces between its stations."""
_NEAR_KM = 25.0
_BACK_KM, _AHEAD_KM = 40.0, 800.0
OFF_ROUTE_KM = 150.0
"""Beyond it a place is not on the route."""

MCC = {
    "AD": 213, "AE": 424, "AF": 412, "AL": 276, "AM": 283, "AT": 232, "AZ": 400, "BA": 218, "BD": 470,
    "BE": 206, "BG": 284, "BH": 426, "BN": 528, "BT": 402, "BY": 257, "CH": 228, "CN": 460, "CY": 280,
    "CZ": 230, "DE": 262, "DK": 238, "EE": 248, "ES": 214, "FI": 244, "FO": 288, "FR": 208, "GB": 234,
    "GE": 282, "GI": 266, "GR": 202, "HK": 454, "HR": 219, "HU": 216, "ID": 510, "IE": 272, "IL": 425,
    "IN": 404, "IQ": 418, "IR": 432, "IS": 274, "IT": 222, "JO": 416, "JP": 440, "KG": 437, "KH": 456,
    "KP": 467, "KR": 450, "KW": 419, "KZ": 401, "LA": 457, "LB": 415, "LI": 295, "LK": 413, "LT": 246,
    "LU": 270, "LV": 247, "MC": 212, "MD": 259, "ME": 297, "MK": 294, "MM": 414, "MN": 428, "MO": 455,
    "MT": 278, "MV": 472, "MY": 502, "NL": 204, "NO": 242, "NP": 429, "OM": 422, "PH": 515, "PK": 410,
    "PL": 260, "PT": 268, "QA": 427, "RO": 226, "RS": 220, "RU": 250, "SA": 420, "SE": 240, "SG": 525,
    "SI": 293, "SK": 231, "SM": 292, "SY": 417, "TH": 520, "TJ": 436, "TL": 514, "TM": 438, "TR": 286,
    "TW": 466, "UA": 255, "UZ": 434, "VN": 452, "XK": 221, "YE": 421,
    # Africa
    "AO": 631, "BF": 613, "BI": 642, "BJ": 616, "BW": 652, "CD": 630, "CF": 623, "CG": 629, "CI": 612,
    "CM": 624, "CV": 625, "DJ": 638, "DZ": 603, "EG": 602, "ER": 657, "ET": 636, "GA": 628, "GH": 620,
    "GM": 607, "GN": 611, "GQ": 627, "GW": 632, "KE": 639, "KM": 654, "LR": 618, "LS": 651, "LY": 606,
    "MA": 604, "MG": 646, "ML": 610, "MR": 609, "MU": 617, "MW": 650, "MZ": 643, "NA": 649, "NE": 614,
    "NG": 621, "RW": 635, "SC": 633, "SD": 634, "SH": 658, "SL": 619, "SN": 608, "SO": 637, "SS": 659,
    "ST": 626, "SZ": 653, "TD": 622, "TG": 615, "TN": 605, "TZ": 640, "UG": 641, "ZA": 655, "ZM": 645,
    "ZW": 648,
    # the Americas
    "AG": 344, "AI": 365, "AR": 722, "AW": 363, "BB": 342, "BM": 350, "BO": 736, "BR": 724, "BS": 364,
    "BZ": 702, "CA": 302, "CL": 730, "CO": 732, "CR": 712, "CU": 368, "CW": 362, "DM": 366, "DO": 370,
    "EC": 740, "FK": 750, "GD": 352, "GL": 290, "GT": 704, "GY": 738, "HN": 708, "HT": 372, "JM": 338,
    "KN": 356, "KY": 346, "LC": 358, "MS": 354, "MX": 334, "NI": 710, "PA": 714, "PE": 716, "PM": 308,
    "PR": 330, "PY": 744, "SR": 746, "SV": 706, "TC": 376, "TT": 374, "US": 310, "UY": 748, "VC": 360,
    "VE": 734, "VG": 348, "VI": 332,
    # Oceania
    "AS": 544, "AU": 505, "CK": 548, "FJ": 542, "FM": 550, "KI": 545, "MH": 551, "NC": 546, "NR": 536,
    "NU": 555, "NZ": 530, "PF": 547, "PG": 537, "PW": 552, "SB": 540, "TO": 539, "TV": 553, "VU": 541,
    "WF": 543, "WS": 549,
}  # fmt: skip
"""Mobile country code (ITU-T E.212) by ISO 3166-1 code; of several that one country has, the first."""


class Waypoint(NamedTuple):
    """A station; degrees, and kilometres along the route. `chinese` may be empty."""

    name: str
    country: str
    lat: float
    lon: float
    kind: str
    km: float
    chinese: str = ""


@strict
@dataclass(frozen=True)
class _Row:
    """A row of the file."""

    name: str
    country: str
    lat: Annotated[float, Within(-90, 90)]
    lon: Annotated[float, Within(-180, 180)]
    kind: Annotated[str, one_of(KINDS)]
    km: Annotated[float, Within(0, LONGEST_KM)] | None = None
    chinese: str = ""


COLUMNS = tuple(each.name for each in fields(_Row) if each.default is MISSING)


def read(path: Path) -> list[Waypoint]:
    """The stations of a CSV file, as `parse` reads them."""
    return parse(files.text(path), str(path))


def parse(text: str, path: str, fewest: int = 2) -> list[Waypoint]:
    """The stations of a CSV text with the columns of COLUMNS and perhaps `chinese` and `km`, which is
    computed otherwise. Lines that begin with # are comments. `UserError` names `path`, row and column of what
    is wrong, or says that there are less than `fewest` stations, or too many."""
    rows = files.lines(io.StringIO(text.removeprefix("\ufeff"), newline=""), path)
    texts, delimiter = files.delimited(["" if each.startswith("#") else each for each in rows])
    lines = [each for each in enumerate(texts, 1) if each[1].strip()]
    found: list[Waypoint] = []
    try:
        reader = csv.DictReader((text for _number, text in lines), delimiter=delimiter)
        missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            where = _("{file}: row {number}", file=path, number=lines[0][0] if lines else 1)
            raise UserError(
                _("{row}: no column {column}; the first row names the columns", row=where, column=missing[0])
            )
        for (number, _text), row in zip(lines[1:], reader, strict=False):
            where = _("{file}: row {number}", file=path, number=number)
            found.append(_waypoint(where, row, found, delimiter != ","))
    except csv.Error as error:
        raise UserError(
            _("{file} is not CSV: {error}; is a quotation mark missing?", file=path, error=error)
        ) from None
    if not fewest <= len(found) <= MOST_STATIONS:
        raise UserError(
            _(
                "{file}: {number} stations; a route has 2 to {most}",
                file=path,
                number=len(found),
                most=MOST_STATIONS,
            )
        )
    return found


def of_rows(rows: Sequence[Mapping[str, Any]]) -> list[Waypoint]:
    """The same of rows whose cells are values; `UserError` names the station and what is wrong."""
    found: list[Waypoint] = []
    for number, row in enumerate(rows, 1):
        cells = {name: str(value) for name, value in row.items()}
        found.append(_waypoint(_("station {number}", number=number), cells, found))
    return found


def position(waypoints: Sequence[Waypoint], km: float) -> tuple[float, float]:
    """Latitude and longitude in degrees at a kilometre: straight pieces between stations."""
    index = min(max(bisect_left(waypoints, km, key=lambda point: point.km), 1), len(waypoints) - 1)
    a, b = waypoints[index - 1], waypoints[index]
    part = min(max((km - a.km) / (b.km - a.km), 0.0), 1.0)
    return a.lat + (b.lat - a.lat) * part, a.lon + (b.lon - a.lon) * part


def find(waypoints: Sequence[Waypoint], lat: float, lon: float, before_km: float | None) -> float | None:
    """The kilometre nearest to a place, None when it is not on the route. `before_km` is where the device was
    before: a route may come near itself. The firmware searches in the same way."""
    if before_km is not None:
        off_km, km = _nearest(waypoints, lat, lon, before_km - _BACK_KM, before_km + _AHEAD_KM)
        if off_km <= _NEAR_KM:
            return km
    off_km, km = _nearest(waypoints, lat, lon, 0.0, math.inf)
    return km if off_km <= OFF_ROUTE_KM else None


def _nearest(
    waypoints: Sequence[Waypoint], lat: float, lon: float, first_km: float, last_km: float
) -> tuple[float, float]:
    """(distance from the route, kilometre of it) of the nearest place on the legs between."""
    cosine = math.cos(math.radians(lat))
    best = (math.inf, 0.0)
    for a, b in pairwise(waypoints):
        if b.km < first_km or a.km > last_km:
            continue
        north, east = b.lat - a.lat, (b.lon - a.lon) * cosine
        up, right = lat - a.lat, (lon - a.lon) * cosine
        part = (up * north + right * east) / ((north * north + east * east) or 1.0)
        part = min(max(part, 0.0), 1.0)
        off_km = KM_A_DEGREE * math.hypot(up - north * part, right - east * part)
        best = min(best, (off_km, a.km + (b.km - a.km) * part))
    return best


def _waypoint(
    where: str, cells: Mapping[str, Any], before: Sequence[Waypoint], has_decimal_commas: bool = False
) -> Waypoint:
    row = checked_row(_Row, cells, where, has_decimal_commas)
    if row.country not in MCC:
        raise UserError(
            _(
                "{cell}: {value} is not the ISO 3166-1 code of a country that routes may cross; write it like"
                " CN",
                cell=cell_at(where, "country"),
                value=repr(row.country),
            )
        )
    last = before[-1] if before else None
    if last and abs(row.lon - last.lon) > 180:
        raise UserError(
            _("{cell}: a route cannot cross the 180th meridian; end it there", cell=cell_at(where, "lon"))
        )
    km, column = row.km, "lat" if row.km is None else "km"
    if km is None:
        km = _further_km(last, row) if last else 0.0
    if last and km <= last.km:
        raise UserError(
            _("{cell}: not further along the route than the row before", cell=cell_at(where, column))
        )
    if km > LONGEST_KM:
        raise UserError(
            _(
                "{cell}: kilometre {km}; a route has at most {most}",
                cell=cell_at(where, column),
                km=round(km),
                most=round(LONGEST_KM),
            )
        )
    return Waypoint(row.name, row.country, row.lat, row.lon, row.kind, km, row.chinese)


def _further_km(last: Waypoint, row: _Row) -> float:
    east = (row.lon - last.lon) * math.cos(math.radians((row.lat + last.lat) / 2))
    return last.km + ROUTE_KM_A_CHORD_KM * KM_A_DEGREE * math.hypot(row.lat - last.lat, east)
