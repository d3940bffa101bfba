"""Watches the cards of devices: checks each uplink, and publishes violations of controls and their end.

A downlink handler (downlinks/registry.py) that sends nothing: what a control demands goes by settings.
`on_report` runs in the transaction of the uplink.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row

from landbridge.events import publishing, topics
from landbridge.features.devices import queries as devices
from landbridge.features.diagnostics.queries import log as device_log
from landbridge.features.esim.queries import policies as cards
from landbridge.features.settings import queries as settings
from landbridge.features.sims import binding
from landbridge.features.sims import queries as inventory
from landbridge.features.sims.binding import Binding
from landbridge.features.sims.controls import Controls, restored
from landbridge.features.sims.queries import SimCard
from landbridge.features.sims.rules import RULES, Card, Observed, evaluate
from landbridge.features.trips import queries as trips
from landbridge.points import sent
from landbridge.points.queries import points
from landbridge.points.rows import StoredPoint
from landbridge.protocol import diagnostics
from landbridge.protocol.diagnostics import CALLED, MESSAGED
from landbridge.protocol.event import Event
from landbridge.protocol.limits import WireError
from landbridge.protocol.point import KIND_REUSED
from landbridge.protocol.settings import SETTINGS
from landbridge.protocol.uplink import SMS, VOICE, Uplink
from landbridge.tracking.detected import to_track_point

WHO = "control"
"""Author of settings that a control has changed."""
_NAMES = ("imei", "iccid", "imsi")
_SLOWEST = {"upload_every_s": SETTINGS["upload_every_s"].highest}


def on_report(connection: Connection, device: str, uplink: Uplink, now_s: int) -> None:
    """Evaluate the controls for the card of a device from its reports and its new points. A card that is not
    in the inventory is not checked. Controls that the previous card broke stay broken."""
    identity = _identity(connection, device, uplink)
    found = inventory.known(connection, identity)
    if found is None:
        if identity.get("iccid"):
            publish_changes(connection, device, dict.fromkeys(RULES), now_s, now_s)
        return
    demands = demanded(connection, found)
    # It reported its identity once; the card may have been added, or its move allowed, since.
    if identity["iccid"] in found.iccids and identity.get("imei"):
        found = _bind(connection, found, str(identity["imei"]), now_s)
    card = for_rules(found)
    for stored in _by_time(connection, device, uplink):
        results = evaluate(demands, card, _place(stored))
        publish_changes(connection, device, results, stored.at_s or now_s, now_s, stored)
    used = sum(sent.month_bytes(connection, found.iccids, now_s).values()) if demands.quota_mb else None
    imei, iccid, imsi = (str(identity[name]) if identity.get(name) else None for name in _NAMES)
    hosts = _hosts(connection, device)
    came = _came(uplink)
    voice, sms = _services(uplink, came)
    itself = Observed(
        imei=imei, iccid=iccid, imsi=imsi, month_bytes=used, hosts=hosts, voice=voice, sms=sms
    )  # fmt: skip
    # After a lost downlink the same uplink arrives again.
    broken_again = {"services"} if came and came & device_log.kinds(connection, device, now_s) else set()
    publish_changes(
        connection, device, evaluate(demands, card, itself), now_s, now_s, broken_again=broken_again
    )
    if used is not None and demands.slow_at and used >= demands.quota_mb * 1e4 * demands.slow_at:
        settings.change(connection, device, _SLOWEST, WHO, now_s)


def devices_pending(connection: Connection, uplinks: Mapping[str, Uplink], now_s: int) -> Collection[str]:
    """Return the devices whose cards are in the inventory."""
    return inventory.devices_with_cards(connection, uplinks.keys())


def demanded(connection: Connection, found: SimCard) -> Controls:
    """Return the controls of the card."""
    return restored(inventory.controls_of(connection, found.controls) or {})


def for_rules(found: SimCard) -> Card:
    """Return the card as rules see it; a card whose move is allowed may be in either tracker."""
    imei = None if found.binding == inventory.REBIND_PENDING else found.imei
    return Card(found.iccids, found.imsis, imei, found.stage, found.blocked)


def reported_iccid(row: Row[Any]) -> str:
    """Return the last reported ICCID of a device; "" if there is none."""
    return str(devices.identity(row).get("iccid", ""))


def publish_changes(
    connection: Connection,
    device: str,
    results: Mapping[str, str | None],
    at_s: int,
    now_s: int,
    stored: StoredPoint | None = None,
    broken_again: Collection[str] = (),
) -> None:
    """Publish which controls are broken now that were not, and which are kept again, as rules.py has
    `results`; `stored` is the point that shows it. What is older than the last change changes nothing; what
    was broken before this trip is published on it too, and what was `broken_again` once more."""
    states = inventory.states(connection, device)
    for control, why in results.items():
        broken, since_s = states.get(control, (False, -1))
        if why is None or not broken:
            is_change = (why is not None) != broken
        else:
            is_change = control in broken_again or since_s < trips.changed_s(connection, device, at_s)
        if not is_change or at_s < since_s:
            continue
        inventory.set_state(connection, device, control, why is not None, at_s)
        event = _event(connection, device, control, why, at_s, stored)
        if event:
            publishing.publish(connection, [event], now_s)


def _event(
    connection: Connection, device: str, control: str, why: str | None, at_s: int, stored: StoredPoint | None
) -> Event | None:
    """None: the device has no point, so no event can refer to one."""
    action = "kept" if why is None else "broken"
    details = {
        "control": control, "action": action, "severity": RULES[control].severity,
        "why": why or "as its SIM controls require",
    }  # fmt: skip
    name = f"{control}-{action}"
    if stored is not None:
        return topics.event(stored, "control", details, name)
    last = _last(connection, device)
    if last is None:
        return None
    event_id = f"{device}/{at_s}/control-{name}"
    event = topics.event(last, "control", details, name)
    return event._replace(id=event_id, at_s=at_s, content=dict(event.content) | {"id": event_id})


def _last(connection: Connection, device: str) -> StoredPoint | None:
    """Return the last point, for the trip under way; points before that trip do not count."""
    last = points.latest_position(connection, device) or points.last(connection, device)
    trip = trips.running(connection, device)
    if last is None or (trip is not None and trip.trip == last.trip):
        return last
    reused = last.point._replace(kind=KIND_REUSED, plmn=0, events=0).meaningful()
    whose = (trip.trip, trip.container, trip.tenant) if trip is not None else (None, None, None)
    return last._replace(point=reused, trip=whose[0], container=whose[1], tenant=whose[2])


def _identity(connection: Connection, device: str, uplink: Uplink) -> dict[str, Any]:
    if uplink.identity:
        return dict(uplink.identity)
    row = devices.find(connection, device)
    return devices.identity(row) if row is not None else {}


def _by_time(connection: Connection, device: str, uplink: Uplink) -> list[StoredPoint]:
    stored = points.of_sequences(connection, device, [each.seq for each in uplink.points])
    dated = [each for each in stored if each.at_s is not None]
    return sorted(dated, key=lambda each: (each.at_s, each.point.seq))


def _place(stored: StoredPoint) -> Observed:
    """Return where it was: by its network, and by a fix without quality flags."""
    plmn, observed = stored.point.plmn or None, to_track_point(stored)
    if observed.place is None:
        return Observed(plmn=plmn)
    lat, lon = observed.place
    return Observed(plmn=plmn, latitude=lat, longitude=lon, accuracy_m=observed.accuracy_m)


def _services(uplink: Uplink, came: set[int]) -> tuple[bool | None, bool | None]:
    """Whether voice and SMS are on, as reported with the modem's identity, or by a call or message that
    arrived. None: neither is reported."""
    reported = uplink.identity.get("services")
    voice, sms = (None if reported is None else bool(int(reported) & bit) for bit in (VOICE, SMS))
    return CALLED in came or voice, MESSAGED in came or sms


def _came(uplink: Uplink) -> set[int]:
    """Return `CALLED` and `MESSAGED` if the device has logged them since its last diagnostics; malformed
    diagnostics are refused elsewhere (features/diagnostics/handler.py)."""
    try:
        reported = diagnostics.decode(uplink.reports.get(diagnostics.REPORT_KEY))
    except WireError:
        return set()
    return {entry.kind for entry in reported.entries} & {CALLED, MESSAGED}


def _hosts(connection: Connection, device: str) -> tuple[str, ...] | None:
    """Return all hosts that the policy of its card allows."""
    desired = cards.desired(connection, device)
    if desired is None:
        return None
    profiles = desired.policy.profiles.values()
    hosts = {f"{name}:{port}" for each in profiles for name, port in each.hosts}
    hosts |= {f"{each.updates[3]}:{each.updates[4]}" for each in profiles if each.updates}
    return tuple(sorted(hosts))


def _bind(connection: Connection, found: SimCard, imei: str, now_s: int) -> SimCard:
    before = Binding(found.binding, found.imei)
    after = binding.heard(before, imei)
    if after == before:
        return found
    values = {"binding": after.state, "imei": after.imei}
    inventory.change(connection, found.card, values, f"seen in IMEI {imei}", WHO, now_s)
    return found._replace(binding=after.state, imei=after.imei)


def moved_s(connection: Connection, found: SimCard) -> Sequence[int]:
    """Return when the move of the card was allowed."""
    return [
        row.done_s
        for row in inventory.actions(connection, found.card)
        if inventory.REBIND_PENDING in row.what
    ]
