"""The policy of the profiles, as the agent has sent it: [revision, requested, fallback, [[ICCID, APN, user,
password], ...], [[MCC, number, ...], ...]]. A profile may have three more: its hosts, [APN, user, password,
host, port] for updates or nothing (esim/access.py), and kilobytes a month (esim/limits.py). Numbers count the
profiles from 1 on, 0: none; MCC 0: all other countries; a row without profiles blocks the country. Without
profiles the card is left as it is.
"""

from micropython import const

from locator.esim import files

_MOST_PROFILES = const(8)  # as in scheduler/profile.py
_MOST_ROWS = const(40)
_MOST_TEXT = const(63)
_MOST_HOSTS = const(4)


def read(folder, name=files.POLICY):
    """Return the policy in force, or the one received last, a list as in esim/files.py; None if there is
    none, or it is invalid."""
    found = files.read(folder + name, files.ROWS)
    return found if found and is_policy(found) else None


def number_of(found, iccid):
    """Return the number of a profile (ten bytes) in the policy, 0 if it is not in it."""
    for i, each in enumerate(found[files.PROFILES] if found else []):
        if each[0] == iccid:
            return i + 1
    return 0


def is_policy(value):
    revision, requested, fallback, profiles, rows = value
    if type(profiles) is not list or len(profiles) > _MOST_PROFILES or type(rows) is not list:
        return False
    if not _is_number(revision, 1, 0x7FFFFFFF) or len(rows) > _MOST_ROWS:
        return False
    count = len(profiles)
    if not _is_number(requested, 0, count) or not _is_number(fallback, 0, count):
        return False
    return all(_is_profile(each) for each in profiles) and all(_is_row(row, count) for row in rows)


def _is_profile(value):
    if type(value) is not list or not 4 <= len(value) <= 7 or type(value[0]) is not bytes:
        return False
    if len(value[0]) != 10 or not all(_is_text(each) for each in value[1:4]):
        return False
    if len(value) > 4 and not _are_hosts(value[4], 0):
        return False
    if len(value) == 7 and not _is_number(value[6], 1, 0xFFFFF):
        return False
    return len(value) < 6 or (len(value) == 7 and value[5] == []) or _is_updates(value[5])


def _is_updates(value):
    if type(value) is not list or len(value) != 5 or not all(_is_text(each) for each in value[:3]):
        return False
    return _are_hosts(value[3:], 1)


def _are_hosts(value, least):
    if type(value) is not list or len(value) % 2 or not least <= len(value) // 2 <= _MOST_HOSTS:
        return False
    names, ports = value[0::2], value[1::2]
    return all(_is_text(each) and each for each in names) and all(
        _is_number(each, 1, 65535) for each in ports
    )


def _is_text(value):
    """Whether a text may be part of an AT command."""
    if type(value) is not str or len(value) > _MOST_TEXT:
        return False
    return all(" " <= letter <= "~" and letter != '"' for letter in value)


def _is_row(value, count):
    if type(value) is not list or not value or not _is_number(value[0], 0, 999):
        return False
    return (len(value) > 1 or value[0] > 0) and all(_is_number(number, 1, count) for number in value[1:])


def _is_number(value, least, most):
    return type(value) is int and least <= value <= most
