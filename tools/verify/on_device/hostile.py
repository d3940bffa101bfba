"""Compares the device's cryptography with published results, on CPython and on MicroPython.

`micropython hostile.py FILE` reads a case a line, an array that begins with the kind, byte strings in
hex: ["ccm", name, key, nonce, aad, text, sealed], ["hkdf", name, ikm, salt, info, okm], ["hmac", name, key,
data, mac], ["envelope", name, device key, device, direction, number, text, envelope]; and ["flips", ...] as
"envelope", of which each bit is inverted, one after the other. Prints one JSON line: how many cases of each
kind were right, how many flips were refused, and what was wrong in words.
"""

import json
import sys
from binascii import hexlify, unhexlify

from locator.codec import cose

_HEADROOM = 32
KEPT = 10


class Tally:
    """The results of the cases so far."""

    def __init__(self):
        self.right = {}
        self.wrong = []

    def note(self, kind, name, is_right):
        """Count a case, or keep its name."""
        self.right[kind] = self.right.get(kind, 0) + is_right
        if not is_right and len(self.wrong) < KEPT:
            self.wrong.append(kind + " " + name)


def ccm(tally, name, key, nonce, aad, text, encrypted):
    """AES-CCM both ways, and no single bit of what goes into the tag may be another one."""
    key, nonce, aad, text, encrypted = [unhexlify(each) for each in (key, nonce, aad, text, encrypted)]
    cipher = cose.Ccm(key)
    buf = bytearray(text + bytes(cose.TAG_SIZE))
    cipher.encrypt(nonce, aad, buf, 0, len(text))
    is_right = bytes(buf) == encrypted
    is_right = is_right and cipher.decrypt(nonce, aad, buf, 0, len(text)) and bytes(buf[: len(text)]) == text
    tally.note("ccm", name, is_right)


def ccm_flips(tally, name, key, nonce, aad, text, encrypted):
    """Each bit of nonce, additional data, ciphertext and tag, inverted: refused."""
    cipher = cose.Ccm(unhexlify(key))
    parts = [bytearray(unhexlify(each)) for each in (nonce, aad, encrypted)]
    for i, what in enumerate(("nonce", "aad", "sealed")):
        for bit in range(8 * len(parts[i])):
            parts[i][bit // 8] ^= 1 << bit % 8
            buf = bytearray(parts[2])
            taken = cipher.decrypt(bytes(parts[0]), bytes(parts[1]), buf, 0, len(buf) - cose.TAG_SIZE)
            tally.note("flips", f"{name}, {what} bit {bit}", not taken)
            parts[i][bit // 8] ^= 1 << bit % 8


def hkdf(tally, name, ikm, salt, info, okm):
    """HKDF-SHA256."""
    derived = cose.hkdf(unhexlify(ikm), unhexlify(salt), unhexlify(info), len(okm) // 2)
    tally.note("hkdf", name, hexlify(derived).decode() == okm)


def hmac(tally, name, key, data, mac):
    """HMAC-SHA256."""
    tally.note("hmac", name, hexlify(cose.hmac_sha256(unhexlify(key), unhexlify(data))).decode() == mac)


def envelope(tally, name, key, device, direction, number, text, encrypted):
    """The envelope, sealed and opened."""
    text, encrypted = unhexlify(text), unhexlify(encrypted)
    side = cose.Envelope(unhexlify(key), direction, device)
    buf = bytearray(_HEADROOM) + text + bytes(cose.TAG_SIZE)
    start, end = side.seal(buf, _HEADROOM, _HEADROOM + len(text), number)
    tally.note("envelope", name, buf[start:end] == encrypted and side.open(encrypted) == (number, text))


def flips(tally, name, key, device, direction, number, text, encrypted):
    """Each bit of an envelope inverted; and the whole, held against another device or direction."""
    side = cose.Envelope(unhexlify(key), direction, device)
    data = bytearray(unhexlify(encrypted))
    for bit in range(8 * len(data)):
        data[bit // 8] ^= 1 << bit % 8
        tally.note("flips", f"{name}, envelope bit {bit}", refuses(side, bytes(data)))
        data[bit // 8] ^= 1 << bit % 8
    other = cose.DOWN if direction == cose.UP else cose.UP
    for change in ((unhexlify(key), other, device), (unhexlify(key), direction, device + "0")):
        tally.note("flips", f"{name}, taken for {change[1:]}", refuses(cose.Envelope(*change), data))


def refuses(side, data):
    """True when the envelope is not taken."""
    try:
        side.open(data)
    except cose.EnvelopeError:
        return True
    return False


KINDS: dict = {
    "ccm": ccm, "ccm flips": ccm_flips, "hkdf": hkdf, "hmac": hmac, "envelope": envelope, "flips": flips
}  # fmt: skip


def run(lines):
    """A `Tally` of all cases."""
    tally = Tally()
    for line in lines:
        kind, *case = json.loads(line)
        KINDS[kind](tally, *case)
    return tally


if __name__ == "__main__":
    with open(sys.argv[1]) as _file:
        _tally = run(_file)
    print(json.dumps({"right": _tally.right, "wrong": _tally.wrong}))
