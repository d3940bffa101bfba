"""What the API answers, for its document: shapes of what the routes return, and of refusals.

The routes return what they have as it is; `Schema[...]` only describes it. A test holds answers against
it."""

import json
from collections.abc import Iterable
from importlib import resources
from typing import Any, Literal, cast

from fastapi.security import HTTPBearer
from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from pydantic_core.core_schema import json_or_python_schema

from landbridge.features.exports.formats import MEDIA_TYPES, Format

Json = dict[str, Any]
Time = str | None
"""UTC, 2026-01-05T00:00:00Z."""
Next = str | None
"""`cursor` of the next page; null: there is none."""


class Schema:
    """Annotation of a type with any JSON: it is described like `model`."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._model = model

    def __get_pydantic_json_schema__(self, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        # pydantic's own name for the model; otherwise it would be repeated each time
        name = f"{self._model.__module__}.{self._model.__qualname__}:{id(self._model)}"
        core = cast(CoreSchema, {**self._model.__pydantic_core_schema__, "ref": name})
        return handler(json_or_python_schema(core, core))


def protocol(name: str) -> JsonSchemaValue:
    """A schema of docs/reference, as a link."""
    text = resources.files("landbridge.web").joinpath(f"schemas/{name}.schema.json").read_text()
    found: JsonSchemaValue = json.loads(text)
    return {key: value for key, value in found.items() if key != "$schema"}


def _track() -> JsonSchemaValue:
    """As on the topic, or empty."""
    found = protocol("track")
    del found["properties"]["features"]["minItems"]
    return found | {"description": "A track as GeoJSON (RFC 7946); `next` is on a page of it."}


def _as(described: JsonSchemaValue) -> ConfigDict:
    """A model with a schema of docs/reference."""
    return ConfigDict(json_schema_extra=lambda schema: (schema.clear(), schema.update(described))[0])


class Event(BaseModel):
    """Published events."""

    model_config = _as(protocol("event"))


_DCSA_EVENT: Json = {
    "metadata": {
        "eventID": "3f2504e0-4f89-51d3-9a0c-0305e82c3301", "eventCreatedDateTime": "2026-10-01T08:05:00Z",
        "eventType": "EQUIPMENT", "publisher": {"partyName": "Landbridge"}, "publisherRole": "SVP",
    },
    "payload": {
        "eventClassifierCode": "ACT", "eventDateTime": "2026-10-01T08:00:00Z",
        "equipmentReference": "CSQU3054383", "equipmentEventTypeCode": "GTIN",
        "transportCall": {"modeOfTransport": "RAIL", "location": {"locationName": "Duisburg"}},
    },
}  # fmt: skip
"""An example."""


class DcsaEvent(BaseModel):
    """Published events in the DCSA format."""

    model_config = _as(protocol("dcsa-event") | {"examples": [_DCSA_EVENT]})


class Track(BaseModel):
    """A track."""

    model_config = _as(_track())


class Tracks(BaseModel):
    """A page of published batches of points."""

    tracks: list[Track]
    next: int


class Events(BaseModel):
    """A page of published events."""

    events: list[Event]
    next: int


class DcsaEvents(BaseModel):
    """A page of published events in the DCSA format."""

    events: list[DcsaEvent]
    next: int


class Refused(BaseModel):
    """A device that an action on many left out."""

    device: str
    why: str


class SharedTrip(BaseModel):
    """A new link; its path is not shown again."""

    device: str
    container: str
    link: int
    path: str
    until: Time


class Batch(BaseModel):
    """What became of an action on many devices."""

    done: list[str]
    refused: list[Refused]
    links: list[SharedTrip]


class SavedView(BaseModel):
    """A view of the fleet's list; `query` is what its address says after the question mark."""

    view: int
    name: str
    query: str


class SavedViews(BaseModel):
    """All saved views of a user."""

    views: list[SavedView]


class Near(BaseModel):
    """A place nearby."""

    name: str
    chinese: str | None
    km: float


class Country(BaseModel):
    """A country; some areas have no code."""

    code: str | None
    name: str


class Whereabouts(BaseModel):
    """Position and state of a device."""

    device: str
    container: str | None
    route: str | None
    destination: str | None
    state: Literal["alarm", "silent", "moving", "dwelling", "unlocated", "new", "ended"]
    alarms: list[str]
    longitude: float | None
    latitude: float | None
    time: Time
    stationary_until: Time
    speed_kmh: int | None
    battery_mv: int | None
    temperature_c: float | None
    last_session: Time
    next_session: Time
    tags: list[str]
    eta: Time
    planned_arrival: Time
    place: Near | None
    country: Country | None


class FleetPage(BaseModel):
    """A page of devices by id."""

    devices: list[Whereabouts]
    next: Next


class TripOfDevice(BaseModel):
    """A trip."""

    trip: int
    container: str
    route: str
    destination: str
    started: str
    ended: Time


class OneDevice(Whereabouts):
    """A device with position, place and trips."""

    trips: list[TripOfDevice]


class AddedDevice(BaseModel):
    """A new device with the files for its flash."""

    device: str
    settings: Json
    """device.json, with the key of the device."""
    ca: str
    """ca.pem."""
    problem: str | None
    """What the broker refused; `landbridge broker sync` repeats it."""


