"""Indices of the numbers in `senses`, with which a wake begins: clock, wake reason, sensor values."""

from micropython import const

CLOCK_S = const(0)
WAKE_REASON = const(1)  # hal.WAKE_*
RESET_CAUSE = const(2)
BATTERY_MV = const(3)  # 0: it is not known
TEMPERATURE_DC = const(4)  # 0.1 C
MOTIONS = const(5)  # since the wake before, -1: nothing counts them
LUX = const(6)
SHOCK_MG = const(7)
TILT_DEG = const(8)
LID_OPEN = const(9)
