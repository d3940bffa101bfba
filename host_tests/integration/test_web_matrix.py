"""Permissions over HTTP: every operation of the OpenAPI document with every kind of user. An operation that
TABLE does not name fails the test, so a new one cannot be forgotten."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from landbridge.features.sharing import rules as share_links
from landbridge.features.trips import queries as trips
from landbridge.features.users.rules import ROLES

from host_tests.support.fleet import FIRST, NOW_S, SECOND
from host_tests.support.in_process import Api
from host_tests.support.pages import CONTAINER, shown

OWNER, OTHER = "acme", "bolt"
"""The tenant of the trip, and another one."""
YARD = {"type": "Point", "coordinates": [17.0, 52.4]}
POLICY = {
    "fallback": "roaming",
    "profile": {"roaming": {"iccid": "8931440400012345678"}},
    "countries": {"elsewhere": ["roaming"]},
}
ICCID, HOOK = "8986001234567890199", "https://erp.example/secret-hook"
MARKS = (FIRST, CONTAINER, "Acme yard", HOOK, ICCID, "acme")
"""What is the owner's or the operator's, and no other tenant's to see."""


class Rule(NamedTuple):
    """Of an operation: who owns what it is about, and the role that it takes."""

    kind: str
    role: str


def _table(text: str) -> dict[str, Rule]:
    found = {}
    for line in text.strip().splitlines():
        kind, role, method, path = line.split()
        found[f"{method} {path}"] = Rule(kind, role)
    return found


