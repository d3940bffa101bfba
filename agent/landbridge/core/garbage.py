"""How often Python looks for objects that nobody can reach."""

import gc

_OBJECTS_BETWEEN_COLLECTIONS = 50_000


def collect_seldom() -> None:
    """What is there now stays: no need to look at it again. A message, or a page of the fleet, makes many
    thousand objects that are gone with it; at Python's own pace a fifth of the time goes into looking for
    cycles among them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, 20, 20)
