"""The metadata of a profile (StoreMetadataRequest, BF25), as far as this card uses it."""

from __future__ import annotations

from dataclasses import dataclass

from tools.modem.card import tlv
from tools.modem.card.files import iccid_text
from tools.modem.card.profile import OPERATIONAL, Profile

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
    """`addresses`: whom to notify of which operations; `rules`: whether there are any."""

    iccid: bytes
    provider: str
    name: str
    kind: int
    addresses: tuple[tuple[int, str], ...]
    rules: bool

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
            return cls(
                by_tag[ICCID],
                _text(by_tag[PROVIDER], MOST_PROVIDER),
                _text(by_tag[NAME], MOST_NAME),
                int.from_bytes(by_tag.get(KIND, bytes([OPERATIONAL]))),
                tuple(_address(each) for _, each in tlv.decode(by_tag.get(NOTIFICATIONS, b""))),
                bool(by_tag.get(RULES, b"\0\0")[-1] & _RULES),
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
            package=package,
            size=len(package),
        )


def _text(value: bytes, most: int) -> str:
    if len(value) > most:
        raise ValueError("too long")
    return value.decode()


def _address(entry: bytes) -> tuple[int, str]:
    objects = dict(tlv.decode(entry))
    return objects[0x80][1], objects[0x81].decode()
