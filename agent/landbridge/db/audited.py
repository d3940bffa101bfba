"""The audit log by triggers: each change that a person makes in a table of AUDITED writes an entry with the
person, the action, and the row before and after, whether it came from a page, the API or a command. What the
agent changes by itself writes none, because no user acts then (`begin`)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import Boolean, Column, Connection, LargeBinary, Table, delete, func, insert, select

from landbridge.core.clock import Clock
from landbridge.db.tables import acting, audit, metadata

_SINCE = "landbridge_acting_since"
_BY_TENANT = "landbridge_acting_by_tenant"
_WHO, _AT, _TENANT = "landbridge.who", "landbridge.at_s", "landbridge.tenant"
"""Settings of a transaction on PostgreSQL."""
_WHOSE = ("device", "trip", "tenant")
_COLUMNS = f'at_s, who, by_tenant, {", ".join(_WHOSE)}, "action", noun, subject, name, "before", "after"'
SECRET = ("hash", "password")
"""Columns that no entry has; nor has it any of bytes, such as keys and activation codes (`wrapped_...`)."""


class Audited(NamedTuple):
    """A table whose changes are audited: what a row of it is called, which columns say nothing of what people
    want, because the agent writes them as it goes on, and which one people know a row by."""

    noun: str
    left_out: Sequence[str] = ()
    name: str = ""
    """Empty: the key is what people know, or `audit.call` says it."""


_PROGRESS_OF_DOWNLOAD = (
    "step", "answered", "next_s", "package_bytes", "segments", "pulled", "sessions", "loads", "failures",
    "stage", "changed_s", "reason", "free_bytes",
)  # fmt: skip
AUDITED = {
    "alarms": Audited("alarm", ("published_s", "last_s", "times", "content", "cleared_event")),
    "alarm_comments": Audited("comment", name="text"),
    "commands": Audited("command", name="verb"),
    "delivery_retries": Audited("delivery", ("attempts", "next_s", "failure"), "device"),
    "devices": Audited(
        "device",
        (
            "next_down_number", "window_top", "window_bits", "forgotten_number", "epoch", "forged",
            "last_session_s", "next_session_s", "status", "identity", "counters", "complete_seq",
            "highest_seq", "position_seq", "position_at_s", "stationary_until_s", "recompute_from_s",
            "silent_due_s",
        ),
    ),
    "downloads": Audited("download", _PROGRESS_OF_DOWNLOAD, "server"),
    "geofences": Audited("geofence", name="name"),
    "integrations": Audited(
        "integration", ("cursor", "delivered", "delivered_s", "failure", "failed_s"), "name"
    ),
    "notification_channels": Audited("notification channel", ("cursor",), "name"),
    "notification_rules": Audited("notification rule", name="name"),
    "profile_policies": Audited("profile policy", ("policy",), "device"),  # it has passwords of access points
    "profile_rollouts": Audited("profile roll-out", name="profile"),
    "releases": Audited("release", name="version"),
    "report_schedules": Audited(
        "report schedule", ("next_s", "try_s", "attempts", "answer", "answered_s"), "name"
    ),
    "rollouts": Audited("roll-out"),
    "routes": Audited("route", ("places_km",)),
    "saved_views": Audited("saved view", name="name"),
    "settings": Audited("settings", name="device"),
    "share_links": Audited("share link"),
    "sim_cards": Audited("SIM"),
    "sim_controls": Audited("SIM controls"),
    "sim_profiles": Audited("SIM profile"),
    "tokens": Audited("token", ("used_s",), "name"),
    "trips": Audited("trip", ("expected",), "container"),
    "users": Audited("user", ("seen_s", "totp_step"), "name"),
}  # fmt: skip
"""By table."""
BY_ITSELF = {
    "acting", "audit", "cells", "control_states", "coverage", "dead_letters", "device_log",
    "device_releases", "device_updates", "eim", "esim_reports", "euicc_certificates", "euicc_notifications",
    "euiccs", "events", "gone", "idempotency_keys", "invitations", "network_costs", "notifications",
    "outbox", "points", "profile_rollout_devices", "profile_switches", "quarantine", "recovery_codes",
    "release_files", "route_data", "route_data_reports", "sessions", "setting_reports", "sim_actions",
    "sim_identities", "tracking_states", "tracks", "uplinks", "wakes",
}  # fmt: skip
"""The other tables: the agent writes them by itself, or an entry of another table says the same."""


def columns(table: Table) -> list[Column[object]]:
    """Return the columns that an entry has."""
    left_out = (*AUDITED[table.name].left_out, *SECRET)
    return [
        each for each in table.columns if not isinstance(each.type, LargeBinary) and each.name not in left_out
    ]


def create(connection: Connection) -> None:
    """Create the triggers of the tables that exist, in place of those there are."""
    on_server = connection.dialect.name == "postgresql"
    if on_server:
        connection.exec_driver_sql(_FUNCTION)
    for name in AUDITED:
        for statement in (_on_server if on_server else _in_file)(metadata.tables[name]):
            connection.exec_driver_sql(statement)


@contextmanager
def acting_as(connection: Connection, who: str | None, tenant: str | None = None) -> Iterator[None]:
    """Let `who` of `tenant` act in this transaction, in the context; None: the agent itself."""
    if who is None:
        yield
        return
    now_s, on_server = Clock().now_s(), connection.dialect.name == "postgresql"
    if on_server:
        named = {_WHO: who, _AT: str(now_s), _TENANT: tenant or ""}
        connection.execute(select(*(func.set_config(name, value, True) for name, value in named.items())))
    else:
        connection.execute(insert(acting).values(who=who, at_s=now_s, by_tenant=tenant))
    last = connection.execute(select(func.coalesce(func.max(audit.c.entry), 0))).scalar_one()
    connection.execution_options(**{_SINCE: last, _BY_TENANT: tenant})
    yield
    if not on_server:
        connection.execute(delete(acting))


def since(connection: Connection) -> int | None:
    """Return the last entry before a user acted in this transaction; None: no user does."""
    found: int | None = connection.get_execution_options().get(_SINCE)
    return found


def by_tenant(connection: Connection) -> str | None:
    """Return the tenant of who acts in this transaction."""
    found: str | None = connection.get_execution_options().get(_BY_TENANT)
    return found


def _subject(table: Table, row: str) -> str:
    return " || '/' || ".join(f'CAST({row}."{key.name}" AS TEXT)' for key in table.primary_key)


def _in_file(table: Table) -> Iterator[str]:
    """For SQLite, whose one writer at a time names itself in the table `acting`."""
    (noun, _left_out, column), audited = AUDITED[table.name], columns(table)
    changed = " OR ".join(f'OLD."{each.name}" IS NOT NEW."{each.name}"' for each in audited)
    for event, of_columns, action, before, after in (
        ("INSERT", "", "added", "NULL", _json(audited, "NEW")),
        ("UPDATE", _of(audited), "changed", _json(audited, "OLD"), _json(audited, "NEW")),
        ("DELETE", "", "removed", _json(audited, "OLD"), "NULL"),
    ):
        row = "OLD" if event == "DELETE" else "NEW"
        of_row = ", ".join(f"{row}.{name}" if name in table.columns else "NULL" for name in _WHOSE)
        named = f'{row}."{column}"' if column else "NULL"
        only = f" AND ({changed})" if event == "UPDATE" else ""
        name = f"audited_{table.name}_{event.lower()}"
        yield f"DROP TRIGGER IF EXISTS {name}"
        yield (
            f"CREATE TRIGGER {name} AFTER {event}{of_columns} ON {table.name}"
            f" WHEN EXISTS (SELECT 1 FROM acting){only} BEGIN"
            f" INSERT INTO audit ({_COLUMNS})"
            f" SELECT at_s, who, by_tenant, {of_row}, '{action}', '{noun}', {_subject(table, row)},"
            f" {named}, {before}, {after}"
            " FROM acting; END"
        )


def _of(audited: Sequence[Column[object]]) -> str:
    """Return the condition that an update sets one of these columns: an uplink sets others of its device."""
    return " OF " + ", ".join(f'"{each.name}"' for each in audited)


def _json(audited: Sequence[Column[object]], row: str) -> str:
    def value(column: Column[object]) -> str:
        of_row = f'{row}."{column.name}"'
        if isinstance(column.type, Boolean):
            return f"json(CASE {of_row} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE 'null' END)"
        return of_row

    pairs = ", ".join(f"'{each.name}', {value(each)}" for each in audited)
    return f"json_object({pairs})"


_FUNCTION = f"""
CREATE OR REPLACE FUNCTION landbridge_audit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    old_row jsonb := CASE WHEN TG_OP = 'INSERT' THEN NULL ELSE to_jsonb(OLD) END;
    new_row jsonb := CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE to_jsonb(NEW) END;
    key_row jsonb := coalesce(new_row, old_row);
    said_before jsonb := (
        SELECT jsonb_object_agg(key, value) FROM jsonb_each(old_row) WHERE key = ANY (TG_ARGV[2]::text[]));
    said_after jsonb := (
        SELECT jsonb_object_agg(key, value) FROM jsonb_each(new_row) WHERE key = ANY (TG_ARGV[2]::text[]));
