"""Numbered leases that agents share through PostgreSQL; one agent at most holds each. A lease is an advisory
lock of a connection: it is free as soon as the server notices that the connection has ended."""

import zlib
from contextlib import suppress
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from landbridge.db.database import Database


class Leases:
    """Leases of one kind, held by a connection of their own within the context."""

    def __init__(self, database: Database, kind: str) -> None:
        self.held: set[int] = set()
        """The leases that this agent held at the last check."""
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
        """Take a lease unless another agent has it."""
        if number not in self.held and self._ask("SELECT pg_try_advisory_lock(:kind, :number)", number):
            self.held.add(number)
        return number in self.held

    def give_back(self, number: int) -> None:
        """Release a lease."""
        self._ask("SELECT pg_advisory_unlock(:kind, :number)", number)
        self.held.discard(number)

    def check(self) -> bool:
        """Whether the leases are still held; if not, all are lost."""
        try:
            self._ask("SELECT 1")
            return True
        except DBAPIError:
            return False

    def holders(self) -> int:
        """Return how many agents hold leases of this kind."""
        query = (
            "SELECT count(DISTINCT pid) FROM pg_locks"
            " WHERE locktype = 'advisory' AND classid = :kind AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        return int(self._ask(query) or 0)

    def _ask(self, query: str, number: int | None = None) -> int:
        """Return the answer; `DBAPIError` when the server is away: then no lease is held, and the next call
        connects again."""
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
        """Release all leases; other agents can take them when this returns."""
        if self.held:
            # The server notices the end of a connection with a delay.
            with suppress(DBAPIError):
                self._ask("SELECT count(pg_advisory_unlock_all())")
        self._hang_up()

    def _hang_up(self) -> None:
        self.held.clear()
        if self._connection is not None:
            # The locks end with the connection, whatever its state.
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
