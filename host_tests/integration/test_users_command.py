"""`landbridge users`, `landbridge tokens`, and what the doctor says of [openid]."""

import io
import re

import pytest
from landbridge.core import secret
from landbridge.core.errors import UserError
from landbridge.db.opened import opened
from landbridge.features.users import people as users
from landbridge.features.users import rules
from landbridge.features.users.queries import people, sessions, tokens
from landbridge.operations import doctor

from host_tests.support.agent import NOW_S
from host_tests.support.command import Command
from host_tests.support.openid import CLIENT, Provider
from tools.verify.harness.ports import free_port


@pytest.fixture(autouse=True)
def _no_mail_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANDBRIDGE_MAIL_PORT", str(free_port()))


def test_users_come_and_go(landbridge: Command, monkeypatch: pytest.MonkeyPatch):
    link = landbridge("users", "add", "anna", "--role", "admin").strip()
    assert re.fullmatch(r"http://127\.0\.0\.1:0/invitation#[\w-]{43}", link)
    printed = landbridge("users", "add", "ben", "--tenant", "acme", "--mail", "ben@example.org")
    assert "the mail server did not accept the invitation" in printed and "/invitation#" in printed
    assert "the name anna is taken" in landbridge.fails("users", "add", "anna")
    assert "cannot be the name of a user" in landbridge.fails("users", "add", "Anna B")
    assert "no role king" in landbridge.fails("users", "add", "c", "--role", "king").replace("'", "")
    monkeypatch.setattr("sys.stdin", io.StringIO("a horse, a battery\n"))
    landbridge("users", "password", "anna")
    assert "anna is the last administrator" in landbridge.fails("users", "remove", "anna")
    listed = landbridge("users", "list")
    assert "password" in listed and "argon2" not in listed and link.partition("#")[2] not in listed
    for command in ("disable", "enable", "sign-out", "invite", "sessions"):
        landbridge("users", command, "ben")
    landbridge("users", "edit", "ben", "--role", "operator", "--mail", "ben@example.net")
    listed = landbridge("users", "list")
    assert "operator" in listed and "ben@example.net" in listed
    assert "give at least one of --role, --mail" in landbridge.fails("users", "edit", "ben")
    assert "ben has no second factor" in landbridge.fails("users", "disable-second-factor", "ben")
    assert "ben is not disabled" in landbridge.fails("users", "enable", "ben")
    landbridge("users", "remove", "ben")
    assert "no user ben; `landbridge users list`" in landbridge.fails(
        "users", "edit", "ben", "--role", "reader"
    )
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
        assert doctor.CHECKS["sign-in"](it) == f"{provider.issuer} answers and confirms its name"
        provider.document = {"issuer": "https://other.example"}
        with pytest.raises(UserError, match=r"calls itself https://other\.example; correct"):
            doctor.CHECKS["sign-in"](it)
        provider.close()
        with pytest.raises(UserError, match="gave no usable answer"):
            doctor.CHECKS["sign-in"](it)
    monkeypatch.delenv("LANDBRIDGE_OPENID_ISSUER")
    with opened() as it:
        assert doctor.CHECKS["sign-in"](it) == "no sign-in service: [openid] issuer is empty"


def test_users_sessions_and_codes_are_kept_alike_by_both_engines(database):
    with database.writing("bench") as connection:
        row = people.find(connection, users.add(connection, "u", "admin", None, "", "bench", NOW_S).user)
        assert row is not None
        token = rules.add(connection, "t", "reader", "acme", "bench", NOW_S, "1d", row.user)
        shared = {"ends_s": NOW_S + 60, "address": "", "browser": ""}
        sessions.begin(connection, "a" * 64, shared | {"means": "password", "user": row.user}, NOW_S)
        sessions.begin(connection, "b" * 64, shared | {"means": "token", "token": 1}, NOW_S)
        people.set_recovery_codes(connection, row.user, ["c" * 64])
        taken = [people.take_step(connection, row.user, step) for step in (7, 7, 6, 8)]
        assert taken == [True, False, False, True]
        assert [people.take_recovery_code(connection, row.user, "c" * 64) for _ in range(2)] == [True, False]
    with database.reading() as connection:
        mine = sessions.find(connection, "a" * 64, NOW_S)
        its = sessions.find(connection, "b" * 64, NOW_S)
        assert mine is not None and (mine.user_name, mine.user_role, mine.token) == ("u", "admin", None)
        assert its is not None and (its.token_name, its.token_user, its.user_role) == ("t", row.user, "admin")
        assert sessions.find(connection, "a" * 64, NOW_S + 60) is None
        good = tokens.valid(connection, secret.hashed(token), NOW_S)
        assert good is not None and (good.user_role, good.tenant) == ("admin", "acme")
        assert tokens.valid(connection, secret.hashed(token), NOW_S + 86_400) is None
        assert people.administrators(connection) == 0
    with database.writing("bench") as connection:
        people.change(connection, row.user, password="x")
        assert people.administrators(connection) == 1
        people.change(connection, row.user, disabled_s=NOW_S)
        for hashed in ("a" * 64, "b" * 64):
            assert sessions.find(connection, hashed, NOW_S) is None
        assert tokens.valid(connection, secret.hashed(token), NOW_S) is None
