"""Rolls out a profile to the devices on trips with a tag (core/stages.py)."""

import json
from typing import Any

from sqlalchemy import Connection, Row

from landbridge.core import stages
from landbridge.core.errors import UserError
from landbridge.features.devices import queries as devices
from landbridge.features.esim import coding as wire
from landbridge.features.esim.policy import AUTOMATIC
from landbridge.features.esim.queries import policies as cards
from landbridge.features.esim.queries import rollouts as stored
from landbridge.features.trips import queries as trips


def begin(
    connection: Connection, tag: str, profile: str, canaries: int, stage_s: int, who: str, now_s: int
) -> int:
    """Roll out the profile of this name, or AUTOMATIC, to the devices with the tag; a halted roll-out
    resumes. Return its number; `UserError` if none of them can have it."""
    if not any(_has(cards.desired(connection, device), profile) for device in trips.tagged(connection, tag)):
        raise UserError(
            f"no device on a trip with the tag {tag!r} has a policy with a profile {profile!r};"
            " `landbridge trips list` shows tags, `landbridge esim show DEVICE` profiles"
        )
    values: dict[str, Any] = {"canaries": canaries, "stage_s": stage_s, "halted": None}
    current = stored.newest(connection, [tag])
    if current is not None and current.profile == profile:
        _, _, failed = stored.tally(connection, current.rollout)
        stored.change(connection, current.rollout, forgiven=failed, **values)
        return int(current.rollout)
    begun = {"begun_by": who, "begun_s": now_s, "stage": 0, "stage_began_s": now_s, "forgiven": 0}
    return stored.add(connection, tag=tag, profile=profile, **begun, **values)


def reach(connection: Connection, device: str, now_s: int) -> None:
    """After an uplink: set the profile as desired if it is the device's turn."""
    trip = trips.running(connection, device)
    tags = [*json.loads(trip.tags), *devices.tags(devices.known_device(connection, device))] if trip else []
    current = stored.newest(connection, tags) if tags else None
    if trip is None or current is None or stored.has(connection, current.rollout, trip.trip):
        return
    now = _goes_on(connection, current, now_s)
    if now is None:
        return
    desired = cards.desired(connection, device)
    if desired is None or not _has(desired, current.profile):
        return
    reached = stored.reached_now(connection, current.rollout)
    if reached >= stages.most_devices(now, len(trips.tagged(connection, current.tag))):
        return
    who = f"{current.begun_by}, roll-out {current.rollout}"
    revision = cards.set_desired(connection, device, desired.policy, current.profile, who, now_s, trip.trip)
    stored.reach(connection, current.rollout, device, trip.trip, revision)


def note(connection: Connection, device: str, said: wire.Report) -> None:
    """Read the outcome of a roll-out from a report."""
    waits = stored.waiting(connection, device)
    desired = cards.desired(connection, device)
    if waits is None or desired is None:
        return
    if desired.revision != waits.revision:
        stored.end(connection, waits.rollout, device, f"asked for {desired.profile} since")
    elif cards.is_refused(connection, device, waits.revision):
        stored.end(connection, waits.rollout, device, wire.OUTCOMES[wire.REFUSED_POLICY])
    elif said.revision == waits.revision and said.stage == wire.CONFIRMED:
        how = _outcome(connection, device, said, desired)
        if how:
            stored.end(connection, waits.rollout, device, how)


def _outcome(connection: Connection, device: str, said: wire.Report, desired: cards.Desired) -> str | None:
    """Return the outcome of the choice on a device that is not switching; None while it has not tried."""
    if desired.profile == AUTOMATIC or said.used == desired.policy.number(desired.profile):
        return stored.IN_USE
    tried = [each for each in cards.events(connection, device) if each.revision == desired.revision]
    return wire.OUTCOMES.get(tried[-1].outcome, "failed") if tried else None


def _goes_on(connection: Connection, current: Row[Any], now_s: int) -> Row[Any] | None:
    """Return the roll-out after any due change of stage; None if it is halted."""
    step = stages.next_step(current, stages.Tally(*stored.tally(connection, current.rollout)), now_s)
    if step:
        stored.change(connection, current.rollout, **step)
    now = stored.find(connection, current.rollout)
    return now if now and now.halted is None else None


def _has(desired: cards.Desired | None, profile: str) -> bool:
    if desired is None or desired.policy.awaits(profile):
        return False
    return profile == AUTOMATIC or desired.policy.number(profile) > 0
