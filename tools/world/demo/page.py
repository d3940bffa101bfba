"""A picture of the device's page as the agent serves it, by Chromium where there is one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tools.world.services.processes import Agent

_CHROMIUM = (
    "--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1280,1560",
    "--virtual-time-budget=60000", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--disable-gpu",  # with a compositor of its own it takes the picture before the map is drawn
)  # fmt: skip
_PATIENCE_S = 120


def picture(agent: Agent, device: str, path: Path) -> bool:
    """Draw the page of `device` into `path`; False where there is no Chromium, or it draws nothing."""
    chromium = shutil.which("chromium")
    if not chromium:
        return False
    with agent.pages(device) as link:
        command = [chromium, *_CHROMIUM, f"--screenshot={path}", link]
        try:
            subprocess.run(command, capture_output=True, check=False, timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            return False
    return path.exists()
