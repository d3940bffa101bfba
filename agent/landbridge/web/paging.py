"""Pages of a list over the API: every list takes `cursor` and `limit`, and answers with `next`."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Any

from fastapi import HTTPException, Query

from landbridge.core.texts import _
from landbridge.db.paging import Key

MOST = 1_000
Cursor = Annotated[
    str | None,
    Query(max_length=200, description="`next` of the previous page; omit for the first page."),
]
Limit = Annotated[int, Query(ge=1, le=MOST, description="Maximum number of entries on a page.")]
_LARGEST = 2**63 - 1
"""The largest integer of a database."""


def start(cursor: str | None, *kinds: type) -> Key | None:
    """Return the key that a cursor encodes, of values of these kinds; None: the first page. 400 if it is
    none of this list."""
    if cursor is None:
        return None
    try:
        found = json.loads(urlsafe_b64decode(cursor.encode("ascii")))
        if not (isinstance(found, list) and len(found) == len(kinds)):
            raise ValueError
        for value, kind in zip(found, kinds, strict=True):
            if type(value) is not kind or (isinstance(value, int) and abs(value) > _LARGEST):
                raise ValueError
            str(value).encode()
    except (ValueError, RecursionError):
        raise HTTPException(
            400,
            _("cursor: give the value of next from the previous page, or leave it out for the first page"),
        ) from None
    return tuple(found)


def cursor(key: Key | None) -> str | None:
    """Return the cursor of the page after the row with this key; None if there is none."""
    if key is None:
        return None
    return urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode("ascii")


def before(given: str | None) -> int:
    """Return the number below which a page of a list begins that has the newest number first."""
    key = start(given, int)
    return _LARGEST if key is None else int(key[0])


def cut(name: str, shown: list[dict[str, Any]], limit: int, key: str) -> dict[str, Any]:
    """Return the answer of a list that was asked for one entry more than `limit`; `key` names its field."""
    return page(name, shown[:limit], (shown[limit - 1][key],) if len(shown) > limit else None)


def page(name: str, shown: list[dict[str, Any]], following: Key | None) -> dict[str, Any]:
    """Return the answer: the list under its name, and `next`."""
    return {name: shown, "next": cursor(following)}