BEGIN
    IF said_before IS NOT DISTINCT FROM said_after THEN
        RETURN NULL;
    END IF;
    INSERT INTO audit ({_COLUMNS})
    VALUES (
        current_setting('{_AT}')::bigint, current_setting('{_WHO}'),
        nullif(current_setting('{_TENANT}', true), ''),
        key_row ->> 'device', (key_row ->> 'trip')::bigint, key_row ->> 'tenant',
        CASE TG_OP WHEN 'INSERT' THEN 'added' WHEN 'UPDATE' THEN 'changed' ELSE 'removed' END, TG_ARGV[0],
        (SELECT string_agg(key_row ->> name, '/' ORDER BY place)
            FROM unnest(TG_ARGV[1]::text[]) WITH ORDINALITY AS keys(name, place)),
        key_row ->> TG_ARGV[3],
        said_before::text, said_after::text
    );
    RETURN NULL;
END $$
"""


def _on_server(table: Table) -> Iterator[str]:
    noun, _left_out, column = AUDITED[table.name]
    key = ",".join(each.name for each in table.primary_key)
    audited = columns(table)
    names = ",".join(each.name for each in audited)
    yield f"DROP TRIGGER IF EXISTS audited ON {table.name}"
    yield (
        f"CREATE TRIGGER audited AFTER INSERT OR UPDATE{_of(audited)} OR DELETE ON {table.name} FOR EACH ROW"
        f" WHEN (coalesce(current_setting('{_WHO}', true), '') <> '')"
        f" EXECUTE FUNCTION landbridge_audit('{noun}', '{{{key}}}', '{{{names}}}', '{column}')"
    )
