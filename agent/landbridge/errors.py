"""The error a person can do something about."""

import unicodedata


class UserError(Exception):
    """What is wrong and the remedy, in one line; the command prints it and exits with 2."""


def is_one_line(text: str) -> bool:
    """True for text without control characters, and without bytes that were no UTF-8."""
    return all(unicodedata.category(character) not in ("Cc", "Cs") for character in text)
