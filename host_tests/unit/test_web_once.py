"""Idempotency keys: a repeated POST is done once and answered alike; errors as problem details."""

import json
import threading
import urllib.error
import urllib.request
from typing import Any

import pytest
from landbridge.db import idempotency
from landbridge.db.tables import idempotency_keys
from landbridge.features.commands import queries as commands
from landbridge.web import once
from sqlalchemy import select, update

from host_tests.support.fleet import FIRST, SECOND
from host_tests.support.pages import Shown

PATH = f"/v1/devices/{FIRST}/commands"
LOCATE = {"verb": "locate"}


class Answer:
    def __init__(self, answer: Any) -> None:
        self.status: int = answer.status
        self.headers = {name.lower(): value for name, value in answer.headers.items()}
        self.text: str = answer.read().decode()

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def ask(
    pages: Shown, path: str, token: str, method: str = "POST", body: Any = LOCATE, **headers: str
) -> Answer:
    """One request; `body` bytes or what JSON can say."""
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    sent = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    request = urllib.request.Request(pages.url + path, data, sent, method=method)
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return Answer(answer)
    except urllib.error.HTTPError as error:
        return Answer(error)


def sent(pages: Shown, device: str = FIRST) -> int:
    """How many commands the device has."""
    with pages.fleet.database.reading() as connection:
        return len(commands.every(connection, device))


def test_a_repeated_request_is_done_once_and_answered_alike(pages):
    before = sent(pages)
    first, second = (ask(pages, PATH, pages.dispatch, Idempotency_Key="k-1") for _ in range(2))
    assert (first.status, second.status) == (201, 201) and first.text == second.text
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert second.headers["content-type"] == first.headers["content-type"]
    assert sent(pages) == before + 1
    assert ask(pages, PATH, pages.dispatch, Idempotency_Key="k-2").json != first.json
    assert ask(pages, PATH, pages.dispatch).json != first.json
    assert sent(pages) == before + 3


def test_the_key_of_another_request_is_refused_and_that_of_another_user_is_another(pages):
    before = sent(pages)
    assert ask(pages, PATH, pages.dispatch, Idempotency_Key="one").status == 201
    other = ask(pages, PATH, pages.dispatch, body=LOCATE | {"expires": "7d"}, Idempotency_Key="one")
    assert other.status == 422 and "one names another request" in other.json["detail"]
    elsewhere = ask(pages, PATH.replace(FIRST, SECOND), pages.dispatch, Idempotency_Key="one")
    assert elsewhere.status == 422
    mine = pages.token("another-user", "admin")
    assert ask(pages, PATH, mine, Idempotency_Key="one").status == 201
    assert sent(pages) == before + 2


def test_a_refused_request_may_be_repeated_with_its_key(pages):
    bad = {"verb": "explode"}
    assert ask(pages, PATH, pages.dispatch, body=bad, Idempotency_Key="bad").status == 400
    assert ask(pages, PATH, pages.dispatch, Idempotency_Key="bad").status == 201
    assert ask(pages, PATH, "no token", Idempotency_Key="nobody").status == 401
    with pages.fleet.database.reading() as connection:
        keys = connection.execute(select(idempotency_keys.c.key)).scalars().all()
    assert "nobody" not in keys


