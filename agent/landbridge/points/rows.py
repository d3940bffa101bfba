"""A point after its quality check and one in the database, by itself and by column."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Row

from landbridge.protocol.columns import Rows
from landbridge.protocol.point import Point

COLUMNS = ("device", *Point._fields, "at_s", "dated", "flags", "received_s", "trip")
"""Columns of the table, in the order of `StoredPoint`."""
_OF_POINT = len(Point._fields)


class CheckedPoint(NamedTuple):
    """A point with its time and flags."""

    point: Point
    at_s: int | None
    """When it was taken; None: unknown."""
    dated: bool
    """`at_s` comes from the clock of an uplink, not from the record."""
    flags: int
    """Quality flags (points/quality.py)."""


class StoredPoint(NamedTuple):
    """A point in the database."""

    device: str
    point: Point
    at_s: int | None
    dated: bool
    flags: int
    received_s: int
    trip: int | None
    container: str | None
    tenant: str | None = None
    """The tenant of the trip; None: the operator tenant."""

    @property
    def checked(self) -> CheckedPoint:
        """The point as it was after its quality check."""
        return CheckedPoint(self.point, self.at_s, self.dated, self.flags)


class CheckedPoints(Rows[CheckedPoint]):
    """Points after the quality check, by column: those of `Point`, then the results."""

    __slots__ = ()
    places = {name: place for place, name in enumerate((*Point._fields, *CheckedPoint._fields[1:]))}

    @staticmethod
    def of(checked: Sequence[CheckedPoint]) -> "CheckedPoints":
        """Return `checked` by column; it may be so already."""
        if isinstance(checked, CheckedPoints):
            return checked
        rows = [(*point, *rest) for point, *rest in checked]
        return CheckedPoints(list(zip(*rows, strict=True)) or [()] * len(CheckedPoints.places))

    @staticmethod
    def _made(values: Sequence[Any]) -> CheckedPoint:
        return CheckedPoint(Point._make(values[:_OF_POINT]), *values[_OF_POINT:])


def from_row(values: Sequence[Any]) -> StoredPoint:
    """Return the stored point of these values, in the order of `COLUMNS`, then container and tenant."""
    device, *rest = values
    return StoredPoint(device, Point._make(rest[:_OF_POINT]), *rest[_OF_POINT:])


class StoredPoints(Rows[StoredPoint]):
    """Stored points by column: those of the table, then the trip's tenant."""

    __slots__ = ()
    places = {name: place for place, name in enumerate((*COLUMNS, "container", "tenant"))}

    @staticmethod
    def of(stored: Sequence[StoredPoint]) -> "StoredPoints":
        """Return `stored` by column; it may be so already."""
        if isinstance(stored, StoredPoints):
            return stored
        rows = [(device, *point, *rest) for device, point, *rest in stored]
        return StoredPoints(list(zip(*rows, strict=True)) or [()] * len(StoredPoints.places))

    @staticmethod
    def _made(values: Sequence[Any]) -> StoredPoint:
        return from_row(values)


def with_trips(
    device: str, checked: CheckedPoints, received_s: int, of_device: Sequence[Row[Any]]
) -> StoredPoints:
    """Apply `with_trip` to each of `checked`."""
    n = len(checked)
    trip: list[Sequence[Any]] = [[None] * n] * 3
    if of_device:
        under_way = [_trip_at(at_s, of_device) for at_s in checked.column("at_s")]
        trip = list(zip(*under_way, strict=True)) or trip
    return StoredPoints([[device] * n, *checked.columns, [received_s] * n, *trip])


def with_trip(
    device: str, checked: CheckedPoint, received_s: int, of_device: Sequence[Row[Any]]
) -> StoredPoint:
    """Return the point with the trip that was under way when it was taken; with none if its time is unknown.
    A guess would show one shipper's point under another's container."""
    return StoredPoint(device, *checked, received_s, *_trip_at(checked.at_s, of_device))


def _trip_at(at_s: int | None, of_device: Sequence[Row[Any]]) -> tuple[int | None, str | None, str | None]:
    """Return trip, container and tenant at that time."""
    if at_s is not None:
        for trip in of_device:
            if trip.started_s <= at_s and (trip.ended_s is None or at_s < trip.ended_s):
                return trip.trip, trip.container, trip.tenant
    return None, None, None
