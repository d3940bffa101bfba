"""How a command of tools/ ends when it fails in a way that is expected."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable


def one_line(*expected: type[Exception]) -> Callable[[Callable[[], int]], Callable[[], int]]:
    """Let a command print an `expected` error in one line and return 1; 130 when it is interrupted."""

    def ending(main: Callable[[], int]) -> Callable[[], int]:
        @functools.wraps(main)
        def run() -> int:
            try:
                return main()
            except expected as error:
                print(error, file=sys.stderr)
                return 1
            except KeyboardInterrupt:
                print("interrupted", file=sys.stderr)
                return 130

        return run

    return ending
