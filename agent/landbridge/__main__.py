"""`python -m landbridge`: the command, where its script is not installed."""

from landbridge.cli import app

app()
