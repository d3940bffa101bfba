"""The HTTP API against its own document: every answer matches its schema, without a server error, and without
data of another tenant."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator
from landbridge.core.rate_limit import Rate
from landbridge.features.commands import handler as commands
from landbridge.features.diagnostics.queries import wakes
from landbridge.features.diagnostics.wake_coding import Wake
from landbridge.features.sharing import rules as shares
from landbridge.features.trips import queries as trips
from landbridge.points.queries.uplinks import KeptUplink, keep
from landbridge.web import guard
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from host_tests.support.fleet import FIRST, NOW_S, SECOND, Fleet, Pages, at
from host_tests.support.people import add_user

pytestmark = pytest.mark.slow

MINE, THEIRS = "CSQU3054383", "MSKU0000006"
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance)
QUERIES = {
    "/v1/alarms": "?state=all",
    "/v1/audit/export": "?format=json",
    "/v1/time-distance": "?route=west",
}
VIEWERS = ("acme", "reader", "admin")
KNOWN = {"device": FIRST, "seq": 1, "entry": 1, "alarm": NOW_S, "user": "anna", "trip": 1, "route": "west"}
EXAMPLES = 4
"""Of each operation, for each viewer."""


class Served:
    """The agent's API over a fleet in which each tenant has one device, and both have had the first one."""

    def __init__(self, fleet: Fleet) -> None:
        self.pages = Pages(fleet)
        fleet.trip(MINE, 0, 10, "acme")
        trip = fleet.trip(THEIRS, 10, None, "bolt")
        fleet.trip("TGHU0000009", 0, None, "bolt", SECOND)
        fleet.deliver(*(at(hour, events=1 + hour) for hour in (1, 5, 12, 15)))
        fleet.deliver(at(2, events=512), device=SECOND)
        with fleet.database.writing() as connection:
            commands.give(connection, SECOND, "locate", None, "24h", "bench", NOW_S)
            row = trips.find(connection, trip)
            assert row
            shares.add(connection, row, "24h", "bench", NOW_S)
        add_user(fleet.database, "anna", role="operator")
        add_user(fleet.database, "ben", tenant="acme")
        self.tokens = {
            "admin": self.pages.token("admin", "admin"),
            "acme": self.pages.token("acme", "operator", "acme"),
            "reader": self.pages.token("reader", "reader", "acme"),
        }


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as changes:
        changes.setattr(guard, "USUAL", Rate(1e9, 1e9))
        fleet = Fleet(tmp_path_factory.mktemp("schema"))
        made = Served(fleet)
        with made.pages.served():
            yield made
        fleet.database.close()


def hold_against(document: dict[str, Any], described: dict[str, Any], text: str) -> None:
    """The content is what the document says; schemathesis itself does not know tuples of JSON Schema 2020."""
    whole = described["schema"] | {"components": document["components"]}
    Draft202012Validator(whole).validate(json.loads(text))


@pytest.fixture(scope="module")
def cases(served: Served) -> list[Any]:
    """What is asked; to make it up takes longer than to ask it, and each viewer asks the same."""
    made: list[Any] = []
    document = schemathesis.openapi.from_url(f"{served.pages.url}/v1/openapi.json")
    for result in document.get_all_operations():
        operation = result.ok()  # type: ignore[union-attr]

        @settings(
            max_examples=EXAMPLES,
            database=None,
            derandomize=True,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def make(case: Any) -> None:
            made.append(case)

        make()
    return made


@pytest.mark.parametrize("viewer", VIEWERS)
def test_nothing_breaks_it_and_no_tenant_sees_another_s(served, cases, viewer):
    headers = {"Authorization": f"Bearer {served.tokens[viewer]}"}
    for asked, case in enumerate(cases, 1):
        retires = (case.method, case.operation.path) == ("DELETE", "/v1/devices/{device}")
        if "device" in case.path_parameters and asked % 2 and not retires:
            case.path_parameters["device"] = (FIRST, SECOND)[asked // 2 % 2]
        if "alarm" in case.path_parameters:
            case.path_parameters["alarm"] = 1 + asked % 6
        if "user" in case.path_parameters and asked % 2:
            case.path_parameters["user"] = ("anna", "ben")[asked // 2 % 2]
        if "token" in case.path_parameters:  # not those of the viewers
            case.path_parameters["token"] = len(VIEWERS) + 1 + asked % 3
        response = case.call(headers=headers)
        case.validate_response(response, checks=CHECKS)
        kind = response.headers.get("content-type", [""])[0].partition(";")[0]
        answer = case.operation.definition.raw["responses"][str(response.status_code)]
        if "json" in kind and response.content:
            hold_against(case.operation.schema.raw_schema, answer["content"][kind], response.text)
        if viewer != "admin":
            assert response.status_code in (400, 403, 404, 405, 422) or (
                THEIRS.encode() not in response.content and b"TGHU0000009" not in response.content
            ), response.text
    assert len(cases) > 20 * EXAMPLES / 2


def test_the_other_tenant_s_device_is_not_there(served):
    mine = served.tokens["acme"]
    for path in ("", "/track", "/wakes", "/commands", "/settings", "/share-links", "/export"):
        assert served.pages.ask(f"/v1/devices/{SECOND}{path}", mine)[0] == 404
    assert THEIRS in served.pages.ask("/v1/trips", served.tokens["admin"])[1]


def test_answers_of_a_fleet_to_which_everything_has_happened_are_as_described(pages):
    with pages.fleet.database.writing() as connection:
        wakes.add(connection, FIRST, [Wake(1, 1, 2, 10, 3, 4.5)], NOW_S)
        keep(connection, [KeptUplink(FIRST, 1, NOW_S, b"1234", 0, 0)])
    with pages.fleet.database.writing("anna") as connection:
        trips.give_to(connection, 1, "bolt")
    document = json.loads(pages.ask("/v1/openapi.json", pages.dispatch)[1])
    assert document["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"
    asked = []
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["security"] == [{"HTTPBearer": []}]
            codes = {"400", "401", "403", "404", "411", "413", "422", "429", "503"}
            assert codes < set(operation["responses"]), path
        # No event of these alarms was published; no text is in Parquet.
        if "get" in operations and path != "/v1/events" and not path.endswith(".parquet"):
            if set(re.findall(r"{(\w+)}", path)) - set(KNOWN):
                continue  # test_web_nouns.py makes and reads it
            whole = path.format(**KNOWN) + QUERIES.get(path, "")
            status, text = pages.ask(whole, pages.dispatch)
            assert status == 200, whole
            described = operations["get"]["responses"]["200"]["content"]
            hold_against(document, described.get("application/json") or next(iter(described.values())), text)
            asked.append(path)
    assert len(asked) > 15
    assert len(document["paths"]["/v1/devices/{device}/export"]["get"]["responses"]["200"]["content"]) == 4


def test_a_type_that_no_event_has_is_reported(served):
    status, text = served.pages.ask("/v1/events?type=alarm&type=nonsense", served.tokens["admin"])
    assert status == 400 and "type=nonsense: choose from alarm, alarm-acknowledged" in text
    assert served.pages.ask("/v1/events?type=alarm&type=stop", served.tokens["admin"])[0] == 200
