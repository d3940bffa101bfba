"""The controls as pure functions of a card's limits and of observations, so that test cases in a file can
check them. The names of `Observed` are those of a case in such a file. None means unknown: then the rule is
not evaluated."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from landbridge.core.checked import one_of, strict
from landbridge.features.sims.controls import Controls, Network
from landbridge.geo.distance import Place

STAGES = ("stock", "test", "active", "suspended", "retired")
"""The life cycle of a card. A card in stock, suspended or retired must not be in use."""
SPEAKING = ("test", "active")
_IMEI_DIGITS = 14
"""The digits of an IMEI that identify the modem. A check digit or software version may follow, depending on
the source."""
_DIFFER = 0.2
_LEAST_BYTES = 1_000_000


@strict
@dataclass(frozen=True)
class Card:
    """The inventory's data on a card."""

    iccids: tuple[str, ...] = ()
    """ICCIDs of its profiles; a card that is no eUICC has one."""
    imsis: tuple[str, ...] = ()
    """IMSIs that its applet may use; empty: any."""
    imei: str | None = None
    """IMEI that it is bound to; None: not bound yet."""
    stage: Annotated[str, one_of(STAGES)] = "active"
    blocked: str | None = None
    """Why it is blocked."""


@strict
@dataclass(frozen=True)
class Observed:
    """The observations of a card at one time."""

    imei: str | None = None
    iccid: str | None = None
    imsi: str | None = None
    plmn: Network | None = None
    latitude: float | None = None
    longitude: float | None = None
    accuracy_m: float = 0.0
    """Error of latitude and longitude in metres."""
    month_bytes: int | None = None
    """Bytes since the first of the month, by the agent's model."""
    hosts: tuple[str, ...] | None = None
    """name:port of all hosts that the policy allows."""
    voice: bool | None = None
    sms: bool | None = None
    carrier_imei: str | None = None
    """Data of the vendor's platform."""
    carrier_bytes: int | None = None
    carrier_locked: bool | None = None
    """Whether it is locked, by the vendor's platform."""


class Rule(NamedTuple):
    """The rule of a control."""

    severity: str
    demanded: Callable[[Controls], bool]
    """Whether the controls contain it."""
    applies: Callable[[Controls, Observed], bool]
    """Whether enough is known to evaluate it."""
    broken: Callable[[Controls, Card, Observed], str | None]
    """The violation, or None."""


def evaluate(demands: Controls, card: Card, observed: Observed) -> dict[str, str | None]:
    """Return why each control that can be evaluated is broken; None if it is kept or not required."""
    return {
        name: rule.broken(demands, card, observed) if rule.demanded(demands) else None
        for name, rule in RULES.items()
        if not rule.demanded(demands) or rule.applies(demands, observed)
    }


def _separation(_: Controls, card: Card, observed: Observed) -> str | None:
    for imei, who in ((observed.imei, "reported"), (observed.carrier_imei, "seen by its network")):
        if card.imei is not None and imei is not None and imei[:_IMEI_DIGITS] != card.imei[:_IMEI_DIGITS]:
            return f"in IMEI {imei} as {who}, bound to {card.imei}"
    return None


def _binding(_: Controls, card: Card, observed: Observed) -> str | None:
    if observed.iccid not in card.iccids:
        return f"ICCID {observed.iccid} does not belong to the card"
    if observed.imsi and card.imsis and observed.imsi not in card.imsis:
        return f"IMSI {observed.imsi} does not belong to the card"
    return None


def _region(demands: Controls, _: Card, observed: Observed) -> str | None:
    mcc = (observed.plmn or 0) // 1000
    return None if mcc in demands.regions else f"registered in country {mcc}, allowed: {demands.regions}"


