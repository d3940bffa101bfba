"""The HTTP API against its own document, with whatever that describes: no server error, no other tenant's."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from landbridge.fleet import commands, shares
from landbridge.store import trips
from landbridge.web import guard
from schemathesis.checks import not_a_server_error

from host_tests.fleet_bench import FIRST, NOW_S, SECOND, Fleet, Pages, at

MINE, THEIRS = "CSQU3054383", "MSKU0000006"
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
            shares.add(connection, row, 86_400, "bench", NOW_S)
        self.tokens = {
            "admin": self.pages.token("admin", "admin"),
            "acme": self.pages.token("acme", "operator", "acme"),
            "reader": self.pages.token("reader", "reader", "acme"),
        }


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as changes:
        changes.setattr(guard, "USUAL", guard.Rate(1e9, 1e9))
        fleet = Fleet(tmp_path_factory.mktemp("schema"))
        made = Served(fleet)
        with made.pages.served():
            yield made
        fleet.database.close()


@pytest.mark.parametrize("viewer", ["acme", "reader", "admin"])
def test_nothing_breaks_it_and_no_tenant_sees_another_s(served, viewer):
    url = f"{served.pages.url}/v1/openapi.json"
    document = schemathesis.openapi.from_url(url)
    headers = {"Authorization": f"Bearer {served.tokens[viewer]}"}
    asked = 0
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
        def ask(case: Any) -> None:
            nonlocal asked
            asked += 1
            if "device" in case.path_parameters and asked % 2:
                case.path_parameters["device"] = (FIRST, SECOND)[asked // 2 % 2]
            if "alarm" in case.path_parameters:
                case.path_parameters["alarm"] = 1 + asked % 6
            response = case.call(headers=headers)
            case.validate_response(response, checks=(not_a_server_error,))
            if viewer != "admin":
                assert response.status_code in (400, 403, 404, 405, 422) or (
                    THEIRS not in response.text and "TGHU0000009" not in response.text
                ), response.text

        ask()
    assert asked > 20 * EXAMPLES / 2


def test_the_other_tenant_s_device_is_not_there(served):
    mine = served.tokens["acme"]
    for path in ("", "/track", "/wakes", "/commands", "/settings", "/shares", "/export"):
        assert served.pages.ask(f"/v1/devices/{SECOND}{path}", mine)[0] == 404
    assert THEIRS in served.pages.ask("/v1/fleet", served.tokens["admin"])[1]
