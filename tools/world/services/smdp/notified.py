"""Notifications that an SM-DP+ receives: the results of installations and later operations on profiles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cryptography import x509

from tools.modem.card import tlv
from tools.modem.card.files import iccid_text
from tools.modem.card.rsp import certificates, signature
from tools.modem.card.rsp.signature import SIGNATURE
from tools.modem.card.tlv import fields
from tools.world.services.smdp.codes import StatusError

RESULT, RESULT_DATA, METADATA = 0xBF37, 0xBF27, 0xBF2F


@dataclass(frozen=True)
class Notified:
    """`operation`: 80 install, 40 enable, 20 disable, 10 delete; `valid`: the signature is right. Of an
    installation: its `transaction` and the `reason` why not, 0 for a success."""

    seq: int
    operation: int
    iccid: str
    valid: bool
    transaction: bytes = b""
    reason: int | None = None


def read(
    data: bytes,
    signer: Callable[[bytes], x509.Certificate | None],
    card: Callable[[bytes, bytes], x509.Certificate],
) -> Notified:
    """A PendingNotification. `signer` knows the eUICC of a transaction, `card` checks the certificates of one
    that names itself. Raises ValueError, LookupError."""
    ((tag, value),) = tlv.decode(data)
    if tag == RESULT:
        result, signed_by = fields(value, RESULT_DATA, SIGNATURE)
        parts = dict(tlv.decode(result))
        by = signer(parts[0x80])
        signed = tlv.encode(RESULT_DATA, result)
        error = tlv.find(parts[0xA2], 0xA1, 0x81)
        valid = by is not None and signature.verifies(signed_by, certificates.key_of(by), signed)
        return _noted(parts[METADATA], valid, parts[0x80], int.from_bytes(error or b"\0"))
    metadata, signed_by, euicc, eum = fields(value, METADATA, SIGNATURE, 0x30, 0x30)
    try:
        key = certificates.key_of(card(euicc, eum))
    except StatusError:
        return _noted(metadata, False)
    return _noted(metadata, signature.verifies(signed_by, key, tlv.encode(METADATA, metadata)))


def _noted(metadata: bytes, valid: bool, transaction: bytes = b"", reason: int | None = None) -> Notified:
    about = dict(tlv.decode(metadata))
    return Notified(
        int.from_bytes(about[0x80]),
        about[0x81][1],
        iccid_text(about.get(0x5A, b"")),
        valid,
        transaction,
        reason,
    )
