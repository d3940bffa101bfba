"""What the chip's boot does, for the simulated board: meet the world, run boot.py, then main.py."""

import lockstep

import boot  # noqa: F401  isort: skip

lockstep.port.charge()

import main  # noqa: E402, F401
