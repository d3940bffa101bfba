"""Consignment references as people write them: NAME=TEXT."""

from collections.abc import Sequence

from landbridge.core.errors import UserError


def references(given: Sequence[str]) -> dict[str, str]:
    """Return the references by name; empty texts are left out. `UserError` for one of another form, or a name
    that is there twice."""
    found: dict[str, str] = {}
    for text in filter(None, map(str.strip, given)):
        name, _, value = text.partition("=")
        if not name or not value:
            raise UserError(f"reference {text!r} is not of the form NAME=TEXT, like order=4711")
        if name in found:
            raise UserError(f"reference {name!r} is given twice; give each its own name")
        found[name] = value
    return found
