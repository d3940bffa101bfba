"""Why a message was not accepted."""


class Away(Exception):
    """The integration accepts nothing at present: all its messages wait."""


class Refused(Exception):
    """The integration refuses this message: it waits, with later ones of its device."""