def test_of_requests_at_once_under_one_key_one_is_done(pages):
    before, answers = sent(pages), []
    threads = [
        threading.Thread(
            target=lambda: answers.append(ask(pages, PATH, pages.dispatch, Idempotency_Key="at once").status)
        )
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 201 in answers and set(answers) <= {201, 409} and len(answers) == 6
    assert sent(pages) == before + 1


def test_a_request_that_was_cut_off_is_not_done_again(pages):
    before = sent(pages)
    assert ask(pages, PATH, pages.dispatch, Idempotency_Key="cut").status == 201
    with pages.fleet.database.writing() as connection:
        mine = update(idempotency_keys).where(idempotency_keys.c.key == "cut")
        connection.execute(mine.values(status=None, wrapped_answer=None))
    again = ask(pages, PATH, pages.dispatch, Idempotency_Key="cut")
    assert again.status == 409 and "is under way" in again.json["detail"]
    assert sent(pages) == before + 1


def test_a_key_is_known_for_a_day_and_its_answer_is_encrypted(pages):
    shared = ask(pages, f"/v1/devices/{FIRST}/share-links", pages.dispatch, body={}, Idempotency_Key="s")
    assert shared.status == 201
    with pages.fleet.database.reading() as connection:
        (row,) = connection.execute(select(idempotency_keys).where(idempotency_keys.c.key == "s")).all()
    assert shared.json["path"].encode() not in row.wrapped_answer
    with pages.fleet.database.writing() as connection:
        mine = update(idempotency_keys).where(idempotency_keys.c.key == "s")
        connection.execute(mine.values(begun_s=row.begun_s - idempotency.KEPT_S - 1))
        assert idempotency.forget(connection, row.begun_s - idempotency.KEPT_S) == 1
    again = ask(pages, f"/v1/devices/{FIRST}/share-links", pages.dispatch, body={}, Idempotency_Key="s")
    assert again.status == 201 and again.json != shared.json


@pytest.mark.parametrize("key", ["", "x" * 256, "a\x7fb"])
def test_a_key_that_cannot_be_is_refused(pages, key):
    answer = ask(pages, PATH, pages.dispatch, Idempotency_Key=key)
    assert answer.status == 400 and answer.json["detail"].startswith(once.HEADER)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("GET", "/v1/nothing", None, 404, "no path /v1/nothing; /v1/openapi.json describes"),
        ("PUT", PATH, {}, 405, f"{PATH} takes no PUT, but GET, POST"),
        ("DELETE", "/v1/trips/1", None, 405, "/v1/trips/1 takes no DELETE, but GET, PATCH"),
        ("GET", "/v1/events?limit=1&limit=2", None, 400, "limit is given 2 times; /v1/events takes one"),
        ("GET", "/v1/reports/trip.pdf", None, 400, "this report needs a subject: the number of a trip, or"),
        ("GET", "/v1/devices/lb-99", None, 404, "no device lb-99"),
        ("POST", PATH, b"{", 422, "#: no JSON, from character 1 on; /v1/openapi.json describes the request"),
        ("POST", PATH, {}, 422, "#/verb: Field required; "),
        ("POST", PATH, {"verb": 1, "argument": -1}, 422, "(and 1 more, in errors)"),
        ("GET", PATH + "?limit=0", None, 422, "limit: Input should be greater than or equal to 1"),
        ("GET", PATH + "?cursor=nonsense", None, 400, "cursor: give the value of next"),
        ("GET", PATH + "?cursor=WyJhIl0=", None, 400, "cursor: give the value of next"),
        ("POST", PATH, b"x" * 65_537, 413, "give at most 65536 bytes"),
    ],
)
def test_every_error_is_a_problem_that_names_the_thing_and_the_remedy(
    pages, method, path, body, status, said
):
    answer = ask(pages, path, pages.dispatch, method, body)
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json
    assert (answer.status, found["status"], found["type"]) == (status, status, "about:blank")
    assert said in found["detail"] and found["title"]


def test_wrong_fields_are_named_one_by_one(pages):
    found = ask(pages, PATH, pages.dispatch, body={"verb": "locate", "argument": -1, "colour": 1}).json
    assert [each["pointer"] for each in found["errors"]] == ["#/argument", "#/colour"]


def test_without_a_token_the_remedy_is_reported(pages):
    answer = ask(pages, PATH, "nonsense", "GET", None)
    assert answer.status == 401 and answer.headers["www-authenticate"] == "Bearer"
    assert "landbridge tokens add" in answer.json["detail"]
