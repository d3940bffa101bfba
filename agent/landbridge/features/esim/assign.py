"""Gives a device a profile policy."""

import json

from sqlalchemy import Connection

from landbridge.config import Esim
from landbridge.core.texts import _
from landbridge.db import audit
from landbridge.db.keys import Keyring
from landbridge.features.downloads import queries as downloads
from landbridge.features.esim import handler
from landbridge.features.esim.coding import Policy
from landbridge.features.esim.policy import AUTOMATIC, Codes
from landbridge.features.esim.queries import policies as stored


def has(connection: Connection, device: str, policy: Policy) -> bool:
    """Whether the device has this policy already."""
    desired = stored.desired(connection, device)
    return desired is not None and desired.policy.complete() == policy.complete()


def assign(
    connection: Connection,
    keyring: Keyring,
    settings: Esim,
    device: str,
    policy: Policy,
    codes: Codes,
    who: str,
    now_s: int,
) -> None:
    """Give a device the policy, and order the profiles that its card does not have."""
    said = stored.report(connection, device)
    on_card = downloads.on_card(connection, device) | set(dict(json.loads(said.profiles) if said else ()))
    stored.set_desired(connection, device, policy.loaded(on_card), AUTOMATIC, who, now_s)
    audit.add(connection, who, _("profile policy assigned"), now_s, device)
    missing = {iccid: code for iccid, code in codes.items() if iccid not in on_card}
    for act in handler.ON_ASSIGNED:
        act(connection, keyring, settings, device, missing, who, now_s)
