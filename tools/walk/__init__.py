"""Walks through the running code: the files that a fix, a command, a profile switch and a page pass."""
