"""A profile on an eUICC, and the operations of which its servers are notified."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from tools.modem.card import tlv
from tools.modem.card.files import iccid_bytes

TEST, PROVISIONING, OPERATIONAL = 0, 1, 2
INSTALL, ENABLE, DISABLE, DELETE = 0x80, 0x40, 0x20, 0x10
SMDP = "smdp.example.com"
USUAL_SIZE = 15_000


@dataclass
class Profile:
    """`kind` is TEST, PROVISIONING or OPERATIONAL; `keeps`: its policy rules, of "disable" and "delete";
    `fallback`: the attribute of SGP.32, which it may have if it is `fallback_allowed`; `addresses`: whom to
    notify of which operations, while it `notifies`; `package`: what was downloaded, decrypted; `size`: the
    bytes of memory that it takes; `described`: values of ProfileInfo that nothing depends on, by tag."""

    iccid: str
    imsi: str
    name: str = ""
    provider: str = ""
    nickname: str = ""
    kind: int = OPERATIONAL
    keeps: Collection[str] = ()
    fallback: bool = False
    fallback_allowed: bool = True
    notifies: bool = True
    aid: bytes = b""
    forbidden: list[str] = field(default_factory=list)
    addresses: tuple[tuple[int, str], ...] = ((ENABLE | DISABLE | DELETE, SMDP),)
    package: bytes = field(default=b"", repr=False)
    size: int = USUAL_SIZE
    described: dict[int, bytes] = field(default_factory=dict)

    def info(self, enabled: bool, wanted: bytes | None, leaves_out: bool) -> bytes:
        """The value of ProfileInfo: all fields, or those of the tag list `wanted`; it `leaves_out` the class
        when that is the default."""
        fields: tuple[tuple[int, bytes], ...] = (
            (0x5A, iccid_bytes(self.iccid)),
            (0x4F, self.aid),
            (0x9F70, bytes([enabled])),
            (0x90, self.nickname.encode()),
            (0x91, self.provider.encode()),
            (0x92, self.name.encode()),
            (0x93, self.described.get(0x93, b"")),
            (0x94, self.described.get(0x94, b"")),
            (0x95, b"" if leaves_out and self.kind == OPERATIONAL else bytes([self.kind])),
        )
        if wanted:
            more = (
                (0xB6, b"".join(_notified(*each) for each in self.addresses) if self.notifies else b""),
                (0xB7, self.described.get(0xB7, b"")),
                (0xB8, self.described.get(0xB8, b"")),
                (0x99, self.described.get(0x99) or self._rules()),
                (0x9F26, b"\xff" if self.fallback else b""),
                (0x9F67, b"\xff" if self.fallback_allowed else b"\0"),
            )
            asked = _tags(wanted)
            fields = tuple(each for each in fields + more if each[0] in asked)
        return b"".join(tlv.encode(tag, data) for tag, data in fields if data)

    def _rules(self) -> bytes:
        """PprIds; empty if there are none."""
        bits = 0x40 * ("disable" in self.keeps) | 0x20 * ("delete" in self.keeps)
        return bytes([5 if bits & 0x20 else 6, bits]) if bits else b""


def _notified(operations: int, address: str) -> bytes:
    """NotificationConfigurationInformation"""
    return tlv.encode(0x30, tlv.encode(0x80, bytes([4, operations])), tlv.encode(0x81, address.encode()))


def _tags(wanted: bytes) -> set[int]:
    """The tags of a tag list, which has no lengths."""
    found, at = set(), 0
    while at < len(wanted):
        two = wanted[at] & tlv.TWO_BYTES == tlv.TWO_BYTES and at + 1 < len(wanted)
        found.add(wanted[at] << 8 | wanted[at + 1] if two else wanted[at])
        at += 2 if two else 1
    return found
