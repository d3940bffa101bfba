"""A stand-in for MicroPython's `micropython`, to run the firmware under CPython."""


def const(value: int) -> int:
    """MicroPython's compiler folds `const(...)`; here it is the value itself."""
    return value
