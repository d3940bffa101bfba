"""The folder that becomes a device's identity."""

from __future__ import annotations

import json
from binascii import crc32

import pytest

from host_tests.support.identity import write_identity
from tools.flash import LayoutError, identity


def test_a_generated_identity_is_accepted(tmp_path):
    write_identity(tmp_path, "lb-1", apn_user="me", apn_password="it")
    assert json.loads(identity.read(tmp_path)["device.json"])["device"] == "lb-1"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"device": "LB 1"}, "device: must be 1 to 32"),
        ({"key": None}, "key: this key is missing"),
        ({"key": "0f" * 31}, "key: must be 64 hex digits"),
        ({"key": "zz" * 32}, "key: must be 64 hex digits"),
        ({"broker_host": ""}, "broker_host: must be"),
        ({"broker_port": "8883"}, "broker_port: must be a number"),
        ({"broker_port": 65_536}, "broker_port: must be a number"),
        ({"broker_password": 5}, "broker_password: must be"),
        ({"apn": None}, "apn: this key is missing"),
        ({"apn_user": 'a"b'}, "apn_user: must be printable"),
        ({"ca_crc": 1}, r"ca_crc: ca\.pem is not"),
        ({"crc": 1}, "crc: changed since it was made"),
    ],
)
def test_values_that_the_device_would_refuse_are_named_by_key(tmp_path, changed, message):
    write_identity(tmp_path, "lb-1", **changed)
    with pytest.raises(LayoutError, match=f"device.json: {message}.*landbridge devices add"):
        identity.read(tmp_path)


def test_files_that_are_no_identity_are_named(tmp_path):
    with pytest.raises(LayoutError, match="landbridge devices add creates this folder"):
        identity.read(tmp_path)
    write_identity(tmp_path, "lb-1", ca_crc=crc32(b"x"))
    (tmp_path / "ca.pem").write_bytes(b"x")
    with pytest.raises(LayoutError, match=r"ca\.pem: not a PEM certificate"):
        identity.read(tmp_path)
    (tmp_path / "device.json").write_text("[]")
    with pytest.raises(LayoutError, match="not a JSON object"):
        identity.read(tmp_path)
