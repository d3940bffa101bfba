"""A database with one device on either engine, and points with their quality flags."""

from landbridge.points.queries import JudgedPoint

from host_tests.support.agent import point

NOW_S = 850_000_000


def judged(seq: int, at_s: int | None, flags: int = 0, **changes: int) -> JudgedPoint:
    return JudgedPoint(point(seq, **changes), at_s, False, flags)
