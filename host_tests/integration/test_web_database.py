"""Pages and API while their database does not answer."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from landbridge.db import engines
from landbridge.db.database import Database, open_database
from landbridge.db.keys import Keyring
from landbridge.features.devices import queries as devices

from host_tests.support.fleet import FIRST, NOW_S, Pages


@pytest.fixture
def database(place: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """Each test runs on both engines, which have no patience."""
    monkeypatch.setattr(engines, "BUSY_TIMEOUT_S", 0.2)
    monkeypatch.setattr(engines, "OPTIONS", "-c lock_timeout=200ms")
    database = open_database(place)
    with database.writing() as connection:
        devices.add(connection, FIRST, b"wrapped", NOW_S)
    yield database
    database.close()


def test_a_locked_database_is_reported_and_when_to_try_again(database, tmp_path):
    keyring = Keyring(database.place, str(tmp_path / "agent.key"))
    pages = Pages(cast(Any, SimpleNamespace(database=database, keyring=keyring)))
    bearer = {"Authorization": f"Bearer {pages.token('anna', 'operator')}"}
    asked = {
        f"/v1/devices/{FIRST}/commands": ("application/json", b'{"verb": "locate"}'),
        f"/devices/{FIRST}/commands": ("application/x-www-form-urlencoded", b"verb=locate&expires=24h"),
    }
    other = Database(database.place)
    with pages.served(), other.writing():
        for path, (kind, body) in asked.items():
            request = urllib.request.Request(pages.url + path, body, bearer | {"Content-Type": kind})
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request)
            with refused.value as answer:
                assert (answer.code, answer.headers["Retry-After"]) == (503, "10")
                said = answer.read().decode()
            assert "the database does not answer; try again" in said
            if path.startswith("/v1/"):
                assert list(json.loads(said)) == ["type", "title", "status", "detail"]
    other.close()
