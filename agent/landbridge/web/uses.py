"""The last use of sign-in sessions and tokens: noted by requests, written once a minute, so that no request
waits for it."""

from landbridge.core.periodic import Periodic
from landbridge.db.database import Database
from landbridge.features.users.queries import sessions, tokens

_EVERY_S = 60.0


class Uses(Periodic):
    """The sessions and tokens used since the last write."""

    finishes = True

    def __init__(self, database: Database) -> None:
        super().__init__("uses", "write the last use of sessions and tokens", _EVERY_S)
        self._database = database
        self._sessions: dict[int, int] = {}
        self._tokens: dict[int, int] = {}

    def of_session(self, session: int, now_s: int) -> None:
        """Note that a session was used."""
        self._sessions[session] = now_s

    def of_token(self, token: int, now_s: int) -> None:
        """Note that a token was used."""
        self._tokens[token] = now_s

    def turn(self) -> None:
        """Write what was noted."""
        of_sessions, self._sessions = self._sessions, {}
        of_tokens, self._tokens = self._tokens, {}
        if not (of_sessions or of_tokens):
            return
        with self._database.writing() as connection:
            for session, at_s in sorted(of_sessions.items()):
                sessions.note_use(connection, session, at_s)
            for token, at_s in sorted(of_tokens.items()):
                tokens.note_use(connection, token, at_s)
