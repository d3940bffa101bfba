"""Walks printed from the running code: which files and functions a fix, a command, a profile switch, a page pass."""
