"""The folder that `landbridge devices add` writes."""

from __future__ import annotations

import json
from binascii import crc32
from pathlib import Path
from typing import Any

from landbridge.features.devices import enrol

PEM = b"-----BEGIN CERTIFICATE-----\n"


def write_identity(folder: Path, name: str, **changed: Any) -> None:
    """As `landbridge devices add` writes it, but with what is `changed`; a key that is None is left out."""
    values: dict[str, Any] = {"device": name, "key": "0f" * 32, "broker_host": "h", "broker_port": 8883}
    values |= {"broker_password": "p", "apn": "iot", "ca_crc": crc32(PEM)} | changed
    values = {key: value for key, value in values.items() if value is not None}
    values.setdefault("crc", enrol.crc_of(values))
    (folder / "device.json").write_text(json.dumps(values))
    (folder / "ca.pem").write_bytes(PEM)
