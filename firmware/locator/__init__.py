"""The locator's firmware: one wake from reset to sleep."""

VERSION = "0.1.0"
