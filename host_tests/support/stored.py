"""A database with one device on either engine, and points with their quality flags."""

from landbridge.points.rows import CheckedPoint

from host_tests.support.agent import point

NOW_S = 850_000_000


def checked(seq: int, at_s: int | None, flags: int = 0, **changes: int) -> CheckedPoint:
    return CheckedPoint(point(seq, **changes), at_s, False, flags)
