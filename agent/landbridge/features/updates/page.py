"""The page of releases and of each device's progress, for the operator tenant."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import Connection, Row

from landbridge.core import stages
from landbridge.core.clock import iso
from landbridge.features.updates import queries as releases
from landbridge.features.updates import rollout
from landbridge.features.updates.api import progress
from landbridge.protocol.limits import RELEASE_SEQUENCE
from landbridge.web import actions, auth
from landbridge.web.auth import User
from landbridge.web.forms import ActingUser, CurrentUser, back, of_page, require_operator_tenant
from landbridge.web.render import page
from landbridge.web.services import services

router = APIRouter(include_in_schema=False)
Board = Annotated[str, Path(max_length=32)]
Sequence = Annotated[int, Path(ge=1, le=RELEASE_SEQUENCE)]
_MOST = 500


@router.get("/updates")
def updates(request: Request, who: CurrentUser) -> HTMLResponse:
    """All releases and all devices."""
    return _page(request, who)


def show_again(request: Request, _: Mapping[str, str]) -> HTMLResponse:
    """Show the page after a refused form."""
    return _page(request, auth.current_user(request))


def _page(request: Request, who: User) -> HTMLResponse:
    require_operator_tenant(who)
    with services(request).database.reading() as connection:
        found = [_release(connection, row) for row in releases.every(connection)]
        reported = [row for row in releases.by_device(connection) if row.board or row.assigned]
    stage_names = ["canaries", *(f"{percent} %" for percent in stages.STAGES_PERCENT)]
    may_administer = who.may("admin")
    of_devices, left_out = [progress(row) for row in reported[:_MOST]], max(0, len(reported) - _MOST)
    values: dict[str, Any] = {"releases": found, "devices": of_devices, "left_out": left_out}
    return page(request, "updates.html", who=who, stages=stage_names, may_administer=may_administer, **values)


@router.post("/updates/{board}/{sequence}/roll-out")
@of_page(show_again, "release-{board}-{sequence}", "/updates", "canaries", "days")
def roll_out(
    request: Request,
    who: ActingUser,
    board: Board,
    sequence: Sequence,
    canaries: Annotated[int, Form(ge=1, le=1000)] = 5,
    days: Annotated[int, Form(ge=0, le=365)] = 2,
) -> Response:
    """Start or resume a roll-out."""
    actions.roll_out(services(request), who, board, sequence, canaries, days)
    return back("/updates")


@router.post("/updates/{board}/{sequence}/halt")
@of_page(show_again, "release-{board}-{sequence}", "/updates")
def halt(request: Request, who: ActingUser, board: Board, sequence: Sequence) -> Response:
    """Halt a roll-out."""
    actions.halt(services(request), who, board, sequence)
    return back("/updates")


def _release(connection: Connection, row: Row[Any]) -> dict[str, Any]:
    return {
        "board": row.board, "sequence": row.sequence, "version": row.version, "added": iso(row.added_s),
        "stage": rollout.stage(row), "reached": row.stage,
        "goes_on": row.stage is not None and row.halted is None,
        "assigned": row.assigned, "taken": row.taken, "failed": row.failed,
        "fleet": releases.fleet_size(connection, row.board),
    }  # fmt: skip
