"""The kinds of reports, and how each is made."""

from sqlalchemy import Connection

from landbridge.core.errors import UserError
from landbridge.core.texts import Catalogue, _
from landbridge.features.reports import compliance, fleet, route, trip
from landbridge.features.reports.document import Report
from landbridge.features.reports.render import MEDIA_TYPES
from landbridge.features.reports.trip import stations_of
from landbridge.features.trips import queries as trips

KINDS = ("trip", "route", "fleet", "compliance")
FORMATS = tuple(MEDIA_TYPES)
FOR_THE_OPERATOR = ("fleet", "compliance")
"""Kinds that show all tenants."""
_LARGEST = 2**31 - 1
"""Number of a trip that the database can have."""


def build(
    connection: Connection,
    kind: str,
    subject: str,
    tenant: str | None,
    span: tuple[int, int],
    now_s: int,
    language: Catalogue,
) -> Report:
    """Return a report of `subject`, the number of a trip or the name of a route, as a tenant may see it
    (None: the operator), about [from, until). `UserError` if there is none."""
    if kind in ("trip", "route") and not subject:
        raise UserError(
            _("this report needs a subject: the number of a trip, or the name of a route"), "subject"
        )
    if kind == "trip":
        number = int(subject) if subject.isascii() and subject.isdigit() else 0
        row = trips.find(connection, number) if number <= _LARGEST else None
        if row is None or tenant not in (None, row.tenant):
            raise UserError(_("no trip {number}; `landbridge trips list` lists them", number=subject))
        return trip.build(connection, row, language)
    if kind == "route":
        if not stations_of(connection, subject) or (
            tenant and not trips.on_route(connection, subject, 1, tenant)
        ):
            raise UserError(_("no route {name}; `landbridge routes list` lists them", name=subject))
        return route.build(connection, subject, tenant, span, language)
    if tenant is not None:
        raise UserError(_("only the fleet operator has access; sign in without a tenant"))
    if kind == "fleet":
        return fleet.build(connection, span, now_s, language)
    return compliance.build(connection, span, language)
