"""The quality flag that needs neighbours: a fix that no train could reach and leave in the time.

Two-sided: a fix is doubtful when it is too far from the good one before *and* from the next one. As long as
there is no next one, too far from the one before is enough; the next fix then settles it. The first fix of a
device has none before it: the next two decide, if they agree.
"""

from collections.abc import Iterable, Sequence

from landbridge.points import quality
from landbridge.points.geojson import has_position
from landbridge.points.rows import StoredPoint
from landbridge.tracking.detected import place_of

FASTEST_KMH = 250.0
NEXT_OF_FIRST = 2
"""Number of fixes that decide on the first one."""
_SLACK_M = 2_000.0
"""Two fixes of the same minute may differ by the error of each."""


def is_comparable(stored: StoredPoint) -> bool:
    """Whether place and time of a fix can be compared."""
    others = quality.NOT_LATEST & ~quality.IMPLIED_SPEED
    return has_position(stored) and stored.at_s is not None and not stored.flags & others


def is_flagged(stored: StoredPoint) -> bool:
    """Whether a fix has the flag."""
    return bool(stored.flags & quality.IMPLIED_SPEED)


def flag_all(points: Sequence[StoredPoint], last_good: StoredPoint | None, begins: bool) -> list[StoredPoint]:
    """The points of one device, by time, each fix with or without the flag; `last_good` is the last good fix
    before them. Where they do not begin its track, and there is none, the one before is no longer kept."""
    found = []
    for point, after in zip(points, _next_fixes(points), strict=True):
        is_decidable = is_comparable(point) and (last_good is not None or begins)
        found.append(_flagged(last_good, point, after) if is_decidable else point)
        if is_comparable(point) and not is_flagged(found[-1]):
            last_good = found[-1]
    return found


def _flagged(before: StoredPoint | None, fix: StoredPoint, after: Sequence[StoredPoint]) -> StoredPoint:
    """`before` is the last good fix, `after` the next two fixes."""
    far = [_too_far(fix, each) for each in after]
    if before is not None:
        doubtful = _too_far(before, fix) and all(far[:1])
    else:
        doubtful = len(far) == NEXT_OF_FIRST and all(far) and not _too_far(*after)
    flags = fix.flags & ~quality.IMPLIED_SPEED
    return fix._replace(flags=flags | quality.IMPLIED_SPEED if doubtful else flags)


def settled(track: Iterable[StoredPoint], before: StoredPoint | None) -> list[StoredPoint]:
    """The good fixes of a track, by time and checked, that have neighbours on both sides: late data alone can
    still flag them. `before` is the last good one before it; the first of a device is left out."""
    fixes = [each for each in track if is_comparable(each)]
    good = [each for each in fixes[:-1] if not is_flagged(each)]
    return good[1:] if before is None else good


def _too_far(a: StoredPoint, b: StoredPoint) -> bool:
    hours = abs((b.at_s or 0) - (a.at_s or 0)) / 3600
    return place_of(a).metres_to(place_of(b)) > _SLACK_M + 1000 * FASTEST_KMH * hours


def _next_fixes(points: Sequence[StoredPoint]) -> list[list[StoredPoint]]:
    """Yield for each point the next fixes, as many as decide on the first."""
    found: list[list[StoredPoint]] = []
    coming: list[StoredPoint] = []
    for each in reversed(points):
        found.append(coming)
        coming = [each, *coming][:NEXT_OF_FIRST] if is_comparable(each) else coming
    return found[::-1]
