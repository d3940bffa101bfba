"""The card as far as a registration needs it: identity, PIN and the list of forbidden networks."""

from __future__ import annotations

FPLMN_ENTRIES = 4
PIN_TRIES, PUK_TRIES = 3, 10


class Card:
    """`imsi` 15 digits, `iccid` 19 digits. The forbidden networks (EF_FPLMN) outlive power cuts, and so
    do the PIN (None: not asked for) and the tries that are left."""

    def __init__(
        self,
        imsi: str = "204046612345678",
        iccid: str = "8931440400012345678",
        pin: str | None = None,
        puk: str = "12345678",
    ) -> None:
        self.imsi = imsi
        self.iccid = iccid
        self.pin = pin
        self.code = pin or "0000"
        """The PIN, also while nobody asks for it."""
        self.pin_tries, self.puk_tries = PIN_TRIES, PUK_TRIES
        self._puk = puk
        self.forbidden: list[str] = []

    def verify(self, pin: str) -> bool:
        """Whether it is the PIN; the third wrong one in a row blocks it."""
        if self.pin_tries == 0:
            return False
        self.pin_tries = PIN_TRIES if pin == self.code else self.pin_tries - 1
        return pin == self.code

    def unblock(self, puk: str, pin: str) -> bool:
        """Whether it is the PUK; the PIN is another from now on."""
        if self.puk_tries == 0:
            return False
        if puk != self._puk:
            self.puk_tries -= 1
            return False
        self.pin_tries, self.puk_tries = PIN_TRIES, PUK_TRIES
        self.change(pin)
        return True

    def change(self, pin: str) -> None:
        """The PIN is another."""
        self.code = pin
        if self.pin is not None:
            self.pin = pin

    def lock(self, on: bool) -> None:
        """Ask for the PIN at the next boot, or never."""
        self.pin = self.code if on else None

    def forbid(self, plmn: str) -> None:
        """Add `plmn` to EF_FPLMN; the oldest entry makes room (TS 31.102)."""
        if plmn not in self.forbidden:
            self.forbidden = [*self.forbidden, plmn][-FPLMN_ENTRIES:]

    def allow(self, plmn: str) -> None:
        """Take `plmn` off the list: it has accepted the card."""
        if plmn in self.forbidden:
            self.forbidden.remove(plmn)

    def read(self, file_id: int) -> bytes | None:
        """Contents of an elementary file; None when the card does not have it."""
        if file_id == 0x2FE2:
            return _swapped(self.iccid.ljust(20, "F"))
        if file_id == 0x6F07:
            return bytes([8]) + _swapped("9" + self.imsi)
        if file_id == 0x6F7B:
            entries = b"".join(_plmn_bytes(plmn) for plmn in self.forbidden)
            return entries.ljust(3 * FPLMN_ENTRIES, b"\xff")
        return None

    def write_forbidden(self, data: bytes) -> None:
        """Replace EF_FPLMN by `data`, three bytes an entry."""
        entries = [data[i : i + 3] for i in range(0, 3 * FPLMN_ENTRIES, 3)]
        self.forbidden = [
            _plmn_text(entry) for entry in entries if len(entry) == 3 and entry != b"\xff\xff\xff"
        ]


def _swapped(digits: str) -> bytes:
    """Digits as BCD with the low nibble first."""
    return bytes(int(digits[i + 1] + digits[i], 16) for i in range(0, len(digits), 2))


def _plmn_bytes(plmn: str) -> bytes:
    """TS 24.008 10.5.1.13: MCC2 MCC1, MNC3 MCC3, MNC2 MNC1."""
    mcc, mnc = plmn[:3], plmn[3:].ljust(3, "F")
    return bytes.fromhex(mcc[1] + mcc[0] + mnc[2] + mcc[2] + mnc[1] + mnc[0])


def _plmn_text(entry: bytes) -> str:
    text = entry.hex().upper()
    return (text[1] + text[0] + text[3] + text[5] + text[4] + text[2]).rstrip("F")
