"""Isolation of tenants: names, idempotency keys, the audit log."""

from collections.abc import Iterator
from typing import Any

import pytest
from landbridge.core.errors import UserError
from landbridge.db.opened import command_user
from landbridge.features.integrations import queries as stored
from landbridge.features.integrations import rules as integrations
from landbridge.features.users import rules as tokens

from host_tests.support.fleet import FIRST, NOW_S
from host_tests.support.in_process import Api
from host_tests.support.pages import shown

YARD = {"geometry": {"type": "Point", "coordinates": [17.0, 52.4]}, "radius_m": 900}
HOOK = "https://erp.example/hook"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("tenants")
    with shown(folder) as pages:
        yield Api(pages.fleet, folder)


def texts(entries: list[dict[str, Any]]) -> set[str]:
    return {each["what"] for each in entries}


def log(api: Api, tenant: str | None, query: str = "") -> list[dict[str, Any]]:
    status, found = api.ask("GET", f"/v1/audit?limit=1000{query}", None, "reader", tenant)
    assert status == 200
    listed: list[dict[str, Any]] = found["entries"]
    return listed


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/geofences", {"name": "Yard", **YARD}),
        ("/v1/integrations", {"name": "erp", "address": HOOK}),
        ("/v1/tokens", {"name": "portal"}),
    ],
)
def test_a_name_that_another_tenant_has_is_free(api, path, body):
    """The operator's geofences are the tenants' to see."""
    for tenant in ("acme", "bolt"):
        assert api.ask("POST", path, body, "admin", tenant)[0] == 201, tenant
        status, refused = api.ask("POST", path, body, "admin", tenant)
        assert status == 400 and body["name"] in refused["detail"] and "already" in refused["detail"]
    assert api.ask("POST", path, body, "admin", None)[0] == 201


def test_a_taken_user_name_reveals_no_more(api):
    for tenant in ("acme", None):
        assert api.ask("POST", "/v1/users", {"name": f"boss-{tenant}".lower()}, "admin", tenant)[0] == 201
    for name in ("boss-acme", "boss-none"):
        status, refused = api.ask("POST", "/v1/users", {"name": name}, "admin", "bolt")
        assert (status, refused["detail"]) == (400, f"the name {name} is taken; choose another one")


def test_the_operator_names_the_tenant_of_an_integration(api):
    for tenant in ("acme", "bolt"):
        wanted = {"name": "twice", "address": HOOK}
        assert api.ask("POST", "/v1/integrations", wanted, "admin", tenant)[0] == 201
    status, refused = api.ask("GET", "/v1/integrations/twice")
    assert status == 400 and refused["detail"].startswith("the name twice is used by acme, bolt")
    assert api.ask("GET", "/v1/integrations/twice?tenant=bolt")[1]["tenant"] == "bolt"
    assert api.ask("GET", "/v1/integrations/twice?tenant=operator")[0] == 404
    assert api.ask("DELETE", "/v1/integrations/twice?tenant=acme")[0] == 204
    assert api.ask("GET", "/v1/integrations/twice")[1]["tenant"] == "bolt"
    assert api.ask("GET", "/v1/integrations/twice?tenant=bolt", None, "admin", "acme")[0] == 404


def test_an_address_that_a_tenant_gives_is_public_also_if_the_operator_has_added_the_integration(api):
    path, inside = "/v1/integrations/inside?tenant=acme", "http://10.0.0.7:8081/"

    def only_public() -> bool:
        with api.fleet.database.reading() as connection:
            return integrations.known(connection, "inside", "acme").only_public

    wanted = {"name": "inside", "address": inside, "tenant": "acme"}
    assert api.ask("POST", "/v1/integrations", wanted)[0] == 201 and not only_public()
    assert api.ask("PATCH", path, {"address": inside}, "admin", "acme")[0] == 400
    renamed = {"address": "https://stands-for-10-0-0-7.example/"}
    assert api.ask("PATCH", path, renamed, "admin", "acme")[0] == 200 and only_public()
    assert api.ask("PATCH", path, {"paused": True})[0] == 200 and only_public()
    assert api.ask("PATCH", path, {"address": inside})[0] == 200 and not only_public()


def test_tokens_of_one_name_share_neither_answers_nor_views(api):
    keys = {}
    for tenant in ("acme", "bolt", None):
        made = api.ask("POST", "/v1/tokens", {"name": "same", "role": "admin"}, "admin", tenant)
        assert made[0] == 201
        keys[tenant] = {"authorization": f"Bearer {made[1]['secret']}", "idempotency-key": "one"}
    answers = [api.request("POST", "/v1/tokens", {"name": "spare"}, headers) for headers in keys.values()]
    assert [each.status for each in answers] == [201] * 3 and len({each.body for each in answers}) == 3
    assert not any("idempotency-replayed" in each.headers for each in answers)
    saved = api.request(
        "POST", "/v1/fleet/views", {"name": "mine", "query": "x"}, keys["acme"] | {"idempotency-key": "v"}
    )
    assert saved.status == 201
    assert api.request("GET", "/v1/fleet/views", None, keys["bolt"]).body == b'{"views":[]}'


def test_changes_by_a_tenant_appear_in_its_own_audit_log_only(api):
    made = {"name": "lists", "query": "state=alarm"}
    assert api.ask("POST", "/v1/fleet/views", made, "reader", "acme")[0] == 201
    (entry,) = log(api, "acme", "&noun=saved%20view&by=token%20acme/reader-acme")
    assert (entry["who"], entry["by_tenant"]) == ("token acme/reader-acme", "acme")
    assert not log(api, "bolt", "&by_tenant=acme")
    of_acme = log(api, None, "&by_tenant=acme")
    assert {each["by_tenant"] for each in of_acme} == {"acme"}
    assert entry["entry"] in {each["entry"] for each in of_acme}
    assert not log(api, None, "&by_tenant=nobody")


def test_actions_on_an_integration_are_visible_to_its_tenant_alone(api):
    """Also if the message is of a device on the trip of another tenant."""
    database = api.fleet.database
    with database.writing("root") as connection:
        for tenant in ("acme", "bolt", None):
            integrations.add(
                connection, api.fleet.keyring, "hook", "webhook", HOOK, tenant, (), "root", NOW_S
            )
    for owner in ("acme", "bolt", "operator"):
        with database.writing("root") as connection:
            found = integrations.known(connection, "hook", owner)
            waits = stored.DeliveryRetry(FIRST, 7, 1, 0, "refused")
            stored.keep_retry(connection, found.integration, waits, None)
        path = f"/v1/integrations/hook/deliveries/{FIRST}?tenant={owner}"
        assert api.ask("DELETE", path)[0] == 204
    said = f"message 7 of {FIRST} discarded for hook"
    assert [texts(log(api, tenant)) & {said} for tenant in ("acme", "bolt", None)] == [{said}] * 3
    counts = [sum(each["what"] == said for each in log(api, tenant)) for tenant in ("acme", "bolt", None)]
    assert counts == [1, 1, 3]


def test_a_command_names_the_tenant_of_one_of_several_tokens(api):
    with api.fleet.database.writing(command_user()) as connection:
        for tenant in ("acme", "bolt"):
            tokens.add(connection, "double", "reader", tenant, "root", 1)
        with pytest.raises(UserError, match="the name double is used by acme, bolt"):
            tokens.known(connection, "double")
        tokens.revoke(connection, "double", "root", 2, "bolt")
        assert tokens.known(connection, "double").tenant == "acme"
