"""What the commands of tools/ take as numbers."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """Return a type for argparse: a whole number from `least` to `most`, if there is a most.

    A seed is whole(0): Python's random takes -1 for 1.
    """
    taken = f"{least} or more" if most is None else f"{least} to {most}"

    def number(word: str) -> int:
        try:
            value = int(word)
        except ValueError:
            value = least - 1
        if value < least or (most is not None and value > most):
            raise argparse.ArgumentTypeError(f"{word!r} is no whole number of {taken}") from None
        return value

    return number
