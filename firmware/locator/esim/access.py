"""The access point of the profile in use, which every session needs.

An access point is a list: [APN, user, password, hosts, updates], text as bytes. `hosts`, [name, port, name,
port, ...], are the allowed hosts, the broker first; empty: those of the provisioning. `updates`, [APN, user,
password, name, port], is a second access point over which releases are pulled, from that broker; empty: the
same access point is used.

A new access point is not confirmed until the agent has answered over it: until then the previous one is kept,
too. Without an answer the two are exchanged (`go_back`), repeatedly, until one is confirmed; the other is not
used again under this policy.
"""

import os

from micropython import const

from locator.codec import checked
from locator.esim import files

_FILE = "/access.bin"
_OTHER = "/access.alt"  # an empty list: that of the provisioning
_LOST = "/access.bad"
_UPDATES = const(4)


def use(folder, driver):
    """Pass it to the driver, unless that of the provisioning is in use."""
    found = kept(folder)
    if found:
        give(driver, found)


def give(driver, point):
    """Let the driver use this access point."""
    apn, user, password, hosts, driver.updates = point
    driver.use(apn, (user, password), pairs(hosts))


def kept(folder):
    """Return the access point in flash; None if there is no such file, or it is damaged."""
    return _point(checked.read(folder + _FILE))


def _point(found):
    if type(found) is not list or len(found) not in (3, _UPDATES + 1):
        return None
    return found + [[]] * (_UPDATES + 1 - len(found))  # earlier releases kept three


def keep(folder, point):
    """Store this access point as the one in use; the previous one is kept. Raises OSError, `cbor.Full`."""
    before = kept(folder)
    if before == point:
        return
    if not checked.exists(folder + _OTHER):
        files.write(folder + _OTHER, before or [])
    files.write(folder + _FILE, point)


def answered(folder):
    """The agent has answered over the access point in use: the other one is not used again."""
    try:
        if checked.exists(folder + _OTHER):
            os.rename(folder + _OTHER, folder + _LOST)
    except OSError:  # after the next answer
        pass


def go_back(folder):
    """Exchange the two access points if neither is confirmed; return whether it was done. Raises OSError,
    `cbor.Full`."""
    other = checked.read(folder + _OTHER)
    if other is None:
        return False
    before = kept(folder)
    if other:
        files.write(folder + _FILE, other)
    else:
        forget(folder)
    files.write(folder + _OTHER, before or [])
    return True


def is_refused(folder, point):
    """Whether it is the kept one, or was found not to work."""
    return point in [_point(checked.read(folder + name)) for name in (_OTHER, _LOST)]


def forgive(folder):
    """A new policy was received: access points that did not work may be tried again."""
    checked.remove(folder + _LOST)


def forget(folder):
    """Use that of the provisioning again, from the next wake on."""
    checked.remove(folder + _FILE)


def point(values):
    """Return the access point from a profile's entry in the policy, after its ICCID."""
    found = _as_bytes(values)
    return found + [[]] * (_UPDATES + 1 - len(found))


def pairs(hosts):
    """Return ((name, port), ...) from a flat list."""
    return tuple([(hosts[i], hosts[i + 1]) for i in range(0, len(hosts), 2)])


def _as_bytes(values):
    found: list = []
    for each in values:
        found.append(_as_bytes(each) if type(each) is list else each.encode() if type(each) is str else each)
    return found
