"""Whether a webhook is genuine and fresh, as its receiver checks; keep the ids that long, to know repeats."""

import base64
import hashlib
import hmac
from collections.abc import Mapping

TOLERANCE_S = 300


def is_genuine(secret: str, headers: Mapping[str, str], body: bytes, now_s: float) -> bool:
    """`secret` as `landbridge targets add` has printed it; `headers` by their names in lower case."""
    number, sent_s = headers["webhook-id"], headers["webhook-timestamp"]
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.digest(key, f"{number}.{sent_s}.".encode() + body, hashlib.sha256))
    given = headers["webhook-signature"].removeprefix("v1,").encode()
    return hmac.compare_digest(expected, given) and abs(now_s - int(sent_s)) <= TOLERANCE_S