class Tags(BaseModel):
    """The tags of a device."""

    device: str
    tags: list[str]


class Command(BaseModel):
    """A command and its result."""

    command: int
    verb: str
    argument: int
    by: str
    given: str
    expires: str
    sent: Time
    result_of: Time
    state: str
    open: bool


class Commands(BaseModel):
    """A page of commands."""

    commands: list[Command]
    next: Next


class Given(BaseModel):
    """A command that waits for its device."""

    command: int
    expires: str


class Setting(BaseModel):
    """A setting."""

    name: str
    value: int
    default: int
    lowest: int
    highest: int
    help: str


class AppliedSettings(BaseModel):
    """The settings that the device reported."""

    revision: int
    source: str


class Settings(BaseModel):
    """The desired settings of a device."""

    revision: int
    state: str
    set: Time
    applied: AppliedSettings | None
    reported: Time
    settings: list[Setting]


class Revision(BaseModel):
    """Revision of the desired settings; null: nothing changed."""

    revision: int | None


class Link(BaseModel):
    """A share link."""

    link: int
    trip: int
    container: str
    until: Time
    """null: until the trip ends, a year at most."""
    by: str
    made: str
    state: str


class Links(BaseModel):
    """A page of share links."""

    share_links: list[Link]
    next: Next


class NewLink(BaseModel):
    """A share link with its secret."""

    link: int
    path: str
    until: Time
    """null: until the trip ends, a year at most."""


class Outline(BaseModel):
    """Points in columns, all of the same length."""

    count: int
    step_s: int
    columns: dict[str, list[int | None]]


class Energy(BaseModel):
    """Joules of a day by purpose."""

    day: str
    joules: dict[str, float]


class Traffic(BaseModel):
    """Uplinks of a day."""

    day: str
    bytes: int
    reports: int


class BatteryEnd(BaseModel):
    """Between which times the battery is expected to be empty; null: more than a year from now."""

    earliest: Time
    latest: Time


class Days(BaseModel):
    """The days of a device."""

    energy: list[Energy]
    traffic: list[Traffic]
    battery_end: BatteryEnd | None


class TrackingEvent(BaseModel):
    """A current event; its other fields are those of `Event`."""

    event: int
    type: str
    time: Time
    seq: int | None


class TrackingEvents(BaseModel):
    """A page of current events."""

    events: list[TrackingEvent]
    next: Next


class Record(BaseModel):
    """A record in its own units, and its GeoJSON feature."""

    record: dict[str, int | None]
    feature: Json


class Wake(BaseModel):
    """A wake."""

    time: str
    did: str
    slept: str
    joules: float


class Wakes(BaseModel):
    """A page of wakes."""

    wakes: list[Wake]
    next: Next


class Alarm(BaseModel):
    """An alarm; its other fields are those of the event that raised it, as in `Event`."""

    number: int
    alarm: str
    severity: Literal["warning", "minor", "major", "critical"]
    state: Literal["raised", "acknowledged", "cleared"]
    since: str
    last: str
    times: int
    acknowledged: Time
    acknowledged_by: str | None
    note: str | None
    cleared: Time
    cleared_by: str | None


class Alarms(BaseModel):
    """A page of alarms."""

    alarms: list[Alarm]
    next: Next


class Identity(BaseModel):
    """Identity of modem and card as the device reported it."""

    imei: str | None
    iccid: str | None
    imsi: str | None


class Plan(BaseModel):
    """The card in the SIM inventory."""

    controls: str
    stage: str
    holder: str
    purpose: str
    binding: str
    blocked: str | None
    quota_mb: int | None
    month_bytes: int


class Profile(BaseModel):
    """A profile of a card."""

    name: str
    iccid: str
    apn: str
    used: bool
    fallback: bool
    countries: list[str]
    quota_mb: float | None
    used_mb: float | None


class Used(BaseModel):
    """Bytes of a month in a country."""

    month: str
    country: str | None
    reports: int
    bytes: int
    on_air_bytes: int


class Card(BaseModel):
    """The card of a device."""

    state: str
    desired: str | None
    reported: Time
    eid: str | None
    free_bytes: int | None
    """Free memory for profiles as the card reported it."""
    binding: str
    identity: Identity | None
    services: str | None
    plan: Plan | None
    profiles: list[Profile]
    switches: list[Json]
    quota_mb: float | None
    usage: list[Used]


class Download(BaseModel):
    """A profile download."""

    download: int
    device: str
    task: Literal["download", "delete", "rename"]
    server: str | None
    by: str
    ordered: str
    changed: str
    state: str
    """waiting, ordered, authenticating, preparing, loading, checking or cancelling; installed, enabled,
    done, failed or cancelled."""
    loaded: int | None
    """Of `pieces`, how many the device has, while it is loading."""
    pieces: int | None
    enable: bool
    iccid: str | None
    profile: str | None
    provider: str | None
    problem: str | None
    postponed: str | None
    """Why the device does not begin yet, and when it is asked again."""
    refusal: str | None
    """Subject and reason code of the server (SGP.22 5.2.6)."""
    open: bool


