"""Pages of a list by the keys of its rows: rows that are added or removed meanwhile neither repeat nor hide
another."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Column, Connection, Row, Select, literal, tuple_

Key = tuple[int | str, ...]


class Page(NamedTuple):
    """Rows, and the key of the last one if there are more."""

    rows: list[Row[Any]]
    next: Key | None


def page(
    connection: Connection,
    wanted: Select[Any],
    keys: Sequence[Column[Any]],
    after: Key | None,
    limit: int,
    newest_first: bool = False,
) -> Page:
    """Return the first `limit` rows after the row with the key `after`, by the columns `keys`, which are
    unique together and among those selected; with `newest_first` in the reverse order."""
    if after is not None:
        given = [literal(value, key.type) for key, value in zip(keys, after, strict=True)]
        here, there = (tuple_(*keys), tuple_(*given)) if len(keys) > 1 else (keys[0], given[0])
        wanted = wanted.where(here < there if newest_first else here > there)
    ordered = wanted.order_by(*(key.desc() if newest_first else key for key in keys))
    rows = list(connection.execute(ordered.limit(limit + 1)))
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(rows[:limit], last and tuple(getattr(last, key.name) for key in keys))
