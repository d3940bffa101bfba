"""The access point of the profile in use, which every session needs.

A point is a list: [APN, user, password, hosts, updates], text as bytes. `hosts`, [name, port, name, port,
...], are those to which it may lead, the broker first; none: the provisioning's. `updates`, [APN, user,
password, name, port], is another over which pieces of releases are pulled, from that broker; an empty list:
over the same.

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
    """Give it to the driver, unless that of the provisioning is in use."""
    found = kept(folder)
    if found:
        give(driver, found)


def give(driver, point):
    """From now on the driver has this point."""
    apn, user, password, hosts, driver.updates = point
    driver.use(apn, (user, password), pairs(hosts))


def kept(folder):
    """The point in flash; None when there is no such file, or it is damaged."""
    return _point(checked.read(folder + _FILE))


def _point(found):
    if type(found) is not list or len(found) not in (3, _UPDATES + 1):
        return None
    return found + [[]] * (_UPDATES + 1 - len(found))  # earlier releases kept three


def keep(folder, point):
    """This point from now on; the one before stays as the other. Raises OSError, `cbor.Full`."""
    before = kept(folder)
    if before == point:
        return
    if not checked.exists(folder + _OTHER):
        files.write(folder + _OTHER, before or [])
    files.write(folder + _FILE, point)


def answered(folder):
    """The agent has answered under the point in use: the other one has lost."""
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
    """Whether it is the other one, or has lost."""
    return point in [_point(checked.read(folder + name)) for name in (_OTHER, _LOST)]


def forgive(folder):
    """A new policy has come: what has lost may be right now."""
    checked.remove(folder + _LOST)


def forget(folder):
    """That of the provisioning is in use again, from the next wake on."""
    checked.remove(folder + _FILE)


def point(values):
    """The access point from what the policy says of a profile, after its ICCID."""
    found = _as_bytes(values)
    return found + [[]] * (_UPDATES + 1 - len(found))


def pairs(hosts):
    """((name, port), ...) of a flat list."""
    return tuple([(hosts[i], hosts[i + 1]) for i in range(0, len(hosts), 2)])


def _as_bytes(values):
    found: list = []
    for each in values:
        found.append(_as_bytes(each) if type(each) is list else each.encode() if type(each) is str else each)
    return found
