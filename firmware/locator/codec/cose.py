"""The envelope: COSE_Encrypt0 (RFC 9052) with AES-CCM-16-64-128 (RFC 9053) and HKDF-SHA256 (RFC 5869).

Each device, direction and epoch has its own key. The nonce is the direction's common IV xor the
partial IV, and a partial IV is never used twice (it is reserved ahead in flash by the journal).
MicroPython has no CCM, so it is put together from AES-ECB and AES-CBC (RFC 3610), 64 bytes at a
time in buffers that are kept.
"""

import hashlib

from cryptolib import aes
from micropython import const

from locator.codec import cbor

TAG_SIZE = const(8)
_BLOCK = const(16)
_CHUNK = const(64)
_IV_SIZE = const(13)
_ALG_AES_CCM_16_64_128 = const(10)
_VERSION = const(1)
_ARRAY_OF_3 = const(0x83)
_EMPTY_MAP = const(0xA0)
UP = "up"
DOWN = "down"


class EnvelopeError(Exception):
    """The envelope is not for us, not genuine or not well formed. One error for all: an attacker
    learns nothing from it."""


def hmac_sha256(key, data):
    """HMAC-SHA256 (RFC 2104) of `data`."""
    if len(key) > 64:
        key = hashlib.sha256(key).digest()
    key = key + bytes(64 - len(key))
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in key))
    inner.update(data)
    outer = hashlib.sha256(bytes(b ^ 0x5C for b in key))
    outer.update(inner.digest())
    return outer.digest()


