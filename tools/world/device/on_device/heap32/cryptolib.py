"""MicroPython's `cryptolib.aes`, its blocks computed by the world: the build of `make heap32` has none."""

_AES = 11
_BLOCK = 16


class aes:
    """AES-128 in mode 1 (ECB) or 2 (CBC)."""

    def __init__(self, key, mode, iv=None):
        self._head = bytearray(1 + 2 * _BLOCK)
        self._head[0] = mode
        self._head[1 : 1 + _BLOCK] = iv or bytes(_BLOCK)
        self._head[1 + _BLOCK :] = key

    def encrypt(self, source, target):
        import lockstep

        port = lockstep.port
        port._send(_AES, self._head, source)
        n = port._answer()
        port._read_exact(target, n)
        self._head[1 : 1 + _BLOCK] = target[n - _BLOCK : n]
