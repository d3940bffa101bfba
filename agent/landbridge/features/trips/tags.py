"""Tags of a trip, and other data that people correct."""

import json
from collections.abc import Sequence

from sqlalchemy import Connection

from landbridge.core.errors import UserError
from landbridge.core.texts import _
from landbridge.db import audit
from landbridge.features.trips import queries as trips

MOST = 20
"""Tags of one trip."""


def change(
    connection: Connection, trip: int, add: Sequence[str], remove: Sequence[str], who: str, now_s: int
) -> None:
    """Add and remove tags; `UserError` if there would be too many."""
    row = trips.find(connection, trip)
    assert row is not None
    before = set(json.loads(row.tags))
    after = sorted((before | {each.strip() for each in add if each.strip()}) - set(remove))
    if len(after) > MOST:
        raise UserError(_("trip {number} has more than {most} tags; remove some", number=trip, most=MOST))
    if set(after) == before:
        return
    trips.change(connection, trip, {"tags": after})
    what = _("tags of trip {number}: {tags}", number=trip, tags=", ".join(after) or "–")
    audit.add(connection, who, what, now_s, row.device)
