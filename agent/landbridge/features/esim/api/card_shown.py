"""The card of a device, serialized: profiles, switches, data usage, identity."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import HTTPException
from sqlalchemy import Connection, Row

from landbridge.core.clock import from_epoch_s, iso
from landbridge.core.texts import _
from landbridge.features.devices import queries as devices
from landbridge.features.downloads import queries as downloads
from landbridge.features.esim import coding as wire
from landbridge.features.esim import handler as cards
from landbridge.features.esim.queries import policies as stored
from landbridge.features.sims import queries as inventory
from landbridge.features.sims.queries import SimCard
from landbridge.geo.route import MCC
from landbridge.points import sent, usage
from landbridge.points.usage import Span
from landbridge.protocol import uplink
from landbridge.web import device_views
from landbridge.web.device_views import DeviceView

_COUNTRIES = {mcc: code for code, mcc in MCC.items()}
Spans = Sequence[tuple[int, int]]
"""Intervals in which the device is the user's, [from, until) each."""


def downloads_of(connection: Connection, found: DeviceView, now_s: int) -> list[dict[str, Any]]:
    """Return those in the user's intervals."""
    spans = device_views.intervals(connection, found, now_s)
    rows = [each for each in downloads.of_device(connection, found.device) if _lies_in(spans, each.ordered_s)]
    return downloads.shown(connection, rows)


def live(found: DeviceView) -> DeviceView:
    if not found.live:
        raise HTTPException(404, _("{device} is not on any of your trips now", device=found.device))
    return found


def serialize(connection: Connection, found: DeviceView, now_s: int) -> dict[str, Any]:
    device, spans = found.device, device_views.intervals(connection, found, now_s)
    asked, said = stored.history(connection, device), stored.report(connection, device)
    identities = stored.identities(connection, device)
    desired, eid = asked[-1] if asked else None, said.eid if said else None
    is_operator = found.tenant is None
    in_inventory = inventory.known(connection, identities[-1]._asdict()) if identities else None
    plan = _plan(connection, in_inventory, now_s) if in_inventory and is_operator else None
    profiles = _profiles(connection, desired, said, is_operator, now_s)
    return {
        "state": cards.state(connection, device),
        "desired": desired and desired.profile,
        "reported": iso(said.reported_s) if said else None,
        "eid": eid or None,
        "euicc": downloads.shown_euicc(connection, device),
        "free_bytes": downloads.free_bytes(connection, device, eid),
        "binding": _binding(identities, desired, in_inventory),
        "identity": _identity(identities[-1]) if identities else None,
        "services": _services(connection, device),
        "plan": plan,
        "profiles": profiles,
        "switches": _switches(asked, stored.events(connection, device), spans),
        "quota_mb": (plan and plan["quota_mb"]) or _quota_in_use(profiles),
        "usage": _usage(connection, device, spans, now_s),
    }


def _identity(row: Row[Any]) -> dict[str, str | None]:
    return {name: getattr(row, name) or None for name in ("imei", "iccid", "imsi")}


def _quota_in_use(profiles: Sequence[Mapping[str, Any]]) -> float | None:
    return next((each["quota_mb"] for each in profiles if each["used"]), None)


def _services(connection: Connection, device: str) -> str | None:
    row = devices.find(connection, device)
    return uplink.services(devices.identity(row)) if row is not None else None


def _plan(connection: Connection, found: SimCard, now_s: int) -> dict[str, Any]:
    """Return the inventory's entry for the card in the device, or for the one that belongs there."""
    return {
        "controls": found.controls,
        "stage": found.stage,
        "holder": found.holder,
        "purpose": found.purpose,
        "binding": found.binding,
        "blocked": found.blocked,
        "quota_mb": (inventory.controls_of(connection, found.controls) or {}).get("quota_mb") or None,
        "month_bytes": sum(sent.month_bytes(connection, found.iccids, now_s).values()),
    }


