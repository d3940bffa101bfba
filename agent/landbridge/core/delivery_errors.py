"""The error for a message that was not accepted, with its reason."""


class Away(Exception):
    """The integration accepts nothing at present: all its messages wait."""


class Gone(Away):
    """The integration says that it will never accept anything again."""


class Refused(Exception):
    """The integration refuses this message: it waits, with later ones of its device."""
