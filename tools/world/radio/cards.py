"""The cards of a trip: their profiles, where each may be used, and the policy for a card with several
profiles.

Model values: which operators resell what to whom is their secret. The single roaming card meets the refusals
of the world's networks (rules.py); what stands in an agreement is accepted, but for congestion.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from landbridge.geo.route import MCC

from tools.modem.card.applet import AppletCard, Identity
from tools.modem.card.card import Card
from tools.modem.card.euicc import Euicc
from tools.modem.card.profile import Profile
from tools.modem.network.pdp import NOT_SUBSCRIBED, AccessPoint
from tools.world.services.processes import BROKER_HOST, BROKER_PORT, UPDATES_HOST

ROAMING, CIS, EUROPE, CHINA = "204046612345678", "901280000000002", "901280000000003", "901280000000004"
CHINESE, EASTERN, WESTERN = frozenset({"460"}), frozenset({"401", "250", "257"}), frozenset({"260", "262"})
EVERYWHERE = CHINESE | EASTERN | WESTERN
POLICY = """
fallback = "roaming"

[profile.roaming]
iccid = "8931440400012345678"
apn = "iot.example"

[profile.cis]
iccid = "8988280000000000022"
apn = "east.example"

[profile.europe]
iccid = "8988280000000000033"
apn = "west.example"

[profile.china]
iccid = "8988280000000000044"
apn = "cn.example"

[countries]
460 = ["china"]
401 = ["cis"]
250 = ["cis"]
257 = ["cis"]
260 = ["europe"]
262 = ["europe"]
elsewhere = ["roaming"]
"""
PROVISIONED_APN = "iot"
"""The access point of a device without a policy; it allows any host."""
UPDATES_APN = "updates.example"
DIRECTED = f"""
hosts = ["{BROKER_HOST}:{BROKER_PORT}"]

[profile.{{name}}.updates]
apn = "{UPDATES_APN}"
host = "{UPDATES_HOST}:{BROKER_PORT}"
"""
"""Appended to each profile of a policy with an access point for positions and one for updates."""
NOT_SUBSCRIBED_BY = CHINA
"""The identity that may not use the second one."""
KINDS = ("single", "single-everywhere", "euicc4", "applet")
LANDING = "euicc-landing"
"""The kind that is like "euicc4" after its downloads."""
IOT_LANDING = "iot-landing"
"""The same with an IoT eUICC, associated with the agent before the trip; `make cards` leaves it out."""
LOADED = {
    "LANDING-CIS": ("8988280000000000022", CIS, "cis"),
    "LANDING-EUROPE": ("8988280000000000033", EUROPE, "europe"),
    "LANDING-CHINA": ("8988280000000000044", CHINA, "china"),
}
"""The profiles of the policy that are downloaded on the way: ICCID, IMSI and name by MatchingID."""


@dataclass(frozen=True)
class Issued:
    """A card. `agreements`: countries (MCC) in which an IMSI is accepted, and those alone; an IMSI that is
    not in it meets the refusals of the world. `policy`: for the agent, "" for none."""

    card: Card
    agreements: Mapping[str, frozenset[str]]
    policy: str = ""
    points: Mapping[str, Mapping[str, AccessPoint]] = field(default_factory=dict)
    """By IMSI the access points that its operator knows."""
    offers: Mapping[str, tuple[str, str, str]] = field(default_factory=dict)
    """As LOADED, what the SM-DP+ server has for it; the policy has `{server}` for its address."""

    def switches(self) -> int:
        """How often it has become another."""
        if isinstance(self.card, Euicc):
            return len(self.card.switches)
        return len(self.card.rotations) if isinstance(self.card, AppletCard) else 0

    @property
    def is_iot(self) -> bool:
        """Whether it obeys the agent alone."""
        return isinstance(self.card, Euicc) and self.card.iot

    def wanted(self, countries: Collection[str]) -> int:
        """How many of the `offers` are for one of these countries (ISO 3166-1)."""
        mccs = {str(MCC[country]) for country in countries}
        return sum(not mccs.isdisjoint(self.agreements[imsi]) for _iccid, imsi, _name in self.offers.values())


def issue(kind: str, apns: int = 1) -> Issued:
    """A new card of one of `KINDS`, or for landings; with two `apns` the policy of its profiles tells
    what each is for."""
    roaming = Profile("8931440400012345678", ROAMING, "roaming", "R", fallback=True)
    agreements = {CIS: EASTERN, EUROPE: WESTERN, CHINA: CHINESE}
    if kind in (LANDING, IOT_LANDING):
        return Issued(Euicc([roaming], iot=kind == IOT_LANDING), agreements, landing(), offers=LOADED)
    if kind == "euicc4":
        profiles = [
            roaming,
            Profile("8988280000000000022", CIS, "cis", "M"),
            Profile("8988280000000000033", EUROPE, "europe", "M"),
            Profile("8988280000000000044", CHINA, "china", "M"),
        ]
        if apns == 2:
            return Issued(Euicc(profiles), agreements, directed(), _points())
        return Issued(Euicc(profiles), agreements, POLICY)
    if kind == "applet":
        identities = [
            Identity(CHINA, CHINESE, "china"),
            Identity(CIS, EASTERN, "cis"),
            Identity(EUROPE, WESTERN, "europe"),
        ]
        return Issued(AppletCard(identities), {each.imsi: each.countries for each in identities})
    return Issued(Card(), {ROAMING: EVERYWHERE} if kind == "single-everywhere" else {})


def landing() -> str:
    """The policy with an activation code for each profile that is to be downloaded."""
    found = POLICY
    for matching_id, (iccid, _imsi, _name) in LOADED.items():
        line = f'iccid = "{iccid}"\n'
        found = found.replace(line, f'{line}download = "LPA:1${{server}}${matching_id}"\n')
    return found


def directed() -> str:
    """The policy with two access points a profile."""
    return re.sub(
        r"\[profile\.(\w+)\]\niccid = .*\napn = .*\n",
        lambda found: found[0].rstrip("\n") + DIRECTED.format(name=found[1]),
        POLICY,
    )


def _points() -> dict[str, dict[str, AccessPoint]]:
    """What the operators know: each access point leads to one host."""
    first = {ROAMING: "iot.example", CIS: "east.example", EUROPE: "west.example", CHINA: "cn.example"}
    broker = AccessPoint(frozenset({(BROKER_HOST, BROKER_PORT)}))
    updates = frozenset({(UPDATES_HOST, BROKER_PORT)})
    known = {
        imsi: {apn: broker, UPDATES_APN: AccessPoint(updates, NOT_SUBSCRIBED * (imsi == NOT_SUBSCRIBED_BY))}
        for imsi, apn in first.items()
    }
    known[ROAMING][PROVISIONED_APN] = AccessPoint()
    return known
