"""The doubt that needs neighbours: a fix to and from which no train is so fast.

Two-sided: a fix is doubtful when it is too far from the good one before *and* from the next one. As long as
there is no next one, too far from the one before is enough; the next fix then settles it.
"""

from collections.abc import Sequence

from landbridge.ingest import judge
from landbridge.journey.seen import place_of
from landbridge.outbound.geojson import has_position
from landbridge.store.points import StoredPoint

FASTEST_KMH = 250.0
_SLACK_M = 2_000.0
"""Two fixes of the same minute may differ by what each of them errs."""


def is_judged(stored: StoredPoint) -> bool:
    """True for a fix whose place and time can be compared at all."""
    others = judge.NOT_LATEST & ~judge.IMPLIED_SPEED
    return has_position(stored) and stored.at_s is not None and not stored.flags & others


def is_doubtful(stored: StoredPoint) -> bool:
    """True for a fix that has the doubt."""
    return bool(stored.flags & judge.IMPLIED_SPEED)


def judged_all(points: Sequence[StoredPoint], last_good: StoredPoint | None) -> list[StoredPoint]:
    """The points of one device, by time, each fix with or without the doubt; `last_good` is the last good fix
    before them."""
    nexts, found = _next_fixes(points), []
    for point, after in zip(points, nexts, strict=True):
        if is_judged(point):
            found.append(_judged(last_good, point, after))
            last_good = last_good if is_doubtful(found[-1]) else found[-1]
        else:
            found.append(point)
    return found


def _judged(before: StoredPoint | None, fix: StoredPoint, after: StoredPoint | None) -> StoredPoint:
    """`before` is the last good fix, `after` the next one at all."""
    if before is None:
        return fix  # the first of all, or what it was judged by is no longer kept
    doubtful = _too_far(before, fix) and (after is None or _too_far(fix, after))
    flags = fix.flags & ~judge.IMPLIED_SPEED
    return fix._replace(flags=flags | judge.IMPLIED_SPEED if doubtful else flags)


def _too_far(a: StoredPoint, b: StoredPoint) -> bool:
    hours = abs((b.at_s or 0) - (a.at_s or 0)) / 3600
    return place_of(a).metres_to(place_of(b)) > _SLACK_M + 1000 * FASTEST_KMH * hours


def _next_fixes(points: Sequence[StoredPoint]) -> list[StoredPoint | None]:
    """For each point the next fix after it."""
    found: list[StoredPoint | None] = []
    coming: StoredPoint | None = None
    for each in reversed(points):
        found.append(coming)
        coming = each if is_judged(each) else coming
    return found[::-1]
