"""MicroPython's `cryptolib.aes` on `cryptography`, for running the firmware under CPython."""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


class aes:  # the name MicroPython gives it
    """AES in mode 1 (ECB) or 2 (CBC); `encrypt(source, target)` keeps the chaining between calls."""

    def __init__(self, key: bytes, mode: int, iv: bytes | None = None) -> None:
        block_mode: modes.ECB | modes.CBC = modes.ECB() if mode == 1 else modes.CBC(iv or bytes(16))
        self._encryptor = Cipher(algorithms.AES(bytes(key)), block_mode).encryptor()

    def encrypt(self, source: bytes | bytearray, target: bytearray) -> None:
        """Encrypt whole blocks of `source` into `target`, which may be the same buffer."""
        target[:] = self._encryptor.update(bytes(source))
