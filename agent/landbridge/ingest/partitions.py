"""The fleet's partitions that this agent holds, when several agents share it."""

from math import ceil

from landbridge.core.errors import UserError
from landbridge.db.database import Database
from landbridge.db.leases import Leases

_MOST_AGENTS = 1000


class HeldPartitions:
    """This agent's presence among the agents, and the partitions that it holds."""

    def __init__(self, database: Database, presence: Leases) -> None:
        self._presence = presence
        self._partitions = Leases(database, "partitions")
        self.number = self._appear()
        """This agent's number, from 0."""

    def balance(self, partitions: int) -> set[int]:
        """Release partitions beyond this agent's part, or take free ones up to it; return those held."""
        self._presence.check()
        if self.number not in self._presence.held:
            self.number = self._appear()
        self._partitions.check()
        fair_share = ceil(partitions / max(1, self._presence.holders()))
        for partition in sorted(self._partitions.held)[fair_share:]:
            self._partitions.give_back(partition)
        # Each agent begins elsewhere, so that agents that start together seldom want the same.
        for place in range(partitions):
            if len(self._partitions.held) >= fair_share:
                break
            self._partitions.take((place + self.number * fair_share) % partitions)
        return set(self._partitions.held)

    def close(self) -> None:
        """Release all partitions."""
        self._partitions.close()

    def _appear(self) -> int:
        for number in range(_MOST_AGENTS):
            if self._presence.take(number):
                return number
        raise UserError(f"{_MOST_AGENTS} agents use this database: that is the maximum")
