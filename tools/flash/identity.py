"""The folder that `landbridge devices add` has made: read, and checked as the device will check it."""

import json
from binascii import crc32
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from landbridge.core.checked import SECRET, Between, Sentences, Wanted, checked
from landbridge.core.errors import UserError
from landbridge.protocol.limits import is_device_id

from tools.flash import LayoutError
from tools.flash.layout import put_firmware_on_path

put_firmware_on_path()

from locator.config_kept import CA, SETTINGS, parse  # noqa: E402

NAMES = (CA, SETTINGS)
"""The settings come last: with them all of it is there."""
_REMEDY = "correct [devices] in landbridge.toml, then landbridge devices add makes it under a new id"


_PRINTABLE = "printable ASCII without quotes"
_AT_TEXT = "^[ !#-~]*$"
"""Characters that are allowed in quotes in an AT command."""
_Text = Annotated[str, Wanted(_PRINTABLE, pattern=_AT_TEXT)]


@dataclass(frozen=True)
class _Identity:
    """The keys of device.json that the device needs; it ignores others."""

    __pydantic_config__ = {"strict": True}

    device: Annotated[str, Wanted("1 to 32 of a-z, 0-9 and -", is_device_id)]
    key: Annotated[str, Wanted("64 hex digits", pattern="^[0-9a-fA-F]{64}$"), SECRET]
    broker_host: Annotated[str, Wanted("a host name", pattern=_AT_TEXT, min_length=1)]
    broker_port: Annotated[int, Between(1, 65_535)]
    broker_password: Annotated[str, Wanted(_PRINTABLE, pattern=_AT_TEXT, min_length=1), SECRET]
    apn: _Text
    apn_user: _Text = ""
    apn_password: Annotated[_Text, SECRET] = ""


_SAYS = Sentences(
    wrong="{at}: must be {wanted}, it is {value}",
    missing="{at}: this key is missing",
    no_table="not a JSON object",
)


def read(folder: Path) -> dict[str, bytes]:
    """The two files of a device's folder, by name. Raises `LayoutError` naming file, key and remedy when the
    device would refuse them."""
    try:
        found = {name: (folder / name).read_bytes() for name in NAMES}
        values = json.loads(found[SETTINGS])
    except OSError as error:
        raise LayoutError(
            f"{error.filename}: {error.strerror}; landbridge devices add creates this folder"
        ) from None
    except ValueError as error:
        raise LayoutError(f"{folder}: {error}; landbridge devices add creates this folder") from None
    wrong = _wrong(values, found)
    if wrong:
        raise LayoutError(f"{folder / SETTINGS}: {wrong}; {_REMEDY}")
    if b"-----BEGIN CERTIFICATE-----" not in found[CA]:
        raise LayoutError(f"{folder / CA}: not a PEM certificate; {_REMEDY}")
    return found


def _wrong(values: Any, found: dict[str, bytes]) -> str:
    """The error in words; empty: none."""
    try:
        checked(_Identity, values, _SAYS)
    except UserError as error:
        return str(error)
    if values.get("ca_crc") not in {None, crc32(found[CA])}:
        return f"ca_crc: {CA} is not the certificate that it was made with"
    if parse(found[SETTINGS]) is None:
        return "crc: changed since it was made"
    return ""
