"""The whole OpenAPI document in sequences: what a request has made is read, changed and ended by the next.
Nothing breaks, and everything is answered as described."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, seed, settings
from landbridge.core.rate_limit import Rate
from landbridge.web import guard
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ensure_resource_availability,
    status_code_conformance,
    use_after_free,
)

from host_tests.support.fleet import FIRST, SECOND
from host_tests.support.pages import Shown, shown

pytestmark = pytest.mark.slow
CHECKS = (
    not_a_server_error, status_code_conformance, content_type_conformance, use_after_free,
    ensure_resource_availability,
)  # fmt: skip
SEQUENCES, STEPS = 60, 12


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    with pytest.MonkeyPatch.context() as changes:
        changes.setattr(guard, "USUAL", Rate(1e9, 1e9))
        with shown(tmp_path_factory.mktemp("stateful")) as pages:
            yield pages


def test_no_sequence_of_requests_breaks_it(served):
    document = schemathesis.openapi.from_url(f"{served.url}/v1/openapi.json")
    machine = document.as_state_machine()
    asked: Counter[str] = Counter()

    place = served.fleet.database.place
    kept = sqlite3.connect(":memory:", check_same_thread=False)
    with closing(sqlite3.connect(place)) as now:
        now.backup(kept)

    class Asking(machine):  # type: ignore[valid-type, misc]
        def setup(self) -> None:
            """Each sequence begins with the same fleet: what follows depends on the answers."""
            with closing(sqlite3.connect(place)) as now:
                kept.backup(now)
            self.asked = 0

        def before_call(self, case: Any) -> None:
            case.headers["Authorization"] = f"Bearer {served.dispatch}"
            if "device" in case.path_parameters and case.operation.path != "/v1/devices/{device}":
                case.path_parameters["device"] = (FIRST, SECOND)[self.asked % 2]
            if "token" in case.path_parameters:  # not the one that asks
                case.path_parameters["token"] = 1_000 + self.asked
            self.asked += 1

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            asked[f"{case.operation.label} {response.status_code}"] += 1
            case.validate_response(response, checks=CHECKS)

    for number in range(8):  # what is drawn depends on the modules that earlier tests have loaded
        seed(number)(Asking).run(
            settings=settings(
                max_examples=SEQUENCES,
                stateful_step_count=STEPS,
                database=None,
                deadline=None,
                phases=(Phase.explicit, Phase.generate),
                suppress_health_check=list(HealthCheck),
            )
        )
        assert asked.total() > 300
        made = [each for each in asked if each.endswith(" 201")]
        ended = [each for each in asked if each.startswith("DELETE") and each.endswith(" 204")]
        if len(made) > 3 and ended:
            return
    raise AssertionError(asked)
