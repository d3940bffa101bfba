"""Webhooks as in Standard Webhooks 1.0 (standardwebhooks.com): libraries in every language verify them."""

import base64
import hashlib
import hmac
import time
from collections.abc import Sequence

from landbridge.core.http import HttpClient
from landbridge.events.queries.outbox import OutboxMessage

PREFIX = "whsec_"
"""Prefix of a printed secret, before its base64."""
TOLERANCE_S = 300
"""The largest difference between the signed time and the receiver's: older messages cannot be replayed."""


def send(client: HttpClient, secrets: Sequence[bytes], message: OutboxMessage) -> None:
    """POST the message with id, time and a signature by each secret; the id stays the same when it is sent
    again."""
    now_s = int(time.time())  # what the receiver compares with, whatever the time of the messages
    number = f"msg_{message.message}"
    headers = {
        "Content-Type": "application/json",
        "Landbridge-Topic": message.topic,
        "webhook-id": number,
        "webhook-timestamp": str(now_s),
        "webhook-signature": " ".join(
            signature(secret, number, now_s, message.payload) for secret in secrets
        ),
    }
    client.post(message.payload, headers)


def signature(secret: bytes, number: str, now_s: int, payload: bytes) -> str:
    """HMAC-SHA256 of id, time and body."""
    signed = f"{number}.{now_s}.".encode() + payload
    return "v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()


def spelled(secret: bytes) -> str:
    """Return the secret as the receiver gets it."""
    return PREFIX + base64.b64encode(secret).decode()
