"""Tracks in pages: one page is in memory at a time, and no transaction is long."""

from collections.abc import Iterator, Sequence

from landbridge.db.database import Database
from landbridge.points import cells
from landbridge.points.cells import Located
from landbridge.points.queries import points
from landbridge.points.rows import StoredPoint

PAGE = 1_000


class Paged:
    """The points of a device by time, undated ones last, for exports (`export.Track`)."""

    def __init__(
        self,
        database: Database,
        device: str,
        of_trips: Sequence[int] | None = None,
        span: tuple[int, int] | None = None,
    ) -> None:
        """Points of these trips (None: of any or none); with `span` dated ones in [from, until) only."""
        self._database = database
        self._wanted = (device, of_trips, span)

    def __iter__(self) -> Iterator[tuple[StoredPoint, Located | None]]:
        device = self._wanted[0]
        with self._database.reading() as connection:
            sequences = points.sequences(connection, *self._wanted)
        for first in range(0, len(sequences), PAGE):
            page = sequences[first : first + PAGE]
            with self._database.reading() as connection:
                found = points.of_sequences(connection, device, page)
                located = cells.locate(connection, found)
            stored = {each.point.seq: each for each in found}
            # Retention may have removed some meanwhile.
            yield from ((stored[seq], located.get(seq)) for seq in page if seq in stored)
