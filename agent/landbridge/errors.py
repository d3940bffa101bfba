"""The error a person can do something about."""


class UserError(Exception):
    """What is wrong and the remedy, in one line; the command prints it and exits with 2."""
