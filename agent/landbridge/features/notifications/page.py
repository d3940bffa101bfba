"""The page of notifications: channels with their rules, tests, the log."""

import zoneinfo
from collections.abc import Mapping
from functools import cache
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, Response

from landbridge.core.texts import _
from landbridge.db import order
from landbridge.features.notifications import api
from landbridge.features.notifications import queries as stored
from landbridge.features.notifications.rules import DIGESTS, KINDS, duration_s
from landbridge.protocol.event import SEVERITIES
from landbridge.web import auth
from landbridge.web.auth import User
from landbridge.web.forms import ActingUser, CurrentUser, Field, back, number, of_page
from landbridge.web.render import page
from landbridge.web.services import services

router = APIRouter(include_in_schema=False)
_MOST = 200
_PAGE = "/notifications"
_STATES = {
    stored.WAITING: _("waiting"),
    stored.SENDING: _("being sent"),
    stored.SENT: _("sent"),
    stored.WITHDRAWN: _("withdrawn"),
    stored.FAILED: _("failed"),
}
_REGIONS = (
    "Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific",
)  # fmt: skip
Before = Annotated[int, Query(ge=1, le=order.HIGHEST)]
Address = Annotated[str, Form(max_length=2_000)]


@cache
def _zones() -> list[str]:
    """Return UTC and the time zones by region and city, without their old names such as GB or US/Pacific."""
    known = zoneinfo.available_timezones()
    return ["UTC", *sorted(name for name in known if name.partition("/")[0] in _REGIONS)]


@router.get(_PAGE)
def notifications_page(request: Request, who: CurrentUser, before: Before = order.HIGHEST) -> HTMLResponse:
    """Show channels, rules and the log."""
    return _page(request, who, before)


def _page(request: Request, who: User, before: int = order.HIGHEST) -> HTMLResponse:
    with services(request).database.reading() as connection:
        found = api.all_of(connection, who)
        rows = [api.logged(row) for row in stored.log(connection, who.tenant, before, _MOST)]
    earlier = rows[-1]["notification"] if len(rows) == _MOST else None
    return page(
        request, "notifications.html", who=who, channels=found, rows=rows, earlier=earlier, kinds=KINDS,
        states=_STATES,
        severities=SEVERITIES, digests=DIGESTS, zones=_zones(),
    )  # fmt: skip


def _again(request: Request, names: Mapping[str, str]) -> HTMLResponse:
    return _page(request, auth.current_user(request))


@router.post(_PAGE)
@of_page(_again, "channel", _PAGE, "name", "address", "tenant")
def add(
    request: Request, who: ActingUser, name: Field, address: Address, language: Field = "en",
    zone: Field = "UTC", tenant: Field = "",
) -> Response:  # fmt: skip
    """Add a channel."""
    new = api.NewChannel.model_construct(
        name=name.strip(),
        address=address,
        language=language,
        zone=zone.strip(),
        tenant=tenant.strip() or None,
    )
    api.add(request, who, new)
    return back(_PAGE)


@router.post("/notifications/{name}/change")
@of_page(_again, "change-{name}", _PAGE, "address")
def change(
    request: Request, who: ActingUser, name: str, language: Field, zone: Field, address: Address = "",
    tenant: Field = "", paused: Field = "",
) -> Response:  # fmt: skip
    """Change or pause a channel; an empty address stays as it is."""
    changes = api.ChannelChanges.model_construct(
        address=address.strip() or None, language=language, zone=zone, paused=bool(paused)
    )
    api.change(request, who, name, changes, tenant or None)
    return back(_PAGE)


@router.post("/notifications/{name}/remove")
@of_page(_again, "channels", _PAGE)
def remove(request: Request, who: ActingUser, name: str, tenant: Field = "") -> Response:
    """Remove a channel."""
    api.remove(request, who, name, tenant or None)
    return back(_PAGE)


@router.post("/notifications/{name}/test")
@of_page(_again, "channels", _PAGE)
def test(request: Request, who: ActingUser, name: str, tenant: Field = "") -> Response:
    """Send a test."""
    api.test(request, who, name, tenant or None)
    return back(_PAGE, "log")


@router.post("/notifications/rules")
@of_page(_again, "rule", _PAGE, "name", "kind", "after", "quiet", "weekly", "escalate", "to")
def set_rule(
    request: Request, who: ActingUser, channel: Field, name: Field, severity: Field = SEVERITIES[0],
    kind: Annotated[list[str] | None, Form(max_length=len(KINDS))] = None, tag: Field = "",
    route: Field = "", after: Field = "", quiet: Field = "", digest: Field = "", weekly: Field = "",
    escalate: Field = "", to: Field = "", first: Field = "",
) -> Response:  # fmt: skip
    """Add a rule, or replace the one of its name; a `channel` may say whose it is, after a slash."""
    new = api.NewRule.model_construct(
        kinds=kind or [], severity=severity, tag=tag.strip() or None,
        route=route.strip() or None, least_s=duration_s(after.strip() or None, "after") or 0,
        quiet=quiet.strip() or None, digest=digest or None, most_a_week=number(weekly),
        escalate_s=duration_s(escalate.strip() or None, "escalate"), escalate_to=to or None,
        first=bool(first), tenant=None,
    )  # fmt: skip
    of, _slash, tenant = channel.partition("/")
    api.set_rule(request, who, of, name.strip(), new, tenant or None)
    return back(_PAGE)


@router.post("/notifications/{channel}/rules/{rule}/remove")
@of_page(_again, "channels", _PAGE)
def remove_rule(request: Request, who: ActingUser, channel: str, rule: str, tenant: Field = "") -> Response:
    """Remove a rule."""
    api.remove_rule(request, who, channel, rule, tenant or None)
    return back(_PAGE)
