"""One agent at a time works on a database, also after its server was away."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from landbridge import app as service
from landbridge.core.errors import UserError
from landbridge.db.database import Database, open_database
from landbridge.db.leases import Leases
from landbridge.db.single import alone
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import Pool

from host_tests.support.agent import Installation, point, wait_until
from tools.verify.harness.postgres import Postgres


@pytest.fixture
def database(postgres: str) -> Iterator[Database]:
    opened = open_database(postgres)
    yield opened
    opened.close()


def restart(server: Postgres) -> None:
    server.stop()
    server.start()


def test_the_only_agent_is_so_again_when_the_server_is_back(database, server, monkeypatch, tmp_path):
    monkeypatch.setattr(service, "WATCH_S", 0.05)
    monkeypatch.setenv("LANDBRIDGE_STORE_DATABASE", database.place)
    monkeypatch.setenv("LANDBRIDGE_STORE_KEY_FILE", str(tmp_path / "keys"))
    installation = Installation(tmp_path, monkeypatch)
    try:
        installation.start()
        device = installation.device()
        device.send([point(1)])
        restart(server)
        with Leases(database, "alone") as leases:
            wait_until(lambda: leases.check() and leases.holders() == 1, "the agent holds the database again")
        with pytest.raises(UserError, match="another agent"), alone(database):
            pass
        device.send([point(2)])
        assert [each.point.seq for each in installation.stored()] == [1, 2]
    finally:
        installation.close()


def pretend(database: Database, version: str | None) -> None:
    """The tables are of this version; None: of no version that is known."""
    with database.writing() as connection:
        connection.execute(text("DELETE FROM alembic_version"))
        if version:
            connection.execute(text("INSERT INTO alembic_version VALUES (:version)"), {"version": version})


@pytest.mark.parametrize("on_server", [False, True])
def test_tables_are_not_changed_under_an_agent(database, tmp_path, on_server):
    used = database if on_server else open_database(tmp_path / "agent.sqlite3")
    with used.reading() as connection:
        version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    with alone(used):
        open_database(used.place).close()
        pretend(used, "0000")
        with pytest.raises(UserError, match="stop all agents first"):
            open_database(used.place)
        pretend(used, "9999")
        with pytest.raises(UserError, match="update landbridge"):
            open_database(used.place)
    pretend(used, None)
    with pytest.raises(UserError, match="cannot use"):  # the tables are there already
        open_database(used.place)
    pretend(used, version)
    used.close()


def test_an_agent_ends_when_another_was_faster(database, server):
    other = open_database(database.place)
    with alone(database) as stay:
        stay()
        restart(server)
        with alone(other), pytest.raises(UserError, match="another agent"):
            stay()
        stay()
    other.close()


def test_leases_are_free_when_their_holder_has_let_go(database):
    """Before the connection ends: not some time later, when the server has noticed it."""
    free_in_time = []

    def ended(*_: object) -> None:
        with Leases(database, "alone") as others:
            free_in_time.append(others.take(0))

    with Leases(database, "alone") as leases:
        assert leases.take(0)
        event.listen(Pool, "invalidate", ended, once=True)
    assert free_in_time == [True]


def test_a_server_that_goes_away_after_the_check_is_asked_again(database):
    with Leases(database, "alone") as leases:
        assert leases.take(0)
        with database.writing() as connection:
            holders = "SELECT pg_terminate_backend(pid, 60000) FROM pg_locks WHERE classid = :kind"
            connection.execute(text(holders), {"kind": leases.kind})
        with pytest.raises(DBAPIError):
            leases.take(1)
        assert leases.held == set()
        assert leases.take(1)
        assert leases.check() and leases.held == {1}


def test_the_password_of_the_server_is_not_shown(database, server, monkeypatch):
    secret = open_database(database.place.replace("landbridge@", "landbridge:hush@"))
    with alone(database), pytest.raises(UserError, match="another agent") as refused, alone(secret):
        pass
    assert "hush" not in str(refused.value)
    secret.close()


@pytest.mark.parametrize("link", ["hardlink_to", "symlink_to"])
def test_no_second_agent_comes_in_by_another_name(tmp_path, link):
    (tmp_path / "elsewhere").mkdir()
    here, other = tmp_path / "landbridge.sqlite3", tmp_path / "elsewhere" / "other.sqlite3"
    opened = open_database(here)
    with alone(opened):
        getattr(other, link)(here)
        with pytest.raises(UserError, match=r"hard links|another agent"), alone(open_database(other)):
            pass
    opened.close()


def test_a_database_of_two_names_is_opened_under_neither(tmp_path):
    """What one has committed stands in a log that is named like it, and that the other does not read."""
    here, other = tmp_path / "landbridge.sqlite3", tmp_path / "other.sqlite3"
    open_database(here).close()
    other.hardlink_to(here)
    for name in (here, other):
        with pytest.raises(UserError, match=f"{name} has 2 names .*remove all but one"):
            open_database(name)
    other.unlink()
    open_database(here).close()


def test_a_file_is_held_as_long_as_it_is_used(tmp_path):
    here = open_database(Path(tmp_path / "landbridge.sqlite3"))
    with alone(here) as stay:
        stay()
        with pytest.raises(UserError, match="another agent"), alone(here):
            pass
    with alone(here):
        pass
    here.close()
