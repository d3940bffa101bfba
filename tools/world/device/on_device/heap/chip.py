"""What hardware has in memory besides the lock-step port: that of the ESP32, the one sensor that stays, and
the pins of a real board."""

from locator.hal import esp32, lis2dh12  # noqa: F401

__import__("pins")  # board.py of a real board
