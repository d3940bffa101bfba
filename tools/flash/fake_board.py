"""A board at a pseudo terminal: a real MicroPython with its REPL, whose flash is a file with LittleFS and
whose NVS lies in files next to it.

It takes resets, soft ones and Ctrl-C as a board does, and loses its power when asked to; only after
machine.reset() it runs main.py. Of its chip there is the number, by its folder, a clock that can be set, what
the IDF says of heap and tasks, and a watchdog that never bites: what needs pins or sleep does not run.
"""

import hashlib
import os
import pty
import select
import signal
import subprocess
import threading
import tty
from contextlib import suppress
from pathlib import Path

from tools.world.device.process import interpreter

HEAP_KW = 128
BLOCKS = 240
_START = """
import os, sys, time, vfs

vfs.umount("/")
vfs.mount(vfs.VfsPosix("/"), {host!r})

class Flash:
    def __init__(self, path):
        self.bdev = self
        self._file = open({host!r} + path, "r+b")

    def readblocks(self, block, buf, offset=0):
        self._file.seek(4096 * block + offset)
        self._file.readinto(buf)

    def writeblocks(self, block, buf, offset=None):
        if offset is None:
            offset = 0
        self._file.seek(4096 * block + offset)
        self._file.write(buf)

    def ioctl(self, op, arg):
        return {{4: {blocks}, 5: 4096}}.get(op, 0)

class Machine:
    def unique_id(self):
        return {chip!r}

    def WDT(self, timeout):
        pass

    def freq(self, hz):
        pass

    def reset(self):
        open({host!r} + {reset!r}, "w").close()
        sys.exit()

class Nvs:
    HEAP_DATA = 4

    def __init__(self, space):
        self._name = {host!r} + {path!r} + "." + space + "."
        self._new = {{}}

    def NVS(self, space):
        return Nvs(space)

    def set_blob(self, key, data):
        self._new[key] = bytes(data)

    def commit(self):
        for key, data in self._new.items():
            with open(self._name + key, "wb") as f:
                f.write(data)
        self._new = {{}}

    def erase_key(self, key):
        try:
            os.remove(self._name + key)
        except OSError:
            raise OSError(-0x1102)  # ESP_ERR_NVS_NOT_FOUND

    def get_blob(self, key, buf):
        try:
            with open(self._name + key, "rb") as f:
                data = f.read()
        except OSError:
            raise OSError(-0x1102)
        if len(data) > len(buf):
            raise OSError(-0x110C)  # ESP_ERR_NVS_INVALID_LENGTH
        buf[: len(data)] = data
        return len(data)

    def idf_heap_info(self, capabilities):
        return [(15072, 15036, 15036, 15036), (113840, 53300, 53248, 53248)]

    def idf_task_info(self):
        return (0, [(1, "IDLE1", 1, 0, 0, 700, 1), (2, "mp_task", 0, 1, 0, 9328, 1)])

sys.modules["esp32"] = Nvs("")
sys.modules["machine"] = Machine()
_flash = Flash({path!r})
sys.modules["flashbdev"] = _flash
try:
    vfs.mount(vfs.VfsLfs2(_flash), "/")
except OSError:
    _first = bytearray(4096)
    _flash.readblocks(0, _first)
    while any(each != 255 for each in _first):  # as MicroPython does, for ever
        print("filesystem appears to be corrupted")
        time.sleep(3)
    vfs.VfsLfs2.mkfs(_flash)
    vfs.mount(vfs.VfsLfs2(_flash), "/")
os.chdir("/")
sys.path[:] = ["", ".frozen"]
for _name in ("boot.py", "main.py")[: {files}]:
    try:
        with open(_name) as _text:
            exec(_text.read())
    except (Exception, KeyboardInterrupt) as error:  # it may have been half of a deployment
        sys.print_exception(error)
"""
_HOST = "/host"
"""Where the board's MicroPython sees this computer's files."""
_INTERRUPT, _RAW, _FRIENDLY = 0x03, 0x01, 0x02
_PROMPT = b">>> "


class FakeBoard:
    """Powered on within its `with`; `port` is what to connect to. `folder` gets flash.bin, which stays."""

    def __init__(self, folder: Path) -> None:
        self.flash = folder / "flash.bin"
        if not self.flash.exists():
            self.flash.write_bytes(b"\xff" * 4096 * BLOCKS)
        self._start = folder / "start_board.py"
        self.chip = hashlib.sha256(str(folder).encode()).digest()[:6]
        self._reset = folder / "reset"
        self._raw = False
        self._on = True

    def __enter__(self) -> "FakeBoard":
        self._host, slave = pty.openpty()
        tty.setraw(slave)
        self._slave = slave  # kept open: the port stays while no client is connected
        self.port = os.ttyname(slave)
        self._boot()
        self._relay = threading.Thread(target=self._run, daemon=True)
        self._relay.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut_power()
        self._relay.join()
        for handle in (self._host, self._slave, self._board):
            with suppress(OSError):
                os.close(handle)

    def cut_power(self) -> None:
        """In the middle of whatever it does."""
        self._on = False
        self._process.kill()
        self._process.wait()

    def _boot(self, files: int = 1) -> None:
        """With boot.py, and main.py where `files` is 2."""
        start = {"blocks": BLOCKS, "host": _HOST, "path": str(self.flash), "reset": str(self._reset)}
        self._start.write_text(_START.format(chip=self.chip, files=files, **start))
        self._board, slave = pty.openpty()
        tty.setraw(slave)
        command = [*interpreter(HEAP_KW), "-i", str(self._start)]
        self._process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)

    def _run(self) -> None:
        while self._on:
            ready, _, _ = select.select([self._host, self._board], [], [], 0.1)
            if self._host in ready:
                self._to_board(os.read(self._host, 4096))
            if self._board in ready:
                try:
                    os.write(self._host, os.read(self._board, 4096))
                except OSError:  # its process has ended: a soft reset
                    if self._on:
                        self._soft_reset()

    def _to_board(self, data: bytes) -> None:
        for byte in data:
            if byte in {_RAW, _FRIENDLY}:
                self._raw = byte == _RAW
        if _INTERRUPT in data:  # both terminals are raw: the byte alone stops nothing
            self._process.send_signal(signal.SIGINT)
        with suppress(OSError):
            os.write(self._board, data)

    def _soft_reset(self) -> None:
        self._process.wait()
        os.close(self._board)
        if self._reset.exists():
            self._reset.unlink()
            self._raw = False
            self._boot(2)
            return
        os.write(self._host, b"MPY: soft reboot\r\n")
        self._boot()
        if self._raw:
            seen = b""
            while not seen.endswith(_PROMPT):
                seen += os.read(self._board, 1)
            os.write(self._board, bytes([_RAW]))
