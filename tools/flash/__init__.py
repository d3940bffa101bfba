"""Builds the contents of a device's flash from the firmware's sources."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
FIRMWARE = REPOSITORY / "firmware"
BOARDS = REPOSITORY / "boards"

WORN_OUT = "the flash does not hold what was written: it is worn out or its supply is weak"

NEW_ID = "the tracker then needs a new device id (landbridge devices add): the old one would repeat sequences"
"""The remedy when the records of a tracker were erased (docs/guide/replace-a-tracker.md)."""


class LayoutError(Exception):
    """A module does not compile, or a board is not there or wrong; the message says which and what to do."""
