"""Writes identity and key to trackers: `make provision DEVICE=devices/lb-0001 PORT=/dev/ttyUSB0`.

DEVICE is a folder that `landbridge devices add` has made, or several, for one tracker after the other at
the same port. Identity, key and the broker's authority are written to files, each with a copy, and to NVS,
which outlasts them, read back and compared. Each tracker is noted in out/provisioned.csv; its label goes to
out/labels/. May be repeated. REPLACE=1 (--replace) is needed where the tracker has another identity, whose
records are then erased, and where out/provisioned.csv shows this identity on another chip: two trackers with
one identity would repeat each other's message numbers.
"""

import argparse
import csv
import json
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tools.ending import one_line
from tools.flash import NEW_ID, LayoutError
from tools.flash.deploy import put
from tools.flash.device import Device
from tools.flash.identity import NAMES, read
from tools.flash.label import write_label

SPACE = "landbridge"
LOG, LABELS = Path("out", "provisioned.csv"), Path("out", "labels")
_REPLACED = "config/replaced"
"""Whose identity is on its way out: there from before it goes until the new one is in its place."""
# The old identity goes before its records: without them it would begin again at sequence 1.
_LEAVE = """
import os
def remove(path):
    try:
        if os.stat(path)[0] & 0x4000:
            for name in os.listdir(path):
                remove(path + "/" + name)
            os.rmdir(path)
        else:
            os.remove(path)
    except OSError as error:
        if error.errno != 2:
            raise
try:
    import esp32
    store = esp32.NVS({space!r})
    store.erase_key("device.json")
    store.commit()
except ImportError:
    pass
except OSError as error:
    if error.errno != -0x1102:  # ESP_ERR_NVS_NOT_FOUND
        raise
for name in ("config/device.json.copy", "config/device.json"):
    remove(name)
for name in os.listdir("data"):
    remove("data/" + name)
"""
_ACTIVATE = """
import os
for name in {names}:
    os.rename("config/" + name + ".new", "config/" + name)
"""
# As firmware/locator/config_kept.py reads it. The settings come last: with them all of it is there.
_KEEP = """
try:
    import esp32
    store = esp32.NVS({space!r})
except ImportError:
    store = None
for name in {names} if store else ():
    with open("config/" + name, "rb") as f:
        data = f.read()
    store.set_blob(name, data)
    store.commit()
    buf = bytearray(len(data) + 1)
    if buf[: store.get_blob(name, buf)] != data:
        raise OSError(name + " in NVS")
"""
_KEPT = """
try:
    import esp32
    buf = bytearray(4000)
    print(bytes(buf[: esp32.NVS({space!r}).get_blob("device.json", buf)]).decode())
except (ImportError, OSError):
    pass
"""


def provision(
    device: Device, given: dict[str, bytes], replace: bool, begin: Callable[[str], None] = lambda name: None
) -> str:
    """Write the identity; returns its name. `begin` gets it before anything is written, and may refuse.
    Raises `LayoutError`."""
    name = str(json.loads(given["device.json"])["device"])
    there = _name(device.run(_KEPT.format(space=SPACE))) or _name(device.read("config/device.json"))
    replaced = device.read(_REPLACED).decode()
    if replaced == name != there:
        raise LayoutError(f"the records of {name} were erased: {NEW_ID}")
    if there not in {"", name} and not replace:
        raise LayoutError(
            f"this tracker is {there}, not {name}, and nothing has changed: connect the tracker for {name},"
            f" or REPLACE=1, which erases the records of {there}"
        )
    begin(name)
    device.make_folder("config")
    device.make_folder("data")
    for file, data in given.items():
        put(device, f"config/{file}.new", data)
    if there not in {"", name}:
        put(device, _REPLACED, there.encode())
    if there != name and (there or replaced):
        device.run(_LEAVE.format(space=SPACE))
    device.run(_ACTIVATE.format(names=NAMES))
    for file, data in given.items():
        put(device, f"config/{file}", data)
        put(device, f"config/{file}.copy", data)
    device.run(_KEEP.format(space=SPACE, names=NAMES))
    device.remove(_REPLACED)
    return name


def _name(data: bytes | str) -> str:
    try:
        return str(json.loads(data)["device"])
    except (ValueError, KeyError, TypeError):
        return ""


def note(name: str, device: Device, replace: bool) -> None:
    """One line more in the list of what was provisioned, before it is. Raises `LayoutError` where the list
    has given the identity to another chip."""
    given_s, other = provisioned_before(name)
    if other not in {"", device.chip} and not replace:
        raise LayoutError(
            f"{LOG}: {name} was given to the chip {other} on {given_s}, this one is {device.chip}: "
            "landbridge devices add makes another id; REPLACE=1 if that chip is gone, whose sequences "
            "this one would repeat"
        )
    LOG.parent.mkdir(exist_ok=True)
    is_new = not LOG.exists()
    version = ".".join(map(str, device.version))
    with LOG.open("a", newline="") as file:
        rows = csv.writer(file)
        if is_new:
            rows.writerow(("time", "device", "micropython", "chip"))
        rows.writerow((datetime.now(UTC).isoformat(timespec="seconds"), name, version, device.chip))


def provisioned_before(name: str) -> tuple[str, str]:
    """When the list gave the identity last, and to which chip; empty where it does not say."""
    if not LOG.exists():
        return "", ""
    with LOG.open(newline="") as file:
        found = [(row[0], row[3]) for row in csv.reader(file) if len(row) > 3 and row[1] == name]
    return found[-1] if found else ("", "")


@one_line(LayoutError, OSError)
def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.flash.provision", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, help="made by landbridge devices add")
    parser.add_argument("--port", required=True, help="for example /dev/ttyUSB0")
    parser.add_argument("--replace", action="store_true", help="give the tracker another identity")
    arguments = parser.parse_args()
    for i, (folder, given) in enumerate([(each, read(each)) for each in arguments.folders]):
        if i:
            input(f"connect the tracker that becomes {folder.name}, then press Enter ")
        with closing(Device(arguments.port)) as device:
            begin = partial(note, device=device, replace=arguments.replace)
            name = provision(device, given, arguments.replace, begin)
            device.restart()
        print(f"{name}: provisioned, read back; label {write_label(LABELS, name)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