TABLE = _table("""
    list     reader   GET    /v1/devices
    operator admin    POST   /v1/devices
    operator operator PATCH  /v1/devices/{device}
    operator admin    DELETE /v1/devices/{device}
    one      reader   GET    /v1/devices/{device}
    one      reader   GET    /v1/devices/{device}/track
    one      reader   GET    /v1/devices/{device}/commands
    one      operator POST   /v1/devices/{device}/commands
    one      reader   GET    /v1/devices/{device}/commands/{command}
    one      operator DELETE /v1/devices/{device}/commands/{command}
    one      reader   GET    /v1/devices/{device}/settings
    one      operator PATCH  /v1/devices/{device}/settings
    one      reader   GET    /v1/devices/{device}/share-links
    one      operator POST   /v1/devices/{device}/share-links
    one      reader   GET    /v1/devices/{device}/share-links/{link}
    one      operator DELETE /v1/devices/{device}/share-links/{link}
    list     reader   GET    /v1/share-links
    one      operator POST   /v1/share-links
    one      reader   GET    /v1/share-links/{link}
    one      operator DELETE /v1/share-links/{link}
    operator reader   GET    /v1/commands
    operator reader   GET    /v1/devices/{device}/log
    one      reader   GET    /v1/devices/{device}/outline
    one      reader   GET    /v1/devices/{device}/days
    one      reader   GET    /v1/devices/{device}/events
    one      reader   GET    /v1/devices/{device}/points/{seq}
    one      reader   GET    /v1/devices/{device}/wakes
    one      reader   GET    /v1/devices/{device}/export
    one      reader   GET    /v1/devices/{device}/route
    list     reader   GET    /v1/events
    list     reader   GET    /dcsa/v1/events
    list     reader   GET    /v1/tracks
    list     reader   GET    /v1/days/{day}/{what}.parquet
    batch    operator POST   /v1/fleet/settings
    batch    operator POST   /v1/fleet/commands
    batch    operator POST   /v1/fleet/tags
    batch    operator POST   /v1/fleet/share-links
    batch    operator POST   /v1/fleet/downloads
    operator operator POST   /v1/fleet/device-tags
    operator operator POST   /v1/fleet/end-trips
    operator admin    POST   /v1/fleet/key-rotations
    private  reader   GET    /v1/fleet/views/{view}
    list     reader   GET    /v1/fleet/views
    make     reader   POST   /v1/fleet/views
    private  reader   DELETE /v1/fleet/views/{view}
    list     reader   GET    /v1/trips
    operator operator POST   /v1/trips
    operator reader   GET    /v1/trip-suggestions
    one      reader   GET    /v1/trips/{trip}
    operator operator PATCH  /v1/trips/{trip}
    operator operator POST   /v1/trips/{trip}/end
    list     reader   GET    /v1/alarms
    one      reader   GET    /v1/alarms/{alarm}
    one      operator POST   /v1/alarms/{alarm}/acknowledge
    one      operator POST   /v1/alarms/acknowledge
    one      operator POST   /v1/alarms/{alarm}/take
    one      operator POST   /v1/alarms/{alarm}/leave
    one      operator POST   /v1/alarms/{alarm}/comments
    one      operator POST   /v1/alarms/{alarm}/clear
    list     reader   GET    /v1/notification-channels
    list     reader   GET    /v1/notifications
    make     admin    POST   /v1/notification-channels
    one      reader   GET    /v1/notification-channels/{name}
    one      admin    PATCH  /v1/notification-channels/{name}
    one      admin    DELETE /v1/notification-channels/{name}
    one      operator POST   /v1/notification-channels/{name}/test
    one      admin    PUT    /v1/notification-channels/{name}/rules/{rule}
    one      admin    DELETE /v1/notification-channels/{name}/rules/{rule}
    one      reader   GET    /v1/devices/{device}/card
    one      operator POST   /v1/devices/{device}/card/switch
    one      operator POST   /v1/devices/{device}/card/operations
    one      reader   GET    /v1/devices/{device}/downloads
    one      operator POST   /v1/devices/{device}/downloads
    absent   reader   GET    /v1/devices/{device}/downloads/{download}
    absent   operator DELETE /v1/devices/{device}/downloads/{download}
    operator reader   GET    /v1/downloads
    one      operator DELETE /v1/devices/{device}/profiles/{iccid}
    one      operator PATCH  /v1/devices/{device}/profiles/{iccid}
    operator reader   GET    /v1/profile-roll-outs
    operator reader   GET    /v1/profile-policies
    operator admin    POST   /v1/profile-policies
    operator reader   GET    /v1/devices/{device}/profile-policy
    operator admin    PUT    /v1/devices/{device}/profile-policy
    operator admin    DELETE /v1/devices/{device}/profile-policy
    operator admin    POST   /v1/profile-roll-outs
    absent   reader   GET    /v1/profile-roll-outs/{rollout}
    absent   admin    POST   /v1/profile-roll-outs/{rollout}/halt
    operator reader   GET    /v1/sims
    operator admin    POST   /v1/sims
    operator reader   GET    /v1/sims/{iccid}
    operator admin    PATCH  /v1/sims/{iccid}
    operator admin    POST   /v1/sims/{iccid}/rebind
    operator reader   GET    /v1/controls
    operator reader   GET    /v1/controls/{name}
    operator admin    PUT    /v1/controls/{name}
    operator admin    DELETE /v1/controls/{name}
    list     reader   GET    /v1/geofences
    make     operator POST   /v1/geofences
    one      reader   GET    /v1/geofences/{geofence}
    one      operator PATCH  /v1/geofences/{geofence}
    one      operator DELETE /v1/geofences/{geofence}
    list     reader   GET    /v1/routes
    operator operator POST   /v1/routes
    operator operator PUT    /v1/routes/{route}
    one      reader   GET    /v1/routes/{route}
    operator operator DELETE /v1/routes/{route}
    one      reader   GET    /v1/time-distance
    list     reader   GET    /v1/integrations
    make     admin    POST   /v1/integrations
    one      reader   GET    /v1/integrations/{integration}
    one      admin    PATCH  /v1/integrations/{integration}
    one      admin    DELETE /v1/integrations/{integration}
    one      admin    POST   /v1/integrations/{integration}/replay
    one      admin    POST   /v1/integrations/{integration}/rotate
    one      reader   GET    /v1/integrations/{integration}/deliveries
    one      admin    DELETE /v1/integrations/{integration}/deliveries/{device}
    operator reader   GET    /v1/releases
    operator admin    POST   /v1/releases
    operator admin    DELETE /v1/releases/{board}/{sequence}
    operator reader   GET    /v1/devices/{device}/update
    operator reader   GET    /v1/releases/{board}/{sequence}
    operator admin    POST   /v1/releases/{board}/{sequence}/roll-out
    operator admin    POST   /v1/releases/{board}/{sequence}/halt
    operator reader   GET    /v1/updates
    list     reader   GET    /v1/reports/{kind}.{format}
    list     reader   GET    /v1/report-schedules
    make     admin    POST   /v1/report-schedules
    one      admin    PATCH  /v1/report-schedules/{schedule}
    one      admin    DELETE /v1/report-schedules/{schedule}
    list     reader   GET    /v1/audit
    list     reader   GET    /v1/audit/export
    one      reader   GET    /v1/audit/{entry}
    list     admin    GET    /v1/users
    make     admin    POST   /v1/users
    one      admin    GET    /v1/users/{user}
    one      admin    PATCH  /v1/users/{user}
    one      admin    DELETE /v1/users/{user}
    one      admin    POST   /v1/users/{user}/invitation
    one      admin    GET    /v1/users/{user}/sessions
    one      admin    DELETE /v1/users/{user}/sessions
    absent   admin    DELETE /v1/users/{user}/sessions/{session}
    list     admin    GET    /v1/tokens
    make     admin    POST   /v1/tokens
    mine     admin    GET    /v1/tokens/{token}
    mine     admin    DELETE /v1/tokens/{token}
""")
"""list: everybody, each of its own; one: a thing of the owner; operator: of the operator tenant alone; make:
everybody for itself; batch: each of its own, others are left out and named; private: of one user; absent: as
`one`, but there is none here; mine: of one's own, or by the role of all."""
QUERIES = {"GET /v1/time-distance": "?route=west", "GET /v1/alarms": "?state=all"}
BODIES: dict[str, Any] = {
    "POST /v1/alarms/acknowledge": {"alarms": [NOW_S + 2]},
    "POST /v1/fleet/settings": {"devices": [FIRST], "changes": {"light_lux": 50}},
    "POST /v1/fleet/commands": {"devices": [FIRST], "verb": "locate"},
    "POST /v1/fleet/tags": {"devices": [FIRST], "add": ["x"]},
    "POST /v1/fleet/share-links": {"devices": [FIRST]},
    "POST /v1/fleet/device-tags": {"tag": "x", "devices": [FIRST]},
    "POST /v1/fleet/end-trips": {"devices": [FIRST]},
    "POST /v1/fleet/key-rotations": {"devices": [FIRST]},
    "POST /v1/share-links": {"device": FIRST},
    "POST /v1/profile-policies": {"devices": [FIRST], "policy": POLICY},
    "PUT /v1/devices/{device}/profile-policy": POLICY,
    "POST /v1/trips": {"device": SECOND, "container": "MSKU0000006", "route": "west", "destination": "x"},
    "POST /v1/devices": {"device": "lb-0099"},
    "PATCH /v1/devices/{device}/settings": {"light_lux": 50},
    "POST /v1/devices/{device}/share-links": {"length": "1d"},
    "POST /v1/geofences": {
        "name": "new",
        "geometry": YARD,
        "radius_m": 90,
    },
    "POST /v1/notification-channels": {"name": "new", "address": "new@example.org"},
    "POST /v1/report-schedules": {
        "name": "new",
        "kind": "trip",
        "subject": "1",
        "mailbox": "new@example.org",
    },
    "POST /v1/integrations": {"name": "new", "address": "https://erp.example/hook"},
    "POST /v1/integrations/{integration}/replay": {"from": 1},
    "PATCH /v1/integrations/{integration}": {"paused": True},
    "PATCH /v1/notification-channels/{name}": {"paused": True},
    "PATCH /v1/report-schedules/{schedule}": {"paused": True},
    "PATCH /v1/users/{user}": {},
    "POST /v1/users": {"name": "newcomer"},
    "POST /v1/tokens": {"name": "newcomer"},
}


