"""The folder that `landbridge devices add` has made: read, and looked at as the device will."""

import json
from binascii import crc32
from collections.abc import Callable
from pathlib import Path
from typing import Any

from landbridge.protocol.limits import is_device_id

from tools.flash import LayoutError
from tools.flash.layout import put_firmware_on_path

put_firmware_on_path()

from locator.config_kept import CA, SETTINGS, parse  # noqa: E402

NAMES = (CA, SETTINGS)
"""The settings come last: with them all of it is there."""
_REMEDY = "correct [devices] in landbridge.toml, then landbridge devices add makes it under a new id"


def _is_key(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdefABCDEF")


def _is_at_text(value: Any) -> bool:
    """What can stand in quotes in an AT command."""
    return isinstance(value, str) and all(" " <= letter <= "~" and letter != '"' for letter in value)


_MUST_BE: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "device": ("1 to 32 of a-z, 0-9 and -", lambda value: isinstance(value, str) and is_device_id(value)),
    "key": ("64 hex digits", _is_key),
    "broker_host": ("a host name", lambda value: _is_at_text(value) and value != ""),
    "broker_port": ("a number from 1 to 65535", lambda value: type(value) is int and 0 < value < 65_536),
    "broker_password": ("printable ASCII without quotes", lambda value: _is_at_text(value) and value != ""),
    "apn": ("printable ASCII without quotes", _is_at_text),
    "apn_user": ("printable ASCII without quotes", _is_at_text),
    "apn_password": ("printable ASCII without quotes", _is_at_text),
}
_MAY_BE_MISSING = ("apn_user", "apn_password")


def read(folder: Path) -> dict[str, bytes]:
    """The two files of a device's folder, by name. Raises `LayoutError` naming file, key and remedy when the
    device would refuse them."""
    try:
        found = {name: (folder / name).read_bytes() for name in NAMES}
        values = json.loads(found[SETTINGS])
    except (OSError, ValueError) as error:
        raise LayoutError(f"{folder}: {error}; landbridge devices add makes this folder") from None
    wrong = _wrong(values, found)
    if wrong:
        raise LayoutError(f"{folder / SETTINGS}: {wrong}; {_REMEDY}")
    if b"-----BEGIN CERTIFICATE-----" not in found[CA]:
        raise LayoutError(f"{folder / CA}: no PEM certificate; {_REMEDY}")
    return found


def _wrong(values: Any, found: dict[str, bytes]) -> str:
    """What is, in words; empty: nothing."""
    if not isinstance(values, dict):
        return "no object of keys and values"
    for key, (words, is_right) in _MUST_BE.items():
        if key not in values and key not in _MAY_BE_MISSING:
            return f"{key}: this key is missing"
        if key in values and not is_right(values[key]):
            return f"{key}: must be {words}"
    if values.get("ca_crc") not in {None, crc32(found[CA])}:
        return f"ca_crc: {CA} is not the certificate that it was made with"
    if parse(found[SETTINGS]) is None:
        return "crc: changed since it was made"
    return ""
