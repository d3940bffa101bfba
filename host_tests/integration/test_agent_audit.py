"""The audit log: every change by a person is in it with before and after, on both databases, from pages, API
and commands; secrets are not."""

import csv
import io
import json
from typing import Any

import pytest
from landbridge.core.clock import Clock, iso
from landbridge.core.deeds import NOUNS
from landbridge.db import audit as words
from landbridge.db.audited import AUDITED, BY_ITSELF, SECRET, columns
from landbridge.db.database import Database
from landbridge.db.keys import Keyring
from landbridge.db.tables import audit, metadata
from landbridge.features.audit import queries, rules
from landbridge.features.audit.queries import Wanted
from landbridge.features.audit.rules import AuditFormat
from landbridge.features.devices import queries as devices
from landbridge.features.geofences import queries as geofences
from landbridge.features.integrations import rules as integrations
from landbridge.features.sims import queries as inventory
from landbridge.features.trips import queries as trips
from landbridge.features.updates import queries as releases
from landbridge.features.updates import rollout
from landbridge.features.users import passwords
from landbridge.features.users import people as users
from landbridge.features.users import rules as tokens
from landbridge.features.users import second_factor as factor
from landbridge.features.users.queries import people
from landbridge.ingest.queries import device_rows
from sqlalchemy import Column, Connection, LargeBinary, Table, func, inspect, select, update

from host_tests.support.trips import BEGIN_S

SQUARE = '{"type": "Polygon", "coordinates": []}'
PASSWORD = "correct horse battery"


ALL = Wanted()


def entries(database: Database, wanted: Wanted = ALL) -> list[dict[str, Any]]:
    return [rules.serialize(each) for each in queries.every(database, wanted)]


def test_every_table_is_audited_or_written_by_the_agent_alone():
    assert set(metadata.tables) == set(AUDITED) | BY_ITSELF
    assert not set(AUDITED) & BY_ITSELF


def test_every_kind_has_a_name():
    assert {each.noun for each in AUDITED.values()} == set(NOUNS)


def test_no_entry_has_a_secret():
    for name in AUDITED:
        for each in columns(metadata.tables[name]):
            assert not isinstance(each.type, LargeBinary)
            assert each.name not in SECRET and "secret" not in each.name and "key" not in each.name
        assert AUDITED[name].name in {"", *(each.name for each in columns(metadata.tables[name]))}


def test_a_change_is_there_with_before_and_after(database):
    with database.writing("anna") as connection:
        number = geofences.add(connection, "Poznan", SQUARE, 3.5, BEGIN_S)
    with database.writing("bert") as connection:
        geofences.give_to(connection, number, "acme")
        geofences.give_to(connection, number, "acme")  # changes nothing
        devices.add(connection, "lb-1", b"key", BEGIN_S)
        trip = trips.start(connection, "lb-1", "CSQU3054383", "west", "Poznan", 3600, BEGIN_S)
    now_s = Clock().now_s()
    with database.writing() as connection:  # the agent by itself
        trips.end(connection, trip, BEGIN_S + 9)
        geofences.remove(connection, number, BEGIN_S)
    added, changed, device, started = entries(database)
    whole = {
        "geofence": number, "name": "Poznan", "geometry": SQUARE, "radius_m": 3.5, "added_s": BEGIN_S,
        "removed_s": None, "tenant": None,
    }  # fmt: skip
    assert added["who"] == "anna" and (added["before"], added["after"]) == (None, whole)
    assert (added["action"], added["noun"], added["subject"]) == ("added", "geofence", str(number))
    assert (added["name"], changed["what"]) == ("Poznan", "geofence Poznan changed")
    assert added["what"] == "geofence Poznan added" and added["time"] <= iso(now_s)
    assert (changed["who"], changed["action"]) == ("bert", "changed")
    assert (changed["before"], changed["after"]) == ({"tenant": None}, {"tenant": "acme"})
    assert device["noun"] == "device" and device["after"]["created_s"] == BEGIN_S
    assert not {"wrapped_key", "window_top", "status"} & set(device["after"])
    assert started["what"] == "trip CSQU3054383 added"
    assert (started["noun"], started["device"], started["after"]["by_arrival"]) == ("trip", "lb-1", False)


@pytest.mark.parametrize("name", AUDITED)
def test_each_column_that_an_entry_has_makes_one_when_a_person_changes_it_alone(database, name):
    table = metadata.tables[name]
    with pytest.raises(RuntimeError), database.writing("anna") as connection:
        let_rows_stand_alone(connection, table)
        connection.execute(table.delete())
        connection.execute(table.insert().values({each.name: made(each, 1) for each in table.columns}))
        written = []
        for each in table.columns:
            before = count_entries(connection)
            connection.execute(update(table).values({each.name: made(each, 0)}))
            written += [each.name] * (count_entries(connection) - before)
        assert written == [each.name for each in columns(table)]
        raise RuntimeError("take it back")


