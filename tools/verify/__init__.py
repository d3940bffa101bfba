"""Fault injection, power cuts, random bytes, long trips, benchmarks. The firmware can be imported here."""

import sys

from tools.flash.layout import FIRMWARE, STAND_INS

for _folder in (STAND_INS, FIRMWARE):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))
