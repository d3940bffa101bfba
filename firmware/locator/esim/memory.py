"""The stored state of the card."""

from binascii import crc32

from micropython import const

from locator.esim import files
from locator.scheduler import profile

_MOST_EVENTS = const(8)
_MOST_PROFILES = const(12)

# Outcomes of events.
COMMITTED = const(1)
ROLLED_BACK = const(2)
ON_FALLBACK = const(3)
REFUSED_BY_CARD = const(4)
NO_CONNECTION = const(5)
REFUSED_POLICY = const(7)  # the cause is its revision
NO_ANSWER = const(8)  # with the access point in use: the previous one, or that of the policy, follows
QUOTA = const(9)  # so many percent (the cause) of the profile's quota of this month are used
BLOCKED = const(10)  # the policy blocks the country of this MCC (the cause)


class Memory:
    """`p`: the integers of scheduler/profile.py; `interface`: the interface to the card that works
    (esim/apdu.py) with the
    modem's firmware `modem` (its CRC-32); `method`: how profiles are enabled; `eid` text; `profiles`: (ICCID,
    kind) each; `events`: [epoch seconds or 0, profile before, profile after, outcome, cause] not reported
    yet; `follows`: the revision of the policy for which `p` is."""

    def __init__(self, folder):
        self._path = folder + files.CARD
        self.p = profile.new()
        self.modem = self.interface = self.method = self.follows = 0
        self.eid = ""
        self.profiles: list = []
        self.events: list = []
        found = files.read(self._path, files.FOLLOWS)
        if found and len(found[files.INTEGERS]) == profile.SIZE:
            for i, value in enumerate(found[files.INTEGERS]):
                self.p[i] = value
            self.modem, self.interface, self.method, self.eid = found[files.MODEM : files.LISTED]
            self.profiles, self.events, self.follows = found[files.LISTED :]

    def follow(self, policy):
        """Change to this policy: decisions under the previous one are deleted, but not their number."""
        if self.follows != policy[files.REVISION]:
            self.follows = policy[files.REVISION]
            before, self.p = self.p, profile.new()
            for i in range(profile.NEXT, profile.COST):
                self.p[i] = before[i]
            self.p[profile.REQUESTED] = policy[files.REQUESTED]
            self.p[profile.FALLBACK] = policy[files.FALLBACK]

    def note(self, time, before, after, outcome, cause):
        """Add an event for the agent; if there is no room, the oldest is deleted."""
        self.events = (self.events + [[time, before, after, outcome, cause]])[-_MOST_EVENTS:]

    def save(self):
        """Replace the file. Raises OSError."""
        listed = [list(each) for each in self.profiles[:_MOST_PROFILES]]
        known = [
            list(self.p),
            self.modem,
            self.interface,
            self.method,
            self.eid,
            listed,
            self.events,
            self.follows,
        ]
        files.write(self._path, known)

    def modem_is(self, revision):
        """Note the modem's firmware `revision`; if it has changed, all interfaces are tried again."""
        number = crc32(revision) & 0x7FFFFFFF
        if number != self.modem:
            self.modem, self.interface = number, 0
