"""The page of integrations: list, add, change, pause, remove, discard; tenants have their own."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response

from landbridge.core.texts import _
from landbridge.features.integrations import api
from landbridge.features.integrations import queries as stored
from landbridge.web import auth
from landbridge.web.auth import User
from landbridge.web.forms import ActingUser, CurrentUser, Field, back, digest, of_page
from landbridge.web.render import page
from landbridge.web.services import services

router = APIRouter(include_in_schema=False)
Name = Annotated[str, Form(max_length=32)]
Address = Annotated[str, Form(max_length=2_000)]
_KINDS = {"webhook": _("Webhook"), "dcsa": _("DCSA"), "traccar": _("Traccar")}
_WHAT = {"event": _("events"), "position": _("latest positions"), "track": _("tracks (all points)")}


@router.get("/integrations")
def integrations_page(request: Request, who: CurrentUser) -> HTMLResponse:
    """Show the integrations that a user sees, and what they refuse."""
    return _shown(request, who)


def _shown(request: Request, who: User, made: Mapping[str, str] | None = None) -> HTMLResponse:
    with services(request).database.reading() as connection:
        shown = [
            api.serialized(connection, row)
            | {"refused": stored.retries(connection, row.integration), "seen": digest(*api.replaced(row))}
            for row in api.active(connection, who)
        ]
    names: dict[str, Any] = {"kinds": _KINDS, "kinds_of_messages": _WHAT}
    return page(request, "integrations.html", who=who, integrations=shown, made=made, **names)


def _again(request: Request, names: Mapping[str, str]) -> HTMLResponse:
    return _shown(request, auth.current_user(request))


@router.post("/integrations")
@of_page(_again, "integration", "/integrations", "name", "address", "tenant")
def add(
    request: Request, who: ActingUser, name: Name, kind: Field, address: Address, tenant: Name = "",
    what: Annotated[list[str] | None, Form()] = None,
) -> Response:  # fmt: skip
    """Add an integration, and show its secret once."""
    wanted: Any = [each for each in what or [] if each in _WHAT]
    new = api.NewIntegration(
        name=name.strip(), kind=kind[:16], address=address.strip(), tenant=tenant.strip() or None, what=wanted
    )
    made = api.add(request, who, new)
    return _shown(request, who, {"name": new.name, "secret": made["secret"] or ""})


@router.post("/integrations/{integration}/change")
@of_page(_again, "change-{integration}", "/integrations", "address")
def change(
    request: Request, who: ActingUser, integration: str, address: Address, tenant: Name = "",
    paused: Field = "", what: Annotated[list[str] | None, Form()] = None,
) -> Response:  # fmt: skip
    """Change or pause an integration."""
    wanted: Any = [each for each in what or [] if each in _WHAT]
    changes = api.IntegrationChanges(address=address.strip(), what=wanted, paused=bool(paused))
    api.change(request, who, integration, changes, tenant or None)
    return back("/integrations")


@router.post("/integrations/{integration}/remove")
@of_page(_again, "integrations", "/integrations")
def remove(request: Request, who: ActingUser, integration: str, tenant: Name = "") -> Response:
    """Remove an integration."""
    api.remove(request, who, integration, tenant or None)
    return back("/integrations")


@router.post("/integrations/{integration}/discard/{device}")
@of_page(_again, "integrations", "/integrations")
def discard(request: Request, who: ActingUser, integration: str, device: str, tenant: Name = "") -> Response:
    """Discard the refused message of a device."""
    api.discard(request, who, integration, device, tenant or None)
    return back("/integrations")
