"""Runs after boot.py: builds the board's port, runs one wake, sleeps."""

import board
from locator import wake

port = board.make_port()
port.deepsleep(*wake.run(port, board))
