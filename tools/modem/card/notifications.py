"""The notifications of an eUICC: for the servers of its profiles, signed when they are fetched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.modem.card import tlv
from tools.modem.card.files import iccid_bytes
from tools.modem.card.profile import INSTALL, SMDP
from tools.modem.card.tlv import fields

if TYPE_CHECKING:
    from tools.modem.card.rsp.identity import Identity

RESULT = 0xBF37
METADATA = 0xBF2F
INSTALLED = bytes.fromhex("3007A0053003800100")
"""EUICCResponse: each profile element has been processed."""


@dataclass(frozen=True)
class Notification:
    """`result`: of an installation, what else ProfileInstallationResultData has: the objects before
    the metadata and those after it; both empty for the other operations."""

    seq: int
    operation: int
    iccid: str
    address: str = SMDP
    result: tuple[bytes, bytes] = (b"", b"")

    def metadata(self) -> bytes:
        """NotificationMetadata."""
        return tlv.encode(
            METADATA,
            tlv.encode(0x80, tlv.integer(self.seq)),
            tlv.encode(0x81, bytes([4, self.operation])),
            tlv.encode(0x0C, self.address.encode()),
            tlv.encode(0x5A, iccid_bytes(self.iccid)) if self.iccid else b"",
        )

    def signed(self, signer: Identity) -> bytes:
        """PendingNotification: what the server wants to have."""
        from tools.modem.card.rsp.signature import sign

        before, after = self.result
        if before:
            data = tlv.encode(0xBF27, before, self.metadata(), after)
            return tlv.encode(RESULT, data, sign(signer.key, data))
        data = self.metadata()
        return tlv.encode(0x30, data, sign(signer.key, data), signer.certificates)


def installation(
    seq: int, iccid: str, address: str, transaction: bytes, oid: bytes, final: bytes
) -> Notification:
    """The result of an installation; `final` is the value of finalResult."""
    parts = (tlv.encode(0x80, transaction), tlv.encode(0x06, oid) + tlv.encode(0xA2, final))
    return Notification(seq, INSTALL, iccid, address, parts)


def success(aid: bytes) -> bytes:
    """SuccessResult."""
    return tlv.encode(0xA0, tlv.encode(0x4F, aid), tlv.encode(0x04, INSTALLED))


def error(command: int, reason: int) -> bytes:
    """ErrorResult."""
    return tlv.encode(0xA1, tlv.encode(0x80, bytes([command])), tlv.encode(0x81, bytes([reason])))


def listed(notes: Sequence[Notification], value: bytes) -> bytes:
    """ListNotification: the metadata, of some operations when it asks for them."""
    operations = tlv.find(value, 0x81)
    return tlv.encode(0xA0, *(each.metadata() for each in notes if _wanted(each, operations, None)))


def retrieved(notes: Sequence[Notification], value: bytes, signer: Identity) -> bytes:
    """RetrieveNotificationsList: all, one by its number, or those of some operations."""
    criteria = dict(tlv.decode(fields(value, 0xA0)[0])) if value else {}
    number, operations = criteria.get(0x80), criteria.get(0x81)
    if value and (len(criteria) != 1 or not (number or operations)):
        raise ValueError("not one criterion")
    return tlv.encode(0xA0, *(each.signed(signer) for each in notes if _wanted(each, operations, number)))


def _wanted(note: Notification, operations: bytes | None, number: bytes | None) -> bool:
    if number is not None and note.seq != int.from_bytes(number):
        return False
    return not operations or bool(operations[-1] & note.operation)
