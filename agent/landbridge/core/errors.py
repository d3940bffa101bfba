"""The error that a person can correct."""

import unicodedata


class UserError(Exception):
    """What is wrong and the remedy, in one line; the command prints it and exits with 2. A page shows it at
    the `field` of its form that is wrong; empty: at the form."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


def is_one_line(text: str) -> bool:
    """True for text without control characters, and without bytes that were no UTF-8."""
    return all(unicodedata.category(character) not in ("Cc", "Cs") for character in text)
