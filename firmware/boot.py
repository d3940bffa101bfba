"""Runs first after every reset: puts the application slot on the path."""

import sys

import slots

sys.path.insert(0, slots.choose())
