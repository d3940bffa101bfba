"""The locator's firmware: one wake from reset to sleep."""

VERSION = "0.1.0"

SEQUENCE = 1
"""Number of this release: higher than that of every release before."""