def _network(demands: Controls, _: Card, observed: Observed) -> str | None:
    plmn = observed.plmn or 0
    if plmn in demands.blocked_networks:
        return f"registered with {plmn}, which is on the block list"
    of_country = [each for each in demands.networks if each // 1000 == plmn // 1000]
    return (
        f"registered with {plmn}, allowed there: {of_country}"
        if of_country and plmn not in of_country
        else None
    )


def _high_risk(demands: Controls, _: Card, observed: Observed) -> str | None:
    mcc = (observed.plmn or 0) // 1000
    return f"registered in country {mcc}, which is a high-risk region" if mcc in demands.high_risk else None


def _area(demands: Controls, _: Card, observed: Observed) -> str | None:
    away_km = _away_km(demands, observed)
    return f"{away_km:.0f} km outside its area" if away_km > 0 else None


def _away_km(demands: Controls, observed: Observed) -> float:
    """Return the kilometres outside the area; negative: inside."""
    here = Place(observed.latitude or 0.0, observed.longitude or 0.0)
    return min(here.metres_to(Place(lat, lon)) / 1000 - km for lat, lon, km in demands.area)


def _quota(percent: int) -> Callable[[Controls, Card, Observed], str | None]:
    def broken(demands: Controls, _: Card, observed: Observed) -> str | None:
        used = 100 * (observed.month_bytes or 0) / (demands.quota_mb * 1e6)
        return f"{used:.0f} % of {demands.quota_mb:g} MB this month" if used >= percent else None

    return broken


def _traffic(demands: Controls, _: Card, observed: Observed) -> str | None:
    directed = {host.lower() for host in demands.hosts}
    others = [host for host in observed.hosts or () if host.lower() not in directed]
    return f"may talk to {', '.join(others)}, directed to {', '.join(demands.hosts)}" if others else None


def _services(demands: Controls, _: Card, observed: Observed) -> str | None:
    on = [name for name in ("voice", "sms") if getattr(observed, name) and not getattr(demands, name)]
    return f"{' and '.join(on)} on" if on else None


def _blocked(_: Controls, card: Card, observed: Observed) -> str | None:
    may = observed.iccid in card.iccids or observed.carrier_locked is False
    return f"on the block list: {card.blocked}" if card.blocked is not None and may else None


def _life_cycle(_: Controls, card: Card, observed: Observed) -> str | None:
    spoke = observed.iccid in card.iccids or (observed.iccid is None and not observed.carrier_locked)
    return f"seen while {card.stage}" if card.stage not in SPEAKING and spoke else None


def _differs(_: Controls, __: Card, observed: Observed) -> str | None:
    ours, theirs = observed.month_bytes or 0, observed.carrier_bytes or 0
    most = max(ours, theirs)
    if most < _LEAST_BYTES or most - min(ours, theirs) <= _DIFFER * most:
        return None
    return f"its network counts {theirs} bytes this month, the agent {ours}"


def _always(_: Controls) -> bool:
    return True


def _speaks(_: Controls, observed: Observed) -> bool:
    return observed.iccid is not None


def _may_speak(demands: Controls, observed: Observed) -> bool:
    return _speaks(demands, observed) or observed.carrier_locked is not None


def _spoke(demands: Controls, observed: Observed) -> bool:
    # For bytes that the agent counted, too, the card's stage at the time of sending is unknown.
    elsewhere = bool(observed.carrier_bytes) and observed.month_bytes == 0
    return _speaks(demands, observed) or elsewhere or bool(observed.carrier_locked)


def _registered(_: Controls, observed: Observed) -> bool:
    return bool(observed.plmn)


def _both_off(demands: Controls) -> bool:
    return not (demands.voice and demands.sms)


def _has_imei(_: Controls, observed: Observed) -> bool:
    return observed.imei is not None or observed.carrier_imei is not None


def _located(demands: Controls, observed: Observed) -> bool:
    """Ignore a fix whose distance to the border is less than its error: at the border it would alternate."""
    return observed.latitude is not None and 1000 * abs(_away_km(demands, observed)) >= observed.accuracy_m


def _counted(_: Controls, observed: Observed) -> bool:
    return observed.month_bytes is not None


def _counted_twice(_: Controls, observed: Observed) -> bool:
    return observed.month_bytes is not None and observed.carrier_bytes is not None


def _has_hosts(_: Controls, observed: Observed) -> bool:
    return observed.hosts is not None


def _has_services(_: Controls, observed: Observed) -> bool:
    return observed.voice is not None or observed.sms is not None


RULES = {
    "separation": Rule("critical", lambda c: c.binding, _has_imei, _separation),
    "binding": Rule("critical", lambda c: c.binding, _speaks, _binding),
    "region": Rule("major", lambda c: bool(c.regions), _registered, _region),
    "network": Rule("major", lambda c: bool(c.networks or c.blocked_networks), _registered, _network),
    "high-risk": Rule("critical", lambda c: bool(c.high_risk), _registered, _high_risk),
    "area": Rule("major", lambda c: bool(c.area), _located, _area),
    "quota-50": Rule("warning", lambda c: bool(c.quota_mb), _counted, _quota(50)),
    "quota-80": Rule("minor", lambda c: bool(c.quota_mb), _counted, _quota(80)),
    "quota-100": Rule("critical", lambda c: bool(c.quota_mb), _counted, _quota(100)),
    "usage": Rule("major", lambda c: bool(c.quota_mb), _counted_twice, _differs),
    "traffic": Rule("critical", lambda c: bool(c.hosts), _has_hosts, _traffic),
    "services": Rule("major", _both_off, _has_services, _services),
    "blocked": Rule("critical", _always, _may_speak, _blocked),
    "life-cycle": Rule("major", _always, _spoke, _life_cycle),
}
"""By the name of the event and the alarm."""