def _profiles(
    connection: Connection,
    desired: stored.Desired | None,
    said: Row[Any] | None,
    is_operator: bool,
    now_s: int,
) -> list[dict[str, Any]]:
    """Return the profiles of the policy, with the usage that the device has counted, and that of the month as
    the agent estimates it. A tenant does not see the usage before its own trip."""
    if desired is None:
        return []
    policy = desired.policy
    used = policy.name(said.used) if said and said.revision == desired.revision else None
    used_kb = dict(json.loads(said.used_kb)) if said and is_operator else {}
    iccids = [each.iccid for each in policy.profiles.values()] if is_operator else []
    month = sent.month_bytes(connection, iccids, now_s)
    rows = sorted(policy.countries.items(), key=lambda row: row[0] or math.inf)
    countries = {
        name: [_COUNTRIES.get(mcc, str(mcc)) if mcc else "*" for mcc, best in rows if name in best]
        for name in policy.profiles
    }
    return [
        {
            "name": name, "iccid": each.iccid, "apn": each.apn, "used": name == used,
            "fallback": name == policy.fallback, "countries": countries[name],
            "quota_mb": each.quota_kb / 1024 or None,
            "used_mb": used_kb[each.iccid] / 1024 if each.iccid in used_kb else None,
            "month_mb": month[each.iccid] / 1e6 if each.iccid in month else None,
        }
        for name, each in policy.profiles.items()
    ]  # fmt: skip


def _switches(
    asked: Sequence[stored.Desired], ended: Sequence[Row[Any]], spans: Spans
) -> list[dict[str, Any]]:
    """Return the requests and switches while the device was the user's, newest first."""
    policies = {each.revision: each.policy for each in asked}
    rows: list[tuple[int, dict[str, Any]]] = [
        (
            each.set_s,
            {"what": _("requested"), "by": each.set_by, "from": None, "to": each.profile, "cause": None},
        )
        for each in asked
    ]
    for event in ended:
        policy = policies.get(event.revision)
        before, after = (policy.name(each) if policy else None for each in (event.before, event.after))
        shown = {
            "what": wire.describe(event),
            "by": None,
            "from": before,
            "to": after,
            "cause": event.cause or None,
        }
        rows.append((event.at_s or event.received_s, shown))
    rows.sort(key=lambda row: row[0], reverse=True)
    return [{"time": iso(at_s)} | shown for at_s, shown in rows if _lies_in(spans, at_s)]


def _usage(connection: Connection, device: str, spans: Spans, now_s: int) -> list[dict[str, Any]]:
    """Return the bytes of the user's uplinks by month and country: payload, and on the air by the model."""
    sent_s = now_s - usage.KEPT_S, now_s + 1
    reports = [each for each in sent.messages(connection, device, *sent_s) if _lies_in(spans, each.at_s)]
    begun = sorted({usage.month_s(each.at_s) for each in reports})
    months = [Span(from_s, f"{from_epoch_s(from_s):%Y-%m}") for from_s in begun]
    countries = [each for each in sent.countries(connection, device) if _lies_in(spans, each.from_s)]
    found = usage.split(reports, months, countries)
    by_month = sorted(found.items(), key=lambda each: each[0][0], reverse=True)
    return [
        {
            "month": month, "country": _COUNTRIES.get(int(mcc), mcc) if mcc else None,
            "reports": used.messages, "bytes": used.payload_bytes, "on_air_bytes": used.on_air_bytes,
        }
        for (month, mcc), used in by_month
    ]  # fmt: skip


def _lies_in(spans: Spans, at_s: int) -> bool:
    return any(begin_s <= at_s < end_s for begin_s, end_s in spans)


def _binding(
    identities: Sequence[Row[Any]], desired: stored.Desired | None, in_inventory: SimCard | None
) -> str:
    """Return the state in the inventory; for an unknown card, whether device and card still belong together.
    In words."""
    if not identities:
        return _("not known yet")
    first, now = identities[0], identities[-1]
    if in_inventory is not None:
        is_its = now.iccid in in_inventory.iccids
        return in_inventory.binding.lower().replace("_", " ") if is_its else _("unknown SIM card")
    if now.imei != first.imei:
        return _("the SIM card is in another device")
    known = {each.iccid for each in desired.policy.profiles.values()} if desired else {first.iccid}
    return "bound" if now.iccid in known | {first.iccid} else _("unknown SIM card")
