"""Notifications of eUICCs on their way to the servers of the profiles (ES9+ handleNotification).

A device sends them to the agent without the two certificates that the agent knows; the card keeps them until
the server has them.
"""

from typing import NamedTuple

from sqlalchemy import Connection

from landbridge.core.backoff import wait_s
from landbridge.core.texts import _
from landbridge.features.downloads import es10, trust
from landbridge.features.downloads.es9 import Server, ServerError
from landbridge.features.downloads.trust import Distrust, Trust
from landbridge.features.esim.queries import notifications
from landbridge.protocol.der import DerError

_MOST_ASKED = 3
_FIRST_WAIT_S, _LONGEST_WAIT_S = 60, 21_600


class Tried(NamedTuple):
    """The result of an attempt to post one."""

    is_over: bool
    """The server has it, or will never accept it: the card may remove it."""
    wants_whole: bool = False
    """The device must send it with its certificates."""
    failure: str | None = None
    wait_s: int = 0


def post(content: bytes, known: tuple[bytes, bytes] | None, tries: int, trusted: Trust) -> Tried:
    """Post a notification; `known` are the certificates of its card and of the maker, if they are known."""
    waits = round(wait_s(_FIRST_WAIT_S, _LONGEST_WAIT_S, tries))
    try:
        if es10.is_stripped(content):
            if known is None or not _is_of(content, known[0]):
                if tries >= _MOST_ASKED:
                    return Tried(True, failure=_("the device does not send it with its certificates"))
                return Tried(False, wants_whole=True)
            content = es10.completed(content, *known)
        address = es10.notice(content).address.lower().removesuffix(":443")
    except DerError as error:
        return Tried(True, failure=_("the notification cannot be read: {why}", why=str(error)))
    if not trusted.roots or not trusted.allows(address):
        why = _("{server} is not on the list of servers", server=address)
        return Tried(False, failure=why, wait_s=_LONGEST_WAIT_S)
    try:
        Server(address, trusted).notify(content)
    except ServerError as error:
        # The server refuses again what it has refused; it may accept what never reached it.
        return Tried(error.code.startswith("8."), failure=error.args[0], wait_s=waits)
    return Tried(True)


def _is_of(content: bytes, certificate: bytes) -> bool:
    """Whether the card with this certificate has signed it."""
    signed, signature = es10.signed(content)
    try:
        trust.signed_by_card(certificate, signature, signed)
    except Distrust:
        return False
    return True


def keep_result(connection: Connection, device: str, eid: str | None, content: bytes, now_s: int) -> None:
    """Keep the result of an installation to be posted."""
    it = es10.notice(content)
    notifications.keep_whole(connection, device, (it.seq, it.operation, it.iccid), content, eid, now_s)
