"""The state of the system, for the operator tenant: what waits, what fails, who is overdue."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from landbridge.core.clock import iso
from landbridge.operations.queries import figures
from landbridge.tracking.silence import GRACE_S
from landbridge.web.api import CurrentUser
from landbridge.web.forms import require_operator_tenant
from landbridge.web.render import page
from landbridge.web.services import services

router = APIRouter(include_in_schema=False)


@router.get("/system")
def system(request: Request, who: CurrentUser) -> HTMLResponse:
    """The figures that monitoring has, too."""
    require_operator_tenant(who)
    it = services(request)
    with it.database.reading() as connection:
        found = figures.read(connection, it.clock.now_s() - GRACE_S)
    return page(request, "system.html", who=who, it=found, last=iso(found.last_session_s))
