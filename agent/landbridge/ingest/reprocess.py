"""Uplinks that are kept, read again by the decoder of today: points that come out otherwise are put right."""

from typing import NamedTuple

from sqlalchemy import Connection

from landbridge.ingest import news
from landbridge.ingest.judge import judge
from landbridge.store import points
from landbridge.store.held import hold, write
from landbridge.store.keys import Keyring
from landbridge.store.points import StoredPoint
from landbridge.wire import envelope, uplink
from landbridge.wire.limits import WireError


class Came(NamedTuple):
    """What came of the uplinks of a device."""

    uplinks: int
    changed: int
    added: int
    unreadable: int


def reprocess(connection: Connection, keyring: Keyring, device: str, since_s: int, now_s: int) -> Came:
    """Read what `device` has sent since then; the points that change are told again, as new ones are."""
    row = hold(connection, [device])[device]
    trips = points.trips_of(connection, [device]).get(device, ())
    key = keyring.unwrap(row.wrapped_key)
    count = unreadable = 0
    fresh: dict[int, StoredPoint] = {}
    for received_s, payload in points.kept(connection, device, since_s):
        count += 1
        try:
            _, text = envelope.open_envelope(key, device, "up", payload)
            decoded = uplink.decode(text)
        except WireError:
            unreadable += 1
            continue
        for point in decoded.points:
            if point.seq not in fresh:
                judged = judge(point, decoded.clock, received_s)
                fresh[point.seq] = points.with_trip(device, judged, received_s, trips)
    there = points.between(connection, device, min(fresh), max(fresh)) if fresh else []
    stored = {each.point.seq: each for each in there}
    added = [each for seq, each in fresh.items() if seq not in stored]
    changed = [each for seq, each in fresh.items() if seq in stored and stored[seq].point != each.point]
    points.put_right(connection, changed)
    points.insert_all(connection, added)
    if fresh:
        row.has_stored(list(fresh))
    were = [stored[each.point.seq] for each in changed]
    news.post(connection, [news.News(row, were, sorted(changed, key=_seq), sorted(added, key=_seq))], now_s)
    write(connection, [row])
    return Came(count, len(changed), len(added), unreadable)


def _seq(stored: StoredPoint) -> int:
    return stored.point.seq
