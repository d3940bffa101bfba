"""The SIM inventory and the SIM controls over HTTP, for the operator tenant. docs/reference/api.md."""

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from landbridge.core.clock import iso
from landbridge.core.errors import UserError
from landbridge.core.texts import _
from landbridge.features.sims import binding, controls, inventory
from landbridge.features.sims import handler as watch
from landbridge.features.sims import queries as stored
from landbridge.features.sims.binding import Binding
from landbridge.features.sims.queries import SimCard
from landbridge.features.sims.rules import STAGES
from landbridge.web import actions, paging
from landbridge.web.answers import Json, Next, Schema
from landbridge.web.api import ONE_LINE, ActingUser, CurrentUser
from landbridge.web.forms import require_operator_tenant
from landbridge.web.paging import Cursor, Limit
from landbridge.web.services import services

router = APIRouter(prefix="/v1")
Iccid = Annotated[str, Path(max_length=20, description="ICCID of the card or of one of its profiles.")]
ControlsName = Annotated[str, Path(min_length=1, max_length=32)]
Stage = Literal["stock", "test", "active", "suspended", "retired"]
Digits = Annotated[str, Field(max_length=20)]


class NewSim(BaseModel):
    """A card for the inventory."""

    model_config = ConfigDict(extra="forbid")
    iccids: list[Digits] = Field(min_length=1, max_length=16, examples=[["8986001234567890123"]])
    controls: str = Field(max_length=32)
    holder: str = Field(min_length=1, max_length=200, pattern=ONE_LINE)
    purpose: str = Field(min_length=1, max_length=200, pattern=ONE_LINE)
    stage: Stage = "stock"
    imsis: list[Digits] = Field([], max_length=16, description="IMSIs that its applet may use; empty: any.")


class SimChanges(BaseModel):
    """Changes to a card; omitted fields stay as they are."""

    model_config = ConfigDict(extra="forbid")
    stage: Stage | None = None
    blocked: str | None = Field(None, max_length=200, description='Reason to block the card; "" unblocks it.')
    why: str = Field("", max_length=200)


class RebindReason(BaseModel):
    """The reason for rebinding a card."""

    model_config = ConfigDict(extra="forbid")
    why: str = Field("", max_length=200)


class Sim(BaseModel):
    """A card of the inventory."""

    card: int
    iccids: list[str]
    imsis: list[str]
    controls: str
    holder: str
    purpose: str
    stage: str
    binding: str
    imei: str | None
    blocked: str | None


class CardAction(BaseModel):
    """An action on a card."""

    time: str
    what: str
    why: str
    by: str


class SimWithHistory(Sim):
    """A card with its history, oldest first."""

    history: list[CardAction]


class Sims(BaseModel):
    """A page of cards."""

    sims: list[Sim]
    next: Next


class SimControls(BaseModel):
    """SIM controls as docs/guide/controls.toml describes them."""

    name: str
    controls: Json
    by: str
    set: str


class ManyControls(BaseModel):
    """A page of SIM controls by name."""

    controls: list[SimControls]
    next: Next


