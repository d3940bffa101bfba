"""The metadata of a profile (StoreMetadataRequest, BF25), as far as this card uses it."""

from __future__ import annotations

from dataclasses import dataclass, field

from tools.modem.card import tlv
from tools.modem.card.files import iccid_text
from tools.modem.card.profile import OPERATIONAL, PROVISIONING, TEST, Profile
from tools.modem.card.tlv import fields

ICCID, PROVIDER, NAME, ICON_TYPE, ICON, KIND, NOTIFICATIONS, OWNER, RULES = (
    *(0x5A, 0x91, 0x92, 0x93, 0x94),
    *(0x95, 0xB6, 0xB7, 0x99),
)
_ORDER = (ICCID, PROVIDER, NAME, ICON_TYPE, ICON, KIND, NOTIFICATIONS, OWNER, RULES)
MOST_PROVIDER, MOST_NAME, MOST_ICON = 32, 64, 1_024
_RULES = 0x60
"""In the byte of PprIds: rules 1 and 2, to keep it enabled and to keep it at all."""


class MetadataError(ValueError):
    """They are not as the standard has them."""


@dataclass(frozen=True)
class Metadata:
    """`addresses`: whom to notify of which operations; `rules`: whether there are any; `described`: what the
    card only keeps, by tag."""

    iccid: bytes
    provider: str
    name: str
    kind: int
    addresses: tuple[tuple[int, str], ...]
    rules: bool
    described: dict[int, bytes] = field(default_factory=dict)

    @classmethod
    def read(cls, value: bytes) -> Metadata:
        """From the value of BF25. Raises `MetadataError`."""
        try:
            objects = tlv.decode(value)
            by_tag = dict(objects)
            tags = [tag for tag, _ in objects]
            if tags != [tag for tag in _ORDER if tag in by_tag] or len(by_tag[ICCID]) != 10:
                raise ValueError("other objects")
            if len(by_tag.get(ICON, b"")) > MOST_ICON or (ICON in by_tag) != (ICON_TYPE in by_tag):
                raise ValueError("icon")
            kind = by_tag.get(KIND, bytes([OPERATIONAL]))
            if kind not in (bytes([each]) for each in (TEST, PROVISIONING, OPERATIONAL)):
                raise ValueError("class")
            return cls(
                by_tag[ICCID],
                _text(by_tag[PROVIDER], MOST_PROVIDER),
                _text(by_tag[NAME], MOST_NAME),
                kind[0],
                tuple(_address(*each) for each in tlv.decode(by_tag.get(NOTIFICATIONS, b""))),
                bool(by_tag.get(RULES, b"\0\0")[1] & _RULES),
                {tag: by_tag[tag] for tag in (ICON_TYPE, ICON, OWNER, RULES) if tag in by_tag},
            )
        except (KeyError, IndexError, ValueError) as error:
            raise MetadataError(str(error)) from None

    def profile(self, imsi: str, package: bytes) -> Profile:
        """The profile that is disabled and takes the memory of its package."""
        return Profile(
            iccid_text(self.iccid),
            imsi,
            self.name,
            self.provider,
            kind=self.kind,
            addresses=self.addresses,
            described=dict(self.described),
            package=package,
            size=len(package),
        )


def _text(value: bytes, most: int) -> str:
    if len(value) > most:
        raise ValueError("too long")
    return value.decode()


def _address(tag: int, entry: bytes) -> tuple[int, str]:
    operations, address = fields(entry, 0x80, 0x81)
    if tag != 0x30:
        raise ValueError("no SEQUENCE")
    return operations[1], address.decode()
