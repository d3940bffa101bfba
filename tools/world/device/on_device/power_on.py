"""The chip's boot on the simulated board: connects to the world, runs boot.py, then main.py."""

import lockstep

lockstep.connect()

import boot  # noqa: E402, F401  isort: skip

try:
    lockstep.port.charge()
except Exception:
    pass  # a slot that cannot be loaded: main.py meets it and deals with it

import main  # noqa: E402, F401
