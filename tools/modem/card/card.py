"""The card as far as a registration needs it: identity, PIN and files; base of the other cards.

`euicc.Euicc` has several profiles, `applet.AppletCard` changes its identity by itself.
"""

from __future__ import annotations

from tools.modem.card.files import iccid_bytes, imsi_bytes, plmn_bytes, plmn_text

FPLMN_ENTRIES = 4
ICCID, IMSI, AD, FPLMN, LOCI, EPSLOCI = 0x2FE2, 0x6F07, 0x6FAD, 0x6F7B, 0x6F7E, 0x6FE3
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
        """The PIN, also while it is not asked for."""
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
        if file_id == ICCID:
            return iccid_bytes(self.iccid)
        if file_id == IMSI:
            return imsi_bytes(self.imsi)
        if file_id == FPLMN:
            entries = b"".join(plmn_bytes(plmn) for plmn in self.forbidden)
            return entries.ljust(3 * FPLMN_ENTRIES, b"\xff")
        return _FIXED.get(file_id)

    def write_forbidden(self, data: bytes) -> None:
        """Replace EF_FPLMN by `data`, three bytes an entry."""
        entries = [data[i : i + 3] for i in range(0, 3 * FPLMN_ENTRIES, 3)]
        self.forbidden = [
            plmn_text(entry) for entry in entries if len(entry) == 3 and entry != b"\xff\xff\xff"
        ]

    # What other cards do in addition.

    has_isdr = False
    quirks: frozenset[str] = frozenset()
    polls = False
    """Its applet looks at the location status again and again."""
    refresh_ms: int | None = None
    """Milliseconds until it wants to be reset; None: it does not."""
    menu: tuple[str, ...] = ()
    """The items of its toolkit's menu."""
    work_ms = 0
    """What the last APDU has cost it besides the exchange."""
    mute = False
    """It has not answered the last APDU."""

    def reset(self, cold: bool = False) -> None:
        """The modem has obeyed a REFRESH; `cold`: the contacts were without power."""
        self.refresh_ms = None

    @property
    def loads(self) -> bool:
        """Whether a profile is being loaded onto it."""
        return False

    def template(self, aid: bytes) -> bytes:
        """The file control information of the ISD-R; a card without one is not asked."""
        raise NotImplementedError

    def es10(self, request: bytes) -> bytes:
        """The answer of the ISD-R; a card without one is not asked."""
        raise NotImplementedError

    def status(self, mcc: str, in_service: bool, elapsed_ms: float) -> None:
        """Set by the modem while the toolkit is on: location status, and for how long it has been so."""

    def choose(self, item: int) -> bool:
        """Choose this item of the menu, from 1 on, as a user; False when there is none."""
        return False


_FIXED = {
    AD: bytes.fromhex("00000002"),
    LOCI: bytes.fromhex("FFFFFFFFFFFFFFFFFFFF01"),
    EPSLOCI: bytes.fromhex("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF0001"),
}
