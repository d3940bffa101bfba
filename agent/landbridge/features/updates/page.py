"""Releases of the devices' application, and how far each has come: the house's page."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import Connection, Row

from landbridge.core import stages
from landbridge.core.clock import iso
from landbridge.features.updates import queries as releases
from landbridge.features.updates import rollout
from landbridge.protocol.limits import RELEASE_SEQUENCE
from landbridge.web import act, viewer
from landbridge.web.forms import Acts, Looks, back, of_page, only_house
from landbridge.web.here import here
from landbridge.web.render import page
from landbridge.web.viewer import Viewer

router = APIRouter(include_in_schema=False)
Board = Annotated[str, Path(max_length=32)]
Sequence = Annotated[int, Path(ge=1, le=RELEASE_SEQUENCE)]
_MOST = 500


@router.get("/updates")
def updates(request: Request, who: Looks) -> HTMLResponse:
    """All releases and all devices."""
    return _page(request, who)


def show_again(request: Request, _: Mapping[str, str]) -> HTMLResponse:
    """The page, after one of its forms was refused."""
    return _page(request, viewer.viewer(request))


def _page(request: Request, who: Viewer) -> HTMLResponse:
    only_house(who)
    with here(request).database.reading() as connection:
        found = [_release(connection, row) for row in releases.every(connection)]
        reported = [row for row in releases.by_device(connection) if row.board or row.offered]
    shares = ["canaries", *(f"{share} %" for share in stages.SHARES_PERCENT)]
    acts = who.may("admin")
    of_devices, left_out = [_device(row) for row in reported[:_MOST]], max(0, len(reported) - _MOST)
    values: dict[str, Any] = {"releases": found, "devices": of_devices, "left_out": left_out}
    return page(request, "updates.html", who=who, stages=shares, acts=acts, **values)


@router.post("/updates/{board}/{sequence}/roll-out")
@of_page(show_again, "release-{board}-{sequence}", "/updates", "canaries", "days")
def roll_out(
    request: Request,
    who: Acts,
    board: Board,
    sequence: Sequence,
    canaries: Annotated[int, Form(ge=1, le=1000)] = 5,
    days: Annotated[int, Form(ge=0, le=365)] = 2,
) -> Response:
    """Offer a release, or go on with it."""
    act.roll_out(here(request), who, board, sequence, canaries, days)
    return back("/updates")


@router.post("/updates/{board}/{sequence}/halt")
@of_page(show_again, "release-{board}-{sequence}", "/updates")
def halt(request: Request, who: Acts, board: Board, sequence: Sequence) -> Response:
    """Offer it to nobody any more."""
    act.halt(here(request), who, board, sequence)
    return back("/updates")


def _release(connection: Connection, row: Row[Any]) -> dict[str, Any]:
    return {
        "board": row.board, "sequence": row.sequence, "version": row.version, "added": iso(row.added_s),
        "stage": rollout.stage(row), "reached": row.stage,
        "goes_on": row.stage is not None and row.halted is None,
        "offered": row.offered, "taken": row.taken, "failed": row.failed,
        "fleet": releases.fleet_size(connection, row.board),
    }  # fmt: skip


def _device(row: Row[Any]) -> dict[str, Any]:
    return {
        "device": row.device, "board": row.board, "running": row.running, "on_trial": row.on_trial,
        "reported": iso(row.reported_s), "offered": row.offered, "pulls": row.pulls, "ended": row.ended,
    }  # fmt: skip
