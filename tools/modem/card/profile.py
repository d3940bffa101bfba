"""A profile on an eUICC, and the operations that its servers are notified of."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

TEST, PROVISIONING, OPERATIONAL = 0, 1, 2
INSTALL, ENABLE, DISABLE, DELETE = 0x80, 0x40, 0x20, 0x10
SMDP = "smdp.example.com"
USUAL_SIZE = 15_000


@dataclass
class Profile:
    """`kind` is TEST, PROVISIONING or OPERATIONAL; `keeps`: its policy rules, of "disable" and "delete";
    `fallback`: the attribute of SGP.32; `addresses`: which operations are told to whom, while it `notifies`;
    `package`: what was downloaded, decrypted; `size`: the bytes of memory that it takes."""

    iccid: str
    imsi: str
    name: str = ""
    provider: str = ""
    nickname: str = ""
    kind: int = OPERATIONAL
    keeps: Collection[str] = ()
    fallback: bool = False
    notifies: bool = True
    aid: bytes = b""
    forbidden: list[str] = field(default_factory=list)
    addresses: tuple[tuple[int, str], ...] = ((ENABLE | DISABLE | DELETE, SMDP),)
    package: bytes = field(default=b"", repr=False)
    size: int = USUAL_SIZE
