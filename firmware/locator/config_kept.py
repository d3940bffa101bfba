"""Storage of the configuration: files with a copy of each, and NVS on an ESP32, which survives a new file
system. What NVS has is what counts, unless another device's file has been laid on.

`crc` and `ca_crc` in `device.json` are CRC-32, of its other values and of the certificate.
"""

import json
import os
from binascii import crc32

from micropython import const

SETTINGS, CA = "device.json", "ca.pem"
SPACE = "landbridge"
_KEYS = {"device", "key", "broker_host", "broker_port", "broker_password", "apn"}
_SIZES = (512, 1024, 2048, 4000)
"""NVS does not report how long a piece is; late in a wake there is no room for the longest."""
_TOO_SHORT = const(-0x110C)  # ESP_ERR_NVS_INVALID_LENGTH
_NONE = (ImportError, AttributeError, OSError)
"""No ESP32; nothing there, or the flash takes nothing."""


def values(folder):
    """The values of `device.json`. Raises ValueError when all that there is of it is damaged.

    What the files have of another device, or only they, goes to NVS, the certificate first: with the settings
    all of it is there.
    """
    found, path = parse(_kept(SETTINGS)), folder + "/" + SETTINGS
    laid = parse(_read(path))
    if found is None or (laid and laid["device"] != found["device"]):
        found = laid or _repaired(path, parse)
        if not found:
            raise ValueError("device.json: damaged, or a key is missing")
        _keep(CA, ca(folder, found.get("ca_crc")))
        _keep(SETTINGS, _read(path))
    return found


def ca(folder, crc):
    """The certificate, with that CRC if one is known."""

    def is_it(pem):
        return pem if pem and crc in (None, crc32(pem)) else None

    pem, path = _kept(CA), folder + "/" + CA
    return is_it(pem) or is_it(_read(path)) or _repaired(path, is_it) or pem or _read(path)


def parse(data):
    """The values in a `device.json`, None when it is damaged."""
    try:
        found = json.loads(data)
    except ValueError:
        return None
    if type(found) is not dict or _KEYS - set(found):
        return None
    text = "".join("%s=%s\n" % (key, found[key]) for key in sorted(found) if key != "crc")
    return found if found.get("crc") in (None, crc32(text.encode())) else None


def _read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return b""


def _repaired(path, read):
    """What `read` makes of the copy of that file, from which the file is written again; None: nothing."""
    data = _read(path + ".copy")
    found = read(data)
    if found:
        try:
            with open(path + ".new", "wb") as f:
                f.write(data)
            os.rename(path + ".new", path)
        except OSError:  # the copy stays
            pass
    return found


def _kept(name):
    """Return the value in NVS, b"" if there is none."""
    for size in _SIZES:
        try:
            import esp32

            store, buf = esp32.NVS(SPACE), bytearray(size)
            return bytes(memoryview(buf)[: store.get_blob(name, buf)])
        except _NONE as error:
            if error.args[0] != _TOO_SHORT:
                break
    return b""


def _keep(name, data):
    try:
        import esp32

        store = esp32.NVS(SPACE)
        store.set_blob(name, data)
        store.commit()
    except _NONE:
        pass
