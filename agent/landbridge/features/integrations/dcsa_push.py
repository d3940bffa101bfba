"""Pushes events to the callback of a DCSA subscription."""

import hashlib
import hmac
import json
from collections.abc import Mapping

from landbridge.core.http import HttpClient
from landbridge.events import dcsa
from landbridge.events.queries.outbox import OutboxMessage


def send(client: HttpClient, secret: bytes, carrier: Mapping[str, str], message: OutboxMessage) -> None:
    """POST an event to the callback of a subscription, with the signature over the body as in DCSA's
    standard."""
    found = dcsa.event(json.loads(message.payload), carrier)
    if found is not None:
        body = json.dumps([found], separators=(",", ":")).encode()
        signed = hmac.digest(secret, body, hashlib.sha256).hex()
        client.post(body, {"Content-Type": "application/json", "Notification-Signature": f"sha256={signed}"})
