"""The options of a command that changes some values of a thing."""

from typing import Any

from landbridge.core.errors import UserError
from landbridge.core.texts import _


def given(**options: Any) -> dict[str, Any]:
    """Return the options that were given, by name; `UserError` if none was."""
    found = {name: value for name, value in options.items() if value not in (None, [])}
    if not found:
        known = ", ".join(f"--{name}" for name in options)
        raise UserError(_("nothing to change; give at least one of {options}", options=known))
    return found
