"""`landbridge users`, `landbridge tokens`, and what the doctor says of [openid]."""

import io
import re

import pytest
from landbridge.core.errors import UserError
from landbridge.db.opened import opened
from landbridge.features.users.queries import people, tokens
from landbridge.operations import doctor

from host_tests.support.command import Command
from host_tests.support.openid import CLIENT, Provider
from host_tests.support.web import free_port


@pytest.fixture(autouse=True)
def _in_its_folder(landbridge: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANDBRIDGE_MAIL_PORT", str(free_port()))


def test_users_come_and_go(landbridge: Command, monkeypatch: pytest.MonkeyPatch):
    link = landbridge("users", "add", "anna", "--role", "admin").strip()
    assert re.fullmatch(r"http://127\.0\.0\.1:0/invitation#[\w-]{43}", link)
    told = landbridge("users", "add", "ben", "--tenant", "acme", "--mail", "ben@example.org")
    assert "the mail server did not take the invitation" in told and "/invitation#" in told
    assert "there is a user anna already" in landbridge.fails("users", "add", "anna")
    assert "cannot be the name of a user" in landbridge.fails("users", "add", "Anna B")
    assert "no role king" in landbridge.fails("users", "add", "c", "--role", "king").replace("'", "")
    monkeypatch.setattr("sys.stdin", io.StringIO("a horse, a battery\n"))
    landbridge("users", "password", "anna")
    assert "anna is the last administrator" in landbridge.fails("users", "end", "anna")
    listed = landbridge("users", "list")
    assert "password" in listed and "argon2" not in listed and link.partition("#")[2] not in listed
    for command in ("disable", "enable", "sign-out", "invite", "sessions"):
        landbridge("users", command, "ben")
    landbridge("users", "role", "ben", "operator")
    assert "ben has no second factor" in landbridge.fails("users", "end-second-factor", "ben")
    assert "ben is not disabled" in landbridge.fails("users", "enable", "ben")
    landbridge("users", "end", "ben")
    assert "no user ben; `landbridge users list`" in landbridge.fails("users", "role", "ben", "reader")
    with opened() as it, it.database.reading() as connection:
        assert [row.name for row in people.every(connection)] == ["anna"]


def test_a_token_lasts_as_long_as_it_should(landbridge: Command):
    landbridge("tokens", "add", "portal", "--tenant", "acme", "--for", "90d")
    assert "is not a duration" in landbridge.fails("tokens", "add", "other", "--for", "9y")
    with opened() as it, it.database.reading() as connection:
        (row,) = tokens.every(connection)
    assert row.ends_s - row.added_s == 90 * 86_400


def test_the_doctor_looks_at_the_sign_in_service(landbridge: Command, monkeypatch: pytest.MonkeyPatch):
    provider = Provider()
    landbridge("devices", "add", "lb-0001")
    for name, value in (("ISSUER", provider.issuer), ("CLIENT_ID", CLIENT)):
        monkeypatch.setenv(f"LANDBRIDGE_OPENID_{name}", value)
    with opened() as it:
        assert doctor._CHECKS["sign-in"](it) == f"{provider.issuer} answers, and calls itself so"
        provider.document = {"issuer": "https://other.example"}
        with pytest.raises(UserError, match=r"calls itself https://other\.example; correct"):
            doctor._CHECKS["sign-in"](it)
        provider.close()
        with pytest.raises(UserError, match="does not answer as it should"):
            doctor._CHECKS["sign-in"](it)
    monkeypatch.delenv("LANDBRIDGE_OPENID_ISSUER")
    with opened() as it:
        assert doctor._CHECKS["sign-in"](it) == "no sign-in service: [openid] issuer is empty"
