"""The SIM inventory with the data used this month, for the operator tenant."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection

from landbridge.features.sims import queries as inventory
from landbridge.features.sims.queries import SimCard
from landbridge.features.sims.rules import STAGES
from landbridge.points import sent
from landbridge.web.api import CurrentUser
from landbridge.web.forms import require_operator_tenant
from landbridge.web.render import page
from landbridge.web.services import services

router = APIRouter(include_in_schema=False)
_MOST = 200


@router.get("/sims")
def sims(
    request: Request,
    who: CurrentUser,
    stage: Annotated[str, Query(max_length=16)] = "",
    text: Annotated[str, Query(max_length=40)] = "",
) -> HTMLResponse:
    """The cards, the one that uses most first."""
    require_operator_tenant(who)
    it = services(request)
    with it.database.reading() as connection:
        wanted = [each for each in inventory.every(connection) if _fits(each, stage, text.strip())]
        cards = [_card(connection, each, it.clock.now_s()) for each in wanted[:_MOST]]
    cards.sort(key=lambda each: -each["month_mb"])
    left_out = max(0, len(wanted) - _MOST)
    chosen: dict[str, Any] = {"stage": stage, "text": text, "stages": STAGES, "left_out": left_out}
    return page(request, "sims.html", who=who, cards=cards, **chosen)


def _fits(card: SimCard, stage: str, text: str) -> bool:
    known = " ".join([*card.iccids, card.imei or "", card.holder, card.purpose, card.controls])
    return stage in ("", card.stage) and text.lower() in known.lower()


def _card(connection: Connection, card: SimCard, now_s: int) -> dict[str, Any]:
    used = sum(sent.month_bytes(connection, card.iccids, now_s).values())
    return {
        "card": card.card, "iccids": card.iccids, "controls": card.controls, "stage": card.stage,
        "holder": card.holder, "purpose": card.purpose, "binding": card.binding.lower().replace("_", " "),
        "imei": card.imei, "blocked": card.blocked, "month_mb": used / 1e6,
        "quota_mb": (inventory.controls_of(connection, card.controls) or {}).get("quota_mb") or None,
    }  # fmt: skip
