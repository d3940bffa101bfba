"""A flash in memory, on MicroPython: a block device whose power can be cut at any of its operations."""

BLOCK = 4096
NEVER = 1 << 30


class PowerCut(BaseException):
    """No code of the firmware catches it."""


class Flash:
    """Blocks in the bytearray `data`. It dies at operation number `cut_at`; a `torn` one is half done."""

    def __init__(self, data, cut_at=NEVER, torn=False):
        self.data = data
        self.operations = 0
        self.cut_at = cut_at
        self.torn = torn
        self.dead = False

    def readblocks(self, n, buf, offset=0):
        self._alive()
        at = n * BLOCK + offset
        buf[:] = self.data[at : at + len(buf)]

    def writeblocks(self, n, buf, offset=None):
        if offset is None:
            self.ioctl(6, n)
            offset = 0
        at = n * BLOCK + offset
        size = self._size(len(buf))
        self.data[at : at + size] = memoryview(buf)[:size]
        self.changed(at, size)
        self._alive()

    def ioctl(self, op, arg):
        if op == 4:
            return len(self.data) // BLOCK
        if op == 5:
            return BLOCK
        if op == 6:
            size = self._size(BLOCK)
            self.data[arg * BLOCK : arg * BLOCK + size] = b"\xff" * size
            self.changed(arg * BLOCK, size)
            self._alive()
        return 0

    def changed(self, at, size):
        """Called after each operation, for flashes that are kept elsewhere too."""

    def _size(self, whole):
        """How many bytes of this operation still happen."""
        self._alive()
        self.operations += 1
        if self.operations < self.cut_at:
            return whole
        self.dead = True
        return whole // 2 if self.torn else 0

    def _alive(self):
        if self.dead:
            raise PowerCut
