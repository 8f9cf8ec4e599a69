"""A sequence that only grows, and whose earlier states stay as they were."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar, overload

Item_co = TypeVar("Item_co", covariant=True)


class Grown(Sequence[Item_co]):
    """Immutable to whoever holds it; :meth:`plus` shares the items instead of copying them.

    Many of these look at one list, each at its own first so many items. So a history of ten thousand
    versions costs a save no more than one of ten. Growing the same state a second time copies it.
    """

    __slots__ = ("_items", "_length")

    def __init__(self, items: Iterable[Item_co] = ()) -> None:
        self._items = list(items)
        self._length = len(self._items)

    def plus(self, items: Iterable[Item_co]) -> "Grown[Item_co]":
        """This, and behind it ``items``."""
        shared = self._items if len(self._items) == self._length else self._items[: self._length]
        shared.extend(items)
        grown: Grown[Item_co] = Grown()
        grown._items, grown._length = shared, len(shared)
        return grown

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Item_co]:
        return islice(self._items, self._length)

    @overload
    def __getitem__(self, index: int) -> Item_co: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Item_co]: ...
    def __getitem__(self, index: int | slice) -> Item_co | Sequence[Item_co]:
        if isinstance(index, slice):
            return tuple(self._items[at] for at in range(*index.indices(self._length)))
        at = index + self._length if index < 0 else index
        if not 0 <= at < self._length:
            raise IndexError(index)
        return self._items[at]

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # as for other values that may hold anything

    def __repr__(self) -> str:
        return f"Grown({list(self)!r})"
