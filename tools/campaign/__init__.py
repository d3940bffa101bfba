"""Campaigns against the firmware: every command with every fault, bytes at random, power cuts."""

import sys

from tools.flash.layout import FIRMWARE, REPOSITORY

for _folder in (REPOSITORY / "tools" / "cpython", FIRMWARE):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))
