"""Memory of the hardware in addition to the lock-step port: the ESP32's port, the one sensor that stays, and
the pins of a real board."""

from locator.hal import esp32, lis2dh12  # noqa: F401

__import__("pins")  # board.py of a real board