class Matrix:
    """The application over a fleet to which everything has happened, the same before each request."""

    def __init__(self, api: Api, link: str) -> None:
        self.api, self.link = api, link
        self.document = api.app.openapi()
        self._prepare()
        self._kept = sqlite3.connect(":memory:")
        with closing(sqlite3.connect(api.fleet.database.place)) as now:
            now.backup(self._kept)

    def restore(self) -> None:
        """Take back what a request has changed."""
        with closing(sqlite3.connect(self.api.fleet.database.place)) as now:
            self._kept.backup(now)

    def _prepare(self) -> None:
        ask = self.api.ask
        area = {
            "name": "Acme yard",
            "geometry": {"type": "Point", "coordinates": [17.0, 52.4]},
            "radius_m": 900,
        }
        geofence = ask("POST", "/v1/geofences", area, "admin", OWNER)[1]["geofence"]
        hook = {"name": "erp", "address": HOOK}
        assert ask("POST", "/v1/integrations", hook, "admin", OWNER)[0] == 201
        channel = {"name": "mine", "address": "acme@example.org"}
        assert ask("POST", "/v1/notification-channels", channel, "admin", OWNER)[0] == 201
        mail = {"name": "monday", "kind": "fleet", "mailbox": "ops@example.org"}
        assert ask("POST", "/v1/report-schedules", mail)[0] == 201
        assert ask("PUT", "/v1/controls/mine", {})[0] == 200
        card = {"iccids": [ICCID], "controls": "mine", "holder": "x", "purpose": "x"}
        assert ask("POST", "/v1/sims", card)[0] == 201
        view = ask("POST", "/v1/fleet/views", {"name": "acme", "query": "x=1"}, "reader", OWNER)[1]["view"]
        command = ask("POST", f"/v1/devices/{FIRST}/commands", {"verb": "locate"})[1]["command"]
        for role in ROLES:
            for tenant in (None, OTHER):
                self.api.token(role, tenant)
        token = ask("POST", "/v1/tokens", {"name": "acme-spare"})[1]
        assert token["secret"]
        (spare, *_) = ask("GET", "/v1/tokens?limit=1")[1]["tokens"]
        with self.api.fleet.database.reading() as connection:
            trip = trips.running(connection, FIRST)
            assert trip is not None and trip.tenant == OWNER
        with self.api.fleet.database.writing() as connection:
            link = share_links.add(connection, trip, "1d", "bench", NOW_S).share
        (release, *_) = ask("GET", "/v1/releases")[1]["releases"]
        (entry, *_) = ask("GET", "/v1/audit?noun=geofence")[1]["entries"]
        self.names = {
            "alarm": NOW_S + 2, "board": release["board"], "command": command, "day": "2026-01-01",
            "device": FIRST, "download": 1, "entry": entry["entry"], "format": "html", "geofence": geofence,
            "iccid": ICCID, "integration": "erp", "kind": "fleet", "link": link, "name": "mine", "rollout": 1,
            "rule": "critical", "schedule": "monday",
            "route": "west", "seq": 1, "sequence": release["sequence"], "session": 1, "token": spare["token"],
            "trip": trip.trip, "user": "anna", "view": view, "what": "points",
        }  # fmt: skip

    def status(self, operation: str, described: Any, headers: dict[str, str]) -> tuple[int, str]:
        """Status and text of the operation; what it has changed is taken back."""
        method, path = operation.split()
        body = BODIES.get(operation)
        if body is None and "requestBody" in described:
            body = described["requestBody"]["content"]["application/json"]["example"]
        whole = path.format(**self.names) + QUERIES.get(operation, "")
        given = self.api.request(method, whole, body, headers)
        if method != "GET" and given.status < 300:
            self.restore()
        return given.status, given.body.decode("utf-8", "replace")


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    folder = tmp_path_factory.mktemp("matrix")
    with shown(folder) as pages:
        yield Matrix(Api(pages.fleet, folder), pages.link)