def let_rows_stand_alone(connection: Connection, table: Table) -> None:
    """Have no row of `table` need one of another, until the transaction is taken back."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        return
    known = inspect(connection)
    for name in metadata.tables:
        for key in known.get_foreign_keys(name):
            if table.name in (name, key["referred_table"]):
                connection.exec_driver_sql(f"ALTER TABLE {name} DROP CONSTRAINT {key['name']}")


def made(column: Column[Any], number: int) -> object:
    kind = column.type.python_type
    return b"%d" % number if kind is bytes else kind(number)


def count_entries(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(audit)).scalar_one()


def test_an_uplink_runs_no_trigger_on_its_device(database):
    on_server = database.on_server
    explain, trigger = ("EXPLAIN ANALYZE", "Trigger audited") if on_server else ("EXPLAIN", "Program")
    with database.writing("anna") as connection:
        changed = device_rows.CHANGED
        runs = [
            trigger in str(connection.exec_driver_sql(f"{explain} UPDATE devices SET {changes}").all())
            for changes in (", ".join(f"{each} = {each}" for each in changed), "created_s = 2")
        ]
    assert runs == [False, True]


def test_a_change_that_is_taken_back_is_not_there_nor_is_its_author(database):
    with pytest.raises(RuntimeError), database.writing("anna") as connection:
        geofences.add(connection, "Poznan", SQUARE, 0, BEGIN_S)
        raise RuntimeError
    with database.writing() as connection:
        geofences.add(connection, "Poznan", SQUARE, 0, BEGIN_S)
    assert entries(database) == []


def test_a_removed_row_is_there_as_it_was(database):
    with database.writing() as connection:
        trips_row = metadata.tables["sim_controls"]
        connection.execute(trips_row.insert().values(name="mine", content="{}", set_by="x", set_s=1))
    with database.writing("anna") as connection:
        connection.execute(trips_row.delete())
    (entry,) = entries(database)
    assert (entry["action"], entry["after"]) == ("removed", None)
    assert entry["before"] == {"name": "mine", "content": "{}", "set_by": "x", "set_s": 1}


def test_words_go_to_the_entry_of_the_change_they_describe(database):
    with database.writing("anna") as connection:
        tokens.add(connection, "erp", "reader", None, "anna", BEGIN_S)
        words.add(connection, "anna", "signed in", BEGIN_S)
    first, second = entries(database)
    assert (first["noun"], first["what"]) == ("token", "token erp added")
    assert (second["noun"], second["what"], second["after"]) == (None, "signed in", None)


def test_no_secret_is_stored_or_exported(database, tmp_path):
    keyring = Keyring(database.place, str(tmp_path / "keys"))
    keyring.wrap(b"makes the file", first=True)
    with database.writing("anna") as connection:
        token = tokens.add(connection, "erp", "reader", None, "anna", BEGIN_S)
        user = people.find(connection, users.add(connection, "u", "reader", None, "", "anna", BEGIN_S).user)
        assert user is not None
        users.set_password(connection, user, passwords.hashed(PASSWORD, "u"), "anna", BEGIN_S)
        invited = users.invite(connection, user, "anna", BEGIN_S).secret
        factor.begin(connection, keyring, user)
        address = "https://erp.example/hook"
        secret = integrations.add(connection, keyring, "erp", "webhook", address, None, (), "anna", BEGIN_S)
        devices.add(connection, "lb-1", keyring.wrap(b"0123456789", first=False), BEGIN_S)
        table = metadata.tables["tokens"].c
        invitations = metadata.tables["invitations"].c
        hashes = [connection.execute(select(each.hash)).scalar_one() for each in (table, invitations)]
        hashes.append(connection.execute(select(metadata.tables["users"].c.password)).scalar_one())
        wrapped = connection.execute(select(metadata.tables["integrations"].c.wrapped_secret)).scalars()
        hashes += [each.decode() for each in wrapped if each]
        hidden = [token, invited, PASSWORD, secret.hex(), *hashes]
    exported = "".join(rules.export(queries.every(database, ALL), AuditFormat.CSV))
    with database.reading() as connection:
        stored = repr(connection.execute(select(audit)).all())
    assert address in exported and address in stored and len(hidden) == 8
    assert [each for each in hidden if each in exported + stored] == []


def test_it_is_read_by_user_kind_device_and_time_and_leaves_as_a_file(database):
    with database.writing("anna") as connection:
        devices.add(connection, "lb-1", b"key", BEGIN_S)
        geofences.add(connection, "=1+1", SQUARE, 0, BEGIN_S)
    with database.writing("bert") as connection:
        geofences.add(connection, "Lodz", SQUARE, 0, BEGIN_S)
        connection.execute(update(audit).where(audit.c.noun == "device").values(at_s=1_000))
    assert len(entries(database)) == 3
    assert len(entries(database, Wanted(who="anna"))) == 2
    assert [each["noun"] for each in entries(database, Wanted(noun="device"))] == ["device"]
    assert [each["who"] for each in entries(database, Wanted(device="lb-1"))] == ["anna"]
    assert [each["who"] for each in entries(database, Wanted(text="lodz"))] == ["bert"]
    assert len(entries(database, Wanted(until_s=1_001))) == len(entries(database, Wanted(since_s=1_001))) - 1
    found = csv.DictReader(io.StringIO("".join(rules.export(queries.every(database, ALL), AuditFormat.CSV))))
    assert [json.loads(each["after"]).get("name") for each in found] == [None, "=1+1", "Lodz"]
    whole = json.loads("".join(rules.export(queries.every(database, ALL), AuditFormat.JSON)))
    assert whole == entries(database)
    with database.writing() as connection:
        assert queries.forget(connection, 1_001) == 1
    assert len(entries(database)) == 2


def test_a_tenant_reads_entries_of_its_own_objects_and_of_devices_on_its_trips(database):
    with database.writing("anna") as connection:
        devices.add(connection, "lb-1", b"key", BEGIN_S)
        earlier = trips.start(connection, "lb-1", "CSQU3054383", "west", "Poznan", 3600, BEGIN_S)
        trips.give_to(connection, earlier, "bolt")
        trips.end(connection, earlier, BEGIN_S + 10)
        trip = trips.start(connection, "lb-1", "MSKU0000006", "west", "Poznan", 3600, BEGIN_S + 20)
        trips.give_to(connection, trip, "acme")
        geofence = geofences.add(connection, "Yard", SQUARE, 0, BEGIN_S)
        geofences.give_to(connection, geofence, "bolt")
    with database.writing("bert") as connection:  # while it is on the trip of acme
        connection.execute(update(metadata.tables["trips"]).where(
            metadata.tables["trips"].c.trip == earlier).values(destination="secret"))  # fmt: skip
        words.add(connection, "bert", "shaken", Clock().now_s(), "lb-1")
        words.add(connection, "bert", "looked around", Clock().now_s())
    mine = entries(database, Wanted(tenant="acme"))
    assert "secret" not in json.dumps(mine) and "Yard" not in json.dumps(mine)
    assert {each["subject"] for each in mine if each["noun"] == "trip"} == {str(trip)}
    theirs = entries(database, Wanted(tenant="bolt"))
    assert {each["noun"] for each in theirs} == {"trip", "geofence"} and "MSKU" not in json.dumps(theirs)


def test_cards_and_rollouts_have_the_names_that_people_know(database):
    iccids = ("8931440400012345678", "8931440400012345679")
    card = inventory.SimCard(0, "", "", "iot", "stock", (), inventory.ARMED, None, None, iccids)
    with database.writing("anna") as connection:
        inventory.set_controls(connection, "iot", {}, "anna", BEGIN_S)
        number = inventory.add(connection, card, "anna", BEGIN_S)
        values = {"version": "1.4.0", "mpy": 6, "file_list": b"list", "added_s": BEGIN_S}
        releases.add(connection, "ESP32", 7, [("a.mpy", b"code")], **values)
    with database.writing("bert") as connection:
        inventory.change(connection, number, {"stage": "active"}, "", "bert", BEGIN_S)
        rollout.begin(connection, "ESP32", 7, 1, 60, "bert", BEGIN_S)
    with database.writing("bert") as connection:
        rollout.halt(connection, "ESP32", 7, "bert", BEGIN_S)
    with database.writing() as connection:  # the agent by itself writes no entry
        inventory.change(connection, number, {"imei": "350000000000001"}, "", "agent", BEGIN_S)
    known = " ".join(iccids)
    assert [
        each["what"] for each in entries(database) if each["noun"] not in ("SIM profile", "SIM controls")
    ] == [
        f"SIM {known} added",
        "release 1.4.0 added",
        f"SIM {known} changed",
        "roll-out of 1.4.0 for ESP32 started",
        "roll-out of 1.4.0 for ESP32 halted",
    ]
    found = entries(database, Wanted(text=iccids[0]))
    assert {each["noun"] for each in found} == {"SIM", "SIM profile"}
    assert {each["noun"] for each in entries(database, Wanted(text="1.4.0"))} == {"release", "roll-out"}
