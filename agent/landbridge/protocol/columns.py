"""Rows that are kept as columns: from an uplink to the tables, single rows are seldom needed."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import compress
from typing import Any, ClassVar, Self, TypeVar, overload

T = TypeVar("T")


class Rows(Sequence[T]):
    """A sequence of `T`, each made on demand, of one value of each column."""

    __slots__ = ("columns",)
    places: ClassVar[Mapping[str, int]]
    """Indices of the columns, by name."""

    def __init__(self, columns: Sequence[Sequence[Any]]) -> None:
        """`columns` are all of the same length; there is one at least."""
        self.columns = columns

    @staticmethod
    @abstractmethod
    def _made(values: Sequence[Any]) -> T:
        """The row of these values."""

    def column(self, name: str) -> Sequence[Any]:
        """The values of all rows in one column."""
        return self.columns[self.places[name]]

    def values(self, first: int = 0, end: int | None = None) -> Iterator[tuple[Any, ...]]:
        """The values of each row, in the columns from place `first` to before `end`."""
        return zip(*self.columns[first:end], strict=True)

    def only(self, chosen: Iterable[bool]) -> Self:
        """The rows that are `chosen`."""
        mask = list(chosen)
        return type(self)([list(compress(column, mask)) for column in self.columns])

    def __len__(self) -> int:
        return len(self.columns[0])

    def __iter__(self) -> Iterator[T]:
        return map(self._made, self.values())

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> Self: ...
    def __getitem__(self, place: int | slice) -> T | Self:
        values = [column[place] for column in self.columns]
        return type(self)(values) if isinstance(place, slice) else self._made(values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self)})"
