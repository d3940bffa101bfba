"""Downlink handler of eSIM profiles: the policy is sent until the device reports its revision; its reports
are stored."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from sqlalchemy import Connection, Row

from landbridge.config import Esim
from landbridge.core.errors import UserError
from landbridge.core.hooks import Hook
from landbridge.core.texts import _
from landbridge.db import audit
from landbridge.db.keys import Keyring
from landbridge.features.esim import coding as wire
from landbridge.features.esim import rollout as card_rollout
from landbridge.features.esim.policy import AUTOMATIC, Codes
from landbridge.features.esim.queries import notifications as euicc_notifications
from landbridge.features.esim.queries import policies as stored
from landbridge.features.esim.queries import rollouts as profile_rollouts
from landbridge.features.esim.queries.policies import Desired
from landbridge.features.trips import queries as trips
from landbridge.protocol.uplink import Uplink

OnAssigned = Callable[[Connection, Keyring, Esim, str, Codes, str, int], None]
"""(connection, keys, servers, device, codes, who, now): a device was given a policy; the profiles with these
activation codes are to be loaded where it prefers them. `UserError` if one cannot be."""
ON_ASSIGNED: Hook[OnAssigned] = Hook()

OnSwitch = Callable[[Connection, str, str, str, int, int | None], bool]
"""(connection, device, ICCID, who, now, trip): a user wants the profile. Returns whether that is done by
other means than a change of the policy alone."""
ON_SWITCH: Hook[OnSwitch] = Hook()


def on_report(connection: Connection, device: str, uplink: Uplink, now_s: int) -> None:
    """Store what the device reports of its card, and a row for each change of identity."""
    if uplink.identity:
        stored.keep_identity(connection, device, uplink.identity, now_s)
    if wire.REPORT_KEY in uplink.reports:
        said = wire.decode_report(uplink.reports[wire.REPORT_KEY])
        stored.keep_report(connection, device, said, now_s)
        _loaded(connection, device, [iccid for iccid, _kind in said.profiles], now_s)
        card_rollout.note(connection, device, said)
        if said.notice:
            euicc_notifications.keep(connection, device, said.notice, now_s, said.eid)


def devices_pending(connection: Connection, uplinks: Mapping[str, Uplink], now_s: int) -> Collection[str]:
    """Return the devices that have a policy and have not reported its newest revision."""
    return stored.devices_to_update(connection, uplinks.keys())


def pending(connection: Connection, device: str, uplink: Uplink, now_s: int) -> Mapping[int, Any]:
    """Return the desired policy, unless the device has it or has refused it."""
    card_rollout.reach(connection, device, now_s)
    desired, said = stored.desired(connection, device), stored.report(connection, device)
    if desired is None or (said is not None and said.revision == desired.revision):
        return {}
    if stored.is_refused(connection, device, desired.revision):
        return {}
    return desired.policy.encode(desired.revision, desired.profile)


def on_trip_end(connection: Connection, device: str, trip: int, now_s: int) -> None:
    """Take the device out of roll-outs: the operator's choice replaces theirs and the tenant's."""
    profile_rollouts.leave(connection, device, trip)
    desired = stored.desired(connection, device)
    if desired is not None and desired.trip == trip and desired.profile != desired.lasting:
        audit.add(connection, trips.END, _selected(desired.lasting), now_s, device)
        stored.set_desired(connection, device, desired.policy, desired.lasting, trips.END, now_s)


def switch(
    connection: Connection, device: str, profile: str, who: str, now_s: int, trip: int | None = None
) -> int:
    """Switch a device to the profile of this name, or with AUTOMATIC let the policy choose; with `trip`, the
    choice is its tenant's and ends with the trip. Return the revision. `UserError` if there is no such
    profile."""
    desired = stored.desired(connection, device)
    if desired is None:
        raise UserError(
            _("{device} has no policy; give it one with `landbridge esim set-policy`", device=device)
        )
    if profile != AUTOMATIC and not desired.policy.number(profile):
        names = ", ".join(desired.policy.profiles)
        raise UserError(
            _(
                "no profile {text} in the policy of {device}; choose from {names} and {last}",
                text=repr(profile),
                device=device,
                names=names,
                last=AUTOMATIC,
            )
        )
    if desired.policy.awaits(profile):
        raise UserError(
            _("profile {name} is not on the card of {device} yet", name=repr(profile), device=device)
        )
    if profile != AUTOMATIC:
        iccid = desired.policy.profiles[profile].iccid
        if any(act(connection, device, iccid, who, now_s, trip) for act in ON_SWITCH):
            return desired.revision
    return _select(connection, device, desired, profile, who, now_s, trip)


def _select(
    connection: Connection,
    device: str,
    desired: Desired,
    profile: str,
    who: str,
    now_s: int,
    trip: int | None,
) -> int:
    audit.add(connection, who, _selected(profile), now_s, device)
    return stored.set_desired(connection, device, desired.policy, profile, who, now_s, trip)


def on_installed(
    connection: Connection, device: str, iccid: str, who: str | None, now_s: int, trip: int | None
) -> str | None:
    """Note that the profile with this ICCID is on the card: a policy that awaits it is sent completely. If
    `who` requested it, have the device use it, or apply the policy again if the agent requested it; return
    why it cannot, or None."""
    _loaded(connection, device, [iccid], now_s)
    if who is None:
        return None
    desired = stored.desired(connection, device)
    names = [name for name, each in desired.policy.profiles.items() if each.iccid == iccid] if desired else []
    if desired is None or not names:
        return _("no profile in the policy has ICCID {iccid}; add it, then switch", iccid=iccid)
    profile = desired.profile if who == stored.AGENT else names[0]
    _select(connection, device, desired, profile, who, now_s, trip)
    return None


def _loaded(connection: Connection, device: str, iccids: Collection[str], now_s: int) -> None:
    """Note that the card has these profiles: a policy that awaits one of them names it from now on."""
    desired = stored.desired(connection, device)
    if desired is None:
        return
    policy = desired.policy.loaded(iccids)
    if policy != desired.policy:
        stored.set_desired(connection, device, policy, desired.profile, stored.AGENT, now_s, desired.trip)


def state(connection: Connection, device: str) -> str:
    """Return the progress of the desired policy, in words."""
    desired, said = stored.desired(connection, device), stored.report(connection, device)
    if desired is None:
        return _("no policy")
    if stored.is_refused(connection, device, desired.revision):
        profile = _used(stored.in_force(connection, device), said)
        return _("refused by the device, {profile}", profile=profile)
    if said is None or said.revision != desired.revision:
        return _("waiting for the device's next session")
    return _("{stage}, {profile}", stage=wire.STAGES[said.stage], profile=_used(desired, said))


def _used(policy: Desired | None, said: Row[Any] | None) -> str:
    """Return the profile in use."""
    name = policy.policy.name(said.used) if policy and said else None
    return name or _("a profile that is not in the policy")


def _selected(profile: str) -> str:
    """Return the text of the audit log for a choice."""
    return _("profile selected: {name}", name=profile)
