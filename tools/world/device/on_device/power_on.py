"""What the chip's boot does, for the simulated board: meet the world, run boot.py, then main.py."""

import lockstep

lockstep.connect()

import boot  # noqa: E402, F401  isort: skip

try:
    lockstep.port.charge()
except Exception:
    pass  # a slot that cannot be loaded: main.py meets it and deals with it

import main  # noqa: E402, F401