@router.get("/sims")
def listed(
    request: Request,
    who: CurrentUser,
    stage: Annotated[str | None, Query(max_length=16)] = None,
    demands: Annotated[str | None, Query(alias="controls", max_length=32)] = None,
    holder: Annotated[str | None, Query(max_length=200)] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Annotated[Json, Schema(Sims)]:
    """List the SIM inventory, newest first."""
    require_operator_tenant(who)
    before = paging.before(cursor)
    with services(request).database.reading() as connection:
        found = [
            _shown(each)
            for each in stored.every(connection)
            if each.card < before
            and stage in (None, each.stage)
            and demands in (None, each.controls)
            and holder in (None, each.holder)
        ]
    return paging.cut("sims", sorted(found, key=lambda each: -int(each["card"])), limit, "card")


@router.get("/sims/{iccid}")
def one(request: Request, who: CurrentUser, iccid: Iccid) -> Annotated[Json, Schema(SimWithHistory)]:
    """Show a card and its history."""
    require_operator_tenant(who)
    with services(request).database.reading() as connection:
        return _with_history(connection, _of(connection, iccid))


@router.post("/sims", status_code=201)
def add(request: Request, who: ActingUser, new: NewSim) -> Annotated[Json, Schema(SimWithHistory)]:
    """Add a card; if its controls require binding, it is bound to the first device that reports it."""
    it = services(request)
    actions.require_operator(who, "admin")
    given = inventory.NewCard(
        tuple(new.iccids), new.controls, new.holder, new.purpose, new.stage, tuple(new.imsis)
    )
    with it.database.writing(who.who, who.tenant) as connection:
        inventory.add(connection, given, who.who, it.clock.now_s())
        return _with_history(connection, _of(connection, new.iccids[0]))


@router.patch("/sims/{iccid}")
def change(
    request: Request, who: ActingUser, iccid: Iccid, changes: SimChanges
) -> Annotated[Json, Schema(SimWithHistory)]:
    """Change the stage of a card, block or unblock it."""
    it = services(request)
    actions.require_operator(who, "admin")
    values: dict[str, Any] = changes.model_dump(exclude_none=True, exclude={"why"})
    if "blocked" in values:
        values["blocked"] = values["blocked"] or None
    with it.database.writing(who.who, who.tenant) as connection:
        found = _of(connection, iccid)
        if found.stage == STAGES[-1] and changes.stage not in (None, found.stage):
            raise UserError(_("card {number} is retired; this cannot be undone", number=found.card), "stage")
        if values:
            stored.change(connection, found.card, values, changes.why, who.who, it.clock.now_s())
        return _with_history(connection, _of(connection, iccid))


@router.post("/sims/{iccid}/rebind")
def rebind(
    request: Request, who: ActingUser, iccid: Iccid, reason: RebindReason
) -> Annotated[Json, Schema(SimWithHistory)]:
    """Allow a card to move to another device: it is bound to the next device that reports it."""
    it = services(request)
    actions.require_operator(who, "admin")
    with it.database.writing(who.who, who.tenant) as connection:
        found, now_s = _of(connection, iccid), it.clock.now_s()
        most = watch.demanded(connection, found).rebinds_a_month
        moved_s = watch.moved_s(connection, found)
        after = binding.announce(Binding(found.binding, found.imei), moved_s, most, now_s)
        stored.change(connection, found.card, {"binding": after.state}, reason.why, who.who, now_s)
        return _with_history(connection, _of(connection, iccid))


@router.get("/controls")
def listed_controls(
    request: Request, who: CurrentUser, cursor: Cursor = None, limit: Limit = 100
) -> Annotated[Json, Schema(ManyControls)]:
    """List SIM controls by name."""
    require_operator_tenant(who)
    after = str((paging.start(cursor, str) or ("",))[0])
    with services(request).database.reading() as connection:
        found = [_shown_controls(row) for row in stored.controls(connection) if row.name > after]
    return paging.cut("controls", found, limit, "name")


@router.get("/controls/{name}")
def one_controls(
    request: Request, who: CurrentUser, name: ControlsName
) -> Annotated[Json, Schema(SimControls)]:
    """Show SIM controls."""
    require_operator_tenant(who)
    with services(request).database.reading() as connection:
        return _controls_of(connection, name)


@router.put("/controls/{name}")
def set_controls(
    request: Request, who: ActingUser, name: ControlsName, wanted: dict[str, Any]
) -> Annotated[Json, Schema(SimControls)]:
    """Create or replace SIM controls; `landbridge controls test` tests a file of them."""
    it = services(request)
    actions.require_operator(who, "admin")
    demands = controls.of_table(f"controls.{name}", wanted)
    with it.database.writing(who.who, who.tenant) as connection:
        stored.set_controls(connection, name, demands.stored(), who.who, it.clock.now_s())
        return _controls_of(connection, name)


@router.delete("/controls/{name}", status_code=204)
def remove_controls(request: Request, who: ActingUser, name: ControlsName) -> None:
    """Remove SIM controls that no card uses."""
    actions.require_operator(who, "admin")
    with services(request).database.writing(who.who, who.tenant) as connection:
        _controls_of(connection, name)
        cards = sum(each.controls == name for each in stored.every(connection))
        if cards:
            why = _(
                "controls {name} are in use (cards: {number}); assign others to these cards first",
                number=cards,
                name=name,
            )
            raise UserError(why, "name")
        stored.remove_controls(connection, name)


def _of(connection: Connection, iccid: str) -> SimCard:
    found = stored.of_iccid(connection, iccid)
    if found is None:
        raise HTTPException(404, _("no card {iccid}; GET /v1/sims lists them", iccid=iccid))
    return found


def _shown(card: SimCard) -> dict[str, Any]:
    return card._asdict()


def _with_history(connection: Connection, card: SimCard) -> dict[str, Any]:
    rows = stored.actions(connection, card.card)
    done = [{"time": iso(row.done_s), "what": row.what, "why": row.why, "by": row.done_by} for row in rows]
    return _shown(card) | {"history": done}


def _controls_of(connection: Connection, name: str) -> dict[str, Any]:
    for row in stored.controls(connection):
        if row.name == name:
            return _shown_controls(row)
    raise HTTPException(404, _("no controls {name}; GET /v1/controls lists them", name=name))


def _shown_controls(row: Any) -> dict[str, Any]:
    return {
        "name": row.name, "controls": json.loads(row.content), "by": row.set_by, "set": iso(row.set_s),
    }  # fmt: skip
