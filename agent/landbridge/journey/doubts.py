"""The doubt that needs neighbours: a fix to and from which no train is so fast.

Two-sided: a fix is doubtful when it is too far from the good one before *and* from the next one. As long as
there is no next one, too far from the one before is enough; the next fix then settles it.
"""

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


def judged(before: StoredPoint | None, fix: StoredPoint, after: StoredPoint | None) -> StoredPoint:
    """`fix` with or without the doubt; `before` is the last good fix, `after` the next one at all."""
    doubtful = (
        before is not None
        and _too_far(before, fix)
        and (after is None or _too_far(fix, after))
    )  # fmt: skip
    flags = fix.flags & ~judge.IMPLIED_SPEED
    return fix._replace(flags=flags | judge.IMPLIED_SPEED if doubtful else flags)


def _too_far(a: StoredPoint, b: StoredPoint) -> bool:
    hours = abs((b.at_s or 0) - (a.at_s or 0)) / 3600
    return place_of(a).metres_to(place_of(b)) > _SLACK_M + 1000 * FASTEST_KMH * hours
