"""Answers a NATS server which devices may connect ("auth callout"), so that the server needs no list of them.

The server sends a signed JWT about the client that connects; the answer is a JWT with what that user may do,
signed with a key whose public half the server's configuration names. A device may connect over MQTT under its
own id as client id, publish its uplinks and hear its downlinks."""

import base64
import binascii
import json
import time
from collections.abc import Callable
from hmac import compare_digest
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from landbridge.db.database import Database
from landbridge.db.keys import Keyring
from landbridge.features.devices import queries as devices
from landbridge.protocol.envelope import broker_password

SUBJECT = "$SYS.REQ.USER.AUTH"
_ACCOUNT = "$G"
"""The server's only account, as in a configuration without accounts."""
_OF_ACCOUNT = b"\0"
"""Prefix of an account's public key: its text begins with A."""
_HEADER = {"typ": "JWT", "alg": "ed25519-nkey"}

ADMITTED_S = 3600
"""Seconds after which the server disconnects a device, which may come again unless it was retired."""

PasswordOf = Callable[[str], str | None]
"""A callback that returns the broker password of a device; None: there is no such device."""


class Access:
    """Answers for the devices of a database."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    def answer(self, request: bytes) -> bytes:
        """Return the answer to the server; raises if there is none."""
        return answer(request, self._password, self._keyring.signing_key())

    def _password(self, device: str) -> str | None:
        with self._database.reading() as connection:
            row = devices.find(connection, device)
        if row is None or row.retired_s is not None:
            return None
        return broker_password(self._keyring.unwrap(row.wrapped_key), device)


def issuer(key: Ed25519PrivateKey) -> str:
    """Return the public half of `key` as in the server's configuration (an "nkey" of an account)."""
    raw = _OF_ACCOUNT + key.public_key().public_bytes_raw()
    return base64.b32encode(raw + binascii.crc_hqx(raw, 0).to_bytes(2, "little")).decode().rstrip("=")


def answer(request: bytes, password_of: PasswordOf, key: Ed25519PrivateKey) -> bytes:
    """Return the answer to the server; `ValueError` when `request` is not a server's."""
    try:
        asked = json.loads(_unpadded(request.split(b".")[1]))["nats"]
        server, user = asked["server_id"]["id"], asked["user_nkey"]
        client, given = asked["client_info"], asked["connect_opts"]
    except (LookupError, TypeError, RecursionError) as error:
        raise ValueError(f"not a request of a NATS server: {error!r}") from None
    device, password = str(given.get("user", "")), str(given.get("pass", ""))
    verdict: dict[str, Any] = {"type": "authorization_response", "version": 2}
    if why := _refusal(device, password, client, password_of):
        verdict["error"] = why
    else:
        claims = {"sub": user, "aud": _ACCOUNT, "name": device, "exp": int(time.time()) + ADMITTED_S}
        verdict["jwt"] = _signed(key, claims | {"nats": _rights(device)})
    return _signed(key, {"sub": user, "aud": server, "nats": verdict}).encode()


def _refusal(device: str, password: str, client: dict[str, Any], password_of: PasswordOf) -> str | None:
    """Return why this client may not connect as that device."""
    right = password_of(device)
    if right is None or not compare_digest(right.encode(), password.encode()):
        return "no such device, or not its password"
    # Under another client's id it would disconnect that one.
    if client.get("type") != "mqtt" or client.get("mqtt_id") != device:
        return f"{device} connects over MQTT under its own id as client id, or not at all"
    return None


def _rights(device: str) -> dict[str, Any]:
    """NATS uses . where MQTT uses /."""
    return {
        "pub": {"allow": [f"landbridge.{device}.up"]},
        "sub": {"allow": [f"landbridge.{device}.down"]},
        "subs": -1,
        "data": -1,
        "payload": -1,
        "allowed_connection_types": ["MQTT"],
        "type": "user",
        "version": 2,
    }


def _signed(key: Ed25519PrivateKey, claims: dict[str, Any]) -> str:
    """Return the claims as a JWT of ours."""
    claims = {"jti": uuid4().hex, "iat": int(time.time()), "iss": issuer(key)} | claims
    head = ".".join(_padless(json.dumps(part).encode()) for part in (_HEADER, claims))
    return f"{head}.{_padless(key.sign(head.encode()))}"


def _padless(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _unpadded(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
