"""The firmware's own plan: what the lab judges is what ships."""

from __future__ import annotations

import sys
from typing import Any

from tools.flash.layout import FIRMWARE, REPOSITORY

sys.path[:0] = [str(FIRMWARE), str(REPOSITORY / "tools" / "cpython")]

import locator.ahead  # noqa: E402
import locator.plan.battery  # noqa: E402
import locator.plan.budget  # noqa: E402
import locator.plan.decide  # noqa: E402
import locator.plan.guide  # noqa: E402
import locator.plan.menu  # noqa: E402
import locator.plan.networks  # noqa: E402
import locator.plan.policy  # noqa: E402
import locator.plan.state  # noqa: E402
import locator.settings  # noqa: E402

# The firmware has no annotations.
ahead: Any = locator.ahead
budget: Any = locator.plan.budget
battery: Any = locator.plan.battery
decide: Any = locator.plan.decide
guide: Any = locator.plan.guide
menu: Any = locator.plan.menu
networks: Any = locator.plan.networks
policy: Any = locator.plan.policy
st: Any = locator.plan.state
settings: Any = locator.settings
