"""The firmware's own plan, imported so that the lab runs the code that ships."""

from __future__ import annotations

from typing import Any

from tools.flash.layout import put_firmware_on_path

put_firmware_on_path()

import locator.scheduler.ahead  # noqa: E402
import locator.scheduler.battery  # noqa: E402
import locator.scheduler.budget  # noqa: E402
import locator.scheduler.decide  # noqa: E402
import locator.scheduler.networks  # noqa: E402
import locator.scheduler.pacing  # noqa: E402
import locator.scheduler.policy  # noqa: E402
import locator.scheduler.route  # noqa: E402
import locator.settings  # noqa: E402
import locator.state  # noqa: E402

# The firmware has no annotations.
ahead: Any = locator.scheduler.ahead
budget: Any = locator.scheduler.budget
battery: Any = locator.scheduler.battery
decide: Any = locator.scheduler.decide
route: Any = locator.scheduler.route
pacing: Any = locator.scheduler.pacing
networks: Any = locator.scheduler.networks
policy: Any = locator.scheduler.policy
st: Any = locator.state
settings: Any = locator.settings
