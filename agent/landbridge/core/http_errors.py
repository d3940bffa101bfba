"""Why a message was not taken."""


class Away(Exception):
    """The integration takes nothing now, whatever it is: all its messages wait."""


class Refused(Exception):
    """The integration is there and does not take this message: it waits, with those of its device after
    it."""
