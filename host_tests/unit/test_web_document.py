"""The OpenAPI document: an example of every body and answer, problem details for every error."""

import gzip
import json
import re
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from jsonschema import Draft202012Validator
from landbridge.web.problems import NO_BODY

from host_tests.support.fleet import FIRST
from host_tests.support.in_process import Api
from host_tests.support.pages import Shown

FEEDS = ("/v1/events", "/dcsa/v1/events", "/v1/tracks")


@pytest.fixture(scope="module")
def document(pages: Shown) -> Any:
    return json.loads(pages.ask("/v1/openapi.json", pages.dispatch)[1])


@pytest.fixture(scope="module")
def api(pages: Shown, tmp_path_factory: pytest.TempPathFactory) -> Api:
    return Api(pages.fleet, tmp_path_factory.mktemp("document"))


def operations(document: Any) -> Iterator[tuple[str, str, Any]]:
    for path, found in document["paths"].items():
        for method, operation in found.items():
            yield path, method, operation


def test_every_body_and_answer_has_an_example_that_is_as_described(document):
    shown = 0
    for path, method, operation in operations(document):
        described = " ".join(operation["description"].split())
        assert " " in operation["summary"] and described.startswith(operation["summary"]), (method, path)
        for part in (operation.get("requestBody", {}), *operation["responses"].values()):
            for kind, content in part.get("content", {}).items():
                if "json" in kind:
                    whole = content["schema"] | {"components": document["components"]}
                    Draft202012Validator(whole).validate(content["example"])
                    shown += 1
    assert shown > 300


def test_every_error_is_a_problem_and_every_post_can_be_repeated(document):
    for path, method, operation in operations(document):
        for code, answer in operation["responses"].items():
            if code >= "400":
                assert [*answer["content"]] == ["application/problem+json"], (method, path, code)
        names = {each["name"] for each in operation.get("parameters", ())}
        assert ("Idempotency-Key" in names) is (method == "post"), (method, path)
        assert ("409" in operation["responses"]) >= (method == "post"), (method, path)


def test_every_list_has_pages_of_one_kind(document):
    """Feeds go on after a number."""
    for path, method, operation in operations(document):
        names = {each["name"] for each in operation.get("parameters", ())}
        if method == "get" and "limit" in names and path not in FEEDS:
            assert "cursor" in names and not {"before", "after"} & names, path
        content = operation["responses"].get("200", {}).get("content", {}).get("application/json")
        if method == "get" and content and not path.endswith("/export"):
            assert content["schema"].get("type") != "array", path


def test_every_parameter_of_a_path_is_described(document):
    for path, _, operation in operations(document):
        given = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"}
        assert given == set(re.findall(r"\{(\w+)\}", path))


def test_every_reference_leads_somewhere(document):
    """Within the document itself: what a program makes of it ends where one is missing."""
    for reference in set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(document))):
        found = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        assert found, reference


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "text/plain", "application/xml", "multipart/form-data"]
)
def test_a_body_that_is_not_marked_as_json_names_the_missing_header(api, kind):
    """What `curl -d` sends by itself."""
    headers = {"authorization": f"Bearer {api.token('admin')}", "content-type": kind}
    for method, path in (
        ("POST", "/v1/trips"), ("PATCH", f"/v1/devices/{FIRST}"), ("PATCH", f"/v1/devices/{FIRST}/settings"),
    ):  # fmt: skip
        given = api.request(method, path, {"tags": []}, headers)
        detail = json.loads(given.body)["detail"]
        assert given.status == 422 and "header Content-Type: application/json" in detail, (path, detail)


def test_a_name_that_is_no_line_is_refused_in_words(api):
    for wrong in (" cold", "cold\n", "\x00"):
        status, answer = api.ask("PATCH", f"/v1/devices/{FIRST}", {"tags": [wrong]})
        assert status == 422
        assert answer["detail"].startswith("#/tags/0: must be one line without control characters")


def test_a_body_that_is_no_object_and_an_unreadable_time_are_refused(api):
    headers = {"authorization": f"Bearer {api.token('admin')}"}
    path = f"/v1/devices/{FIRST}/track"
    given = api.request("POST", "/v1/trips", [], headers)
    assert json.loads(given.body)["detail"].startswith("#: must be a JSON object")
    status, answer = api.ask("GET", f"{path}?since=2026-12-01T22:08:00+08:00")
    assert status == 422 and "write %2B" in answer["detail"]
    assert api.ask("GET", f"{path}?since=2026-12-01T22:08:00%2B08:00")[0] == 200


def test_no_route_ignores_a_parameter_that_it_does_not_know(api, document):
    """A misspelt filter would return everything, and a misspelt tenant remove what another one has."""
    for path, method, operation in operations(document):
        known = {each["name"] for each in operation.get("parameters", []) if each["in"] == "query"}
        names = re.sub(r"{(\w+)}", lambda found: "1" if found[1] != "format" else "csv", path)
        for name in sorted(known) or ["limit"]:
            status, answer = api.ask(method.upper(), f"{names}?{name}x=1")
            remedy = f"no such parameter; write {name}" if known else "has no parameters"
            assert (status, remedy in answer["detail"]) == (400, True), (path, answer)
    status, answer = api.ask("GET", f"/v1/devices/{FIRST}/track?limit=9&form=2026-01-05")
    assert status == 400
    assert answer["detail"].startswith(f"form: /v1/devices/{FIRST}/track has no such parameter, only trip, s")


def test_a_body_that_cannot_be_read_is_refused_in_words(pages):
    client = HTTPConnection("127.0.0.1", urlsplit(pages.url).port, timeout=60)
    headers = {"Authorization": f"Bearer {pages.dispatch}", "Content-Type": "application/json"}
    for body in (b"[" * 30_000, gzip.compress(b"{}")):
        client.request("POST", "/v1/trips", body, headers)
        answer = client.getresponse()
        assert (answer.status, json.loads(answer.read())["detail"]) == (400, NO_BODY)
    client.close()


def test_head_is_answered_as_get_is(pages):
    """RFC 9110, 9.1: what watches a server often asks so."""
    client = HTTPConnection("127.0.0.1", urlsplit(pages.url).port, timeout=60)
    headers = {"Authorization": f"Bearer {pages.dispatch}"}
    for path, code in (
        ("/v1/devices", 200),
        ("/sign-in", 200),
        ("/v1/none", 404),
        ("/live", 405),
        ("/", 303),
    ):
        client.request("HEAD", path, headers=headers if path.startswith("/v1") else {})
        answer = client.getresponse()
        assert answer.status == code and answer.read() == b"", path
    client.close()
