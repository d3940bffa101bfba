"""Walks through the running code: which files a fix, a command, a profile switch and a page pass."""
