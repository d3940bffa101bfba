"""The audit log in words: who did what, and when."""

from sqlalchemy import Connection, insert, select, update

from landbridge.core.texts import stored
from landbridge.db import audited
from landbridge.db.tables import audit


def add(
    connection: Connection,
    who: str,
    what: str,
    now_s: int,
    device: str | None = None,
    tenant: str | None = None,
) -> None:
    """Say what was just done: `who` did `what`, a message, to `device` or to no single one, or to what is
    `tenant`'s. The words go to the entry of the change itself (db/audited.py); what has changed no row gets
    an entry of its own."""
    since = audited.since(connection)
    if since is not None:
        mine = audit.c.entry > since, audit.c.who == who
        entry, said = connection.execute(
            select(audit.c.entry, audit.c.what).where(*mine).order_by(audit.c.entry.desc()).limit(1)
        ).one_or_none() or (None, None)
        if entry is not None and said is None:
            owned = {} if tenant is None else {"tenant": tenant}
            connection.execute(update(audit).where(audit.c.entry == entry).values(what=stored(what), **owned))
            return
    by_tenant = audited.by_tenant(connection)
    values = {"at_s": now_s, "who": who, "by_tenant": by_tenant, "device": device, "tenant": tenant}
    connection.execute(insert(audit).values(**values, what=stored(what)))


def call(connection: Connection, noun: str, subject: object, name: str) -> None:
    """Give the entries on the row `subject` of a `noun` that this transaction has written the name that
    people know the row by, where no column of the row has it (db/audited.py)."""
    since = audited.since(connection)
    if since is not None:
        written = audit.c.entry > since, audit.c.noun == noun, audit.c.subject == str(subject)
        connection.execute(update(audit).where(*written).values(name=name))