class Downloads(BaseModel):
    """A page of profile downloads."""

    downloads: list[Download]
    next: Next


class Ordered(BaseModel):
    """The number of a download."""

    download: int


class Station(BaseModel):
    """A station of a route; `chinese` is its name in Chinese."""

    name: str
    chinese: str | None
    country: str
    kind: str
    km: int
    longitude: float
    latitude: float


class RouteOfDevice(BaseModel):
    """The route of a trip, and the kilometre that its device is at."""

    route: str | None
    stations: list[Station]
    km: float | None


class TripCurve(BaseModel):
    """A trip as (time, kilometre)."""

    trip: int
    device: str
    container: str
    started: str
    ended: Time
    points: list[tuple[Time, int]]


class UsualTimes(BaseModel):
    """Of one station, in hours after the departure: as planned, and when 10 % and 90 % of the containers are
    there."""

    km: int
    planned_h: float
    early_h: float
    late_h: float


class TimeDistance(BaseModel):
    """Trips on a route; `usual` has its stations in the same order."""

    route: str
    stations: list[Station]
    usual: list[UsualTimes]
    trips: list[TripCurve]


class Entry(BaseModel):
    """An entry of the audit log."""

    entry: int
    time: str
    who: str
    device: str | None
    action: Literal["added", "changed", "removed"] | None
    """null: an action that has changed no row, `what` says which."""
    noun: str | None
    subject: str | None
    what: str
    before: Json | None
    """Of a change the values that differ, in units and names of the database."""
    after: Json | None


class Entries(BaseModel):
    """A page of the audit log."""

    entries: list[Entry]
    next: Next


class NotificationRule(BaseModel):
    """A rule of a channel: which events go to it, and when."""

    name: str
    kinds: list[str]
    severity: str
    tenant: str | None
    tag: str | None
    route: str | None
    least_s: int
    quiet: str | None
    digest: str | None
    most_a_week: int | None
    escalate_s: int | None
    escalate_to: str | None


class NotificationChannel(BaseModel):
    """Where notifications go."""

    name: str
    service: str
    tenant: str | None
    language: str
    zone: str
    rules: list[NotificationRule]


class NotificationChannels(BaseModel):
    """A page of channels."""

    channels: list[NotificationChannel]
    next: Next


class Notification(BaseModel):
    """A notification and the last answer of its channel."""

    notification: int
    channel: str
    event: str
    type: str
    alarm: str | None
    device: str | None
    container: str | None
    rule: str
    state: Literal["waiting", "sending", "sent", "withdrawn", "failed"]
    message: int | None
    made: str
    due: str
    attempts: int
    answer: str | None
    answered: Time


class Notifications(BaseModel):
    """A page of notifications."""

    notifications: list[Notification]
    next: Next


class Queued(BaseModel):
    """The channel to which a test is on its way."""

    channel: str


class WrongField(BaseModel):
    """A field of a request that cannot be: `pointer` into the body, or the name of a parameter."""

    detail: str
    pointer: str = ""
    parameter: str = ""
    header: str = ""


class Problem(BaseModel):
    """Why the request was refused, as problem details (RFC 9457)."""

    type: Literal["about:blank"]
    title: str
    status: int
    detail: str
    """What is wrong, and what to do."""
    errors: list[WrongField] = []


EVENT_TYPES: tuple[str, ...] = tuple(protocol("event")["properties"]["type"]["enum"])
_FILES = {kind: {"schema": {"type": "string"}} for kind in MEDIA_TYPES.values()}
_FILES[MEDIA_TYPES[Format.GEOJSON]] = {"schema": {"$ref": "#/components/schemas/Track"}}
FILES: dict[int | str, Json] = {200: {"description": "The file.", "content": _FILES}}
"""Responses of an export."""
AUDIT_FILES: dict[int | str, Json] = {
    200: {
        "description": "The file.",
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            "application/json": {"schema": {"type": "array"}},
        },
    }
}
"""Responses of an export of the audit log."""


def files(kinds: Iterable[str]) -> dict[int | str, Json]:
    """Return the responses of a route that answers with a file of one of these media types."""
    content = {kind.partition(";")[0]: {"schema": {"type": "string"}} for kind in kinds}
    return {200: {"description": "The file.", "content": content}}


NOT_YET: dict[int | str, Json] = {409: {"description": "No event can have that number."}}
"""Responses of a feed."""
BEARER = HTTPBearer(auto_error=False, description="A token: `landbridge tokens add`.")
"""For the API document: `auth.py` reads the header itself, and the cookie of a sign-in session."""
_LATER = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}


REFUSALS: dict[int | str, Json] = {
    400: {"description": "What is wrong with it, in one line."},
    401: {"description": "No token, or one that is not good (any more)."},
    403: {"description": "It needs another role."},
    404: {"description": "Not there, or not yours."},
    411: {"description": "A body without its length."},
    413: {"description": "More than 64 KB."},
    429: {"description": "Too many requests.", "headers": _LATER},
    503: {"description": "The database does not answer.", "headers": _LATER},
}
"""Responses of every route; problem details (document.py)."""
