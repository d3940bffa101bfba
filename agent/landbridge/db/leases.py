"""Numbered leases that agents share out through PostgreSQL: each is held by one agent at most.

A lease is an advisory lock of a connection: free as soon as the server misses the agent that held it.
"""

import zlib
from contextlib import suppress
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from landbridge.db.database import Database


class Leases:
    """Leases of one kind, held by a connection of their own while in the context."""

    def __init__(self, database: Database, kind: str) -> None:
        self.held: set[int] = set()
        """Those that this agent holds, as far as it knows; `check` knows better."""
        self._database = database
        self.kind = zlib.crc32(kind.encode()) >> 1
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def take(self, number: int) -> bool:
        """Take a lease, if no other agent has it."""
        if number not in self.held and self._ask("SELECT pg_try_advisory_lock(:kind, :number)", number):
            self.held.add(number)
        return number in self.held

    def give_back(self, number: int) -> None:
        """Another one may have it."""
        self._ask("SELECT pg_advisory_unlock(:kind, :number)", number)
        self.held.discard(number)

    def check(self) -> bool:
        """Whether the leases that were held are held still; if not, none is."""
        try:
            self._ask("SELECT 1")
            return True
        except DBAPIError:
            return False

    def holders(self) -> int:
        """How many agents hold leases of this kind."""
        query = (
            "SELECT count(DISTINCT pid) FROM pg_locks"
            " WHERE locktype = 'advisory' AND classid = :kind AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        return int(self._ask(query) or 0)

    def _ask(self, query: str, number: int | None = None) -> int:
        """The answer; `DBAPIError` when the server is away: then none is held, and the next call connects
        again."""
        if self._connection is None:
            self._connection = self._database.lasting()
        values = {"kind": self.kind} | ({} if number is None else {"number": number})
        statement = text(query).bindparams(**{name: values[name] for name in values if f":{name}" in query})
        try:
            return int(self._connection.execute(statement).scalar_one())
        except DBAPIError:
            self._hang_up()
            raise

    def close(self) -> None:
        """Hold none any longer: others can take them when this returns."""
        if self.held:
            # The server notices some time after it that a connection was ended.
            with suppress(DBAPIError):
                self._ask("SELECT count(pg_advisory_unlock_all())")
        self._hang_up()

    def _hang_up(self) -> None:
        self.held.clear()
        if self._connection is not None:
            # With the connection its locks end, whatever state it is in.
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
