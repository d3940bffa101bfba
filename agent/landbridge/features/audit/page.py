"""The page of the audit log."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from landbridge.core.clock import to_epoch_s
from landbridge.core.deeds import NOUNS
from landbridge.features.audit import queries as audit
from landbridge.features.audit import rules
from landbridge.features.audit.queries import Wanted
from landbridge.web.api import LARGEST
from landbridge.web.forms import CurrentUser
from landbridge.web.render import page
from landbridge.web.services import services

router = APIRouter(include_in_schema=False)
_MOST = 200
Before = Annotated[int, Query(ge=1, le=LARGEST)]
Text = Annotated[str, Query(max_length=40)]


@router.get("/audit")
def audit_page(
    request: Request,
    who: CurrentUser,
    text: Text = "",
    noun: Text = "",
    since: Text = "",
    until: Text = "",
    before: Before = LARGEST,
) -> HTMLResponse:
    """The list, of days in UTC; an invalid day is ignored."""
    begin_s, end_s = _day_s(since), _day_s(until, timedelta(days=1))
    wanted = Wanted(noun=noun if noun in NOUNS else None, since_s=begin_s, until_s=end_s, text=text.strip())
    with services(request).database.reading() as connection:
        rows = audit.newest(connection, before, _MOST, who.tenant, wanted)
    chosen = {"text": text, "noun": noun, "since": since, "until": until}
    kept = {name: value for name, value in chosen.items() if value}
    earlier = urlencode(kept | {"before": rows[-1].entry}) if len(rows) == _MOST else None
    values: dict[str, Any] = {"entries": [*map(rules.serialize, rows)], "earlier": earlier, "nouns": NOUNS}
    return page(request, "audit.html", who=who, filtered=bool(kept), **(values | chosen))


def _day_s(text: str, more: timedelta = timedelta()) -> int | None:
    """Return the beginning of a day like 2026-10-01, or `more` after it; None if the text is no day."""
    try:
        begin = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
        return to_epoch_s(begin + more)
    except (ValueError, OverflowError):
        return None
