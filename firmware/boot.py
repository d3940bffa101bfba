"""Runs first after every reset: puts the application slot on the path."""

import sys

sys.path.insert(0, "slot_a")
