"""The firmware's own modem drivers on a real modem, from a PC: what it does, and what it costs."""

from typing import Any

from tools.flash.layout import put_firmware_on_path

put_firmware_on_path()

from locator.modem import ModemSilent  # noqa: E402
from locator.modem.at import Channel as _Channel  # noqa: E402
from locator.modem.bg95.driver import Modem as Bg95  # noqa: E402
from locator.modem.sim7600.driver import Modem as Sim7600  # noqa: E402

# The firmware has no annotations.
Channel: Any = _Channel
Silent: Any = ModemSilent
DRIVERS: dict[str, Any] = {"bg95": Bg95, "sim7600": Sim7600}


class BenchError(Exception):
    """An error that the person at the bench can correct; its text is one line."""
