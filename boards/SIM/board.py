"""The simulated board: a pipe to the world instead of pins."""

import os

NAME = "SIM"

# The simulated world chooses the modem.
MODEM = os.getenv("LOCKSTEP_MODEM")


def make_port():
    """The port that power_on.py has connected to the world."""
    import lockstep

    return lockstep.port
