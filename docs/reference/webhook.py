"""Whether a message is genuine, as its receiver checks; with the secret of `landbridge integrations add`.

A `webhook` is fresh too: keep the ids for TOLERANCE_S, to know repeats.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping

TOLERANCE_S = 300


def is_genuine(secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> bool:
    """Of the kind `webhook`: `secret` is whsec_ and base64; `headers` by their names in lower case."""
    number, sent_s, signatures = (
        headers.get(f"webhook-{each}", "") for each in ("id", "timestamp", "signature")
    )
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.digest(key, f"{number}.{sent_s}.".encode() + body, hashlib.sha256))
    given = (each.removeprefix("v1,").encode() for each in signatures.split())
    is_signed = any(hmac.compare_digest(expected, each) for each in given)
    return is_signed and abs(now_s - int(sent_s)) <= TOLERANCE_S


def is_genuine_dcsa(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Of the kind `dcsa`: `secret` is hex; `headers` by their names in lower case."""
    expected = "sha256=" + hmac.digest(bytes.fromhex(secret), body, hashlib.sha256).hex()
    return hmac.compare_digest(expected.encode(), headers.get("notification-signature", "").encode())
