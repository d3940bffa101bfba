"""The database. Functions here, and only here, know SQL; each takes the connection to work on.

All times are epoch seconds (`landbridge.core.clock`), names ending in `_s`.
"""
