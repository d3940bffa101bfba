"""The firmware's own modem drivers on a real modem, from a PC: what it does, and what it costs."""

from importlib import import_module
from typing import Any

from tools.flash.layout import DRIVERS as FOLDER
from tools.flash.layout import FIRMWARE, put_firmware_on_path

put_firmware_on_path()

from locator.modem import ModemSilent  # noqa: E402
from locator.modem.at import Channel as _Channel  # noqa: E402

# The firmware has no annotations.
Channel: Any = _Channel
Silent: Any = ModemSilent
DRIVERS: dict[str, Any] = {
    name: import_module(f"locator.modem.{name}.driver").Modem
    for name in sorted(file.parent.name for file in (FIRMWARE / FOLDER).glob("*/driver.py"))
}


class BenchError(Exception):
    """An error that the person at the bench can correct; its text is one line."""
