"""A slot as a file system."""

import os
import sys

import packed
import scratch
from raising import raises
from start import image

FILES = (
    ("locator/__init__.mpy", b"package"),
    ("locator/wake.mpy", bytes(range(256)) * 5),
    ("locator/scheduler/__init__.mpy", b"plan"),
    ("locator/scheduler/decide.mpy", b"decide"),
)


def slot(data):
    path = scratch.folder() + "/slot"
    packed.write(path, data)
    return path


def test_a_slot_that_cannot_be_read_is_an_empty_one():
    path = slot(packed.slot(FILES))
    files = image.files

    def broken(f):
        yield from list(files(f))[:2]
        raise OSError(5)

    image.files = broken
    try:
        mounted = image.Slot(path)
        assert not image.is_complete(path)
    finally:
        image.files = files
    for name, _ in FILES:
        raises(OSError, mounted.open, name, "rb")


def contents(mounted, path):
    data, buf = b"", bytearray(100)
    f = mounted.open(path, "rb")
    n = f.readinto(buf)
    while n:
        data += buf[:n]
        n = f.readinto(buf)
    f.ioctl(4, 0)
    return data


def test_the_file_of_a_slot_is_opened_once():
    path = slot(packed.slot(FILES))
    mounted = image.Slot(path)
    os.remove(path)  # to open it again would fail
    first, second = (mounted.open(name, "rb") for name, _ in FILES[:2])
    buf = bytearray(4)
    assert first.readinto(buf) == 4 and buf == FILES[0][1][:4]
    assert second.readinto(buf) == 4 and buf == FILES[1][1][:4]
    assert first.readinto(buf) == len(FILES[0][1]) - 4 and buf[:3] == FILES[0][1][4:]


def refused(do, *arguments):
    try:
        do(*arguments)
    except OSError as error:
        return error.args[0]
    return 0


def test_the_file_of_a_slot_is_closed_when_it_is_unmounted():
    mounted = image.Slot(slot(packed.slot(FILES)))
    mounted.umount()
    raises((OSError, ValueError), mounted._f.read, 1)
    image.Slot(scratch.folder() + "/none").umount()


def test_files_and_folders_are_found():
    mounted = image.Slot(slot(packed.slot(FILES)))
    for name, data in FILES:
        assert mounted.stat("/" + name)[:1] + mounted.stat("/" + name)[6:7] == (0x8000, len(data))
        assert contents(mounted, "/" + name) == data
    for folder in ("/locator", "locator/scheduler"):
        assert mounted.stat(folder)[0] == 0x4000
    for name in ("/", "/locator/schedul", "/locator/wake", "/locator/wake.py", "/boot.py"):
        assert refused(mounted.stat, name) == 2 and refused(mounted.open, name, "rb") == 2


def test_a_slot_that_is_not_there_or_cut_off_is_no_error():
    whole = packed.slot(FILES)
    assert refused(image.Slot(scratch.folder() + "/none").stat, "/locator") == 2
    for size in range(0, len(whole), 7):
        path = slot(whole[:size])
        mounted = image.Slot(path)
        assert not image.is_complete(path)
        for name, data in FILES:
            if not refused(mounted.stat, name):
                assert data.startswith(contents(mounted, name))


def test_an_image_is_complete_only_with_its_end_mark():
    assert image.is_complete(slot(packed.slot(FILES)))
    for end in (b"", b"\x01\x01"):
        assert not image.is_complete(slot(packed.slot(FILES, 1, end)))
    assert image.head(slot(packed.slot(FILES, 7)))[0] == 7
    assert image.head(slot(b"\x00" + packed.slot(FILES)[1:])) == (0, 0, b"")


def test_micropython_imports_from_it():
    if sys.implementation.name != "micropython":
        return
    import vfs

    code = b"VALUE = 42\n"
    mounted = image.Slot(slot(packed.slot((("packed_probe.py", code), ("pack_of/__init__.mpy", b"M")))))
    vfs.mount(mounted, "/packed")
    sys.path.insert(0, "/packed")
    try:
        import packed_probe

        assert packed_probe.VALUE == 42
        assert os.stat("/packed/packed_probe.py")[6] == len(code)
    finally:
        sys.path.pop(0)
        vfs.umount("/packed")
