"""The progress of tracking for each device: marks of changes, and stored states."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, delete, func, insert, select, tuple_, update

from landbridge.db.tables import devices, tracking_states

_POINT = tuple_(tracking_states.c.at_s, tracking_states.c.seq)
_IS_SETTLED = tracking_states.c.seq == 0
"""Points before it were removed: no pass begins earlier. Sequences begin at 1."""


class SavedState(NamedTuple):
    """The state before the point (at_s, seq)."""

    at_s: int
    seq: int
    state: str


def mark(connection: Connection, device: str, from_s: int) -> None:
    """Mark that the points of `device` have changed from this time on."""
    later = devices.c.recompute_from_s.is_(None) | (devices.c.recompute_from_s > from_s)
    of_device = update(devices).where(devices.c.device == device, later)
    connection.execute(of_device.values(recompute_from_s=from_s))


def next_marked(connection: Connection, besides: Collection[str | None] = ()) -> str | None:
    """Return a device whose events must be recomputed, none of `besides`."""
    return connection.execute(_marked(besides)).scalar()


def lock_marked(connection: Connection, besides: Collection[str | None] = ()) -> str | None:
    """The same, but an unlocked one, locked until the transaction ends."""
    return connection.execute(_marked(besides).with_for_update(skip_locked=True, key_share=True)).scalar()


def _marked(besides: Collection[str | None]) -> Select[Any]:
    marked = select(devices.c.device).where(devices.c.recompute_from_s.is_not(None))
    return marked.where(devices.c.device.not_in(besides)).limit(1)


def left(connection: Connection, heard_before_s: int) -> int:
    """Return how many devices that last reported before a time have events to recompute."""
    marked = select(func.count()).where(devices.c.recompute_from_s.is_not(None))
    return int(connection.execute(marked.where(devices.c.last_session_s < heard_before_s)).scalar_one())


def take_mark(connection: Connection, device: str) -> int | None:
    """Return from when on events must be recomputed, and remove the mark."""
    of_device = devices.c.device == device
    from_s = connection.execute(select(devices.c.recompute_from_s).where(of_device)).scalar()
    connection.execute(update(devices).where(of_device).values(recompute_from_s=None))
    return from_s


def is_marked(connection: Connection, device: str) -> bool:
    """Whether the events of `device` must be recomputed."""
    from_s = select(devices.c.recompute_from_s).where(devices.c.device == device)
    return connection.execute(from_s).scalar() is not None


def last_state(connection: Connection, device: str, upto: tuple[int, int]) -> SavedState | None:
    """Return the newest state before a point that is not later than `upto`, (at_s, seq), or else the settled
    one."""
    columns = (tracking_states.c.at_s, tracking_states.c.seq, tracking_states.c.state)
    early = (_POINT <= upto) | _IS_SETTLED
    of_device = select(*columns).where(tracking_states.c.device == device, early)
    newest = of_device.order_by(tracking_states.c.at_s.desc(), tracking_states.c.seq.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    return None if row is None else SavedState(*row)


def is_settled(connection: Connection, device: str) -> bool:
    """Whether points of `device` were removed."""
    settled = select(tracking_states.c.seq).where(tracking_states.c.device == device, _IS_SETTLED)
    return connection.execute(settled).first() is not None


def replace_states(
    connection: Connection, device: str, begin: tuple[int, int], states: Sequence[SavedState]
) -> None:
    """Replace the states of the points from `begin` on, (at_s, seq), by `states`; a settled one stays."""
    later = tracking_states.c.device == device, _POINT >= begin, ~_IS_SETTLED
    connection.execute(delete(tracking_states).where(*later))
    if states:
        connection.execute(insert(tracking_states), [{"device": device} | each._asdict() for each in states])


def settle(connection: Connection, device: str, state: SavedState) -> None:
    """Replace all states before it by a settled state, of no point (seq 0)."""
    earlier = tracking_states.c.device == device, _POINT < (state.at_s, state.seq)
    connection.execute(delete(tracking_states).where(*earlier))
    connection.execute(insert(tracking_states).values(device=device, **state._asdict()))
