"""Intervals of Python's garbage collection."""

import gc

_OBJECTS_BETWEEN_COLLECTIONS = 50_000


def collect_seldom() -> None:
    """Exempt the objects that exist now, and collect the others less often. A message, or a page of the
    fleet, makes many thousand objects that are freed with it. At Python's default rate a fifth of the time is
    spent on looking for cycles among them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, 20, 20)
