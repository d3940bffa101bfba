"""One boot of the device from a flash image, with the real boot.py and main.py.

    micropython updatecut.py make IMAGE FOLDER        a LittleFS image with what lies in the folder
    micropython updatecut.py damage IMAGE FILE AT     inverts one byte of a file; AT -1 removes the file
    micropython updatecut.py sizes IMAGE              prints "used BLOCKS OF" and "file NAME BYTES"
    micropython updatecut.py boot IMAGE FD CUT TORN   one boot; the power fails at flash operation CUT

At a boot the world is on the other end of FD: messages both ways are `<BH` kind, length;
payload. The image has each operation at once, whatever becomes of the interpreter; "operations N" is printed
at the end.
"""

import os
import struct
import sys

import vfs

sys.path.insert(0, __file__.rsplit("/", 1)[0])
import ideal
from flash import BLOCK, NEVER, Flash, PowerCut, alive, copy_tree

BLOCKS = 240
"""960 KiB: the file system in the OTA layout of the ESP32."""
NOW_S = 845_500_000
HELLO, UPLINK, RTC, SLEEP = 1, 2, 3, 4


class ImageFlash(Flash):
    """A flash that is kept in the open file `image`."""

    def __init__(self, image, cut_at=NEVER, torn=False):
        image.seek(0)
        super().__init__(bytearray(image.read()), cut_at, torn)
        self._image = image

    def changed(self, at, size):
        self._image.seek(at)
        self._image.write(memoryview(self.data)[at : at + size])


class Port(ideal.Port):
    """The port, with the world on the other end of a pipe."""

    def __init__(self, fd):
        self._pipe = open(fd, "r+b")
        hello = self.ask(HELLO, b"")
        cause, reason, clock_s = struct.unpack_from("<BBI", hello)
        super().__init__(cause, reason, clock_s, hello[6:])

    def ask(self, kind, payload):
        """Send a message; the payload of the answer."""
        alive()
        self._pipe.write(struct.pack("<BH", kind, len(payload)) + payload)
        size = struct.unpack("<H", self._read(2))[0]
        return self._read(size)

    def uplink(self, payload):
        """The agent's replies."""
        reply = self.ask(UPLINK, payload)
        return [reply] if reply else []

    def time_s(self):
        """The network's time."""
        return NOW_S + self.clock_s()

    def rtc_write(self, data):
        self.ask(RTC, data)

    def deepsleep(self, ms, wake_on):
        self.ask(SLEEP, struct.pack("<I", ms))
        sys.exit()

    def _read(self, n):
        data = b""
        while len(data) < n:
            got = self._pipe.read(n - len(data))
            if not got:
                sys.exit(2)  # the world is gone
            data += got
        return data


class Board:
    """The board module, as it lies next to boot.py."""

    NAME = "SIM"
    MODEM = "bg95"

    def __init__(self, fd):
        self._fd = fd

    def make_port(self):
        return Port(self._fd)


class Chip:
    """The modules `machine` and `flashbdev`."""

    def __init__(self, flash):
        self.bdev = flash

    def WDT(self, timeout):
        print("watchdog armed")


def boot(flash, fd):
    """Run boot.py and main.py from `flash`; the number of flash operations."""
    sys.modules["board"] = Board(fd)  # type: ignore[assignment]
    sys.modules["machine"] = sys.modules["flashbdev"] = Chip(flash)  # type: ignore[assignment]
    path = sys.path[:]
    try:
        vfs.umount("/")
        vfs.mount(flash, "/")
        os.chdir("/")
        sys.path[:] = ["", ".frozen"]
        __import__("boot")
        try:
            from locator import modem

            modem.make = lambda board, port: ideal.Modem(port, modem, port.uplink, port.time_s)
        except Exception as error:  # main.py meets it again
            sys.print_exception(error)
        __import__("main")
    except (PowerCut, SystemExit) as end:
        print("ended", "cut" if isinstance(end, PowerCut) else "exit")
    flash.end()  # what finalisers do from here on happens nowhere
    sys.path[:] = path
    return flash.operations


def make(flash, folder):
    """Format the flash and copy `folder` onto it."""
    vfs.VfsLfs2.mkfs(flash)
    vfs.mount(vfs.VfsLfs2(flash), "/flash")
    copy_tree(folder, "/flash")
    vfs.umount("/flash")


def damage(flash, path, at):
    """Invert the byte at `at` of a file, or remove it if `at` is negative."""
    vfs.mount(vfs.VfsLfs2(flash), "/flash")
    if at < 0:
        os.remove("/flash/" + path)
    else:
        with open("/flash/" + path, "r+b") as f:
            f.seek(at)
            byte = f.read(1)[0]
            f.seek(at)
            f.write(bytes([byte ^ 0xFF]))
    vfs.umount("/flash")


def sizes(flash):
    """Print what lies on the flash."""
    vfs.mount(vfs.VfsLfs2(flash), "/flash")
    stat = os.statvfs("/flash")
    print("used", stat[2] - stat[3], stat[2])
    _list("/flash")
    vfs.umount("/flash")


def _list(folder):
    for entry in os.ilistdir(folder):
        path = folder + "/" + entry[0]
        if entry[1] & 0x4000:
            _list(path)
        else:
            print("file", path[len("/flash/") :], os.stat(path)[6])


def main(what, image, *rest):
    """One command on the image."""
    if what == "make":
        with open(image, "wb") as f:
            for _ in range(BLOCKS):
                f.write(b"\xff" * BLOCK)
    with open(image, "r+b") as f:
        if what == "boot":
            flash = ImageFlash(f, int(rest[1]) or NEVER, rest[2] == "1")
            print("operations", boot(flash, int(rest[0])))
        elif what == "make":
            make(ImageFlash(f), rest[0])
        elif what == "damage":
            damage(ImageFlash(f), rest[0], int(rest[1]))
        else:
            sizes(ImageFlash(f))


main(*sys.argv[1:])
