"""A database that an older version of the agent made and filled: this version keeps it and goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from landbridge.db import database
from landbridge.db.database import Database, open_database
from landbridge.db.keys import Keyring
from landbridge.features.devices import queries as devices

from host_tests.support.agent import DEVICE
from host_tests.support.pipeline import KEY, Agent

VALUES: dict[type[sa.types.TypeEngine[Any]], object] = {
    sa.Boolean: True,
    sa.Integer: 1,
    sa.Float: 1.0,
    sa.LargeBinary: b"\x01",
    sa.Text: "{}",
    sa.String: DEVICE,
}
"""Of every column of such a type, the most special type first: so each foreign key finds its row."""
POLICY = '{"profiles": {}, "fallback": "", "countries": {}}'


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(database.MIGRATIONS))
    return config


REVISIONS = [each.revision for each in ScriptDirectory.from_config(_config()).walk_revisions()][::-1]


def make_old(path: Path, revision: str) -> dict[str, dict[str, Any]]:
    """A database as that of an older version, with a row in each table; the rows by table."""
    rows = {}
    config = _config()
    with Database(path).writing() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    with Database(path).writing() as connection:
        old = sa.MetaData()
        old.reflect(connection)
        for table in old.sorted_tables:
            if table.name not in ("alembic_version", "acting"):  # nobody acts between transactions
                rows[table.name] = {column.name: _value(column) for column in table.columns}
        rows["devices"] |= {"wrapped_key": Keyring(path).wrap(KEY, True), "position_seq": None}
        if "profile_policies" in rows:
            rows["profile_policies"]["policy"] = POLICY
        for name, row in rows.items():
            connection.execute(old.tables[name].insert().values(row))
    return rows


def _value(column: sa.Column[Any]) -> object:
    return next(value for kind, value in VALUES.items() if isinstance(column.type, kind))


def test_there_are_versions():
    assert REVISIONS[0] == "0001" and len(REVISIONS) == len(set(REVISIONS))


@pytest.mark.parametrize("revision", REVISIONS)
def test_stored_data_of_an_older_version_is_kept_and_used(tmp_path, revision):
    path = tmp_path / "agent.sqlite3"
    rows = make_old(path, revision)
    upgraded = open_database(path, make=False)
    with upgraded.reading() as connection:
        new = sa.MetaData()
        new.reflect(connection)
        for name, row in rows.items():
            stored = connection.execute(new.tables[name].select()).one()._mapping
            assert {column: stored[column] for column in row} == row, name
        assert connection.execute(sa.select(new.tables["uplinks"].c.bytes)).scalars().all() == [1]
    agent = Agent(tmp_path)
    agent.number = 1
    answer = agent.say(2, rows["devices"].get("epoch", 0))
    assert answer is not None and answer[1][2] == [2, 2]
    assert agent.stored() == [1, 2]
    with agent.database.reading() as connection:
        found = devices.find(connection, DEVICE)
    assert found is not None and found.window_top == 2
