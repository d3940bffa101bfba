"""The release that is being pulled into the spare slot: its offer, its list of files, what is missing.

The slot holds `offer.cbor` (as in the reply), `files.cbor` (the list, once it has been pulled) and the
files under their names. How far the pull has come is what the files' sizes say, so it survives everything.
What the running slot already has is copied.
"""

import hashlib
import os
import sys

import trials
from micropython import const

from locator.link import cbor

# Why a release is refused; trials.CRASHED and trials.NOT_ANSWERED go on from here.
OTHER_BOARD = const(1)
OTHER_RUNTIME = const(2)
NOT_NEWER = const(3)
DAMAGED = const(4)
MALFORMED = const(5)

MOST_FILES = const(120)
MOST_BYTES = const(98304)
_MOST_LIST_BYTES = const(8192)
_MOST_ITEM_BYTES = const(128)
_DIGEST_BYTES = const(32)
_BLOCK = const(512)
_FOLDER = const(0x4000)
_LIST = "/files.cbor"
_OFFER = "/offer.cbor"
_NAME = "abcdefghijklmnopqrstuvwxyz0123456789_./"


class ReleaseError(Exception):
    """The release cannot be used; `args[0]` is one of the reasons above."""


class Release:
    """What lies in the slot `folder`, whose path is that of the spare one; `running` is the other's.

    `sequence` is 0 when no release is being pulled. `feed` is called while there is much to do.
    """

    def __init__(self, folder, running, feed):
        self.folder = folder
        self._running = running
        self._feed = feed
        self.sequence = 0
        self.digest = b""
        self._load()

    def begin(self, offer):
        """Empty the slot for the release of `offer`: [sequence, bytes of the list, its SHA-256, ...]."""
        self.clear()
        _make_folders(self.folder + _OFFER)
        out = cbor.Writer(bytearray(64))
        out.head(cbor.ARRAY, 3)
        out.int(offer[0])
        out.int(offer[1])
        out.bytes(offer[2])
        with open(self.folder + _OFFER, "wb") as f:
            f.write(memoryview(out.buf)[: out.n])
        self._load()

    def clear(self):
        """Remove the slot: first what says that it is complete, so that nobody starts half of it."""
        for name in (trials.COMPLETE, _OFFER):
            _remove(self.folder + name)
        _remove_all(self.folder, self._feed)
        self.sequence = 0

    def wanted(self):
        """The next piece to pull: (file, offset, size, path), file 0 being the list; None when all is
        there. `ReleaseError` when the list is not what was offered."""
        offset = _size(self.folder + _LIST)
        if offset < self._list_bytes:
            return 0, offset, self._list_bytes, self.folder + _LIST
        with self._open_list() as f:
            for i, (name, size, digest) in enumerate(self._files(f)):
                path = self.folder + "/" + name
                offset = _size(path)
                if offset < size and (offset or not self._copy(name, size, digest, path)):
                    return i + 1, offset, size, path
        return None

    def verify(self):
        """Read all of it from flash: `ReleaseError` unless each file is as the list says, and says so."""
        with self._open_list() as f:
            for name, size, digest in self._files(f):
                path = self.folder + "/" + name
                if _size(path) != size or self._digest(path) != digest:
                    raise ReleaseError(DAMAGED)
        with open(self.folder + trials.COMPLETE, "wb"):
            pass

    def _load(self):
        try:
            with open(self.folder + _OFFER, "rb") as f:
                self.sequence, self._list_bytes, self.digest = cbor.loads(f.read())
        except (OSError, ValueError, TypeError, cbor.CborError):
            self.sequence = 0

    def _open_list(self):
        """The list of files, compared with the offer."""
        path = self.folder + _LIST
        if self._digest(path) != self.digest:
            raise ReleaseError(DAMAGED)
        return open(path, "rb")

    def _files(self, f):
        """Yield [name, bytes, SHA-256] of each file in the list `f`. One by one: all of them would take a
        large piece of the heap."""
        at = total = count = 0
        while at < self._list_bytes:
            f.seek(at)
            try:
                item, length = cbor.first(f.read(_MOST_ITEM_BYTES))
            except cbor.CborError:
                raise ReleaseError(MALFORMED)
            if not _is_file(item):
                raise ReleaseError(MALFORMED)
            at += length
            count += 1
            total += item[1]
            if count > MOST_FILES or total > MOST_BYTES:
                raise ReleaseError(MALFORMED)
            yield item

    def _copy(self, name, size, digest, path):
        """True when the running slot had the file, and it is here now."""
        source = self._running + "/" + name
        if _size(source) != size or self._digest(source) != digest:
            return False
        _make_folders(path)
        block = bytearray(_BLOCK)
        with open(source, "rb") as f, open(path, "wb") as out:
            n = f.readinto(block)
            while n:
                out.write(memoryview(block)[:n])
                n = f.readinto(block)
        return True

    def _digest(self, path):
        self._feed()
        sha = hashlib.sha256()
        block = bytearray(_BLOCK)
        with open(path, "rb") as f:
            n = f.readinto(block)
            while n:
                sha.update(memoryview(block)[:n])
                n = f.readinto(block)
        return sha.digest()


def check(offer):
    """`ReleaseError` unless `offer` is one: [sequence, bytes of the list, SHA-256 of it, board, mpy]."""
    if type(offer) is not list or len(offer) != 5:
        raise ReleaseError(MALFORMED)
    sequence, size, digest, board, mpy = offer
    if type(sequence) is not int or type(size) is not int or type(board) is not str or type(mpy) is not int:
        raise ReleaseError(MALFORMED)
    if not 0 < sequence < 0x40000000 or not 0 < size <= _MOST_LIST_BYTES:
        raise ReleaseError(MALFORMED)
    if type(digest) is not bytes or len(digest) != _DIGEST_BYTES:
        raise ReleaseError(MALFORMED)


def runtime():
    """Version of compiled modules that this interpreter loads."""
    return getattr(sys.implementation, "_mpy", 0) & 0xFF


def append(path, data):
    """Append a piece; it is in flash when this returns."""
    _make_folders(path)
    with open(path, "ab") as f:
        f.write(data)


def _is_file(item):
    if type(item) is not list or len(item) != 3:
        return False
    name, size, digest = item
    if type(name) is not str or type(size) is not int or type(digest) is not bytes:
        return False
    # Only below locator/, and nowhere up again.
    good_name = name.startswith("locator/") and ".." not in name and len(name) <= 64
    return good_name and all(c in _NAME for c in name) and size > 0 and len(digest) == _DIGEST_BYTES


def _size(path):
    """Bytes of the file, 0 when there is none."""
    try:
        return os.stat(path)[6]
    except OSError:
        return 0


def _make_folders(path):
    at = path.find("/")
    while at > 0:
        try:
            os.mkdir(path[:at])
        except OSError:  # there already
            pass
        at = path.find("/", at + 1)


def _remove(path):
    try:
        os.remove(path)
    except OSError:
        pass


def _remove_all(folder, feed):
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        path = folder + "/" + name
        if os.stat(path)[0] & _FOLDER:
            _remove_all(path, feed)
        else:
            os.remove(path)
    feed()
    os.rmdir(folder)
