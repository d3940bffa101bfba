"""Access points on a trip: the traffic over each, the hosts that the device contacts, and the operators'
refusals."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools.flash import release
from tools.flash.layout import FIRMWARE
from tools.modem.network.pdp import AccessPoint
from tools.modem.observer import Observer
from tools.modem.sim7600.gnss import XTRA_SERVER
from tools.world.radio.cards import UPDATES_APN
from tools.world.services.processes import BROKER_HOST, BROKER_PORT
from tools.world.stage import Stage

DAY_MS = 86_400_000
SERVER = ("pool.ntp.org", 123)
PROVISIONED_HOSTS = frozenset({(BROKER_HOST, BROKER_PORT), SERVER, XTRA_SERVER})
"""Who may be asked before there is a policy."""
MOST_REFUSED_A_DAY = 2
"""An access point for updates is asked for once a day; one refused context is asked for twice."""
NEXT = 2
"""The release that is offered."""
CHANGED = 8
"""So many of the scheduler's modules, the largest, are other ones in it: each is longer by a constant, and
the application has little room."""


@dataclass
class Access(Observer):
    """Watches the modem of a stage. `carried`: bytes by access point; `reached`: how often (APN, host, port)
    was asked for; `declined`: when (ms) a context was refused, by (APN, ESM cause)."""

    stage: Stage
    carried: Counter[str] = field(default_factory=Counter)
    reached: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    declined: dict[tuple[str, int], list[int]] = field(default_factory=dict)
    _offered: bool = False

    def after_wake(self, now_ms: int, folder: Path) -> None:
        """On the second day there is a release to pull; `folder` is made for it."""
        if not self._offered and now_ms >= DAY_MS:
            self._offered = True
            offer(self.stage, folder)

    def carries(self, apn: str, size: int) -> None:
        """See `Observer`."""
        self.carried[apn] += size

    def reaches(self, apn: str, host: str, port: int) -> None:
        """See `Observer`."""
        self.reached[apn, host, port] += 1

    def refuses(self, apn: str, cause: int) -> None:
        """See `Observer`."""
        self.declined.setdefault((apn, cause), []).append(int(self.stage.trip.env.now))

    def astray(self) -> list[str]:
        """Who was asked for over an access point that is not for them."""
        allowed = _allowed(self.stage.card.points)
        return [
            f"{host}:{port} over {apn}, {count} times"
            for (apn, host, port), count in sorted(self.reached.items())
            if (host, port) not in allowed.get(apn, frozenset())
        ]

    def short(self) -> list[str]:
        """One line for each demand that is not met."""
        found = [f"left by the wrong way: {each}" for each in self.astray()]
        if not self.carried[UPDATES_APN]:
            found.append(f"nothing went over {UPDATES_APN}")
        for (apn, cause), times_ms in sorted(self.declined.items()):
            most = max(Counter(ms // DAY_MS for ms in times_ms).values())
            if apn == UPDATES_APN and most > MOST_REFUSED_A_DAY:
                found.append(f"{apn}, refused for ESM cause {cause}, was asked for {most} times in a day")
        return found

    def summary(self) -> list[str]:
        """What went over each, and what was refused, a line each."""
        lines = [f"over {apn}: {size:,} bytes" for apn, size in sorted(self.carried.items())]
        for (apn, cause), times_ms in sorted(self.declined.items()):
            days = len({ms // DAY_MS for ms in times_ms})
            lines.append(f"{apn} refused for ESM cause {cause}: {len(times_ms)} times on {days} days")
        return [*lines, f"asked for by the wrong way {len(self.astray())}"]


def _allowed(points: Mapping[str, Mapping[str, AccessPoint]]) -> dict[str, frozenset[tuple[str, int]]]:
    return {
        apn: PROVISIONED_HOSTS if point.hosts is None else point.hosts
        for known in points.values()
        for apn, point in known.items()
    }


def offer(built: Stage, folder: Path) -> None:
    """Give the agent this firmware as the next release, so that there is something to pull."""
    firmware = folder / "firmware"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(FIRMWARE, firmware, ignore=shutil.ignore_patterns("__pycache__"))
    path = firmware / "locator" / "__init__.py"
    path.write_text(path.read_text().replace("SEQUENCE = 1", f"SEQUENCE = {NEXT}"))
    modules = (firmware / "locator" / "scheduler").glob("*.py")
    for module in sorted(modules, key=lambda each: each.stat().st_size)[
        -CHANGED:
    ]:  # only what is other is pulled
        module.write_text(module.read_text() + f"\nRELEASE = {NEXT}\n")
    release.build(folder / "release", "SIM", firmware, built.modem.dialect.name)
    do = built.services.agent.do
    do("updates", "add", str(folder / "release"))
    do("updates", "roll-out", str(NEXT), "--board", "SIM", "--canaries", "1", "--days", "0")