def hkdf(key, salt, info, length):
    """HKDF-SHA256: `length` (at most 255 * 32) bytes derived from `key` for the purpose `info`."""
    prk = hmac_sha256(salt, key)
    out = block = b""
    for count in range(1, length // 32 + 2):
        block = hmac_sha256(prk, block + info + bytes([count]))
        out += block
    return out[:length]


class Ccm:
    """AES-CCM (RFC 3610) with a 13-byte nonce and an 8-byte tag, in place."""

    def __init__(self, key):
        self._key = key
        self._ecb = aes(key, 1)
        self._block = bytearray(_BLOCK)
        self._stream = bytearray(_CHUNK)
        self._counters = bytearray(_CHUNK)

    def encrypt(self, nonce, aad, buf, start, end):
        """Encrypt `buf[start:end]` in place and write the tag after it (`end + 8 <= len(buf)`)."""
        tag = self._tag(nonce, aad, buf, start, end)
        self._crypt(nonce, buf, start, end)
        buf[end : end + TAG_SIZE] = tag

    def decrypt(self, nonce, aad, buf, start, end):
        """Decrypt `buf[start:end]` in place; the tag follows it. False when it is not genuine."""
        self._crypt(nonce, buf, start, end)
        tag = self._tag(nonce, aad, buf, start, end)
        wrong = 0
        for i in range(TAG_SIZE):  # no early exit: takes the same time for every tag
            wrong |= tag[i] ^ buf[end + i]
        return wrong == 0

    def _tag(self, nonce, aad, buf, start, end):
        mac = aes(self._key, 2, bytes(_BLOCK))
        block = self._block
        block[0] = 0x59  # additional data present, 8-byte tag, 2-byte length
        block[1:14] = nonce
        block[14] = (end - start) >> 8
        block[15] = (end - start) & 0xFF
        mac.encrypt(block, block)
        data = bytes([len(aad) >> 8, len(aad) & 0xFF]) + aad
        self._mac_range(mac, data, 0, len(data))
        self._mac_range(mac, buf, start, end)
        stream = self._key_stream(nonce, 0)
        return bytes(block[i] ^ stream[i] for i in range(TAG_SIZE))

    def _mac_range(self, mac, data, start, end):
        block = self._block
        for pos in range(start, end, _BLOCK):
            size = min(_BLOCK, end - pos)
            for i in range(size):
                block[i] = data[pos + i]
            for i in range(size, _BLOCK):
                block[i] = 0
            mac.encrypt(block, block)

    def _crypt(self, nonce, buf, start, end):
        counter = 1
        for pos in range(start, end, _CHUNK):
            stream = self._key_stream(nonce, counter)
            for i in range(min(_CHUNK, end - pos)):
                buf[pos + i] ^= stream[i]
            counter += _CHUNK // _BLOCK

    def _key_stream(self, nonce, counter):
        blocks = self._counters
        for i in range(0, _CHUNK, _BLOCK):
            blocks[i] = 1
            blocks[i + 1 : i + 14] = nonce
            blocks[i + 14] = counter >> 8
            blocks[i + 15] = counter & 0xFF
            counter += 1
        self._ecb.encrypt(blocks, self._stream)
        return self._stream


class Envelope:
    """Seals and opens the messages of one device in one direction of one epoch.

    `key` is the 32-byte device key, `direction` "up" or "down", `device` the device id.
    """

    def __init__(self, key, direction, device, epoch=0):
        salt = epoch.to_bytes(4, "big")
        info = ("landbridge/1/" + direction + "/" + device).encode()
        derived = hkdf(key, salt, info, _BLOCK + _IV_SIZE)
        self._ccm = Ccm(derived[:_BLOCK])
        self._iv = derived[_BLOCK:]
        self._epoch = epoch
        self.forged = 0
        """Messages in the right form whose tag was wrong."""
        self._external_aad = cbor.dumps((_VERSION, direction, device), 48 + len(device))

    def seal(self, buf, plain_start, plain_end, number):
        """Seal `buf[plain_start:plain_end]` in place under partial IV `number`.

        The header is written in front of it, so at least 24 bytes must be free before
        `plain_start`, and 8 after `plain_end`. Returns (start, end) of the envelope in `buf`.
        """
        protected = self._protected(number)
        self._ccm.encrypt(self._nonce(number), self._aad(protected), buf, plain_start, plain_end)
        size = plain_end - plain_start + TAG_SIZE
        head = cbor.Writer(bytearray(24))
        head.head(cbor.ARRAY, 3)
        head.bytes(protected)
        head.head(cbor.MAP, 0)
        head.head(cbor.BYTES, size)
        start = plain_start - head.n
        buf[start:plain_start] = head.buf[: head.n]
        return start, plain_end + TAG_SIZE

    def open(self, data, buf=None):
        """Open the envelope `data` (bytes-like); returns (partial IV, memoryview of the plain text, which
        lies in the bytearray `buf` if there is one).

        Raises `EnvelopeError` unless it is exactly one of this direction, epoch and device.
        """
        try:
            protected, start, end = _parts(data)
            number = _number(cbor.loads(protected))
        except (cbor.CborError, ValueError, TypeError, LookupError):
            raise EnvelopeError
        if protected != self._protected(number):
            raise EnvelopeError
        size = end - start
        if buf is None:
            buf = bytearray(size)
        if not TAG_SIZE <= size <= len(buf):
            raise EnvelopeError
        buf[:size] = memoryview(data)[start:end]
        end = size - TAG_SIZE
        if not self._ccm.decrypt(self._nonce(number), self._aad(protected), buf, 0, end):
            self.forged += 1
            raise EnvelopeError
        return number, memoryview(buf)[:end]

    def _protected(self, number):
        header = {1: _ALG_AES_CCM_16_64_128, 4: _shortest(self._epoch), 6: _shortest(number)}
        return cbor.dumps(header, 16)

    def _nonce(self, number):
        return (int.from_bytes(self._iv, "big") ^ number).to_bytes(_IV_SIZE, "big")

    def _aad(self, protected):
        whole = ("Encrypt0", protected, self._external_aad)
        return cbor.dumps(whole, 32 + len(protected) + len(self._external_aad))


def _parts(data):
    """(protected header, start and end of the ciphertext) of an envelope, which is not copied: the heap
    may have no room for it."""
    start, at = cbor.span(data, 1)
    protected = bytes(data[start:at])
    start, end = cbor.span(data, at + 1)
    if data[0] != _ARRAY_OF_3 or data[at] != _EMPTY_MAP or end != len(data):
        raise ValueError
    return protected, start, end


def _shortest(number):
    return number.to_bytes(5, "big").lstrip(b"\0") or b"\0"


def _number(header):
    """The partial IV; what else the header says is compared with ours."""
    partial_iv = header[6]
    if type(partial_iv) is not bytes or not 0 < len(partial_iv) <= 5:
        raise ValueError
    return int.from_bytes(partial_iv, "big")
