"""Activation codes as people type them (SGP.22 4.1). No error repeats a code: it entitles to the profile."""

import hashlib
import json
import re
from typing import NamedTuple

from landbridge.core.errors import UserError, is_one_line
from landbridge.core.texts import _

SERVER = re.compile(
    r"(?=[^:]{1,253}(:|$))[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
    r"(:[1-9][0-9]{0,4})?",
    re.ASCII,
)
_MATCHING_ID = re.compile(r"[0-9A-Za-z-]{0,255}", re.ASCII)
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]{0,17})){1,30}", re.ASCII)
_MOST_CONFIRMATION = 64


class Code(NamedTuple):
    """An activation code and what belongs to it."""

    server: str
    """Host of the SM-DP+ in lower case, with :port unless it is 443."""
    matching_id: str
    oid: str
    """Object identifier of the SM-DP+; empty: any."""
    confirmation: str
    """Empty: none."""

    def stored(self) -> bytes:
        """Return the text that is encrypted and stored."""
        return json.dumps([*self]).encode()


def restored(content: bytes) -> Code:
    """From `stored`."""
    return Code(*json.loads(content))


def parse(text: str, confirmation: str = "") -> Code:
    """Return the code in `text`; `UserError` names the wrong part."""
    head, *parts = text.strip().split("$")
    if head.upper() not in ("LPA:1", "1") or not 2 <= len(parts) <= 4:
        raise _wrong(_("the activation code must look like LPA:1$server$matching-id"))
    server, matching_id, oid, wants = (*parts, "", "")[:4]
    server = server.lower()
    if not SERVER.fullmatch(server) or int(server.partition(":")[2] or 443) > 65_535:
        raise _wrong(_("the server in the activation code is not a host name"))
    if not _MATCHING_ID.fullmatch(matching_id):
        raise _wrong(_("the matching ID in the activation code may have letters, digits and - only"))
    if oid and not _OID.fullmatch(oid):
        raise _wrong(_("the third part of the activation code is not an object identifier"))
    if wants not in ("", "1"):
        raise _wrong(_("the last part of the activation code must be 1 or missing"))
    if wants and not confirmation:
        raise _refused(_("this activation code needs a confirmation code: ask the mobile operator for it"))
    if len(confirmation) > _MOST_CONFIRMATION or not is_one_line(confirmation):
        raise _refused(_("a confirmation code has at most {number} characters", number=_MOST_CONFIRMATION))
    return Code(server.removesuffix(":443"), matching_id, oid, confirmation)


def hashed(confirmation: str, transaction: bytes) -> bytes:
    """The confirmation code as it is sent to the server (hashCc)."""
    once = hashlib.sha256(confirmation.encode()).digest()
    return hashlib.sha256(once + transaction).digest()


def _wrong(why: str) -> UserError:
    return UserError(why, "code")


def _refused(why: str) -> UserError:
    return UserError(why, "confirmation")
