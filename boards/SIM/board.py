"""The simulated board: the world's end of a pipe in place of pins."""

import os

NAME = "SIM"

# Which modem is fitted is up to whoever starts the world.
MODEM = os.getenv("LOCKSTEP_MODEM")


def make_port():
    """The port that power_on.py has connected to the world."""
    import lockstep

    return lockstep.port
