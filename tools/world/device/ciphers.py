"""AES for a device's MicroPython that was built without it (make heap32)."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

ECB = 1
_IV = 16
_KEY = 16


class Ciphers:
    """Stateless: a request says mode (1 ECB, 2 CBC), vector, key, then whole blocks."""

    def encrypt(self, request: bytes) -> bytes:
        """The blocks of the request, encrypted; the last of them is the next vector."""
        mode, request = request[0], request[1:]
        vector, key, blocks = request[:_IV], request[_IV : _IV + _KEY], request[_IV + _KEY :]
        chain: modes.ECB | modes.CBC = modes.ECB() if mode == ECB else modes.CBC(vector)
        return Cipher(algorithms.AES(key), chain).encryptor().update(blocks)