def operations(matrix: Matrix) -> Iterator[tuple[str, Any]]:
    for path, found in matrix.document["paths"].items():
        for method, described in found.items():
            yield f"{method.upper()} {path}", described


def expected(rule: Rule, role: str, tenant: str | None) -> set[int]:
    """The statuses that a viewer may get; 0: none of 401, 403, 404."""
    may = ROLES.index(role) >= ROLES.index(rule.role)
    if tenant is None:
        allowed = {404} if rule.kind in ("absent", "private") else {0}
        return allowed if may else {404 if rule.kind == "mine" else 403}
    if rule.kind in ("list", "make", "batch"):
        return {0} if may else {403}
    return {404} if may else {403, 404}


def test_every_operation_is_in_the_table(matrix):
    assert {name for name, _ in operations(matrix)} == set(TABLE)


@pytest.mark.parametrize("credentials", ["none", "nonsense", "share link"])
def test_without_a_token_nothing_is_answered(matrix, credentials):
    headers = {"none": {}, "nonsense": {"authorization": "Bearer x"}}.get(
        credentials, {"authorization": f"Bearer {matrix.link}"}
    )
    for name, described in operations(matrix):
        assert matrix.status(name, described, headers)[0] == 401, name


@pytest.mark.parametrize("tenant", [None, OTHER])
@pytest.mark.parametrize("role", ROLES)
def test_each_role_has_the_permissions_of_the_table(matrix, role, tenant):
    headers = {"authorization": f"Bearer {matrix.api.token(role, tenant)}"}
    wrong = []
    for name, described in operations(matrix):
        status, text = matrix.status(name, described, headers)
        wanted = expected(TABLE[name], role, tenant)
        if (0 if status not in (401, 403, 404) else status) not in wanted or status >= 500:
            wrong.append(f"{name}: {status}, not {sorted(wanted)}: {text[:150]}")
        if tenant == OTHER and status < 300:
            wrong += [f"{name} shows {mark}" for mark in MARKS if mark in text and name not in BODIES]
    assert not wrong, "\n".join(wrong)


def test_no_query_names_anything_of_another_tenant(matrix):
    """Each parameter of each list and thing, with what is the owner's."""
    headers = {"authorization": f"Bearer {matrix.api.token('admin', OTHER)}"}
    guesses = [*map(str, matrix.names.values()), OWNER, "operator", CONTAINER, "order=1", "Acme yard", "%"]
    wrong, asked = [], 0
    for name, described in operations(matrix):
        method, path = name.split()
        for each in described.get("parameters", ()) if method == "GET" else ():
            for guess in dict.fromkeys(guesses) if each["in"] == "query" else ():
                first = QUERIES.get(name, "?").rstrip("?") or "?"
                query = f"{first}{'&' if first != '?' else ''}{each['name']}={quote(guess)}"
                given = matrix.api.request("GET", path.format(**matrix.names) + query, None, headers)
                asked += 1
                text = given.body.decode("utf-8", "replace").replace(guess, "")
                shown = given.status < 300 and [mark for mark in MARKS if mark in text]
                wrong += [f"{path}{query}: {given.status}"] if shown or given.status >= 500 else []
    assert asked > 1_000 and not wrong, "\n".join(wrong)
